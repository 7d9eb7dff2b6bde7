"""Collect an ordered certificate, check it, and store it with its key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from renewal.domain.certificate.acceptance import Expectation, check
from renewal.domain.certificate.chain import Chain, Delivery, TrustedRoots
from renewal.domain.errors import (
    CREDENTIAL_REFUSALS,
    CertificateMismatch,
    CertificateUnusable,
    ChainBroken,
    KeyLost,
    NeedsAttention,
    OrderConflict,
    OrderNotRecorded,
    OrderPending,
    Pending,
    PermissionMissing,
    PlanUnreadable,
    RecordUnreadable,
    RenewalError,
    ScmRefused,
    UnknownDelegation,
)
from renewal.domain.keypair import requested_key
from renewal.domain.order import (
    FinishedOrder,
    ManagedCertificate,
    Order,
    OrderDetails,
    OrderStatus,
    StoredCertificate,
    error_of_status,
)
from renewal.domain.order_search import SearchControl
from renewal.domain.run.payload import Progress
from renewal.domain.run.result import ResultStatus, result_of_end
from renewal.domain.setup.inspection import DelegationRecord
from renewal.ports.environment import Clock
from renewal.ports.order_book import OrderReader, Transitions
from renewal.ports.scm import Accounts
from renewal.steps.scm.login import ScmLogin
from renewal.steps.stores.storing import Stores

CONFIRM_EVERY = timedelta(minutes=10)
"""How often a pending order's details are requested at most: polls are cheap for SCM, details are not."""
Observed = dict[str, Any]
"""What is to be noted of an order: arguments of `OrderTransitions.note`."""
LONGEST_HOLD_DAYS = 8
LONGEST_COLLECTING = timedelta(hours=4)
"""After the start of a run, in which it polls. When SCM does not answer, each poll takes minutes: the run must end,
because no other run works meanwhile, and the next one polls what is open."""


