"""The RAO's guide: the eight setup steps with the values of one delegation, as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from certmandate.onboarding import Onboarding
from certmandate.views.html_page import html
from certmandate.views.language import language
from renewal.domain.delegation import LANGUAGES
from renewal.domain.names import is_wildcard, permits
from renewal.domain.setup.check_result import SetupStep

SURNAME = "API"
MANY = 8  # names; a longer list is only in the table
_BY_OPERATOR = frozenset({SetupStep.FIRST_LOGIN})
_WIDE = 2  # labels below the star: *.univ.example is the whole organisation


@dataclass(frozen=True, slots=True)
class Entry:
    """One name to delegate."""

    name: str
    base: str
    """The name below the star, or the name itself."""
    is_star: bool
    is_wide: bool
    certificates: tuple[str, ...]


def guide(found: Onboarding, today: date) -> str:
    """Return the guide as one self-contained HTML page, French and English."""
    entries = entries_of(found)
    return html(
        "guide.html.j2",
        values={code: _values(found, today, code) for code in LANGUAGES},
        entries=entries,
        parent=_parent(entries),
        steps=[(step.value, "operator" if step in _BY_OPERATOR else "rao") for step in SetupStep],
        fields=_fields(found),
        account_fields=_account_fields(found),
        many=MANY,
        mandate_ends=found.specification.delegation.mandate_ends,
        identity=found.identity,
        rao_email=found.specification.delegation.rao_email,
    )


def entries_of(found: Onboarding) -> tuple[Entry, ...]:
    """Return the names to delegate, each with the certificates that need it."""
    return tuple(_entry(name, found) for name in found.specification.delegation.delegated_names)


def _entry(name: str, found: Onboarding) -> Entry:
    base = name.removeprefix("*.")
    specs = found.specification.certificates
    needing = (spec.name for spec in specs if any(permits(name, domain) for domain in spec.names))
    wide = is_wildcard(name) and len(base.split(".")) <= _WIDE
    return Entry(name, base, is_wildcard(name), wide, tuple(needing))


def _parent(entries: Sequence[Entry]) -> str:
    """Return a parent domain whose delegation would not help, to warn of it; empty: there is none."""
    delegated = {entry.base for entry in entries}
    parents = (entry.base.partition(".")[2] for entry in entries)
    return next((parent for parent in parents if "." in parent and parent not in delegated), "")


def _values(found: Onboarding, today: date, code: str) -> Mapping[str, object]:
    """Return the values of the placeholders in the texts."""
    delegation = found.specification.delegation
    return {
        "delegation": delegation.name,
        "organisation": delegation.organisation,
        "third_party": found.third_party,
        "department": found.department_name,
        "account": found.account,
        "email": found.role_email,
        "telephone": f", {found.identity.telephone}" if found.identity.telephone else "",
        "address": delegation.address,
        "day": language(code).day(today),
    }


def _account_fields(found: Onboarding) -> tuple[tuple[str, str], ...]:
    """Return the fields of step 5: SCM's label, and the value."""
    return (
        ("Username", found.account),
        ("Email", found.role_email),
        ("Forename", found.third_party),
        ("Surname", SURNAME),
    )


def _fields(found: Onboarding) -> tuple[tuple[str, str, str], ...]:
    """Return the rows of the table of values: key of the label, value, step."""
    return (
        ("department", found.department_name, "1"),
        ("account", found.account, "5"),
        ("email", found.role_email, "5"),
        ("forename", found.third_party, "5"),
        ("surname", SURNAME, "5"),
        ("address", found.specification.delegation.address, "8"),
    )
