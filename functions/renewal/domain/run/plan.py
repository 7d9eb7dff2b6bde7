"""The plan of a run, as far as its report needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from renewal.domain.delegation import CertificatePath
from renewal.domain.errors import TooManyDue
from renewal.domain.judgement.replacement_progress import ReplacementProgress
from renewal.domain.limits import NOTHING_LEFT_OUT, DueCertificate, LeftOut


class PlanState(StrEnum):
    """What the plan of a run does about a certificate that is due."""

    PLANNED = "planned"
    DEFERRED = "deferred"
    HELD = "held"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PlannedCertificate:
    """One certificate that is due."""

    causes: tuple[str, ...]
    state: PlanState
    limit: str = ""
    """The limit that defers it, for example `OrdersPerRun=500`."""

    @classmethod
    def of(cls, due: DueCertificate, limit: str, *, is_doubted: bool) -> Self:
        """Return what is planned of *due*; *limit*: the one that was reached, or empty; *is_doubted*: by TooManyDue."""
        if due.decision.is_held:
            state = PlanState.HELD
        elif is_doubted and due.is_by_age_alone:
            state = PlanState.REFUSED
        else:
            state = PlanState.DEFERRED if limit else PlanState.PLANNED
        return cls(due.decision.causes, state, limit)


UNREAD = PlannedCertificate((), PlanState.DEFERRED)
"""One that may be due: no time was left to read it."""


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What the report needs of the plan (`runs/<run id>/facts.json`)."""

    started_at: datetime
    reason: str = ""
    dry_run: bool = False
    is_narrowed: bool = field(default=False, metadata={"stored": "narrowed"})
    """Whether it was asked for delegations or certificates by name."""
    open_orders_only: bool = False
    is_hourly: bool = field(default=False, metadata={"stored": "follow_up"})
    named: tuple[str, ...] = ()
    """Delegations and `delegation/certificate` paths that the run was asked for; empty = all."""
    delegations: tuple[str, ...] = ()
    due: Mapping[str, PlannedCertificate] = field(default_factory=lambda: MappingProxyType({}))
    """By `delegation/certificate`."""
    doubt: str = ""
    """Why what is due by age alone is refused (TooManyDue); empty when it is plausible."""
    replacements: tuple[ReplacementProgress, ...] = ()
    """Of each replacement rule, when the run began; empty in a run that is narrowed."""
    has_verification: bool = False
    """Whether declared endpoints are verified after the renewals."""

    @property
    def is_daily(self) -> bool:
        """Whether the run covers all delegations and can order."""
        return not (self.is_narrowed or self.dry_run or self.open_orders_only)

    def covers(self, path: CertificatePath) -> bool:
        """Return whether the run was asked for the certificate *path*."""
        return not self.named or bool({path.delegation, str(path)} & set(self.named))

    def left_out(self, path: str) -> LeftOut:
        """Return what the plan has refused of the certificate *path*, `delegation/certificate`."""
        planned = self.due.get(path)
        is_refused = planned is not None and planned.state is PlanState.REFUSED
        return LeftOut({path: TooManyDue(self.doubt)}) if is_refused else NOTHING_LEFT_OUT
