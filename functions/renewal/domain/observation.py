"""What SCM shows of a delegation: facts as the delegation's own account sees them, in our words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from renewal.domain.delegation import Profile
from renewal.domain.names import is_wildcard, permits


@dataclass(frozen=True, slots=True)
class PasswordState:
    """State of the account's own password (SCM reference §9)."""

    state: str
    """`ALIVE`, `EXPIRED` or `NEVEREXPIRE`; upper case, without blanks or underscores."""
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """The account's own record (SCM reference §9)."""

    login: str
    kind: str
    """`API`, `STANDARD`, `IDP` or `SAS`."""
    active: bool
    roles: tuple[tuple[str, int], ...]
    """(role, department or organisation id), e.g. `("DRAO_SSL", 1698)`."""
    privileges: frozenset[str]
    email: str = ""


@dataclass(frozen=True, slots=True)
class Department:
    """The department's record (SCM reference §6.2)."""

    department_id: int
    name: str
    organisation: str
    """Name of the organisation above it; empty when SCM does not tell, or when it is an organisation itself."""
    organisation_id: int | None
    web_api: bool
    certificate_types: frozenset[str]


@dataclass(frozen=True, slots=True)
class DelegatedName:
    """A domain entry delegated to the department, with its validation (SCM reference §7)."""

    entry: str
    """Normalised; exact or with a star."""
    active: bool
    """Whether the delegation is approved and the domain not suspended."""
    certificate_types: frozenset[str]
    dcv_status: str
    """`VALIDATED`, `NOTVALIDATED`, `EXPIRED`, or empty where DCV is not enabled."""
    dcv_expires: date | None = None
    dcv_method: str = ""


@dataclass(frozen=True, slots=True)
class OrganisationValidation:
    """One validation of the organisation (SCM reference §6.5)."""

    level: str
    """`OV_SSL`, `EV_SSL`, …"""
    status: str
    """`VALIDATED`, `PENDING`, `EXPIRED`, `FAILED`, `NOTVALIDATED`."""
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """All that one look at SCM showed; None or empty where the account may not see it."""

    profiles: tuple[Profile, ...] = ()
    password: PasswordState | None = None
    account: Account | None = None
    department: Department | None = None
    delegated: tuple[DelegatedName, ...] = ()
    validations: tuple[OrganisationValidation, ...] = ()

    def entry_for(self, name: str) -> DelegatedName | None:
        """Return the delegated entry that permits *name*: the exact one before a star, an active one before others."""
        fitting = [one for one in self.delegated if permits(one.entry, name)]
        fitting.sort(
            key=lambda one: (not one.active, "SSL" not in one.certificate_types, is_wildcard(one.entry))
        )
        return fitting[0] if fitting else None

    def dcv_of(self, names: Iterable[str]) -> date | None:
        """Return the first day on which the validation of one of *names* is over, None when no end is known."""
        found = [entry.dcv_expires for name in names if (entry := self.entry_for(name)) and entry.dcv_expires]
        return min(found, default=None)

    @property
    def organisation_validated_until(self) -> date | None:
        """Last day of the OV validation for SSL, None when not known."""
        days = [
            one.expires
            for one in self.validations
            if one.level.startswith("OV") and one.status == "VALIDATED"
        ]
        return max((day for day in days if day), default=None)
