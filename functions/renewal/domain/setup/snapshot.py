"""What SCM shows of a delegation to the delegation's own account."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from renewal.domain.calendar import PERSISTENT_METHOD, PERSISTENT_REUSE, is_method
from renewal.domain.delegation import CustomField, Profile
from renewal.domain.names import is_wildcard, permits
from renewal.domain.setup.persistent_dcv import PersistentRecord


@dataclass(frozen=True, slots=True)
class PasswordState:
    """State of the account's own password (SCM reference §9)."""

    state: str
    """`ALIVE`, `EXPIRED` or `NEVEREXPIRE`: upper case, without blanks or underscores, as every status."""
    expires: date | None = None
    """Always None for a password that never expires, whatever date SCM shows with it."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account's own record (SCM reference §9)."""

    login: str
    kind: str
    """`API`, `STANDARD`, `IDP` or `SAS`."""
    is_active: bool
    roles: tuple[tuple[str, int | None], ...]
    """(role, department or organisation id), e.g. `("DRAO_SSL", 1698)`; None for roles over everything."""
    privileges: frozenset[str]


@dataclass(frozen=True, slots=True)
class Department:
    """The department's record (SCM reference §6.2)."""

    department_id: int
    name: str
    organisation: str
    """Name of the organisation above it; empty when SCM does not show it, or for an organisation itself."""
    organisation_id: int | None
    web_api: bool | None
    """Whether orders over the API are enabled; None when SCM does not show it."""
    certificate_types: frozenset[str]


@dataclass(frozen=True, slots=True)
class DelegatedName:
    """A domain entry delegated to the department, with its validation (SCM reference §7)."""

    entry: str
    """Normalised; exact or with a star."""
    is_active: bool = field(metadata={"stored": "active"})
    """Whether the delegation is approved and the domain not suspended."""
    certificate_types: frozenset[str]
    dcv_status: str = ""
    """`VALIDATED`, `NOTVALIDATED`, `EXPIRED`, or empty where DCV is not enabled."""
    dcv_expires: date | None = None
    dcv_method: str = ""
    persistent: PersistentRecord | None = None
    """The DNS record for persistent validation; None when it was not read."""

    def may_be_persistent(self, now: datetime) -> bool:
        """Whether it may be validated persistently: by SCM's name of the method, or a date at most ten days ahead."""
        ends_soon = self.dcv_expires is not None and self.dcv_expires - now.date() <= PERSISTENT_REUSE
        return is_method(self.dcv_method, PERSISTENT_METHOD) or (ends_soon and self.dcv_status in {"", "VALIDATED"})

    def is_persistent(self, now: datetime) -> bool:
        """Whether it is validated persistently: the method's name, or the date with a live record, shows it."""
        has_record = self.persistent is not None and self.persistent.is_live(now)
        return is_method(self.dcv_method, PERSISTENT_METHOD) or (self.may_be_persistent(now) and has_record)

    def is_renewed(self, now: datetime) -> bool:
        """Whether the CA validates it again by its persistent record; a record that was not read is taken as live."""
        return self.is_persistent(now) and (self.persistent is None or self.persistent.is_live(now))

    def expiry(self, now: datetime) -> date | None:
        """Return the day on which the validation ends, None when none is known: of one that is renewed, the record's.

        The day that SCM shows for such a validation is at most ten days ahead, and moves on.
        """
        if not self.is_renewed(now):
            return self.dcv_expires
        until = self.persistent.until if self.persistent else None
        return until.date() if until else None

    @property
    def lacks_validation(self) -> bool:
        """Whether it may be validated, and SCM does not show until when."""
        return self.dcv_expires is None and self.dcv_status in {"", "VALIDATED"}


