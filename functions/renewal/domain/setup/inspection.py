"""What one inspection of a delegation found, and a delegation's record with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from json import dumps
from operator import itemgetter
from types import MappingProxyType
from typing import Self

from renewal import records
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.delegation import CertificateSpec, CustomField, Delegation, Profile
from renewal.domain.due import Cause
from renewal.domain.errors import SHOWN_BY_A_LOGIN, RecordUnreadable
from renewal.domain.notices.notice import Notices
from renewal.domain.order_search import SearchProof
from renewal.domain.setup.check_result import CheckResult, CheckStatus, capped
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import ForeignOrders
from renewal.domain.setup.snapshot import (
    DAILY_SECTIONS,
    DelegatedName,
    Domains,
    OrganisationValidation,
    Section,
    Snapshot,
)
from renewal.domain.setup.unrecorded import AdoptableCertificate, ReportedOrder
from renewal.records import REWRITTEN


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one inspection of a delegation found. `run_id`: empty when SCM has never answered."""

    run_id: str
    at: datetime
    profiles: tuple[Profile, ...] = ()
    findings: tuple[Finding, ...] = ()
    password_expires: date | None = None
    unrecorded: tuple[ReportedOrder, ...] = ()
    """Orders at SCM that the order book does not have, and that a new order would duplicate."""
    adoptable: tuple[AdoptableCertificate, ...] = ()
    """Valid certificates at SCM for the names of certificates of which the order book has none as stored."""
    foreign: ForeignOrders | None = None
    """All orders at SCM that the order book does not have; None before the first comparison."""
    withdrawn: Mapping[str, Cause] = field(default_factory=lambda: MappingProxyType({}))
    """Serials of stored certificates that SCM reports as revoked or replaced, and which of these."""
    revoked: tuple[str, ...] = ()
    """Serials of requested revocations that SCM's report has shown as revoked."""
    check_results: tuple[CheckResult, ...] = field(default=(), metadata={"stored": "remarks"})
    """The results for the eight setup steps, in their order; empty when nothing was checked."""
    delegated: tuple[DelegatedName, ...] = ()
    """The domain entries that SCM delegates to the department, with their validation."""
    custom_fields: tuple[CustomField, ...] | None = None
    """The custom fields that SCM defines; None when it did not show them."""
    organisation_validated_until: date | None = None
    full_at: datetime | None = None
    """When an inspection last read everything; None when SCM did not answer all of it: the next one does."""
    reading_key: str = field(default="", metadata={"stored": "read_for"})
    """The `reading_key` of what it was read for; for anything else, it does not hold."""
    observed_address: str = field(default="", metadata={"stored": "seen_address"})
    """From which the run `address_run` reached other hosts; empty when not known."""
    address_run: str = ""  # later than run_id when SCM has not answered since

    @property
    def all_revoked(self) -> frozenset[str]:
        """Serials of ours that SCM has shown as revoked: those that are stored, and those on request."""
        withdrawn = (serial for serial, cause in self.withdrawn.items() if cause is Cause.REVOKED)
        return frozenset((*withdrawn, *self.revoked))

    @classmethod
    def of(cls, run_id: str, at: datetime, snapshot: Snapshot, checks: tuple[CheckResult, ...]) -> Self:
        """Return what *snapshot* and its *checks* have; without findings."""
        return cls(
            run_id=run_id,
            at=at,
            profiles=snapshot.profiles,
            password_expires=snapshot.password.expires if snapshot.password else None,
            check_results=checks,
            delegated=snapshot.delegated,
            custom_fields=snapshot.custom_fields,
            organisation_validated_until=snapshot.organisation_validated_until,
        )

    @property
    def unread(self) -> str:
        """Why nothing was read from SCM; empty when something was."""
        return next((result.text for result in self.check_results if result.status is CheckStatus.NOT_CHECKED), "")

    def supersedes(self, error: str, at: datetime | None) -> bool:
        """Return whether the *error* of a step at that time is past: this later login shows whether it lasts."""
        return error in SHOWN_BY_A_LOGIN and bool(self.run_id) and at is not None and self.at > at


