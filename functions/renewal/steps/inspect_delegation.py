"""Inspect one delegation: one login with the delegation's credential, and what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from renewal import records
from renewal.deadline import Deadline
from renewal.domain.delegation import CertificateSpec
from renewal.domain.due import Cause
from renewal.domain.errors import CredentialRefused, MandateEnded, NeedsAttention, RenewalError, ScmUnavailable
from renewal.domain.forecast import forecast
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.reading import is_hidden_since, is_kept, validation_ends
from renewal.domain.judgement.summary import DelegationSummary
from renewal.domain.order import ManagedCertificate
from renewal.domain.orderable import FOUND_BY_INSPECTION, decide_with_inspection, foreseen_refusals
from renewal.domain.run.payload import DelegationTask, Task
from renewal.domain.setup.checks import explained, refused_login, review, review_again, unreachable
from renewal.domain.setup.finding import Finding, finding_from, sorted_and_capped
from renewal.domain.setup.foreign_orders import (
    ForeignOrderList,
    ForeignOrders,
    began_at,
    compared,
    ended_orders,
    foreign_findings,
    foreign_orders,
)
from renewal.domain.setup.inspection import DelegationRecord, Inspection, bounded, reading_key, with_kept
from renewal.domain.setup.other_findings import (
    ADDRESS_CHANGED,
    address_findings,
    hidden_sections,
    undelivered_mail,
    unfound_orders,
)
from renewal.domain.setup.snapshot import Snapshot
from renewal.domain.setup.unrecorded import ReportedOrder, adoptable_certificates, unrecorded_orders
from renewal.domain.setup.withdrawal import is_report_hidden, revoked_in, withdrawal_findings, withdrawn_in
from renewal.ports.environment import Clock, EgressAddress, NextRotation, TxtRecords
from renewal.ports.order_book import DelegationTransitions, Listing, OrderReader
from renewal.ports.scm import Accounts, SetupReader
from renewal.steps.scm.login import ScmLogin
from renewal.steps.scm.snapshot import LONGEST_SECONDS, PersistentRecords, SnapshotReader
from renewal.steps.stores.drift import STORE_CODES, StoreComparison

_Orders = tuple[tuple[ReportedOrder, ...], ForeignOrders | None]
"""Those of SCM's report that the order book does not have: those that a new order would duplicate, and all."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the order book had of the delegation when its inspection began, and when that was."""

    record: DelegationRecord
    certificates: Listing[ManagedCertificate]
    now: datetime

    @property
    def last(self) -> Inspection | None:
        return self.record.inspection

    @property
    def foreign(self) -> ForeignOrders | None:
        return self.last.foreign if self.last else None

    @property
    def specs(self) -> list[CertificateSpec]:
        return [managed.spec for managed in self.certificates]

    @property
    def profile_ids(self) -> set[int]:
        return {spec.profile_id for spec in self.specs}


