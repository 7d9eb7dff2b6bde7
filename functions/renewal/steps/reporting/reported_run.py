"""The run that is reported on, and what of the order book belongs in its report."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from renewal.domain.delegation import CertificatePath
from renewal.domain.endpoint.observation import ServiceState
from renewal.domain.errors import Failure, RecordUnreadable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import Judgement, judge
from renewal.domain.judgement.problem import Problem, affects, severity_at
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.run.outcome import RunResults
from renewal.domain.run.plan import PlanFacts
from renewal.domain.run.report import CertificateRow, Outcome
from renewal.domain.setup.finding import Finding, Severity
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.steps.reporting.reader import DelegationRead


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """What is reported on."""

    run_id: str
    facts: PlanFacts
    results: RunResults
    now: datetime
    times: ActingTimes
    replacements: Iterable[ReplacementRule]

    def covered(self, read: DelegationRead) -> tuple[list[ManagedCertificate], list[RecordUnreadable]]:
        """The certificates that the run was asked for, and those of them that cannot be read."""
        covers, listing = self.facts.covers, read.certificates
        damaged = [each for each in listing.unreadable if covers(CertificatePath(read.delegation, each.certificate))]
        return [each for each in listing if covers(each.spec.record_key)], damaged

    def judged(
        self, certificate: ManagedCertificate, record: DelegationRecord | None, failure: Failure | None = None
    ) -> Judgement:
        """The judgement of a certificate at the end of the run, which left it with *failure*.

        What the plan has refused is an obstacle, as it is for whoever plans the next run.
        """
        left_out = self.facts.left_out(certificate.spec.path)
        return judge(
            certificate,
            record,
            self.now,
            self.times,
            replacements=self.replacements,
            failure=None if left_out.refused else failure,
            left_out=left_out,
        )

    def judged_besides(self, read: DelegationRead, record: DelegationRecord | None) -> list[Judgement]:
        """The judgements of what the run was not asked for: a problem of the delegation concerns them, too."""
        others = (each for each in read.certificates if not self.facts.covers(each.spec.record_key))
        return [self.judged(certificate, record) for certificate in others]

    def concerning(self, problems: Iterable[Problem], covered: Collection[ManagedCertificate]) -> tuple[Problem, ...]:
        """The problems of what the run was asked for; the daily runs report those of other certificates."""
        return tuple(problem for problem in problems if self._concerns(problem, covered))

    def _concerns(self, problem: Problem, covered: Collection[ManagedCertificate]) -> bool:
        if problem.certificate:
            return self.facts.covers(CertificatePath(problem.delegation, problem.certificate))
        is_whole = not self.facts.named or problem.delegation in self.facts.named
        return is_whole or not covered or any(affects(problem, certificate.spec) for certificate in covered)

    def is_reported(self, row: CertificateRow, wrong: Collection[str]) -> bool:
        """Whether *row* is reported: it was due, worked on, verified or asked for, or is wrong (names in *wrong*)."""
        is_idle = row.outcome is Outcome.NOT_DUE and row.service == ServiceState.NOT_DECLARED
        is_named = row.path in self.facts.due or row.path in self.results.certificates or row.name in wrong
        return self.facts.is_narrowed or is_named or not is_idle

    def ssl_id_of(self, certificate: ManagedCertificate) -> int | None:
        """The SSL ID of this run's order, else of what is stored."""
        result, stored = self.results.certificates.get(certificate.spec.path), certificate.stored
        return (result.ssl_id if result else None) or (stored.ssl_id if stored else None)

    def severity_of(self, finding: Finding) -> Severity:
        """The severity of a finding at the end of the run."""
        return severity_at(finding, self.now.date(), self.times)

    def inspection_of(self, record: DelegationRecord) -> Inspection | None:
        """The inspection that this run made, None when it made none."""
        inspection = record.inspection
        return inspection if inspection and inspection.run_id == self.run_id else None
