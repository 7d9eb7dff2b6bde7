"""The facts of a new delegation, and the checks of each alone and together."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from certmandate.files import specification
from certmandate.files.fields import EMAIL, Fault, require_public
from certmandate.files.specification import Specification
from certmandate.files.third_party import LegalIdentity
from certmandate.files.yaml_document import place_text
from renewal.domain.names import is_wildcard, normalised, permits

UNKNOWN = 1
"""Placeholder of an OrgID or profile that is not known yet, while the rest is checked; never written."""
MAX_ACCOUNT = 128  # characters of a login, at least 3 (SCM reference §9)
MAX_DEPARTMENT = 64  # characters of an OU (RFC 5280 appendix A.1, ub-organizational-unit-name)
_ACCOUNT = re.compile(r"[a-zA-Z0-9!@_.\-+']{3,128}")
_OPTIONS = {
    "delegation": "NAME",
    "organisation": "--organisation",
    "department_id": "--department-id",
    "rao_email": "--rao-email",
    "mandate_ends": "--mandate-ends",
    "address": "--address",
    "delegated_names": "--delegate",
    "profile_id": "--profile-id",
    "certificates": "--certificate",
}


class FactsInvalid(Exception):
    """Invalid facts; `faults` has a sentence for each, with its option."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True)
class Answers:
    """The operator's answers as typed; an empty text or 0: not known."""

    delegation: str
    organisation: str
    domains: tuple[str, ...]
    """The organisation's own domains; every name must be equal to or below one of them."""
    certificates: Mapping[str, tuple[str, ...]]
    """Domain names by the certificate's name."""
    rao_email: str
    third_party: str
    role_email: str
    address: str
    delegate: tuple[str, ...] = ()
    """Empty: exactly the names of the certificates, which is the least privilege."""
    department_name: str = ""
    account: str = ""
    mandate_ends: str = ""
    department_id: int = 0
    profile_id: int = 0
    key: str = "P-256"
    stores: tuple[str, ...] = ("s3",)
    identity: LegalIdentity = field(default_factory=LegalIdentity)


