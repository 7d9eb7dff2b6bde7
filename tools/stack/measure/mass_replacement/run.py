"""One run in virtual time: its plan is that of the shipped functions, its calls are those of the state machine.

First everything is ordered, then every open order is polled once, then the endpoints are verified. A Map works on so
many delegations at a time, and each delegation on so many certificates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from certmandate.replacement_planning.capacity import (
    COLLECT_CALLS,
    CONTROL_CALLS,
    INSPECTION_CALLS,
    ORDER_CALLS,
    POLL_CALLS,
)
from renewal.domain.limits import DueCertificate, Limits, select
from renewal.domain.replacement_rule import LONGEST_ORDERING, ReplacementRule
from stack.measure.mass_replacement.conditions import VirtualServices
from stack.measure.mass_replacement.distributed_map import DistributedMap, Work
from stack.measure.mass_replacement.virtual_estate import VirtualCertificate, VirtualEstate, at

_SECONDS_OF_START = 5.0
"""Planning, starting the Map, and the report: measured in local runs, not part of what is compared."""


@dataclass(frozen=True, slots=True)
class RunDone:
    """What one run did."""

    began: float
    ended: float
    ordered: int
    stored: int
    deferred: int
    most_of_delegation: int
    """Orders that it began for one delegation."""
    most_at_once: int
    """Invocations at the same time for one delegation."""


@dataclass(slots=True)
class Player:
    """Plays runs over one estate."""

    estate: VirtualEstate
    services: VirtualServices
    caps: Limits
    rules: Sequence[ReplacementRule] = ()
    is_hourly: bool = True
    """Whether the runs are the hourly ones, which order only for rules with a deadline."""
    done: list[RunDone] = field(default_factory=list)
    _most_at_once: int = 0
    _began: float = 0.0

    def run(self, now: float) -> RunDone:
        """Play a run that begins at *now*."""
        due = [each for each in self.estate.due(now, self.rules) if self._is_asked(each)]
        taken, deferred = select(due, self.caps, f"run-{len(self.done)}")
        mine = [self.estate.by_path[each.path] for each in taken]
        before = {each.record.spec.path: each.orders for each in mine}
        self._began, self._most_at_once, stored = now, 0, self._stored()
        began = now + _SECONDS_OF_START
        ordered = self._map(((each, self._ordering(each)) for each in mine), began, INSPECTION_CALLS)
        new = Counter(each.record.spec.delegation for each in mine if each.orders > before[each.record.spec.path])
        open_orders = ((each, self._collecting(each)) for each in mine if each.record.order is not None)
        ended = self._map(open_orders, ordered, 0)
        self._verify(ended)
        self.done.append(
            RunDone(
                began=now,
                ended=ended + _SECONDS_OF_START,
                ordered=sum(new.values()),
                stored=self._stored() - stored,
                deferred=len(deferred),
                most_of_delegation=max(new.values(), default=0),
                most_at_once=self._most_at_once,
            )
        )
        return self.done[-1]

    def _is_asked(self, due: DueCertificate) -> bool:
        return due.has_open_order or due.has_deadline or not self.is_hourly

    def _ordering(self, certificate: VirtualCertificate) -> Work:
        def work(now: float) -> float:
            if certificate.record.order is not None or at(now) > at(self._began) + LONGEST_ORDERING:
                return now  # enroll reads the order book only
            limits, conditions = self.services.conditions.limits, self.services.conditions
            ended = self.services.after_requests(ORDER_CALLS, now)
            approval = limits.approval_hours * 3600 if certificate.needs_approval else 0.0
            is_declined = self.services.random.random() < conditions.declined
            certificate.order(ended + limits.issuance_minutes * 60 + approval, is_declined=is_declined)
            return ended

        return work

    def _collecting(self, certificate: VirtualCertificate) -> Work:
        def work(now: float) -> float:
            calls = 0 if certificate.is_polled else CONTROL_CALLS
            certificate.is_polled = True
            if now < certificate.issued_at:
                return self.services.after_requests(calls + POLL_CALLS, now)
            if certificate.is_declined:
                ended = self.services.after_requests(calls + POLL_CALLS, now)
                certificate.fail(ended)
                return ended
            ended = self.services.after_requests(calls + COLLECT_CALLS, now)
            ended = self.services.after_import(ended) if certificate.has_acm else ended
            certificate.store(ended, self.estate.days)
            return ended

        return work

    def _stored(self) -> int:
        return sum(each.stored_at is not None for each in self.estate.certificates)

    def _verify(self, now: float) -> None:
        delay = self.services.conditions.servers_minutes * 60
        for each in self.estate.certificates:
            is_presented = each.stored_at is not None and each.stored_at + delay <= now
            if is_presented and each.served_at is None:
                each.served_at = now

    def _map(self, works: Iterable[tuple[VirtualCertificate, Work]], now: float, first_calls: int) -> float:
        """Do each work for its certificate; return when the last one has ended."""
        by_delegation: dict[str, list[Work]] = {}
        for certificate, work in works:
            by_delegation.setdefault(certificate.record.spec.delegation, []).append(work)
        limits = self.services.conditions.limits
        played = DistributedMap(
            limits.delegations_at_a_time,
            limits.calls_per_account,
            lambda at: self.services.after_requests(first_calls, at),
        )
        ended = played.play(by_delegation, now)
        self._most_at_once = max(self._most_at_once, played.most_at_once)
        return ended
