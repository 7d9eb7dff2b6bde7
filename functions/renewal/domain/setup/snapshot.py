"""What SCM shows of a delegation: facts as the delegation's own account sees them, in our words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from renewal.domain.delegation import Profile
from renewal.domain.names import is_wildcard, permits


@dataclass(frozen=True, slots=True)
class PasswordState:
    """State of the account's own password (SCM reference §9)."""

    state: str
    """`ALIVE`, `EXPIRED` or `NEVEREXPIRE`: upper case, without blanks or underscores, as every status."""
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """The account's own record (SCM reference §9)."""

    login: str
    kind: str
    """`API`, `STANDARD`, `IDP` or `SAS`."""
    active: bool
    roles: tuple[tuple[str, int | None], ...]
    """(role, department or organisation id), e.g. `("DRAO_SSL", 1698)`; None for roles over everything."""
    privileges: frozenset[str]
    email: str = ""
    failed_attempts: int = 0


@dataclass(frozen=True, slots=True)
class Department:
    """The department's record (SCM reference §6.2)."""

    department_id: int
    name: str
    organisation: str
    """Name of the organisation above it; empty when SCM does not tell, or when it is an organisation itself."""
    organisation_id: int | None
    web_api: bool | None
    """Whether orders over the API are switched on; None when SCM does not tell."""
    certificate_types: frozenset[str]


@dataclass(frozen=True, slots=True)
class DelegatedName:
    """A domain entry delegated to the department, with its validation (SCM reference §7)."""

    entry: str
    """Normalised; exact or with a star."""
    active: bool
    """Whether the delegation is approved and the domain not suspended."""
    certificate_types: frozenset[str]
    dcv_status: str = ""
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
class ReportedCertificate:
    """A row of SCM's SSL report (SCM reference §10.1)."""

    ssl_id: int
    common_name: str
    names: tuple[str, ...]
    status: str
    comment: str = ""
    serial: str = ""
    issued: datetime | None = None
    expires: datetime | None = None


class Section(StrEnum):
    """A look at SCM that an account may or may not be permitted, and without which orders go on all the same."""

    ACCOUNT = "the account's own record"
    DEPARTMENT = "the department's record"
    DOMAINS = "the delegated domains"
    VALIDATIONS = "the organisation's validations"
    REPORT = "the SSL report"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one inspection saw of SCM; None or empty where there is nothing, or where it was not shown."""

    profiles: tuple[Profile, ...] = ()
    password: PasswordState | None = None
    account: Account | None = None
    department: Department | None = None
    delegated: tuple[DelegatedName, ...] = ()
    validations: tuple[OrganisationValidation, ...] = ()
    reported: tuple[ReportedCertificate, ...] = ()
    unavailable: frozenset[Section] = frozenset(Section)
    """The looks that SCM refused, did not answer, or that were not taken: nothing can be said of these."""

    def entry_for(self, name: str) -> DelegatedName | None:
        """Return the delegated entry under which *name* is ordered."""
        return entry_for(self.delegated, name)

    def dcv_of(self, names: Iterable[str]) -> date | None:
        """Return the day on which the first validation of *names* lapses, None when no end is known."""
        return dcv_of(self.delegated, names)

    @property
    def organisation_validated_until(self) -> date | None:
        """Day on which the OV validation for SSL ends, None when not known."""
        days = [one.expires for one in self.validations if is_for_ssl(one) and one.status == "VALIDATED"]
        return max((day for day in days if day), default=None)


def is_for_ssl(validation: OrganisationValidation) -> bool:
    """Return whether *validation* is the one that OV certificates for TLS rest on."""
    return validation.level in {"OV", "OV_SSL", "OVSSL"}


def entry_for(delegated: Iterable[DelegatedName], name: str) -> DelegatedName | None:
    """Return the entry that permits *name*: a usable one before others, the exact one before a star."""
    fitting = [one for one in delegated if permits(one.entry, name)]
    fitting.sort(key=lambda one: (not one.active, "SSL" not in one.certificate_types, is_wildcard(one.entry)))
    return fitting[0] if fitting else None


def dcv_of(delegated: Iterable[DelegatedName], names: Iterable[str]) -> date | None:
    """Return the day on which the first validation of *names* lapses, None when no end is known."""
    entries = tuple(delegated)
    found = [one.dcv_expires for name in names if (one := entry_for(entries, name)) and one.dcv_expires]
    return min(found, default=None)