@dataclass(frozen=True, slots=True)
class InspectDelegation:
    """Logs in once, inspects the whole delegation, records findings, and completes the list of what is due."""

    book: OrderReader
    transitions: DelegationTransitions
    accounts: Accounts
    egress: EgressAddress
    next_rotation: NextRotation
    recording: Callable[[str, str], AbstractContextManager[None]]
    """Takes run and delegation; returns the context in which SCM's answers are recorded beside the run's report."""
    write_list: Callable[[str, str, ForeignOrderList], None]
    """Takes run, delegation and the list of foreign orders, and stores that beside the run's report."""
    orders_per_delegation: int
    clock: Clock
    deadline: Deadline
    """By when every request to SCM has ended."""
    txt_records: TxtRecords
    stores: StoreComparison
    times: ActingTimes
    registered: tuple[str, ...] = ()
    """The addresses that the stack leaves by, for delegations whose file names none."""

    def __call__(self, task: DelegationTask) -> dict[str, Any]:
        """Return `{"run_id", "delegation", "dry_run", "deferred", "certificates": [task…], "summary"}`.

        The inspection is stored in the delegation's record: it is all that `certmandate check`, `status` and the RAO's
        mails need, without a second login. Raises what makes every order of this delegation impossible
        (CredentialRefused, CredentialExpired, MandateEnded, AddressRefused, PermissionMissing, …) after it was
        recorded, with what SCM showed before.
        """
        record, certificates = self.book.delegation(task.delegation), self.book.certificates(task.delegation)
        known, reader, kept = _Known(record, certificates, self.clock()), None, None
        names = frozenset(record.delegation.delegated_names).union(*(spec.names for spec in known.specs))
        drift = self.stores.findings(certificates, known.last.findings if known.last else ())
        try:
            _require_mandate(known, task)
            with (
                self.recording(task.run_id, task.delegation) if task.is_recorded else nullcontext(),
                ScmLogin(self.transitions, self.accounts).setup_reader(
                    record, task.run_id, unless_refused=task.is_hourly
                ) as scm,
            ):
                reader = SnapshotReader(scm, record.delegation.department_id, names, known.now, self.deadline)
                reader.read_password()
                last = self._last(task, known)
                if last and reader.read_report() and self._holds(last, reader, known):
                    kept = last
                else:
                    reader.read()
                if not reader.snapshot.late:
                    known = replace(known, record=self._controlled(record, scm))
        except NeedsAttention as raised:
            error = explained(raised, known.last.password_expires if known.last else None, known.now)
            snapshot = self._with_records(reader.snapshot, known) if reader else Snapshot()
            self._record(record, _interrupted(task.run_id, known, snapshot, error, self._unchanged(known)), drift)
            raise error from None
        except ScmUnavailable:
            # A broken egress path causes the same error. What SCM showed before is kept; the rest is of this run.
            self._record(record, known.last or Inspection("", known.now), drift, task.run_id)
            raise
        snapshot = reader.snapshot if kept else self._with_records(reader.snapshot, known)
        # An OAuth2 client has no password that could be replaced.
        rotation = self.next_rotation(task.delegation) if snapshot.password else None
        orders = self._compared(task, known, snapshot)
        checked = self._checked(task, known, snapshot, kept)
        complete = self._record(record, _complete(checked, known, snapshot, orders, rotation), drift)
        return self._payload(task, known, complete)

    def _last(self, task: DelegationTask, known: _Known) -> Inspection | None:
        """Return the last inspection if what it has read may be kept."""
        if task.is_full or task.certificates:
            return None
        key = self._reading_key(known)
        return known.last if is_kept(known.record, known.certificates, known.now, self.times, key) else None

    def _holds(self, last: Inspection, reader: SnapshotReader, known: _Known) -> bool:
        """Return whether *last* agrees with what was read today; the snapshot then has what was kept, too."""
        kept = self._with_records(with_kept(reader.snapshot, last), known)
        has_changed = validation_ends(kept.delegated, known.now) != validation_ends(last.delegated, known.now)
        # What a DNS record or SCM withdraws may be renewed in this run, for which everything is read.
        if has_changed or withdrawn_in(known.certificates, reader.snapshot, {}):
            return False
        reader.snapshot = kept
        return True

    def _reading_key(self, known: _Known) -> str:
        version = self.accounts.credential_version(known.record.delegation.name)
        return reading_key(known.record.delegation, known.specs, version)

    def _checked(self, task: DelegationTask, known: _Known, snapshot: Snapshot, kept: Inspection | None) -> Inspection:
        """Check the setup steps. *kept*: what has all but the daily sections of *snapshot*; None if they are of now."""
        judged = (known.record.delegation, known.specs, snapshot, known.now)
        checks = review_again(kept.check_results, *judged) if kept else review(*judged)
        is_incomplete = bool(snapshot.unanswered) or is_hidden_since(known.last, snapshot.unavailable)
        full_at = kept.full_at if kept else None if is_incomplete else known.now
        inspection = Inspection.of(task.run_id, known.now, snapshot, checks)
        return replace(inspection, full_at=full_at, reading_key=self._reading_key(known))

    def _with_records(self, snapshot: Snapshot, known: _Known) -> Snapshot:
        before = known.last.delegated if known.last else ()
        deadline = self.deadline.at_most(LONGEST_SECONDS)
        return PersistentRecords(self.txt_records, deadline, before).added_to(snapshot, known.now)

    def _compared(self, task: DelegationTask, known: _Known, snapshot: Snapshot) -> _Orders:
        now, before, reported = known.now, known.foreign, snapshot.reported
        if is_report_hidden(snapshot, known.certificates, now) or (before and not reported):
            return (), self._unchanged(known)
        since = before.since if before else now
        rows = before.not_ended(reported) if before else reported
        listed = foreign_orders(rows, known.certificates, (), since, now)
        if before and not listed.orders and not unrecorded_orders(known.certificates, reported, (), now):
            none_left = replace(before, orders=(), count=0, noticed=(), before=len(listed.before))
            return (), self._listed(task, none_left, listed)
        # The report is newer than what was read of the order book: another run may have ordered in between.
        history, later = self.book.history(task.delegation, ""), self.book.certificates(task.delegation)
        since = before.since if before else began_at(later, history, now)
        listed = foreign_orders(reported, later, history, since, now)
        if listed.orders:
            listed = listed.without({row.key for row in self.book.acknowledgements(task.delegation)})
        unrecorded = unrecorded_orders(later, reported, history, now)
        ended = () if unrecorded else ended_orders(reported, later, history)
        foreign = replace(compared(listed, before, since), ended=ended)
        return unrecorded, self._listed(task, foreign, listed)

    def _listed(self, task: DelegationTask, foreign: ForeignOrders, listed: ForeignOrderList) -> ForeignOrders:
        """Store *listed*, and in *foreign* where. A failure is in the finding, and stops no renewal."""
        if listed == ForeignOrderList():
            return replace(foreign, listed_by="")
        try:
            self.write_list(task.run_id, task.delegation, listed)
        except RenewalError:
            return replace(foreign, listed_by="")
        return replace(foreign, listed_by=task.run_id)

    def _unchanged(self, known: _Known) -> ForeignOrders | None:
        """What the last inspection found, when SCM does not show its report now."""
        if known.foreign is None or not known.foreign.orders:
            return known.foreign
        return known.foreign.without({row.key for row in self.book.acknowledgements(known.record.delegation.name)})

    def _controlled(self, record: DelegationRecord, scm: SetupReader) -> DelegationRecord:
        """Search again for an order that exists and that no search has found. A failure fails nothing."""
        proof = record.search_proof
        if proof is None or proof.awaited is None:
            return record
        control = replace(proof.awaited, searched_at=self.clock())
        try:
            result = scm.find(control.searched(proof))
            self.transitions.record_search(record.delegation.name, control, result)
        except CredentialRefused:
            raise
        except RenewalError:
            return record
        return replace(record, search_proof=proof.after(control, result))

    def _payload(self, task: DelegationTask, known: _Known, inspection: Inspection) -> dict[str, Any]:
        # A revoked certificate fails its users now: it goes before those that merely grow old.
        tasks = [*_added(task, known.certificates, inspection), *task.certificates]
        # A replacement rule may have raised the plan above the cap of the stack; enroll verifies that it has.
        most = min(self.orders_per_delegation, len(task.certificates) + task.capacity)
        taken = tasks[: max(most, len(task.certificates))]
        inspected, names = replace(known.record, inspection=inspection), {each.certificate for each in taken}
        summary = DelegationSummary.of(inspected, known.certificates, names, inspection.at, self.times)
        return {
            "run_id": task.run_id,
            "delegation": task.delegation,
            "dry_run": task.dry_run,
            "deferred": len(tasks) - len(taken),
            "certificates": [certificate.payload() for certificate in taken],
            "summary": records.to_json(summary),
        }

    def _record(
        self,
        record: DelegationRecord,
        inspection: Inspection,
        drift: tuple[Finding, ...],
        address_run: str = "",
    ) -> Inspection:
        """Store it with the address from which it was made: a refusal may be because of that address.

        drift: the findings about the stores. address_run: the run, when the inspection is of an earlier one.
        """
        address = self.egress()
        own = (*address_findings(record.delegation, address, self.registered), *drift)
        others = (finding for finding in inspection.findings if finding.code not in {ADDRESS_CHANGED, *STORE_CODES})
        findings = sorted_and_capped((*own, *others))
        complete = replace(
            inspection, observed_address=address, address_run=address_run or inspection.run_id, findings=findings
        )
        self.transitions.record_inspection(record.delegation.name, complete)
        return complete