@dataclass(frozen=True, slots=True)
class Onboarding:
    """A valid new delegation: the content of its file and guide."""

    document: Mapping[str, Any]
    """The delegation file's content, in its order, without the fields that are not known yet."""
    specification: Specification
    """The same as a record; fields that are not known yet have the value UNKNOWN."""
    department_name: str
    third_party: str
    role_email: str
    account: str
    identity: LegalIdentity

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields to add to the file."""
        return tuple(field for field in ("department_id", "profile_id") if field not in self.document)


def onboarding(answers: Answers, now: datetime) -> Onboarding:
    """Check *answers* and return the delegation. Raises FactsInvalid with every fault."""
    document = _document(answers)
    known = {"department_id": UNKNOWN, "profile_id": UNKNOWN} | document
    found, faults = specification.read(known, now)
    texts = [*map(_fault_text, faults), *_faults(answers, now)]
    if found is None or texts:
        raise FactsInvalid(list(dict.fromkeys(texts)))
    return Onboarding(
        document=document,
        specification=found,
        department_name=answers.department_name or answers.third_party,
        third_party=answers.third_party,
        role_email=answers.role_email,
        account=answers.account or proposed_account(answers.delegation, answers.third_party),
        identity=answers.identity,
    )


def proposed_account(delegation: str, third_party: str) -> str:
    """Return the user name by convention: `drao<ORG><THIRDPARTY>`, in letters and digits that SCM accepts."""
    return f"drao{_plain(delegation).upper()}{_plain(third_party)}"[:MAX_ACCOUNT]


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if character.isascii() and character.isalnum())


def _document(answers: Answers) -> dict[str, Any]:
    certificates = {name: [*map(_normalised_or_same, names)] for name, names in answers.certificates.items()}
    names = [name for names in certificates.values() for name in names]
    document = {
        "delegation": answers.delegation,
        "organisation": answers.organisation,
        "department_id": answers.department_id or None,
        "rao_email": answers.rao_email or None,
        "mandate_ends": answers.mandate_ends or None,
        "address": answers.address,
        "delegated_names": [*map(_normalised_or_same, answers.delegate)] or [*_without_permitted(names)],
        "profile_id": answers.profile_id or None,
        "certificates": [_certificate(answers, name, names) for name, names in certificates.items()],
    }
    return {key: value for key, value in document.items() if value is not None}


def _certificate(answers: Answers, name: str, names: Iterable[str]) -> dict[str, Any]:
    return {"name": name, "names": list(names), "key": answers.key, "stores": list(answers.stores)}


def _fault_text(fault: Fault) -> str:
    top, *rest = fault.place or ("",)
    return f"{place_text((_OPTIONS.get(str(top), str(top)), *rest))}: {fault.text}"


# ---- Faults between facts -------------------------------------------------------------------------------------------


def _faults(answers: Answers, now: datetime) -> Iterator[str]:
    domains = [_normalised_or_same(domain) for domain in answers.domains]
    yield from _domain_faults(answers, domains)
    yield from _delegated_faults(answers)
    yield from _contact_faults(answers)
    yield from _address_faults(answers.address)
    yield from _mandate_faults(answers.mandate_ends, now)


def _domain_faults(answers: Answers, domains: list[str]) -> Iterator[str]:
    if not domains:
        yield "--domain: is missing; pass the organisation's own domain, for example univ.example"
        return
    for domain in answers.domains:
        try:
            if is_wildcard(normalised(domain)):
                yield f"--domain: '{domain}': write the domain itself, without a star"
        except ValueError as error:
            yield f"--domain: {error}"
    for name in _all_names(answers):
        base = name.removeprefix("*.")
        if not any(base == domain or base.endswith(f".{domain}") for domain in domains):
            yield f"'{name}' is outside the organisation's domain {', '.join(domains)}; correct it, or add --domain"


def _without_permitted(names: Iterable[str]) -> Iterator[str]:
    """Yield *names*, each once, without those that a wildcard among them permits."""
    each_once = tuple(dict.fromkeys(names))
    return (name for name in each_once if not any(permits(entry, name) for entry in each_once if entry != name))


def _delegated_faults(answers: Answers) -> Iterator[str]:
    """Yield the faults of entries that no certificate needs."""
    if not answers.certificates:
        yield "--certificate: is missing; pass each as NAME=domain,domain, for example idp=idp.univ.example"
        return
    entries = [_normalised_or_same(name) for name in answers.delegate]
    needed = [_normalised_or_same(name) for names in answers.certificates.values() for name in names]
    for entry in entries:
        wider = [other for other in entries if other != entry and permits(other, entry)]
        if not any(permits(entry, name) for name in needed):
            yield f"--delegate: no certificate needs '{entry}'; omit it, because only the necessary names are delegated"
        elif wider:
            yield f"--delegate: '{wider[0]}' already permits '{entry}'; delegate only one of them"


def _contact_faults(answers: Answers) -> Iterator[str]:
    for option, email in (("--rao-email", answers.rao_email), ("--role-email", answers.role_email)):
        if not EMAIL.fullmatch(email):
            yield f"{option}: must be an e-mail address"
    if answers.rao_email and answers.rao_email.casefold() == answers.role_email.casefold():
        yield "--role-email: is the RAO's own address; pass the third party's role address"
    if not answers.third_party.strip():
        yield "--third-party: is missing; pass the name under which the RAO knows you"
    if len(answers.department_name) > MAX_DEPARTMENT:
        yield f"--department-name: has more than {MAX_DEPARTMENT} characters, the limit of an OU in a certificate"
    if answers.account and not _ACCOUNT.fullmatch(answers.account):
        yield "--account: must be 3 to 128 of the characters a-z A-Z 0-9 ! @ _ . - + '"


def _address_faults(address: str) -> Iterator[str]:
    if not address:
        yield "--address: is missing; pass the stack's Elastic IP as a /32"
        return
    try:
        network = ipaddress.IPv4Network(address)
    except ValueError:
        return  # reported by the rules of the file
    try:
        require_public(network)  # no exception for documentation addresses: the RAO enters it in SCM
    except ValueError as error:
        yield f"--address: {error}"


def _mandate_faults(text: str, now: datetime) -> Iterator[str]:
    try:
        over = bool(text) and datetime.fromisoformat(text).date() < now.date()
    except ValueError:
        return  # reported by the rules of the file
    if over:
        yield f"--mandate-ends: {text} is in the past"


def _all_names(answers: Answers) -> list[str]:
    listed = [name for names in answers.certificates.values() for name in names]
    return list(dict.fromkeys(_normalised_or_same(name) for name in [*listed, *answers.delegate]))


def _normalised_or_same(name: str) -> str:
    """Return the normalised name, or *name* itself if it is invalid: the rules of the file report that."""
    try:
        return normalised(name)
    except ValueError:
        return name