def reading_key(delegation: Delegation, certificates: Iterable[CertificateSpec], credential_version: str) -> str:
    """Return what the sections of an inspection depend on, besides SCM: another login shows others.

    For another specification, what was kept may lack a name, a profile or a field.
    """
    specs = [records.to_json(delegation), *sorted(map(records.to_json, certificates), key=itemgetter("name"))]
    return f"{sha256(dumps(specs, sort_keys=True).encode()).hexdigest()[:16]} {credential_version}"


def with_kept(daily: Snapshot, before: Inspection) -> Snapshot:
    """Return *daily*, which has the daily sections, with what *before* kept of the others."""
    until = before.organisation_validated_until
    shown = {*DAILY_SECTIONS, *({Section.DOMAINS} if before.delegated else ())}
    return replace(
        daily,
        profiles=before.profiles,
        domains=Domains(before.delegated),
        validations=(OrganisationValidation("OV_SSL", "VALIDATED", until),) if until else (),
        custom_fields=before.custom_fields,
        unavailable=frozenset(Section) - shown,
    )


MOST_ENTRIES, MOST_PROFILES, MOST_FIELDS = 200, 100, 50
"""With the most of everything and the longest texts, an inspection fits into an item of DynamoDB, which has 400 KB."""


def bounded(inspection: Inspection, profile_ids: Collection[int]) -> Inspection:
    """Return what is stored of *inspection*: the profiles *profile_ids* and the first validations to expire, first."""
    by_use = sorted(inspection.profiles, key=lambda profile: profile.profile_id not in profile_ids)
    by_expiry = sorted(inspection.delegated, key=lambda entry: entry.dcv_expires or date.max)
    # With a part of them, fields that SCM has would be refused.
    has_too_many = len(inspection.custom_fields or ()) > MOST_FIELDS
    return replace(
        inspection,
        profiles=tuple(by_use[:MOST_PROFILES]),
        delegated=tuple(by_expiry[:MOST_ENTRIES]),
        custom_fields=None if has_too_many else inspection.custom_fields,
        check_results=capped(inspection.check_results),
    )


@dataclass(frozen=True, slots=True)
class CredentialRefusal:
    """The version of the credential that SCM refused last, and the run: it is not tried again in that run."""

    version: str
    run_id: str
    pending: str = ""
    """The version that an interrupted rotation had stored, when SCM refused that one too."""


@dataclass(frozen=True, slots=True)
class DelegationRecord:
    """A delegation's record: spec and status."""

    delegation: Delegation = field(metadata={"stored": "spec"})
    inspection: Inspection | None = field(default=None, metadata=REWRITTEN)
    refusal: CredentialRefusal | None = field(default=None, metadata=REWRITTEN)
    search_proof: SearchProof | None = field(default=None, metadata=REWRITTEN)
    """Whether searches find the delegation's orders; None before the first order was searched for."""
    notices: Notices | None = field(default=None, metadata=REWRITTEN)
    """What the RAO was notified of; None before the first notice."""
    revocations: tuple[RevocationRequest, ...] = ()
    """Requests for certificates that have left the delegation's file since."""


def record_missing(delegation: str) -> RecordUnreadable:
    """Return the error of a delegation without a record that is neither removed nor retired."""
    text = (
        f"the order book has no item of '{delegation}', which is neither removed nor retired: apply its file again, or "
        f"`certmandate retire {delegation}` if it was ended"
    )
    return RecordUnreadable(text, delegation=delegation)


def not_applied_again(delegation: str) -> RecordUnreadable:
    """Return the error of a delegation whose retirement was undone, and that was not applied since."""
    text = (
        f"the retirement of '{delegation}' was undone, and nothing is renewed until its file is applied: apply it, or "
        f"`certmandate retire {delegation}` again"
    )
    return RecordUnreadable(text, delegation=delegation)