def _complete(
    inspection: Inspection, known: _Known, snapshot: Snapshot, orders: _Orders, rotation: date | None
) -> Inspection:
    """Add to *inspection*, which has the checks, what the certificates and the orders show, and all findings."""
    record, certificates, now, (unrecorded, foreign) = known.record, known.certificates, known.now, orders
    withdrawn = withdrawn_in(certificates, snapshot, known.last.withdrawn if known.last else {})
    adoptable = adoptable_certificates(certificates, snapshot.reported, now)
    inspection = replace(inspection, withdrawn=withdrawn, revoked=revoked_in(record, certificates, snapshot))
    inspection = replace(inspection, unrecorded=unrecorded, adoptable=adoptable, foreign=foreign)
    findings = [
        *(finding for check in inspection.check_results for finding in check.findings()),
        *_mandate_findings(known),
        *foreseen_refusals(certificates, record, inspection),
        *(finding_from(error, error.certificate) for error in certificates.unreadable),
        *withdrawal_findings(certificates, snapshot, withdrawn, now),
        *foreign_findings(record.delegation.name, foreign, known.foreign),
        *hidden_sections(snapshot, certificates, now),
        *unfound_orders(record),
        *undelivered_mail(record),
        *forecast(record.delegation, certificates, snapshot, now, rotation),
    ]
    return bounded(replace(inspection, findings=sorted_and_capped(findings)), known.profile_ids)


