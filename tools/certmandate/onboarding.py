"""The facts of a new delegation: what is asked for, and what cannot be true together."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from renewal.domain import specification
from renewal.domain.fields import Fault, require_public
from renewal.domain.names import is_wildcard, normalised, permits
from renewal.domain.specification import Specification

UNKNOWN = 1
"""Stands for an OrgID or a profile that only SCM will tell, while everything else is checked; never written."""
MAX_ACCOUNT = 128  # characters of a login, 3 at least (SCM reference §9)
MAX_DEPARTMENT = 64  # characters of an OU (RFC 5280 appendix A.1, ub-organizational-unit-name)
_ACCOUNT = re.compile(r"[a-zA-Z0-9!@_.\-+']{3,128}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
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
    """Facts that cannot be taken; `faults` has a sentence for each, with the option that it is about."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True)
class Answers:
    """What the operator said, as it was typed; an empty text or 0 stands for what is not known."""

    delegation: str
    organisation: str
    domains: tuple[str, ...]
    """The organisation's own domains; every name must be one of them or below."""
    certificates: Mapping[str, tuple[str, ...]]
    """Name of a certificate to its domain names."""
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


@dataclass(frozen=True, slots=True)
class Onboarding:
    """A delegation that may be begun: all that its file and its guide say."""

    document: Mapping[str, Any]
    """The delegation file's content, in its order, without what only SCM will tell."""
    specification: Specification
    """The same, read; what only SCM will tell has the value UNKNOWN."""
    department_name: str
    third_party: str
    role_email: str
    account: str

    @property
    def missing(self) -> tuple[str, ...]:
        """Fields that have to be added to the file before it can be applied."""
        return tuple(field for field in ("department_id", "profile_id") if field not in self.document)


def onboarding(answers: Answers, now: datetime) -> Onboarding:
    """Check *answers* and return the delegation that they describe. Raises FactsInvalid with every fault."""
    document = _document(answers)
    known = {"department_id": UNKNOWN, "profile_id": UNKNOWN} | document
    found, faults = specification.read(known, now)
    told = [_told(fault) for fault in faults]
    told += _faults(answers, now)
    if found is None or told:
        raise FactsInvalid(list(dict.fromkeys(told)))
    return Onboarding(
        document=document,
        specification=found,
        department_name=answers.department_name or answers.third_party,
        third_party=answers.third_party,
        role_email=answers.role_email,
        account=answers.account or proposed_account(answers.delegation, answers.third_party),
    )


def proposed_account(delegation: str, third_party: str) -> str:
    """Return the user name by convention: `drao<ORG><THIRDPARTY>`, in letters and digits that SCM takes."""
    return f"drao{_plain(delegation).upper()}{_plain(third_party)}"[:MAX_ACCOUNT]


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if character.isascii() and character.isalnum())


def _document(answers: Answers) -> dict[str, Any]:
    names = [name for names in answers.certificates.values() for name in names]
    document = {
        "delegation": answers.delegation,
        "organisation": answers.organisation,
        "department_id": answers.department_id or None,
        "rao_email": answers.rao_email or None,
        "mandate_ends": answers.mandate_ends or None,
        "address": answers.address,
        "delegated_names": list(answers.delegate or dict.fromkeys(_known(name) for name in names)),
        "profile_id": answers.profile_id or None,
        "certificates": [_certificate(answers, name, names) for name, names in answers.certificates.items()],
    }
    return {key: value for key, value in document.items() if value is not None}


def _certificate(answers: Answers, name: str, names: Iterable[str]) -> dict[str, Any]:
    return {"name": name, "names": list(names), "key": answers.key, "stores": list(answers.stores)}


def _told(fault: Fault) -> str:
    top, *rest = fault.place or ("",)
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
    return f"{_OPTIONS.get(str(top), str(top))}{where}: {fault.text}"


# ---- What the file's own rules do not see ----------------------------------------------------------------------------


def _faults(answers: Answers, now: datetime) -> Iterator[str]:
    domains = [_known(domain) for domain in answers.domains]
    yield from _domain_faults(answers, domains)
    yield from _delegated_faults(answers)
    yield from _people_faults(answers)
    yield from _address_faults(answers.address)
    yield from _mandate_faults(answers.mandate_ends, now)


def _domain_faults(answers: Answers, domains: list[str]) -> Iterator[str]:
    if not domains:
        yield "--domain: is missing; give the organisation's own domain, as in univ.example"
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


def _delegated_faults(answers: Answers) -> Iterator[str]:
    """What is delegated and serves nothing: more than is needed."""
    if not answers.certificates:
        yield "--certificate: is missing; give each as NAME=domain,domain, as in idp=idp.univ.example"
        return
    entries = [_known(name) for name in answers.delegate]
    needed = [_known(name) for names in answers.certificates.values() for name in names]
    for entry in entries:
        wider = [other for other in entries if other != entry and permits(other, entry)]
        if not any(permits(entry, name) for name in needed):
            yield f"--delegate: '{entry}' serves no certificate; leave it out, only what is needed is delegated"
        elif wider:
            yield f"--delegate: '{entry}' is within '{wider[0]}' already; delegate one or the other"


def _people_faults(answers: Answers) -> Iterator[str]:
    for option, email in (("--rao-email", answers.rao_email), ("--role-email", answers.role_email)):
        if not _EMAIL.fullmatch(email):
            yield f"{option}: must be an e-mail address"
    if answers.rao_email and answers.rao_email.casefold() == answers.role_email.casefold():
        yield "--role-email: is the RAO's own address; give the third party's role address"
    if not answers.third_party.strip():
        yield "--third-party: is missing; give the name under which the RAO knows you"
    if len(answers.department_name) > MAX_DEPARTMENT:
        yield f"--department-name: has more than {MAX_DEPARTMENT} characters, which no certificate can carry"
    if answers.account and not _ACCOUNT.fullmatch(answers.account):
        yield "--account: must be 3 to 128 of the characters a-z A-Z 0-9 ! @ _ . - + '"


def _address_faults(address: str) -> Iterator[str]:
    if not address:
        yield "--address: is missing; give the stack's Elastic IP as a /32"
        return
    try:
        network = ipaddress.IPv4Network(address)
    except ValueError:
        return  # the file's own rules say so
    try:
        require_public(network)  # no exception for documentation: this goes to a RAO
    except ValueError as error:
        yield f"--address: {error}"


def _mandate_faults(text: str, now: datetime) -> Iterator[str]:
    try:
        over = bool(text) and datetime.fromisoformat(text).date() < now.date()
    except ValueError:
        return  # the file's own rules say so
    if over:
        yield f"--mandate-ends: {text} is over already"


def _all_names(answers: Answers) -> list[str]:
    listed = [name for names in answers.certificates.values() for name in names]
    return list(dict.fromkeys(_known(name) for name in [*listed, *answers.delegate]))


def _known(name: str) -> str:
    """The normalised name, or as it was typed when it is none: the file's own rules say what is wrong with it."""
    try:
        return normalised(name)
    except ValueError:
        return name
