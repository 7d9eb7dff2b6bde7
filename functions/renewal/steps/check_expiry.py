"""First step of a run: what is due, and the plan of the run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, islice
from typing import Any

from renewal.deadline import Deadline
from renewal.domain.delegation import CertificatePath
from renewal.domain.due import EVERY_VERIFICATION
from renewal.domain.errors import RunInProgress, TooManyDue, UnknownDelegation
from renewal.domain.judgement.replacement_progress import ReplacementProgress, ReplacementTally
from renewal.domain.limits import (
    DueCertificate,
    Limits,
    allot,
    by_delegation,
    limits_reached,
    select,
    too_many_due,
)
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.run.payload import DelegationTask, Task, VerificationTask
from renewal.domain.run.plan import UNREAD, PlanFacts, PlannedCertificate
from renewal.domain.run.request import RunRequest
from renewal.domain.service.state import awaits_verification
from renewal.ports.environment import Clock
from renewal.ports.order_book import Listing, OrderIndex, RuleEnds
from renewal.ports.runs import RunArchive, RunsInProgress

_Listed = Collection[CertificatePath] | None
"""What is listed for a rule; None: nothing is."""
_BATCH = 50
"""Certificates that are read at a time, with their orders: one request."""


@dataclass(slots=True)
class _Reading:
    """What was read of the certificates that may be due."""

    due: list[DueCertificate] = field(default_factory=list)
    unread: list[CertificatePath] = field(default_factory=list)
    """Those for which no time was left."""
    is_whole: bool = True
    """Whether everything could be read."""
    served: list[CertificatePath] = field(default_factory=list)
    """Those whose declared endpoints are verified after the renewals."""


@dataclass(frozen=True, slots=True)
class CheckExpiry:
    """Reads the order book, decides what is due, and writes the plan of the run. Makes no request to SCM.

    It also ends the replacement rules of which nothing is left.
    """

    book: OrderIndex
    rule_ends: RuleEnds
    archive: RunArchive
    runs: RunsInProgress
    limits: Limits
    clock: Clock
    deadline: Deadline
    """When no further certificates are read. What is left is deferred: the next run begins with the same order."""

    def __call__(self, run_id: str, document: object, state_machine: str) -> dict[str, Any]:
        """Plan the run *run_id* of *state_machine* for the execution input *document*.

        Returns `{"run_id", "dry_run", "is_daily", "skipped", "delegations", "due", "deferred",
        "plan": {"bucket", "key"}, "results": prefix, "polls": 0, "verification": {"items", "bucket", "key",
        "results"}}`. Runs work one after another: while an older one is in progress, an hourly run is skipped (without
        plan and results), and any other run raises RunInProgress.
        When too many are due by age (TooManyDue), none of these is planned: the report has the error for each of them.
        Raises InvalidRequest or UnknownDelegation before anything is written.
        """
        request = RunRequest.parse(document)
        if older := self.runs.older(state_machine, run_id):
            return _skipped(request, run_id, older)
        now = self.clock()
        delegations = self._delegations(request)
        tallies = self._tallies(request, now)
        reading = self._read(request, tallies, now)
        doubt = None if request.is_deliberate else too_many_due(reading.due, self.book.count_certificates, self.limits)
        wanted = (each for each in reading.due if not (each.decision.is_held or (doubt and each.is_by_age_alone)))
        taken, deferred = select(wanted, self.limits, run_id)
        of_delegation = by_delegation(taken)
        delegations = _inspected(request, delegations, reading.due, of_delegation)
        capacities = self._capacities(taken, delegations, run_id)
        plan = [
            _item(name, run_id, now, request, of_delegation.get(name, ()), capacities[name], doubt)
            for name in delegations
        ]
        bucket, key = self.archive.write_plan(run_id, plan)
        # A rule may cover what cannot be read.
        progress = _progress(request, tallies, ends_at=now if reading.is_whole and not request.dry_run else None)
        planned = _planned(reading, limits_reached(taken, deferred, self.limits), doubt)
        facts = _facts(request, now, delegations, planned, doubt, progress, has_verification=bool(reading.served))
        self.archive.write_facts(run_id, facts)
        verification = self._write_verification(run_id, request, reading.served)
        self._end_rules(progress, now)  # last, because after it no other run shows their progress
        return {
            "run_id": run_id,
            "dry_run": request.dry_run,
            "is_daily": facts.is_daily,
            "skipped": False,
            "delegations": len(plan),
            "due": len(taken),
            "deferred": len(deferred) + len(reading.unread),
            "plan": {"bucket": bucket, "key": key},
            "results": f"runs/{run_id}/results",
            "polls": 0,
            "verification": verification,
        }

    def _write_verification(
        self, run_id: str, request: RunRequest, served: Sequence[CertificatePath]
    ) -> Mapping[str, Any]:
        """Write whose endpoints are verified, if there is any; return it for the state machine's Map."""
        tasks = VerificationTask.each(run_id, served, is_for_everything=request.is_for_everything)
        items: list[Mapping[str, Any]] = [task.payload() for task in tasks]
        bucket, key = self.archive.write_verification(run_id, items) if items else ("", "")
        return {"items": len(items), "bucket": bucket, "key": key, "results": f"runs/{run_id}/verification"}

    def _end_rules(self, progress: Mapping[ReplacementRule, ReplacementProgress], now: datetime) -> None:
        for rule, each in progress.items():
            if each.ended_at:
                self.rule_ends.end_replacement(rule, now)

    def _capacities(
        self, taken: Iterable[DueCertificate], delegations: Sequence[str], run_id: str
    ) -> Mapping[str, int]:
        """How many orders each inspection may add; what a rule's raised caps permit takes nothing from it."""
        left = self.limits.orders_per_run - sum(candidate.caps is None for candidate in taken)
        return allot(left, delegations, run_id)

    def _tallies(self, request: RunRequest, now: datetime) -> Sequence[ReplacementTally]:
        """Of the replacement rules that the run works on."""
        in_force = (rule for rule in self.book.replacement_rules() if rule.issued_before <= now)
        return [
            ReplacementTally(rule, now, self.book.listed_for(rule)) for rule in in_force if _works_on(request, rule)
        ]

    def _read(self, request: RunRequest, tallies: Sequence[ReplacementTally], now: datetime) -> _Reading:
        """Read what may be due while there is time. Every certificate is counted in *tallies*."""
        reading = _Reading()
        for batch in self._candidates(request, now, [tally.listed for tally in tallies], reading.unread):
            reading.is_whole = reading.is_whole and not batch.unreadable
            for certificate in batch:
                try:
                    candidate = _candidate(certificate, tallies, now)
                except Exception:  # noqa: BLE001 - a bug costs the certificate: the report, which decides again, names it
                    reading.is_whole = False
                    continue
                is_worked_on = bool(candidate.decision.causes) and _is_asked(request, candidate)
                if is_worked_on:
                    reading.due.append(candidate)
                if _is_verified(request, certificate, now, is_worked_on=is_worked_on):
                    reading.served.append(certificate.spec.record_key)
        reading.is_whole = reading.is_whole and not reading.unread
        return reading

    def _delegations(self, request: RunRequest) -> list[str]:
        """The delegations that the run was asked for; none when it inspects only those of what it takes."""
        if not request.is_narrowed:
            return [] if request.open_orders_only else sorted(self.book.delegations())
        wanted = {*request.delegations, *(path.delegation for path in _paths(request))}
        listing = self.book.load_delegations(wanted)
        # One that cannot be read is known: its inspection fails, and the report names it.
        known_names = {each.delegation.name for each in listing} | {each.delegation for each in listing.unreadable}
        if unknown := sorted(wanted - known_names):
            known = ", ".join(sorted(self.book.delegations())) or "none"
            msg = (
                f"the order book has no delegation {', '.join(unknown)}; it has {known}. "
                "Correct the name, or create the delegation with `certmandate apply`"
            )
            raise UnknownDelegation(msg)
        return sorted(wanted)

    def _candidates(
        self, request: RunRequest, now: datetime, listed: Collection[_Listed], unread: list[CertificatePath]
    ) -> Iterator[Listing[ManagedCertificate]]:
        """A daily run reads what waits in the index, one for open orders these, and what has declared endpoints.

        A narrowed one reads what it names. The first two also read what is *listed* for replacement rules, and
        everything for a rule without a list. What cannot be read is not ordered; the report names it. What no time is
        left for is added to *unread*.
        """
        if request.is_narrowed:
            return self._named(request, unread)
        until = EVERY_VERIFICATION if request.open_orders_only else now
        # What waits comes first, in the order of the times of its next action.
        first = dict.fromkeys(chain(self.book.waiting(until), *filter(None, listed)))
        every = self.book.every_certificate() if None in listed else ()
        return self._in_batches(chain(first, (path for path in every if path not in first)), unread)

    def _in_batches(
        self, paths: Iterable[CertificatePath], unread: list[CertificatePath]
    ) -> Iterator[Listing[ManagedCertificate]]:
        """Read at most _BATCH records at a time, so that the memory does not grow with them."""
        rest = iter(paths)
        while batch := list(islice(rest, _BATCH)):
            if not self.deadline.seconds_left():
                unread += [*batch, *rest]
                return
            yield self.book.load_certificates(batch)

    def _named(self, request: RunRequest, unread: list[CertificatePath]) -> Iterator[Listing[ManagedCertificate]]:
        yield from map(self.book.certificates, request.delegations)
        missing = {path for path in _paths(request) if path.delegation not in request.delegations}
        for listing in self._in_batches(sorted(missing), unread):
            missing -= {certificate.spec.record_key for certificate in listing}
            missing -= {CertificatePath(error.delegation, error.certificate) for error in listing.unreadable}
            yield listing
        if missing := missing - set(unread):
            names = ", ".join(map(str, sorted(missing)))
            msg = f"the order book has no certificate {names}; `certmandate status` lists those that it has"
            raise UnknownDelegation(msg)


