"""Order a certificate, once.

The order of the actions prevents a second order: the intent with its token and its sealed key is written before the
POST; after a lost answer SCM is searched for the token; a second POST is claimed only where it is proven that such a
search finds orders, after two searches, a quiet period apart from the first POST, have found nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from renewal.deadline import Deadline
from renewal.domain.due import Cause
from renewal.domain.errors import (
    AddressRefused,
    AnswerLost,
    CredentialRefused,
    MandateEnded,
    NeedsAttention,
    OrderLimitReached,
    OrderUnconfirmed,
    RenewalError,
    ScmUnavailable,
    shortened,
)
from renewal.domain.keypair import KeyPair
from renewal.domain.order import EnrollRequest, ManagedCertificate, Order, OrderStatus, StoredCertificate
from renewal.domain.order_search import (
    SearchControl,
    SearchedOrder,
    SearchProof,
    SearchResult,
    is_unanswered,
    known_ids,
    unconfirmed,
    undecided,
)
from renewal.domain.orderable import decide_with_inspection, require_orderable
from renewal.domain.permission import OrderAgain
from renewal.domain.replacement_rule import LONGEST_ORDERING, ReplacementRule
from renewal.domain.run.payload import Progress, Task
from renewal.domain.run.result import ResultStatus, result_of_end
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import ReportedCertificate
from renewal.domain.setup.unrecorded import lost_order, require_none_lost, require_recorded, unrecorded_orders
from renewal.ports.environment import Clock
from renewal.ports.keys import KeySealer
from renewal.ports.order_book import OrderReader, Transitions
from renewal.ports.scm import Accounts, CertificateAuthority
from renewal.ports.stores import AcmStore
from renewal.steps.scm.login import ScmLogin
from renewal.steps.stores.refusals import require_store

Rules = tuple[ReplacementRule, ...]
LEAST_ORDER_SECONDS = 35.0
"""Before an intent is written: 24 s that writing it may take, and twice the 3 to 6 s in which SCM answers an order."""


@dataclass(frozen=True, slots=True)
class Enroll:
    """Orders one certificate, unless it is ordered already."""

    book: OrderReader
    transitions: Transitions
    accounts: Accounts
    sealer: KeySealer
    acm: AcmStore
    clock: Clock
    new_token: Callable[[], str]
    quiet_period: timedelta
    """How long after an intent no POST is sent again: this function's lifetime, in which its POST may be under way."""
    deadline: Deadline
    """By when every request to SCM has ended; after it there is time to record the result."""
    orders_per_delegation: int
    """How many orders one run may begin for one delegation, whatever its plan has."""

    def __call__(self, task: Task) -> Progress:
        """Return the open order, with its SSL ID, or the stored certificate when another run was quicker.

        After LONGEST_ORDERING it begins no order for a replacement rule alone: the status is then `deferred`.

        Raises OrderUnconfirmed while it is not known whether the order exists, ScmUnavailable, OrderConflict, or
        the NeedsAttention that is the reason why nothing can be ordered.
        """
        record, certificate = self.book.delegation_and_certificate(task.delegation, task.certificate)
        rules = self._rules(certificate, task)
        if certificate.order is None:
            if done := self._done_by_another(certificate, record, task, rules):
                return done
            if task.may_wait and self.clock() > task.started_at + LONGEST_ORDERING:
                return Progress(task.run_id, task.delegation, task.certificate, "", 0, ResultStatus.DEFERRED)
            self._require_capacity(task, rules)
        elif certificate.order.ssl_id is not None:
            return _progress(task, certificate.order)
        with ScmLogin(self.transitions, self.accounts).authority(record, task.run_id) as authority:
            if certificate.order is None:
                inspection = self._inspected(record, authority, task)
                order = self._begin(certificate, record, inspection, task, rules)
            else:
                order = self._resume(certificate.order, record, authority, task, certificate.permission)
            if order.ssl_id is None:
                order = self._post(order, authority)
        return _progress(task, order)

    def _done_by_another(
        self, certificate: ManagedCertificate, record: DelegationRecord, task: Task, rules: Rules
    ) -> Progress | None:
        """A certificate that was due when the plan was made may have been renewed since, by another run."""
        stored = certificate.stored
        if set(task.causes) == {Cause.ORDER_OPEN}:
            return _end_of_planned_order(certificate, task)
        if certificate.last_error:  # what ended an order without a certificate has left it
            rows = self.book.history(*certificate.spec.record_key)
            # An earlier attempt may have ordered, and its result was lost.
            if own := [row for row in rows if row.run_id == task.run_id and row.error]:
                return _ended(task, own[-1].error, own[-1].text)
        still_due = decide_with_inspection(certificate, record.inspection, self.clock(), replacements=rules)
        if still_due.is_held:  # no plan has what is on hold: an order has failed since
            return _end_of_planned_order(certificate, task)
        return None if stored is None or still_due.causes else _stored(task, stored)

    def _require_capacity(self, task: Task, rules: Rules) -> None:
        """Raise OrderLimitReached when this run has begun as many orders as it may, also by a forged plan."""
        begun = self.book.orders_begun(task.delegation, task.run_id)
        if len(begun) < self.orders_per_delegation:
            return
        # What raised caps permit for a rule takes nothing from the ordinary renewals.
        counted = [order for order in begun if rules or Cause.REPLACEMENT not in order.causes]
        raised = max((rule.caps.orders_per_delegation for rule in rules if rule.caps), default=0)
        if len(counted) >= max(raised, self.orders_per_delegation):
            msg = f"this run has begun {len(counted)} orders of {task.delegation}: OrdersPerDelegation permits no more"
            raise OrderLimitReached(msg)

    def _begin(
        self,
        certificate: ManagedCertificate,
        record: DelegationRecord,
        inspection: Inspection,
        task: Task,
        rules: Rules,
    ) -> Order:
        """Write the intent; return the order that is to be posted."""
        if certificate.permission is None:
            require_recorded(certificate, inspection.unrecorded)
            self._require_none_lost(certificate)
        term_days = require_orderable(certificate, record, inspection, self.clock())
        require_store(certificate, self.acm, self.deadline.before(LEAST_ORDER_SECONDS))
        order = self._intend(certificate, record, task, term_days, rules)
        self._require_time()  # after the key was made and sealed, which may take half a minute
        # Refused when another run has opened an order, or has even stored its certificate, since ours was read.
        self.transitions.open(order, certificate.revision)
        return order

    def _require_none_lost(self, certificate: ManagedCertificate) -> None:
        """Raise OrderNotRecorded when a restored table has lost a stored order, whatever SCM's report shows."""
        rows, now = self.book.history(*certificate.spec.record_key), self.clock()
        if lost_order(certificate, rows, now):
            # Another run may have stored it since the record was read: then `open` refuses the old revision.
            require_none_lost(self.book.certificate(*certificate.spec.record_key), rows, now)

    def _require_time(self) -> None:
        """An intent whose POST is not sent in time must be searched for as if its answer had been lost."""
        left = self.deadline.seconds_left()
        if left < LEAST_ORDER_SECONDS:
            msg = f"an order needs {LEAST_ORDER_SECONDS:.0f} s and {left:.0f} s are left; nothing was ordered"
            raise ScmUnavailable(msg)

    def _inspected(self, record: DelegationRecord, authority: CertificateAuthority, task: Task) -> Inspection:
        """The inspection of this run, or what an order requires of one. Raises MandateEnded."""
        now, inspection = self.clock(), record.inspection
        record.delegation.require_mandate(now)
        if inspection is not None and inspection.run_id == task.run_id:
            return inspection
        department_id = record.delegation.department_id
        profiles = authority.profiles(department_id)
        reported: tuple[ReportedCertificate, ...] = ()
        try:
            reported = authority.reported_certificates(department_id)
        except (CredentialRefused, AddressRefused):
            raise
        except (NeedsAttention, ScmUnavailable):
            pass  # SCM may hide the report, and a renewal does not depend on it
        # The report is newer than what was read of the order book: another run may have ordered in between.
        # All certificates are compared, because two of them may have the same names.
        delegation = record.delegation.name
        history, later = self.book.history(delegation, ""), self.book.certificates(delegation)
        unrecorded = unrecorded_orders(later, reported, history, now)
        return Inspection(task.run_id, now, profiles=profiles, unrecorded=unrecorded)

    def _intend(
        self, certificate: ManagedCertificate, record: DelegationRecord, task: Task, term_days: int, rules: Rules
    ) -> Order:
        spec, token, now = certificate.spec, self.new_token(), self.clock()
        key = KeyPair.generate(spec.key_type)
        return Order(
            delegation=spec.delegation,
            certificate=spec.name,
            token=token,
            status=OrderStatus.INTENT,
            department_id=record.delegation.department_id,
            names=spec.names,
            profile_id=spec.profile_id,
            key_type=spec.key_type,
            term_days=term_days,
            custom_fields=spec.custom_fields,
            external_requester=spec.external_requester,
            csr=key.signing_request(spec.names),
            sealed_key=self.sealer.seal(key, delegation=spec.delegation, certificate=spec.name, token=token),
            causes=_causes(task, certificate, rules),
            run_id=task.run_id,
            reason=_reason(task, certificate, rules),
            opened_at=now,
            posted_at=now,
        )

    def _rules(self, certificate: ManagedCertificate, task: Task) -> Rules:
        """The replacement rules that cover the certificate; none is read unless the plan has that cause."""
        if certificate.order or Cause.REPLACEMENT not in task.causes:
            return ()
        return tuple(rule for rule in self.book.replacement_rules() if rule.covers(certificate))

    def _resume(
        self,
        order: Order,
        record: DelegationRecord,
        authority: CertificateAuthority,
        task: Task,
        permission: OrderAgain | None,
    ) -> Order:
        """Return the order with its SSL ID, or without one when it may be posted again."""
        try:
            result = authority.find(SearchedOrder.of(order, self.book.history(order.delegation, "")))
        except ScmUnavailable as outage:
            if not is_unanswered(order, self.clock()):
                raise
            if permission is None:
                raise undecided(order, f"SCM has not answered a search for it since ({outage})") from outage
        else:
            if result.ssl_id is not None:
                return self._found(order, result.ssl_id, result)
            self._require_absent(order, record.search_proof or SearchProof(), result, is_permitted=bool(permission))
        now = self.clock()
        try:
            record.delegation.require_mandate(now)
        except MandateEnded as error:
            self.transitions.fail(order, type(error).__name__, str(error), now, hold_until=None)
            raise
        self._require_time()
        return self.transitions.claim_post(order, now, task.run_id, permission.reason if permission else "")

    def _found(self, order: Order, ssl_id: int, result: SearchResult) -> Order:
        now, ordered = self.clock(), self.transitions.record_ordered(order, ssl_id)
        with suppress(RenewalError):  # it only proves that searches find orders
            self.transitions.record_search(order.delegation, SearchControl.of(order, ssl_id, now), result)
            self.transitions.note(ordered, found_at=now)
        return ordered

    def _require_absent(self, order: Order, proof: SearchProof, result: SearchResult, *, is_permitted: bool) -> None:
        """Raise OrderUnconfirmed or OrderUndecided unless the order, which no search has found, may be posted again.

        *is_permitted*: the operator has searched SCM and permits it.
        """
        now, quiet = self.clock(), self.quiet_period
        if not is_permitted:
            if doubt := proof.doubt(order, self._unknown(result.candidates, order)):
                self.transitions.note_unconfirmed(order, searched_at=now)
                raise undecided(order, doubt)
            quiet = proof.quiet_period(quiet) * order.posts
        if not order.may_be_posted_again(now, quiet):
            self.transitions.note_unconfirmed(order, searched_at=now)
            raise unconfirmed(order, quiet)

    def _unknown(self, candidates: tuple[int, ...], order: Order) -> tuple[int, ...]:
        """Return those of *candidates* that belong to no other order of the order book."""
        if not candidates:
            return ()
        # An order that a restore of the orders table has opened again has an audit row.
        others = (row for row in self.book.history(order.delegation, "") if row.token != order.token)
        known = known_ids(self.book.certificates(order.delegation), others)
        return tuple(ssl_id for ssl_id in candidates if ssl_id not in known)

    def _post(self, order: Order, authority: CertificateAuthority) -> Order:
        request = EnrollRequest.of(order)
        try:
            ssl_id = authority.enroll(request)
        except AnswerLost as lost:
            with suppress(RenewalError):  # the order is searched for in any case
                self.transitions.note_unconfirmed(order, lost_answer=shortened(str(lost)))
            msg = f"SCM may have accepted order {order.token}, its answer was lost: {lost}"
            raise OrderUnconfirmed(msg) from lost
        except NeedsAttention as refusal:
            # SCM refused, so this POST made no order: the intent has ended and its key is erased. After an earlier POST
            # whose answer was lost, only a refusal of the order itself holds for both; a refused login does not.
            if order.posts == 1 or refusal.ends_order:
                self.transitions.fail(order, type(refusal).__name__, str(refusal), self.clock(), hold_until=None)
            raise
        return self.transitions.record_ordered(order, ssl_id)


