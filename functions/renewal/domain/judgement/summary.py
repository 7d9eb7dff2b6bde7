"""What an inspection leaves to report and notify of its run, so that they need not read what is in order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import judge
from renewal.domain.judgement.delegation import problems_of
from renewal.domain.notices.notice import Notices
from renewal.domain.order import ManagedCertificate
from renewal.domain.orderable import FOUND_BY_INSPECTION
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.withdrawal import NOT_REVOKED


@dataclass(frozen=True, slots=True)
class DelegationSummary:
    """A delegation just after its inspection, without the certificates that the run works on.

    It is judged as the report judges. The default is that of an inspection that failed, and of an earlier version.
    """

    is_quiet: bool = False
    """Whether nothing is to be reported: no problem of the delegation or of a certificate, and none that is due only
    because of what SCM shows. What is due by itself is in the order book's index."""
    first_expiry: datetime | None = None
    """When the first of the certificates expires; None while none is stored."""
    password_expires: date | None = None
    concerns_rao: bool = True
    """Whether a notice to the RAO may be due, or the record of the notices is to be changed."""

    @classmethod
    def of(
        cls,
        record: DelegationRecord,
        certificates: Collection[ManagedCertificate],
        worked_on: Collection[str],
        now: datetime,
        times: ActingTimes,
    ) -> Self:
        """Judge *certificates*, all of the delegation; *worked_on*: names of those that the run works on."""
        judged = [judge(each, record, now, times) for each in certificates]
        problems = problems_of(record.delegation.name, record, judged, now, times)
        others = [each for each in judged if each.certificate.spec.name not in worked_on]
        is_left = any(set(FOUND_BY_INSPECTION) & set(each.decision.causes) for each in others)
        notices = record.notices or Notices()
        # Whether a server presents what is to be revoked, the run verifies after this.
        is_of_rao = any(problem.actor == "rao" or problem.code == NOT_REVOKED for problem in problems)
        # A replacement rule, which no inspection reads, makes an obstacle a problem.
        is_of_rao = is_of_rao or any(each.obstacle and each.obstacle.actor == "rao" for each in judged)
        expiries = [each.certificate.stored.not_after for each in others if each.certificate.stored]
        return cls(
            is_quiet=not is_left and all(problem.certificate in worked_on for problem in problems),
            first_expiry=min(expiries, default=None),
            password_expires=record.inspection.password_expires if record.inspection else None,
            concerns_rao=is_of_rao or bool(notices.topics) or notices.is_report_due(now),
        )


NO_SUMMARY = DelegationSummary()
"""What is read in full: the inspection failed, or has left no summary."""
