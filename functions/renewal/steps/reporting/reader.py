"""What the report of a run reads of the order book: what the run worked on, what waits, and what is not in order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from renewal.deadline import Deadline
from renewal.domain.delegation import CertificatePath
from renewal.domain.errors import RecordUnreadable, RenewalError, StoreUnavailable, UnknownDelegation
from renewal.domain.judgement.summary import NO_SUMMARY, DelegationSummary
from renewal.domain.order import ManagedCertificate
from renewal.domain.run.outcome import RunResults
from renewal.domain.run.plan import PlanFacts
from renewal.domain.setup.inspection import DelegationRecord, not_applied_again, record_missing
from renewal.ports.order_book import Listing, OrderIndex

_BATCH = 100
"""Delegations that are read at a time, so that the memory does not grow with the estate."""

Record = DelegationRecord | RenewalError
"""A delegation's record, or why there is none: UnknownDelegation if it was retired during the run."""
_Paths = Mapping[str, Collection[CertificatePath]]
"""By delegation."""


@dataclass(frozen=True, slots=True)
class DelegationRead:
    """What was read of one delegation, and what its inspection left in place of the rest."""

    delegation: str
    record: Record | None
    """None when nothing was read."""
    certificates: Listing[ManagedCertificate]
    summary: DelegationSummary = NO_SUMMARY
    """Of what was not read; NO_SUMMARY when everything was."""


@dataclass(frozen=True, slots=True)
class ReportReader:
    """Reads the delegations of a run.

    Of a delegation that its inspection has left in order, only what the run worked on or the index has as waiting: the
    rest is as the inspection judged it. Every other delegation is read in full, and so is what the run was asked for by
    name.
    """

    book: OrderIndex
    password_notice: timedelta
    """How long before a password expires its delegation is read although it is in order."""
    deadline: Deadline
    """When *book* is read no more: what is left is reported as such."""

    def __call__(
        self, facts: PlanFacts, results: RunResults, now: datetime, before: Collection[str] = ()
    ) -> Iterator[DelegationRead]:
        """Yield every delegation of the run, in the order of the plan.

        After them, in a daily run, those of the last one (*before*) that the plan lacks and no operator has removed,
        and those whose retirement was undone.
        """
        lost = before if facts.is_daily else ()
        try:
            paths = self._paths(facts, results, now)
            delegations = (*facts.delegations, *(self._lost(facts, before) if facts.is_daily else ()))
        except StoreUnavailable as error:
            self.require_over(error)
            yield from map(unread, sorted({*facts.delegations, *lost}))
            return
        for start in range(0, len(delegations), _BATCH):
            names = delegations[start : start + _BATCH]
            quiet = {} if facts.is_narrowed else dict(self._quiet(names, results, now.date()))
            yield from self._in_time(names, self._batch(names, quiet, paths))

    def _in_time(self, names: Sequence[str], reads: Iterator[DelegationRead]) -> Iterator[DelegationRead]:
        """Yield *reads*, those of *names*; why it was not read, for each one for which no time is left."""
        left = iter(names)
        try:
            for read in reads:
                next(left)
                yield read
        except StoreUnavailable as error:
            self.require_over(error)
            yield from map(unread, left)

    def require_over(self, error: StoreUnavailable) -> None:
        """Raise *error*, with which reading has failed, while there is time to repeat the whole report."""
        if self.deadline.seconds_left():
            raise error

    def is_near(self, password_expires: date | None, today: date) -> bool:
        """Return whether the operator is to be notified of a password that expires on *password_expires*."""
        return password_expires is not None and password_expires - today <= self.password_notice

    def _lost(self, facts: PlanFacts, before: Collection[str]) -> list[str]:
        # Without a memory, what the index has lost is found by its certificates, if it has these.
        known = before or (path.delegation for path in self.book.every_certificate())
        missing = {*known, *self.book.undone_retirements()} - set(facts.delegations)
        if not before:  # one that was applied since the plan has a record
            missing -= {each.delegation.name for each in self.book.load_delegations(missing)}
        return sorted(missing - set(self.book.removed_among(missing)))

    def _paths(self, facts: PlanFacts, results: RunResults, now: datetime) -> _Paths:
        """The certificates that may be other than their inspection left them, or that no inspection judges."""
        delegations = set(facts.delegations)
        by_delegation: dict[str, set[CertificatePath]] = {}
        named = map(CertificatePath.parse, (*facts.due, *results.certificates))
        for path in (*named, *(() if facts.is_narrowed else self.book.waiting(now))):
            if path.delegation in delegations:
                by_delegation.setdefault(path.delegation, set()).add(path)
        return by_delegation

    def _quiet(self, names: Iterable[str], results: RunResults, today: date) -> Iterator[tuple[str, DelegationSummary]]:
        for name in names:
            summary = results.summary_of(name)
            if summary.is_quiet and not self.is_near(summary.password_expires, today):
                yield name, summary

    def _batch(
        self, names: Iterable[str], quiet: Mapping[str, DelegationSummary], paths: _Paths
    ) -> Iterator[DelegationRead]:
        records = self._records([name for name in names if name not in quiet or name in paths])
        worked_on = _by_delegation(
            self.book.load_certificates(path for name in quiet for path in sorted(paths.get(name, ())))
        )
        for name in names:
            if name in quiet:
                read = worked_on.get(name, Listing())
                yield DelegationRead(name, records.get(name), read, quiet[name])
            else:
                yield DelegationRead(name, records[name], self.book.certificates(name))

    def _records(self, names: Sequence[str]) -> Mapping[str, Record]:
        listing = self.book.load_delegations(names)
        records: dict[str, Record] = {record.delegation.name: record for record in listing}
        records |= {error.delegation: error for error in listing.unreadable}
        missing = [name for name in names if name not in records]
        return records | {name: record_missing(name) for name in missing} | self._ended(missing)

    def _ended(self, missing: Collection[str]) -> dict[str, Record]:
        """Why those of *missing* have no record that operators have ended."""
        undone = self.book.undone_retirements() if missing else ()
        removed = self.book.removed_among(missing)
        ended: dict[str, Record] = {name: not_applied_again(name) for name in missing if name in undone}
        return ended | {name: UnknownDelegation(name) for name in removed}


def unread(name: str) -> DelegationRead:
    """Return that no time was left to read a delegation."""
    text = f"AWS answered so slowly that no time was left to read {name} for the report; the next daily run reports it"
    return DelegationRead(name, StoreUnavailable(text), Listing())


def _by_delegation(listing: Listing[ManagedCertificate]) -> Mapping[str, Listing[ManagedCertificate]]:
    certificates: dict[str, list[ManagedCertificate]] = {}
    for certificate in listing:
        certificates.setdefault(certificate.spec.delegation, []).append(certificate)
    unreadable: dict[str, list[RecordUnreadable]] = {}
    for error in listing.unreadable:
        unreadable.setdefault(error.delegation, []).append(error)
    grouped = {}
    for name in certificates.keys() | unreadable.keys():
        grouped[name] = Listing(certificates.get(name, ()))
        grouped[name].unreadable = tuple(unreadable.get(name, ()))
    return grouped
