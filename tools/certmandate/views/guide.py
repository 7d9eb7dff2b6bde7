"""The RAO's guide: the procedure of eight steps with one delegation's own values, as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from certmandate.onboarding import Onboarding
from certmandate.views.html_page import html
from certmandate.views.language import CODES, language
from renewal.domain.names import is_wildcard, permits
from renewal.domain.setup.check_result import SetupStep

SURNAME = "API"
MANY = 8  # names; a longer list stands in the table alone
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
        values={code: _values(found, today, code) for code in CODES},
        entries=entries,
        parent=_parent(entries),
        steps=[(step.value, "operator" if step in _BY_OPERATOR else "rao") for step in SetupStep],
        fields=_fields(found),
        account_fields=_account_fields(found),
        many=MANY,
        mandate_ends=found.specification.delegation.mandate_ends,
    )


def entries_of(found: Onboarding) -> tuple[Entry, ...]:
    """Return the names to delegate with what each is needed for."""
    return tuple(_entry(name, found) for name in found.specification.delegation.delegated_names)


def _entry(name: str, found: Onboarding) -> Entry:
    base = name.removeprefix("*.")
    needing = (spec.name for spec in found.specification.certificates if any(permits(name, one) for one in spec.names))
    wide = is_wildcard(name) and len(base.split(".")) <= _WIDE
    return Entry(name, base, is_wildcard(name), wide, tuple(needing))


def _parent(entries: Sequence[Entry]) -> str:
    """A domain that somebody might delegate instead, to no avail; empty when there is none."""
    delegated = {entry.base for entry in entries}
    parents = (entry.base.partition(".")[2] for entry in entries)
    return next((parent for parent in parents if "." in parent and parent not in delegated), "")


def _values(found: Onboarding, today: date, code: str) -> Mapping[str, object]:
    """What the texts' placeholders stand for."""
    delegation = found.specification.delegation
    return {
        "delegation": delegation.name,
        "organisation": delegation.organisation,
        "third_party": found.third_party,
        "department": found.department_name,
        "account": found.account,
        "email": found.role_email,
        "address": delegation.address,
        "day": language(code).day(today),
    }


def _account_fields(found: Onboarding) -> tuple[tuple[str, str], ...]:
    """SetupStep 5: SCM's field, and what to enter."""
    return (
        ("Username", found.account),
        ("Email", found.role_email),
        ("Forename", found.third_party),
        ("Surname", SURNAME),
    )


def _fields(found: Onboarding) -> tuple[tuple[str, str, str], ...]:
    """The table of values: key of the text, value, step."""
    return (
        ("department", found.department_name, "1"),
        ("account", found.account, "5"),
        ("email", found.role_email, "5"),
        ("forename", found.third_party, "5"),
        ("surname", SURNAME, "5"),
        ("address", found.specification.delegation.address, "8"),
    )
