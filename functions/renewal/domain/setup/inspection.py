"""What one inspection of a delegation found, and a delegation's record with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from renewal.domain.delegation import Delegation, Profile
from renewal.domain.setup.check_result import CheckResult
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.snapshot import DelegatedName
from renewal.records import REWRITTEN


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one inspection of a delegation found. `run_id`: empty when SCM has never answered."""

    run_id: str
    at: datetime
    profiles: tuple[Profile, ...] = ()
    findings: tuple[Finding, ...] = ()
    password_expires: date | None = None
    revoked: tuple[int, ...] = ()  # SSL IDs of served certificates that SCM reports as revoked
    remarks: tuple[CheckResult, ...] = ()
    """The results for the eight setup steps, in their order; empty when nothing was checked."""
    delegated: tuple[DelegatedName, ...] = ()
    """The domain entries that SCM delegates to the department, with their validation."""
    organisation_validated_until: date | None = None
    seen_address: str = ""
    address_run: str = ""  # the run that observed it: later than run_id when SCM has not answered since


@dataclass(frozen=True, slots=True)
class Refusal:
    """The version of the credential that SCM refused last, and the run: it is not tried again in that run."""

    version: str
    run_id: str


@dataclass(frozen=True, slots=True)
class DelegationRecord:
    """A delegation's record: spec and status."""

    delegation: Delegation = field(metadata={"stored": "spec"})
    inspection: Inspection | None = field(default=None, metadata=REWRITTEN)
    refusal: Refusal | None = field(default=None, metadata=REWRITTEN)