def _progress(task: Task, order: Order) -> Progress:
    return Progress(task.run_id, task.delegation, task.certificate, order.token, order.ssl_id or 0, order.status)


def _causes(task: Task, certificate: ManagedCertificate, rules: Iterable[ReplacementRule]) -> tuple[str, ...]:
    """Those of the plan, and a request of the operator that came since: the order's key is made after it.

    A rule is a cause if the order book has one: such orders do not count for the ordinary limit.
    """
    planned = (cause for cause in task.causes if cause != Cause.REPLACEMENT or rules)
    return tuple(dict.fromkeys((*planned, *([Cause.ASKED.value] if certificate.asked_reason else []))))


def _reason(task: Task, certificate: ManagedCertificate, rules: Iterable[ReplacementRule]) -> str:
    """The reasons of the run, of the request on record and of the replacement rules; each once."""
    reasons = [task.reason, certificate.asked_reason, *(rule.reason for rule in rules)]
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def _end_of_planned_order(certificate: ManagedCertificate, task: Task) -> Progress:
    """The order that the run was to collect has ended since its plan was made, and no new one is placed for it.

    The record has how, whatever the clocks: `stored_at` is earlier than the time at which the order book shows that
    the order is stored, and the plan may have been made between the two. Raises the error that ended the order.
    """
    if certificate.stored and not certificate.last_error:
        return _stored(task, certificate.stored)
    return _ended(task, certificate.last_error, certificate.last_error_text)


def _ended(task: Task, error: str, text: str) -> Progress:
    return Progress(task.run_id, task.delegation, task.certificate, "", 0, result_of_end(error, text))


def _stored(task: Task, stored: StoredCertificate) -> Progress:
    return Progress(task.run_id, task.delegation, task.certificate, stored.token, stored.ssl_id, OrderStatus.STORED)