def _require_mandate(known: _Known, task: DelegationTask) -> None:
    """Raise MandateEnded when there is nothing to log in for: an order that was placed before is still collected."""
    resumed = {certificate for certificate in task.certificates if Cause.ORDER_OPEN in certificate.causes}
    if not resumed - set(task.issued):
        known.record.delegation.require_mandate(known.now)


def _interrupted(
    run_id: str, known: _Known, snapshot: Snapshot, error: NeedsAttention, foreign: ForeignOrders | None
) -> Inspection:
    """What is known when *error* ended the inspection: the error, and the checks of what SCM showed before.

    What was known of the password, of withdrawn certificates and of *foreign* orders is kept: the first explains a
    refused login, and the others stay so: the RAO suspends an account whose credential was stolen.
    """
    record, certificates, now = known.record, known.certificates, known.now
    before = known.last or Inspection("", now)
    is_current = snapshot.password or isinstance(error, MandateEnded)  # after its end nobody logs in any more
    is_empty = snapshot == Snapshot()
    checks = unreachable(error) if is_empty else review(record.delegation, known.specs, snapshot, now)
    others = (finding for check in checks for finding in check.findings() if finding.code != type(error).__name__)
    theirs = foreign_findings(record.delegation.name, foreign, known.foreign)
    inspection = Inspection.of(run_id, now, snapshot, checks)
    inspection = replace(
        inspection,
        findings=sorted_and_capped((finding_from(error), *refused_login(error), *others, *theirs)),
        foreign=foreign,
        revoked=revoked_in(record, certificates, snapshot),
        withdrawn=withdrawn_in(certificates, snapshot, before.withdrawn),
        password_expires=inspection.password_expires if is_current else before.password_expires,
    )
    return bounded(inspection, known.profile_ids)


def _added(task: DelegationTask, certificates: Iterable[ManagedCertificate], inspection: Inspection) -> Iterable[Task]:
    """What only SCM records: certificates revoked there or about to lose a validation, unless the plan has them."""
    planned = {planned.certificate for planned in task.certificates}
    for certificate in certificates if task.may_add else ():
        decision = decide_with_inspection(certificate, inspection, inspection.at)
        by_clock = {Cause.DCV_LAPSING} if task.is_doubted else set()
        is_new = set(FOUND_BY_INSPECTION) & set(decision.causes) - by_clock and certificate.spec.name not in planned
        if is_new and not decision.is_held:
            name = certificate.spec.name
            yield Task(task.run_id, task.started_at, task.delegation, name, decision.causes, reason=task.reason)


def _mandate_findings(known: _Known) -> Iterable[Finding]:
    try:
        known.record.delegation.require_mandate(known.now)
    except MandateEnded as error:
        yield finding_from(error)