def _progress(
    request: RunRequest, tallies: Iterable[ReplacementTally], ends_at: datetime | None
) -> Mapping[ReplacementRule, ReplacementProgress]:
    """How far each rule has come; those that are complete, and have a list, end at *ends_at*, unless it is None.

    Empty in a narrowed run, which reads a part of what they cover.
    """
    progress = {} if request.is_narrowed else {tally.rule: tally.progress() for tally in tallies}
    ends = {rule for rule, each in progress.items() if each.is_complete and each.is_listed}
    return {rule: replace(each, ended_at=ends_at) if rule in ends else each for rule, each in progress.items()}


def _works_on(request: RunRequest, rule: ReplacementRule) -> bool:
    return not request.open_orders_only or (request.is_hourly and rule.deadline is not None)


def _candidate(certificate: ManagedCertificate, tallies: Iterable[ReplacementTally], now: datetime) -> DueCertificate:
    """Decide about the certificate, and count it in *tallies*."""
    candidate = DueCertificate.at(certificate, (tally.rule for tally in tallies), now)
    for tally in tallies:
        tally.add(certificate)
    return candidate


def _is_asked(request: RunRequest, candidate: DueCertificate) -> bool:
    """Whether the run works on it: an hourly run starts no order, except for a rule with a deadline.

    What has failed is ordered again by the daily run, not 24 times a day.
    """
    if not request.open_orders_only or candidate.has_open_order:
        return True
    return request.is_hourly and candidate.has_deadline and not candidate.failures