@dataclass(frozen=True, slots=True)
class Domains:
    """The domain entries that SCM lists for the department."""

    delegated: tuple[DelegatedName, ...] = ()
    """Those that concern names of ours, read in full."""
    others: tuple[str, ...] = ()
    """All other entries."""
    unread: tuple[str, ...] = ()
    """Entries that concern names of ours, and that SCM did not show in time."""

    def entries(self) -> set[str]:
        """Return every entry that is listed."""
        return {*(name.entry for name in self.delegated), *self.others, *self.unread}


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
    requested: datetime | None = None
    issued: datetime | None = None
    replaced: datetime | None = None
    expires: datetime | None = None
    requester: str = ""
    """Who ordered it, as SCM shows it; a person's name."""


class Section(StrEnum):
    """A part of the snapshot that an account may not be permitted to read, and without which orders are possible."""

    PASSWORD = "the state of the password"  # noqa: S105  # no password
    ACCOUNT = "the account's own record"
    DEPARTMENT = "the department's record"
    DOMAINS = "the delegated domains"
    VALIDATIONS = "the organisation's validations"
    CUSTOM_FIELDS = "the custom fields"
    REPORT = "the SSL report"

    @property
    def member(self) -> str:
        """Its member of the snapshot."""
        return "reported" if self is Section.REPORT else self.name.lower()


DAILY_SECTIONS = frozenset({Section.PASSWORD, Section.REPORT})
"""What every inspection reads: what may change on any day without the RAO's doing, and stops or causes a renewal."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one inspection read from SCM; None or empty where there is nothing, or where SCM does not show it."""

    profiles: tuple[Profile, ...] = ()
    password: PasswordState | None = None
    account: Account | None = None
    department: Department | None = None
    domains: Domains = Domains()
    validations: tuple[OrganisationValidation, ...] = ()
    custom_fields: tuple[CustomField, ...] | None = None
    reported: tuple[ReportedCertificate, ...] = ()
    unavailable: frozenset[Section] = frozenset(Section)
    """The sections that SCM refused or did not answer, or that were not requested: nothing is known of these."""
    unanswered: frozenset[Section] = frozenset()
    """Those of them that SCM did not answer: the next inspection requests them again."""
    late: frozenset[Section] = frozenset()
    """Those of these that the time did not suffice for."""
    too_large: frozenset[Section] = frozenset()
    """Those of these whose answer has more bytes than are read."""

    @property
    def delegated(self) -> tuple[DelegatedName, ...]:
        """The domain entries that concern names of ours."""
        return self.domains.delegated

    @property
    def is_of_client(self) -> bool:
        """Whether it was read as an OAuth2 client, which has no password and does not know its account."""
        return self.password is None and Section.PASSWORD not in self.unavailable

    @property
    def organisation_validated_until(self) -> date | None:
        """Day on which the OV validation for SSL expires, None when not known."""
        valid = [
            validation for validation in self.validations if is_for_ssl(validation) and validation.status == "VALIDATED"
        ]
        return max((validation.expires for validation in valid if validation.expires), default=None)


def is_for_ssl(validation: OrganisationValidation) -> bool:
    """Return whether *validation* is the one that OV certificates for TLS require."""
    return validation.level in {"OV", "OV_SSL", "OVSSL"}


def concerns(entry: str, names: Collection[str]) -> bool:
    """Return whether a domain entry permits one of *names*, or is one of them."""
    return entry in names or (is_wildcard(entry) and any(permits(entry, name) for name in names))


def entry_for(delegated: Iterable[DelegatedName], name: str) -> DelegatedName | None:
    """Return the entry that permits *name*: a usable one before others, the exact one before a star."""
    permitting = [entry for entry in delegated if permits(entry.entry, name)]
    return min(permitting, key=_unfitness, default=None)


def _unfitness(entry: DelegatedName) -> tuple[bool, bool, bool]:
    return not entry.is_active, "SSL" not in entry.certificate_types, is_wildcard(entry.entry)


def dcv_of(delegated: Iterable[DelegatedName], names: Iterable[str], now: datetime) -> date | None:
    """Return the day on which the first validation of *names* expires, None when none is known."""
    entries = tuple(delegated)
    expiries = [entry.expiry(now) for name in names if (entry := entry_for(entries, name))]
    return min((expiry for expiry in expiries if expiry), default=None)