@dataclass(frozen=True, slots=True)
class Collect:
    """Collects one order and stores its certificate."""

    book: OrderReader
    transitions: Transitions
    accounts: Accounts
    stores: Stores
    roots: TrustedRoots
    clock: Clock

    def __call__(self, progress: Progress) -> Progress:
        """Return the progress with status `stored`, or `pending`: SCM has not issued, or the certificate begins later.

        SCM is asked once for what it has not issued yet, and not at all after LONGEST_COLLECTING; a certificate that
        is in the order book needs no login. A progress without token is returned as it is: nothing was ordered.
        Otherwise raises OrderDeclined, OrderRejected or OrderRevoked, which end the order; CertificateMismatch,
        CertificateUnusable, ChainBroken or OrderNotRecorded, which keep it open, so that every run collects it again
        and nothing else is ordered; and what the stores refuse.
        """
        certificate, record = self._read(progress)
        order = certificate.order
        if order is None or order.token != progress.token or self._is_late(order, progress):
            return self._unpolled(certificate, progress)
        observed: Observed = {}
        try:
            pem = None if order.status is OrderStatus.ISSUED else self._collected(order, record(), progress, observed)
            chain, notes = self._chain(order, certificate, pem, record)
            if order.status is not OrderStatus.ISSUED:
                order = self.transitions.record_issued(order, chain, self.clock())
            chain.leaf.require_begun(self.clock())
            self._require_newest(order)
            stored = self.stores.store(order, chain, certificate, "; ".join(notes))
        except Pending:
            with suppress(RenewalError):
                if self._awaits_search(order):
                    observed |= self._control_search(order, record(), progress)
            with suppress(OrderConflict):  # another run has gone on with the order; the next poll finds it ended
                self._note(order, observed)
            return replace(progress, status=ResultStatus.PENDING)
        except OrderConflict as error:
            return self._ended_by_another_run(progress, error)
        except NeedsAttention as error:
            self._record(order, certificate, error, observed)
            raise
        with suppress(RenewalError):
            self._mark_renewed(record(), progress, stored, certificate.stored)
            if self._awaits_search(order):
                self._control_search(order, record(), progress)
        return replace(progress, ssl_id=stored.ssl_id, status=OrderStatus.STORED)

    def _require_newest(self, order: Order) -> None:
        """Raise OrderNotRecorded when the order had ended before a later certificate was stored or adopted.

        A restored table has it open again. The audit trail, which is not restored, has both: the stores have the later
        certificate, and the older one may have been revoked since.
        """
        if not order.may_be_restored(self.clock()):
            return
        rows = self.book.history(order.delegation, order.certificate)
        ended_at = next((row.ended_at for row in rows if row.token == order.token), None)
        if ended_at is None:
            return
        stored = [row for row in rows if row.status is OrderStatus.STORED and row.ended_at > ended_at]
        if stored:
            raise _replaced(order, f"SCM has order {stored[-1].ssl_id}, which was stored later")
        adopted = [each for each in self.book.adoptions(*order.record_key) if each.at > ended_at]
        if adopted:
            raise _replaced(order, f"a later certificate was adopted ({adopted[-1].reason})")

    def _read(self, progress: Progress) -> tuple[ManagedCertificate, Callable[[], DelegationRecord]]:
        """The certificate, and its delegation: what is issued is stored although that cannot be read."""
        path = progress.delegation, progress.certificate
        try:
            record, certificate = self.book.delegation_and_certificate(*path)
        except (RecordUnreadable, UnknownDelegation):
            return self.book.certificate(*path), lambda: self.book.delegation(progress.delegation)
        return certificate, lambda: record

    def _is_late(self, order: Order, progress: Progress) -> bool:
        """Whether SCM would be asked after the time in which a run polls."""
        is_over = progress.started_at is not None and self.clock() > progress.started_at + LONGEST_COLLECTING
        return is_over and order.status is not OrderStatus.ISSUED

    def _unpolled(self, certificate: ManagedCertificate, progress: Progress) -> Progress:
        """The result without a poll: it is late, or the order has ended, or there is none."""
        if not progress.token:  # `deferred`: an execution that began before an update polls that too
            return progress
        if certificate.order is not None and certificate.order.token == progress.token:
            return replace(progress, status=ResultStatus.PENDING)
        return _end_of(certificate, progress, self.book.history(progress.delegation, progress.certificate))

    def _ended_by_another_run(self, progress: Progress, error: OrderConflict) -> Progress:
        """The result of the order if it has ended since it was read, as a run that overlaps with this one does.

        Raises *error* otherwise.
        """
        certificate = self.book.certificate(progress.delegation, progress.certificate)
        if certificate.order is not None and certificate.order.token == progress.token:
            raise error
        return self._unpolled(certificate, progress)

    def _awaits_search(self, order: Order) -> bool:
        """Whether no search has found the order, and none has just missed it."""
        return not (order.found_at or self._is_recent(order.missed_at))

    def _is_recent(self, at: datetime | None) -> bool:
        """A time in the future does not count: a wrong clock recorded it."""
        return at is not None and at <= self.clock() < at + CONFIRM_EVERY

    def _control_search(self, order: Order, record: DelegationRecord, progress: Progress) -> Observed:
        """Search for the order, which exists; return what is to be noted beside it."""
        now, ssl_id = self.clock(), order.ssl_id or progress.ssl_id
        control = SearchControl.of(order, ssl_id, now)
        with ScmLogin(self.transitions, self.accounts).authority(record, progress.run_id, unless_refused=True) as scm:
            result = scm.find(control.searched(record.search_proof))
        self.transitions.record_search(order.delegation, control, result, last_read=record)
        return {"found_at" if result.ssl_id == ssl_id else "missed_at": now}

    def _chain(
        self, order: Order, certificate: ManagedCertificate, pem: str | None, record: Callable[[], DelegationRecord]
    ) -> tuple[Chain, Sequence[str]]:
        """The verified chain and notes about it: of what SCM has delivered, or of what the order book has (None).

        A root is not stored with a chain, so only what SCM delivers can be verified to a private one.
        """
        if pem is None:
            stored = Delivery.parse(order.chain, requested_key(order.csr))
            notes = check(stored.leaf, _expected(order, stored.leaf.names), self.clock())
            return Chain(stored.leaf, stored.others), notes
        delivered = Delivery.parse(pem, requested_key(order.csr))
        notes = check(delivered.leaf, _expected(order, record().delegation.delegated_names), self.clock())
        return delivered.chain(certificate.spec.chain, self.roots, self.clock()), notes

    def _collected(self, order: Order, record: DelegationRecord, progress: Progress, observed: Observed) -> str:
        """What SCM delivers. Adds to *observed* SCM's status of an order that can still be issued."""
        if order.ssl_id is None:
            msg = f"order {order.token} of {order.path} has no SSL ID yet; enroll comes first"
            raise PlanUnreadable(msg)
        with ScmLogin(self.transitions, self.accounts).authority(record, progress.run_id) as authority:
            try:
                return authority.collect(order.ssl_id)
            except CREDENTIAL_REFUSALS:
                raise
            except (OrderPending, NeedsAttention) as error:
                # SCM's answer for an order that ended is that of a pending one, or any other refusal: only the details
                # distinguish them (SCM reference §5.10).
                if isinstance(error, NeedsAttention) or not self._is_recent(order.confirmed_at):
                    with suppress(PermissionMissing, ScmRefused):
                        observed |= self._confirmed(order, authority.details(order.ssl_id))
                raise

    def _confirmed(self, order: Order, details: OrderDetails) -> Observed:
        """SCM's status of an order that can still be issued. Raises the error that it amounts to otherwise."""
        if error := error_of_status(details.status):
            msg = f"SCM order {details.ssl_id} of {order.path} is {details.status.lower()}"
            raise error(msg)
        return {"confirmed_at": self.clock(), "scm_status": details.status}

    def _note(self, order: Order, observed: Observed) -> None:
        """Record what is new, in one write: with an error, the order is not reported as pending at the CA."""
        if new := {name: value for name, value in observed.items() if getattr(order, name) != value}:
            self.transitions.note(order, **new)

    def _record(self, order: Order, certificate: ManagedCertificate, error: NeedsAttention, observed: Observed) -> None:
        """Record why the order stays open, or end it."""
        if isinstance(error, CertificateMismatch | CertificateUnusable | ChainBroken | KeyLost | OrderNotRecorded):
            self._note(order, {"storing_error": type(error).__name__})
            return
        self._note(order, observed)
        if not error.ends_order:
            return
        now = self.clock()
        hold = now + timedelta(days=min(2 ** min(certificate.failures, LONGEST_HOLD_DAYS), LONGEST_HOLD_DAYS))
        self.transitions.fail(order, type(error).__name__, str(error), now, hold_until=hold, last_read=certificate)

    def _mark_renewed(
        self,
        record: DelegationRecord,
        progress: Progress,
        stored: StoredCertificate,
        previous: StoredCertificate | None,
    ) -> None:
        """Mark the replaced certificate in SCM, so that SCM sends no more reminders: nothing depends on it.

        The SSL ID of an adopted certificate was typed: SCM would send no more reminders of another one.
        """
        if previous is None or not previous.ssl_id or previous.ssl_id == stored.ssl_id:
            return
        login = ScmLogin(self.transitions, self.accounts)
        with suppress(RenewalError), login.authority(record, progress.run_id, unless_refused=True) as scm:
            if previous.token or scm.details(previous.ssl_id).serial == previous.serial:
                scm.mark_renewed(previous.ssl_id, stored.ssl_id)


def _expected(order: Order, delegated: tuple[str, ...]) -> Expectation:
    return Expectation(order.names, order.key_type, order.term_days, delegated)


def _replaced(order: Order, by: str) -> OrderNotRecorded:
    return OrderNotRecorded(
        f"the orders table was restored: order {order.token} is open in it and had ended, and {by}; nothing is stored. "
        f"`certmandate close-order {order.path} --reason …`, then adopt the later one: `certmandate adopt {order.path} "
        "--ssl-id …`"
    )


def _end_of(certificate: ManagedCertificate, progress: Progress, rows: Iterable[FinishedOrder]) -> Progress:
    """The order has ended: by an earlier try of this step whose answer was lost, by a run that recorded why, or closed.

    Raises what ended it.
    """
    stored = certificate.stored
    if stored is not None and stored.token == progress.token:
        return replace(progress, ssl_id=stored.ssl_id, status=OrderStatus.STORED)
    row = next((row for row in rows if row.token == progress.token), None)
    if row is None or not row.error:
        msg = f"{certificate.spec.path}: order {progress.token} is not open and did not lead to what is stored"
        raise PlanUnreadable(msg)
    return replace(progress, status=result_of_end(row.error, row.text))