def _is_verified(request: RunRequest, certificate: ManagedCertificate, now: datetime, *, is_worked_on: bool) -> bool:
    """Whether its endpoints are verified after the renewals: of a daily run all, of another what is not served then."""
    if request.dry_run or not certificate.spec.served_at:
        return False
    return is_worked_on or request.is_for_everything or awaits_verification(certificate, now)


def _inspected(
    request: RunRequest, delegations: list[str], due: Iterable[DueCertificate], taken: Iterable[str]
) -> list[str]:
    """Return the delegations of the plan; *taken*: those of what the run works on."""
    if request.open_orders_only:
        return sorted(taken)
    if request.is_narrowed:
        return delegations
    # A replacement rule may list certificates that the index has lost, with all of their delegation.
    return sorted({*delegations, *(candidate.delegation for candidate in due)})


def _skipped(request: RunRequest, run_id: str, older: Collection[str]) -> dict[str, Any]:
    """Return the summary of an hourly run that has nothing to do. Raises RunInProgress for any other run."""
    if not request.is_hourly:
        msg = f"{', '.join(older)} is still in progress: this run begins when it has ended"
        raise RunInProgress(msg)
    return {"run_id": run_id, "dry_run": False, "skipped": True, "delegations": 0, "due": 0, "deferred": 0}


def _paths(request: RunRequest) -> list[CertificatePath]:
    return [CertificatePath.parse(path) for path in request.certificates]


def _item(
    name: str,
    run_id: str,
    now: datetime,
    request: RunRequest,
    taken: Iterable[DueCertificate],
    capacity: int,
    doubt: TooManyDue | None,
) -> Mapping[str, Any]:
    mine = [(due, Task(run_id, now, name, due.name, due.decision.causes, request.reason)) for due in taken]
    return DelegationTask(
        run_id=run_id,
        started_at=now,
        delegation=name,
        dry_run=request.dry_run,
        may_add=not request.open_orders_only and (not request.is_narrowed or name in request.delegations),
        is_hourly=request.is_hourly,
        is_full=request.is_narrowed,
        is_recorded=request.record,
        capacity=capacity,
        is_doubted=doubt is not None,
        reason=request.reason,
        certificates=tuple(task for _, task in mine),
        issued=() if request.dry_run else tuple(task for due, task in mine if due.is_issued),
    ).payload()


def _facts(
    request: RunRequest,
    now: datetime,
    delegations: list[str],
    planned: Mapping[str, PlannedCertificate],
    doubt: TooManyDue | None,
    progress: Mapping[ReplacementRule, ReplacementProgress],
    *,
    has_verification: bool,
) -> PlanFacts:
    return PlanFacts(
        started_at=now,
        reason=request.reason,
        dry_run=request.dry_run,
        is_narrowed=request.is_narrowed,
        open_orders_only=request.open_orders_only,
        is_hourly=request.is_hourly,
        named=(*request.delegations, *request.certificates),
        delegations=tuple(delegations),
        due=planned,
        doubt=str(doubt or ""),
        replacements=tuple(progress.values()),
        has_verification=has_verification,
    )


def _planned(reading: _Reading, over: Mapping[str, str], doubt: TooManyDue | None) -> dict[str, PlannedCertificate]:
    """Return what is planned, by path; *over*: the limits that were reached."""
    due = {
        each.path: PlannedCertificate.of(each, over.get(each.path, ""), is_doubted=doubt is not None)
        for each in reading.due
    }
    return due | {str(path): UNREAD for path in reading.unread}
