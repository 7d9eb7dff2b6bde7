"""The ports of `renewal.ports` in memory: as strict as the real ones; faults only where a test sets them.

order book     every move is conditional; what a condition meets decides between "done already" and OrderConflict
SCM            a small real CA behind it; answers get lost, orders are declined, listings lag: see `FakeScm`
interrupted    wraps any port: something else happens before or after one of its calls, or the process is killed
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar, cast

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from renewal import records
from renewal.adapters.acm_rules import (
    ACM_KEY_ALGORITHMS,
    CERTIFICATE_TAG,
    DELEGATION_TAG,
    HeldCertificate,
    require_algorithm_of_issuer,
    require_ours,
    require_same_key_type,
    require_usages_kept,
)
from renewal.deadline import Deadline
from renewal.domain.alerts.alert import Alert
from renewal.domain.alerts.memory import NotifiedProblems
from renewal.domain.audit.hash_chain import ChainHead
from renewal.domain.certificate.chain import Chain
from renewal.domain.delegation import CertificatePath, CertificateSpec, CustomField, Delegation, Profile
from renewal.domain.due import next_action, with_stored
from renewal.domain.endpoint.observation import ServiceRecord, ServiceState
from renewal.domain.errors import (
    AcmCertificateMissing,
    AcmRefused,
    AnswerLost,
    CredentialMissing,
    CredentialRefused,
    KeyLost,
    OrderConflict,
    OrderPending,
    OrderUnknown,
    PermissionMissing,
    PlanUnreadable,
    RenewalError,
    UnknownDelegation,
)
from renewal.domain.keypair import KeyPair, PublicKey, public_key_bytes
from renewal.domain.limits import BegunOrder
from renewal.domain.notices.notice import Notice, Notices, NoticesChange
from renewal.domain.order import (
    IMPORT_LEASE,
    RELEASED,
    Adoption,
    EnrollRequest,
    FinishedOrder,
    ManagedCertificate,
    Order,
    OrderDetails,
    OrderStatus,
    StoredCertificate,
)
from renewal.domain.order_search import SearchControl, SearchedOrder, SearchProof, SearchResult
from renewal.domain.permission import OrderAgain
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.run.plan import PlanFacts
from renewal.domain.run.report import RunReport
from renewal.domain.setup.foreign_orders import Acknowledgement, ForeignOrderList
from renewal.domain.setup.inspection import CredentialRefusal, DelegationRecord, Inspection
from renewal.domain.setup.snapshot import (
    Account,
    DelegatedName,
    Department,
    Domains,
    OrganisationValidation,
    PasswordState,
    ReportedCertificate,
)
from renewal.mail.mail import Mail
from renewal.ports.order_book import Listing
from renewal.ports.stores import ArnUse, CertificateWithKey
from tests.throwaway_ca import hierarchy, pem

Path = tuple[str, str]


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> datetime:
        """Move on by `timedelta(**span)`; return the new time."""
        self.now += timedelta(**span)
        return self.now


def ample(clock: Callable[[], datetime]) -> Deadline:
    """A deadline that is far away by *clock*."""
    return Deadline(datetime.max.replace(tzinfo=UTC), clock)


@dataclass(slots=True)
class FakeEgress:
    """The egress address; empty = the echo does not answer."""

    address: str = ""

    def __call__(self) -> str:
        return self.address


@dataclass(slots=True)
class FakeDns:
    """The TXT records of DNS names; a name that is not there has none."""

    records: dict[str, tuple[str, ...]] = field(default_factory=dict)
    is_silent: bool = False
    asked: list[str] = field(default_factory=list)

    def __call__(self, name: str, deadline: Deadline) -> tuple[str, ...] | None:
        assert deadline.seconds_left() > 0
        self.asked.append(name)
        return None if self.is_silent else self.records.get(name, ())


class Killed(BaseException):
    """The process ended here: no `except` of the product catches it, as none runs in a killed function."""


T = TypeVar("T")


def interrupted(
    port: T,
    method: str,
    *,
    before: Callable[[], object] | None = None,
    after: Callable[[], object] | None = None,
    at: int = 1,
) -> T:
    """*port*, but call number *at* of *method* has *before* happen ahead of it and *after* once its effect is there."""
    return cast("T", _Interrupted(port, method, before, after, at))


def killed() -> None:
    """For `interrupted`: the process ends."""
    raise Killed


@dataclass(slots=True)
class _Interrupted:
    port: object
    method: str
    before: Callable[[], object] | None
    after: Callable[[], object] | None
    calls_to_go: int

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.port, name)
        return self._call(real) if name == self.method else real

    def _call(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls_to_go -= 1
            it_is_time = self.calls_to_go == 0
            if it_is_time and self.before:
                self.before()
            result = real(*args, **kwargs)
            if it_is_time and self.after:
                self.after()
            return result

        return call


# ---- The order book ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class FakeOrderBook:
    """Both halves of the order book by name; conditions as in `renewal.adapters.order_book.transitions`."""

    records: dict[str, DelegationRecord] = field(default_factory=dict)
    managed: dict[Path, ManagedCertificate] = field(default_factory=dict)
    """Certificates without their open orders."""
    removals: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)
    """The delegations that the operator has removed."""
    orders: dict[Path, Order] = field(default_factory=dict)
    rows: list[FinishedOrder] = field(default_factory=list)
    rules: list[ReplacementRule] = field(default_factory=list)
    lists: dict[str, Collection[CertificatePath]] = field(default_factory=dict)
    """What is listed with a rule, by its reason."""
    acknowledged: list[Acknowledgement] = field(default_factory=list)
    adopted: list[tuple[Path, Adoption]] = field(default_factory=list)
    next_actions: dict[Path, datetime] = field(default_factory=dict)

    # What an operator writes

    def apply(self, delegation: Delegation, *specs: CertificateSpec, now: datetime) -> None:
        """Create or update; status stays, and what changed is due now."""
        self.records[delegation.name] = replace(
            self.records.get(delegation.name, DelegationRecord(delegation)), delegation=delegation
        )
        self.removals.discard(delegation.name)
        for spec in specs:
            before = self.managed.get(spec.record_key, ManagedCertificate(spec))
            self._keep(spec.record_key, replace(before, spec=spec), now)

    def ask(self, path: Path, reason: str, now: datetime) -> None:
        """An operator requests its replacement by the next run."""
        self._keep(path, replace(self.managed[path], asked_reason=reason), now)
        self.next_actions[path] = now

    def permit_order_again(self, path: Path, reason: str, now: datetime) -> None:
        """An operator, who has searched SCM, permits one POST of an order that SCM may have."""
        posts = self.orders[path].posts if path in self.orders else 0
        permission = OrderAgain(reason, "arn:aws:iam::1:role/operator", now, self.managed[path].revision, posts)
        self.managed[path] = replace(self.managed[path], order_again=permission)

    def adopt(self, path: Path, stored: StoredCertificate, now: datetime) -> None:
        """Take over a certificate that the stores hold."""
        self._keep(path, replace(self.managed[path], stored=stored), now)
        self.adopted.append((path, Adoption(now, f"serial {stored.serial}, SSL ID {stored.ssl_id}")))

    # Reading

    def delegations(self) -> Iterator[str]:
        return iter(list(self.records))

    def waiting(self, until: datetime) -> Iterator[CertificatePath]:
        by_time = sorted(self.next_actions.items(), key=lambda item: item[1])
        return (CertificatePath(*path) for path, at in by_time if at <= until)

    def every_certificate(self) -> Iterator[CertificatePath]:
        return (CertificatePath(*path) for path in list(self.managed))

    def count_certificates(self, most: int) -> int:
        return min(len(self.managed), most)

    def replacement_rules(self) -> Listing[ReplacementRule]:
        return Listing(rule for rule in self.rules if rule.is_in_force)

    def listed_for(self, rule: ReplacementRule) -> Collection[CertificatePath] | None:
        return self.lists.get(rule.reason)

    def end_replacement(self, rule: ReplacementRule, now: datetime) -> None:
        self.rules = [replace(each, ended_at=now) if each == rule else each for each in self.rules]

    def delegation(self, name: str) -> DelegationRecord:
        if name not in self.records:
            raise UnknownDelegation(f"the order book has no '{name}'")
        return self.records[name]

    def load_delegations(self, names: Iterable[str]) -> Listing[DelegationRecord]:
        return Listing(self.records[name] for name in names if name in self.records)

    def undone_retirements(self) -> Collection[str]:
        return self.undone

    def removed_among(self, delegations: Collection[str]) -> Collection[str]:
        return self.removals & set(delegations)

    def certificates(self, delegation: str) -> Listing[ManagedCertificate]:
        return self.load_certificates(sorted(path for path in self.managed if path[0] == delegation))

    def load_certificates(self, paths: Iterable[Path]) -> Listing[ManagedCertificate]:
        return Listing(
            replace(self.managed[path], order=self.orders.get(path))
            for path in dict.fromkeys(paths)
            if path in self.managed
        )

    def certificate(self, delegation: str, name: str) -> ManagedCertificate:
        found = self.load_certificates([CertificatePath(delegation, name)])
        if not found:
            raise UnknownDelegation(f"the order book has no '{delegation}/{name}'")
        return found[0]

    def delegation_and_certificate(self, delegation: str, name: str) -> tuple[DelegationRecord, ManagedCertificate]:
        return self.delegation(delegation), self.certificate(delegation, name)

    def orders_begun(self, delegation: str, run_id: str) -> list[BegunOrder]:
        last = {(row.delegation, row.certificate): row for row in self.rows}
        orders: list[Order | FinishedOrder] = [*self.orders.values(), *last.values()]
        found = (order for order in orders if (order.delegation, order.run_id) == (delegation, run_id))
        return [BegunOrder(order.run_id, order.causes) for order in found]

    def history(self, delegation: str, certificate: str) -> Listing[FinishedOrder]:
        return Listing(
            row for row in self.rows if row.delegation == delegation and certificate in {"", row.certificate}
        )

    def adoptions(self, delegation: str, certificate: str) -> Listing[Adoption]:
        return Listing(adoption for path, adoption in self.adopted if path == (delegation, certificate))

    def head(self, delegation: str) -> ChainHead:
        return ChainHead(len(self.history(delegation, "")), "d1gest")

    def acknowledgements(self, delegation: str) -> Listing[Acknowledgement]:
        return Listing(row for row in self.acknowledged if row.delegation == delegation)

    # Moves of an open order

    def open(self, order: Order, revision: int) -> None:
        path = order.record_key
        there = self.certificate(*path)
        if there.order is not None and there.order.token == order.token:
            return
        if there.order is not None:
            raise OrderConflict(f"order {order.token} of {order.path}: another order is open")
        if there.revision != revision:
            raise OrderConflict(f"order {order.token} of {order.path}: the record has changed")
        self.orders[path] = order
        self._keep(path, self.managed[path], order.opened_at)

    def claim_post(self, order: Order, now: datetime, run_id: str, reason: str = "") -> Order:
        there = self._unanswered(order)
        why = reason or there.reason
        return self._write(replace(there, posts=order.posts + 1, posted_at=now, posted_by=run_id, reason=why))

    def note_unconfirmed(self, order: Order, *, searched_at: datetime | None = None, lost_answer: str = "") -> None:
        self._note(self._unanswered(order), {"searched_at": searched_at, "lost_answer": lost_answer})

    def note(
        self,
        order: Order,
        *,
        confirmed_at: datetime | None = None,
        found_at: datetime | None = None,
        missed_at: datetime | None = None,
        scm_status: str | None = None,
        storing_error: str | None = None,
    ) -> None:
        noted: dict[str, object] = {"confirmed_at": confirmed_at, "found_at": found_at, "missed_at": missed_at}
        self._note(self._open(order), noted | {"scm_status": scm_status, "storing_error": storing_error})

    def _note(self, order: Order, noted: Mapping[str, object]) -> None:
        changes: Any = {name: value for name, value in noted.items() if value}
        self._write(replace(order, **changes))

    def record_ordered(self, order: Order, ssl_id: int) -> Order:
        there = self._open(order)
        if there.ssl_id == ssl_id:
            return there
        if there.ssl_id is not None:
            raise OrderConflict(f"order {order.token} of {order.path} has SSL ID {there.ssl_id}")
        return self._write(replace(there, status=OrderStatus.ORDERED, ssl_id=ssl_id))

    def record_issued(self, order: Order, chain: Chain, now: datetime) -> Order:
        there = self._open(order)
        if there.status not in {OrderStatus.ORDERED, OrderStatus.ISSUED}:
            raise OrderConflict(f"order {order.token} of {order.path} is {there.status}")
        return self._write(replace(there, status=OrderStatus.ISSUED, chain=chain.pem(), issued_at=now))

    def claim_import(self, order: Order, region: str, now: datetime) -> Order:
        there = self._open(order)
        claimed = there.import_claims.get(region, RELEASED)
        if there.status is not OrderStatus.ISSUED or region in there.arns or claimed >= now - IMPORT_LEASE:
            raise OrderConflict(f"order {order.token} of {order.path} is being imported into {region}")
        return self._write(replace(there, import_claims={**there.import_claims, region: now}))

    def release_import(self, order: Order, region: str) -> None:
        there = self._open(order)
        self._write(replace(there, import_claims={**there.import_claims, region: RELEASED}))

    def record_import(self, order: Order, region: str, arn: str) -> Order:
        there = self._open(order)
        if there.status is not OrderStatus.ISSUED:
            raise OrderConflict(f"order {order.token} of {order.path} is {there.status}")
        return self._write(replace(there, arns={**there.arns, region: arn}))

    def record_stores(self, order: Order, stores: tuple[str, ...]) -> Order:
        there = self._open(order)
        if there.status is not OrderStatus.ISSUED:
            raise OrderConflict(f"order {order.token} of {order.path} is {there.status}")
        return self._write(replace(there, stores=stores))

    def _open(self, order: Order) -> Order:
        there = self.orders.get(order.record_key)
        if there is None or there.token != order.token:
            raise OrderConflict(f"order {order.token} of {order.path} is not open any more")
        return there

    def _unanswered(self, order: Order) -> Order:
        there = self._open(order)
        if there.posts != order.posts or there.ssl_id is not None:
            raise OrderConflict(f"order {order.token} of {order.path} has moved on")
        return there

    def _write(self, order: Order) -> Order:
        self.orders[order.record_key] = order
        return order

    # Ends of an order

    def finish(
        self,
        order: Order,
        stored: StoredCertificate,
        previous: StoredCertificate | None,
        text: str = "",
        *,
        last_read: ManagedCertificate | None = None,
    ) -> None:
        del last_read  # nothing is read here
        row = order.stored_row(stored, previous, text)
        self._end(replace(order, status=OrderStatus.ISSUED), row, lambda before: with_stored(before, order, stored))

    def fail(
        self,
        order: Order,
        error: str,
        text: str,
        now: datetime,
        hold_until: datetime | None,
        *,
        last_read: ManagedCertificate | None = None,
    ) -> None:
        del last_read  # nothing is read here
        self._end(
            order,
            order.failed_row(error, text, now),
            lambda before: replace(
                before,
                asked_reason="" if hold_until else before.asked_reason,
                hold_until=hold_until,
                failures=before.failures + 1,
                last_error=error,
                last_error_text=text,
                failed_at=now,
            ),
        )

    def _end(
        self, order: Order, row: FinishedOrder, becomes: Callable[[ManagedCertificate], ManagedCertificate]
    ) -> None:
        path = order.record_key
        there = self.orders.get(path)
        if there is None or (there.token, there.status, there.posts) != (order.token, order.status, order.posts):
            if (row.token, row.status) in {(ended.token, ended.status) for ended in self.rows}:
                return
            raise OrderConflict(f"order {order.token} of {order.path} is not open as {order.status} any more")
        del self.orders[path]
        if {ended.status for ended in self.rows if ended.token == row.token}.isdisjoint(
            {row.status, OrderStatus.STORED}
        ):
            self.rows.append(row)
        self._keep(path, becomes(self.managed[path]), row.ended_at)

    def _keep(self, path: Path, certificate: ManagedCertificate, now: datetime) -> None:
        revision = self.managed[path].revision + 1 if path in self.managed else 1
        self.managed[path] = replace(certificate, revision=revision)
        self.next_actions[path] = next_action(replace(self.managed[path], order=self.orders.get(path)), now)

    # Endpoints

    def record_service(self, path: CertificatePath, record: ServiceRecord) -> None:
        if path in self.managed:
            self.managed[path] = replace(self.managed[path], service=record)

    # Delegations

    def record_inspection(self, delegation: str, inspection: Inspection) -> None:
        self.records[delegation] = replace(self.delegation(delegation), inspection=inspection)

    def record_refusal(self, delegation: str, version: str, run_id: str, pending: str = "") -> None:
        self.records[delegation] = replace(
            self.delegation(delegation), refusal=CredentialRefusal(version, run_id, pending)
        )

    def record_search(
        self,
        delegation: str,
        control: SearchControl,
        result: SearchResult,
        *,
        last_read: DelegationRecord | None = None,
    ) -> None:
        del last_read  # nothing is read here
        before = self.delegation(delegation)
        proof = before.search_proof or SearchProof()
        self.records[delegation] = replace(before, search_proof=proof.after(control, result))

    def change_notices(self, delegation: str, change: NoticesChange) -> Notices:
        before = self.delegation(delegation)
        after = change(before.notices or Notices())
        self.records[delegation] = replace(before, notices=after)
        return after


# ---- SCM ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ScmOrder:
    """An order as SCM has it."""

    request: EnrollRequest
    at: datetime
    status: str = "REQUESTED"
    polls: int = 0
    """How often it is still to be answered that it is pending."""
    bundle: str = ""
    serial: str = ""


@dataclass(slots=True)
class FakeScm:
    """SCM for all delegations. Every field below `orders` is a way to misbehave; the defaults behave."""

    clock: HandClock
    orders: dict[int, ScmOrder] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    searched: list[SearchedOrder] = field(default_factory=list)
    polls: int = 0
    """How often each order is pending before it is issued."""
    lost_after: int = 0
    """So many answers to enroll get lost after the effect …"""
    lost_before: int = 0
    """… and so many requests before it."""
    hidden: int = 0
    """So many searches do not find what was ordered."""
    hides_comments: bool = False
    """Whether comments are shown to no account."""
    rows: tuple[ReportedCertificate, ...] = ()
    """More rows of the SSL report."""
    answers: dict[str, RenewalError] = field(default_factory=dict)
    """By method: what is raised instead of an answer, every time."""
    days: float | None = None
    """Lifetime of what is issued; None = as asked."""
    starts_ago: timedelta = timedelta(hours=1)
    """How far back certificates are dated."""
    bundles: Callable[[ScmOrder, x509.Certificate], str] | None = None
    """What is delivered instead of root, intermediate, leaf."""
    offered: tuple[Profile, ...] = (Profile(1018, "OV", (46, 99, 199)),)
    password: PasswordState | None = None
    defined_fields: tuple[CustomField, ...] = ()
    own: Account | None = None
    place: Department | None = None
    delegated: tuple[DelegatedName, ...] | None = None
    """None = SCM does not show the domains to this account."""
    validated: tuple[OrganisationValidation, ...] = ()
    revoked: set[int] = field(default_factory=set)
    marked: dict[int, int] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: count(5001))

    def _called(self, method: str) -> None:
        self.calls[method] += 1
        if method in self.answers:
            raise self.answers[method]

    def password_state(self) -> PasswordState | None:
        self._called("password_state")
        return self.password

    def account(self) -> Account | None:
        self._called("account")
        return self.own

    def department(self, department_id: int) -> Department | None:  # noqa: ARG002  # one is enough here
        self._called("department")
        return self.place

    def domains(self, department_id: int, names: Collection[str]) -> Domains:  # noqa: ARG002
        self._called("domains")
        if self.delegated is None:
            raise PermissionMissing("-3")
        return Domains(self.delegated)

    def validations(self, *organisation_ids: int) -> tuple[OrganisationValidation, ...]:  # noqa: ARG002
        self._called("validations")
        return self.validated

    def profiles(self, department_id: int) -> tuple[Profile, ...]:  # noqa: ARG002  # one department's are enough here
        self._called("profiles")
        return self.offered

    def custom_fields(self) -> tuple[CustomField, ...]:
        self._called("custom_fields")
        return self.defined_fields

    def reported_certificates(self, department_id: int) -> tuple[ReportedCertificate, ...]:
        self._called("reported")
        there = {i: order for i, order in self.orders.items() if order.request.department_id == department_id}
        rows = [
            ReportedCertificate(
                ssl_id,
                order.request.names[0],
                order.request.names,
                "REVOKED" if ssl_id in self.revoked else order.status,
                "" if self.hides_comments else order.request.comment,
                requested=order.at,
            )
            for ssl_id, order in there.items()
        ]
        others = self.revoked - there.keys()
        return (*rows, *(ReportedCertificate(i, "", (), "REVOKED") for i in sorted(others)), *self.rows)

    def enroll(self, request: EnrollRequest) -> int:
        self._called("enroll")
        if self.lost_before:
            self.lost_before -= 1
            raise AnswerLost("no answer")
        ssl_id = next(self._ids)
        self.orders[ssl_id] = ScmOrder(request, self.clock(), polls=self.polls)
        if self.lost_after:
            self.lost_after -= 1
            raise AnswerLost("no answer")
        return ssl_id

    def find(self, order: SearchedOrder) -> SearchResult:
        self._called("find")
        self.searched.append(order)
        if self.hidden:
            self.hidden -= 1
            return SearchResult()
        listed = {
            ssl_id: there
            for ssl_id, there in self.orders.items()
            if there.request.department_id == order.department_id and set(there.request.names) & set(order.names)
        }
        comments = {i: "" if self.hides_comments else there.request.comment for i, there in listed.items()}
        for ssl_id, comment in comments.items():
            if order.is_in(comment):
                return SearchResult(ssl_id, f"commonName={order.names[0]}")
        return SearchResult(candidates=tuple(i for i in listed if order.may_be(comments[i], listed[i].at)))

    def details(self, ssl_id: int) -> OrderDetails:
        self._called("details")
        order = self._order(ssl_id)
        return OrderDetails(ssl_id, order.status, order.request.comment, order.serial)

    def collect(self, ssl_id: int) -> str:
        self._called("collect")
        order = self._order(ssl_id)
        if order.polls or order.status not in {"REQUESTED", "ISSUED"}:
            order.polls -= min(order.polls, 1)
            raise OrderPending("Being processed by Sectigo")
        if not order.bundle:
            order.status, order.bundle = "ISSUED", self._issue(order)
        return order.bundle

    def mark_renewed(self, ssl_id: int, renewed_by: int) -> None:
        self._called("mark_renewed")
        self.marked[ssl_id] = renewed_by

    def _order(self, ssl_id: int) -> ScmOrder:
        if ssl_id not in self.orders:
            raise OrderUnknown(f"SCM does not have {ssl_id}")
        return self.orders[ssl_id]

    def _issue(self, order: ScmOrder) -> str:
        key = cast("PublicKey", x509.load_pem_x509_csr(order.request.csr.encode()).public_key())
        issuer = hierarchy().issuer_for(key)
        days = order.request.term_days if self.days is None else self.days
        leaf = issuer.issue(key, order.request.names, not_before=self.clock() - self.starts_ago, days=days)
        order.serial = f"{leaf.serial_number:X}"
        if self.bundles is not None:
            return self.bundles(order, leaf)
        return pem(hierarchy().root.certificate, issuer.certificate, leaf)


@dataclass(slots=True)
class FakeAccounts:
    """One account a delegation; which versions of a credential SCM refuses, and how often each was shown to it."""

    scm: FakeScm
    versions: dict[str, str] = field(default_factory=dict)
    """By delegation; absent = `v1`, empty = nothing is stored."""
    refused: set[Path] = field(default_factory=set)
    """(delegation, version) that SCM answers with 401."""
    shown: Counter[Path] = field(default_factory=Counter)
    """401s by (delegation, version)."""
    noted: set[Path] = field(default_factory=set)
    """(delegation, version) that this invocation does not show again."""

    def authority(self, delegation: str) -> FakeScm:
        key = (delegation, self.credential_version(delegation))
        return cast("FakeScm", _Account(self, key))

    setup_reader = authority

    def credential_version(self, delegation: str) -> str:
        version = self.versions.get(delegation, "v1")
        if not version:
            raise CredentialMissing(f"nothing is stored for {delegation}")
        return version

    def exclude_version(self, delegation: str, version: str) -> None:
        self.noted.add((delegation, version))

    def refused_versions(self, delegation: str) -> list[str]:
        return [version for name, version in sorted(self.noted) if name == delegation]


class _Account:
    """SCM with one credential: every call shows it."""

    def __init__(self, accounts: FakeAccounts, key: Path) -> None:
        self._accounts, self._key = accounts, key

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._accounts.scm, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if self._key in self._accounts.noted:
                raise CredentialRefused("401, before")
            if self._key in self._accounts.refused:
                self._accounts.noted.add(self._key)
                self._accounts.shown[self._key] += 1
                raise CredentialRefused("401")
            try:
                return real(*args, **kwargs)
            except CredentialRefused:
                self._accounts.noted.add(self._key)
                raise

        return call


# ---- Keys, stores, events, runs ----------------------------------------------------------------------------------


class FakeSeal:
    """Seals and opens with a key of its own; a name other than the sealed one opens nothing."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(128))

    def seal(self, key: KeyPair, *, delegation: str, certificate: str, token: str) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, key.der(), _context(delegation, certificate, token))

    def open(self, sealed: bytes, *, delegation: str, certificate: str, token: str) -> KeyPair:
        try:
            der = self._cipher.decrypt(sealed[:12], sealed[12:], _context(delegation, certificate, token))
        except (InvalidTag, ValueError):
            raise KeyLost(f"what is sealed for {delegation}/{certificate} does not open") from None
        return KeyPair.from_der(der)


def _context(*parts: str) -> bytes:
    return json.dumps(parts).encode()


@dataclass(slots=True)
class FakeAcm:
    """ACM in any region; holds pairs by ARN and refuses what ACM refuses by `renewal.adapters.acm_rules`."""

    held: dict[str, CertificateWithKey] = field(default_factory=dict)
    imports: Counter[str] = field(default_factory=Counter)
    """How often each ARN was imported into."""
    lag: int = 0
    """So many searches do not list what was imported."""
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    """By ARN; those of first imports."""
    used: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By ARN: what uses it."""

    def refusal(self, certificate: ManagedCertificate, region: str) -> RenewalError | None:
        spec, stored = certificate.spec, certificate.stored
        arn = certificate.arn_in(region, spec.key_type)
        try:
            if arn is not None:
                held = self._describe(arn)
                require_ours(held, self.tags.get(arn, {}), spec, stored.serial if stored else "")
                require_same_key_type(held, spec.key_type)
        except RenewalError as error:
            return error
        return None

    def stored_serial(self, region: str, arn: str) -> str:
        return self.held[arn].chain.leaf.serial if f":{region}:" in arn and arn in self.held else ""

    def use(self, region: str, arn: str) -> ArnUse | None:
        if not self.stored_serial(region, arn) or arn not in self.used:
            return None
        return ArnUse(self.used[arn], self.held[arn].chain.leaf.not_after.date())

    def put(self, pair: CertificateWithKey, region: str, arn: str | None) -> str:
        require_algorithm_of_issuer(pair.chain)
        if not pair.chain.leaf.has_key(_public(pair.key)):
            raise AcmRefused("the private key does not match the certificate")
        if arn is None:
            arn = self._new_arn(region)
            self.tags[arn] = {DELEGATION_TAG: pair.spec.delegation, CERTIFICATE_TAG: pair.spec.name}
        elif (held := self._describe(arn)).serial != pair.chain.leaf.serial:
            require_ours(held, self.tags.get(arn, {}), pair.spec, pair.replaces)
            require_same_key_type(held, pair.key.key_type)
            leaf = pair.chain.leaf
            require_usages_kept(held, pair.key.key_type, extended=leaf.extended_key_usages, key_usages=leaf.key_usages)
        if arn not in self.held or self.held[arn].chain.leaf.serial != pair.chain.leaf.serial:
            self.held[arn] = pair
            self.imports[arn] += 1
        return arn

    def find(self, pair: CertificateWithKey, region: str) -> str | None:
        if self.lag:
            self.lag -= 1
            return None
        return next(
            (
                arn
                for arn, held in self.held.items()
                if f":{region}:" in arn and held.chain.leaf.serial == pair.chain.leaf.serial
            ),
            None,
        )

    def _new_arn(self, region: str) -> str:
        return f"arn:aws:acm:{region}:111122223333:certificate/{len(self.held) + 1:08x}-0000-4000-8000-000000000000"

    def _describe(self, arn: str) -> HeldCertificate:
        if arn not in self.held:
            raise AcmCertificateMissing(f"{arn} does not exist")
        leaf, region = self.held[arn].chain.leaf, arn.split(":")[3]
        algorithm = ACM_KEY_ALGORITHMS[self.held[arn].key.key_type]
        usages, names = leaf.extended_key_usages, frozenset(leaf.names)
        return HeldCertificate(arn, region, leaf.serial, algorithm, names=names, extended_key_usages=usages)


def _public(key: KeyPair) -> bytes:
    return public_key_bytes(key.private_key.public_key())


@dataclass(slots=True)
class FakeObjects:
    """Certificates as objects: path → content, and which serial is current."""

    files: dict[str, str] = field(default_factory=dict, repr=False)
    current: dict[Path, str] = field(default_factory=dict)
    begins: dict[Path, datetime] = field(default_factory=dict)
    """Since when the current certificate is valid."""

    def put(self, pair: CertificateWithKey) -> str:
        serial, path = pair.chain.leaf.serial, (pair.spec.delegation, pair.spec.name)
        current, not_before = self.current.get(path, ""), pair.chain.leaf.not_before
        if current not in {"", serial, pair.replaces} and self.begins[path] > not_before:
            raise OrderConflict(f"the store points to serial {current}, which is newer")
        folder = f"{pair.spec.path}/{serial}"
        self.files[f"{folder}/cert.pem"] = pair.chain.leaf.pem()
        self.files[f"{folder}/chain.pem"] = pair.chain.issuers_pem()
        self.files[f"{folder}/fullchain.pem"] = pair.chain.pem()
        self.files[f"{folder}/privkey.pem"] = pair.key.pem().decode()
        self.current[path], self.begins[path] = serial, not_before
        return serial

    def stored_serial(self, delegation: str, certificate: str) -> str:
        return self.current.get((delegation, certificate), "")

    def erase_replaced_keys(self, delegation: str, certificate: str, serial: str, pointer: str = "") -> None:
        folder, current = f"{delegation}/{certificate}", self.current[delegation, certificate]
        if current != serial or pointer not in {"", serial}:
            return
        for name in [name for name in self.files if name.startswith(f"{folder}/") and name.endswith("/privkey.pem")]:
            if name != f"{folder}/{current}/privkey.pem":
                del self.files[name]


class UnchangedStores:
    """Stores that serve what the order book has, for tests of the rest of an inspection."""

    def findings(self, *_: Any) -> tuple[()]:
        return ()


@dataclass(slots=True)
class FakeAnnouncer:
    """Keeps what was announced."""

    announced: list[tuple[str, str]] = field(default_factory=list)
    """(path, serial) of what was renewed, (path, state) of what is stored or not."""
    notices: list[tuple[str, Notice]] = field(default_factory=list)
    """(delegation, notice)."""

    def announce_renewal(self, order: Order, stored: StoredCertificate, previous: StoredCertificate | None) -> None:  # noqa: ARG002
        self.announced.append((order.path, stored.serial))

    def announce_service(self, certificate: ManagedCertificate, record: ServiceRecord, state: ServiceState) -> None:  # noqa: ARG002
        self.announced.append((certificate.spec.path, state))

    def announce_notice(self, delegation: str, notice: Notice) -> None:
        self.notices.append((delegation, notice))


@dataclass(slots=True)
class FakeMailer:
    """Keeps what was sent; `error` is raised instead."""

    mails: list[Mail] = field(default_factory=list)
    tags: list[Mapping[str, str]] = field(default_factory=list)
    error: RenewalError | None = None

    def send(self, mail: Mail, tags: Mapping[str, str]) -> str:
        if self.error:
            raise self.error
        self.mails.append(mail)
        self.tags.append(tags)
        return f"message-{len(self.mails)}"


@dataclass(slots=True)
class FakeRuns:
    """The runs in progress, in the order of their start."""

    running: list[str] = field(default_factory=list)

    def older(self, state_machine: str, run_id: str) -> tuple[str, ...]:
        assert ":stateMachine:" in state_machine
        before = self.running.index(run_id) if run_id in self.running else None
        return tuple(self.running[:before])


@dataclass(slots=True)
class FakeAlerts:
    """The alerts that were sent; with *error* none is accepted."""

    sent: list[Alert] = field(default_factory=list)
    error: RenewalError | None = None

    def publish(self, alert: Alert) -> None:
        if self.error:
            raise self.error
        self.sent.append(alert)


@dataclass(slots=True)
class FakeArchive:
    """Objects of runs by (run, name); what is written is JSON, as in S3."""

    documents: dict[tuple[str, str], str] = field(default_factory=dict)

    def write_plan(self, run_id: str, items: list[Mapping[str, Any]]) -> tuple[str, str]:
        return "bucket", self._write(run_id, "plan", items)

    def write_collection(self, run_id: str, items: list[Mapping[str, Any]]) -> tuple[str, str]:
        return "bucket", self._write(run_id, "collection", items)

    def write_verification(self, run_id: str, items: list[Mapping[str, Any]]) -> tuple[str, str]:
        return "bucket", self._write(run_id, "verification", items)

    def write_facts(self, run_id: str, facts: PlanFacts) -> None:
        self._write(run_id, "facts", records.to_json(facts))

    def write_report(self, run_id: str, report: RunReport) -> str:
        return self._write(run_id, "report", report.document())

    def write_foreign_orders(self, run_id: str, delegation: str, listed: ForeignOrderList) -> None:
        self._write(run_id, f"foreign-orders-{delegation}", records.to_json(listed))

    def read_notified(self) -> object:
        return json.loads(self.documents.get(("", "notified"), "null"))

    def write_notified(self, notified: NotifiedProblems) -> None:
        self._write("", "notified", records.to_json(notified))

    def write_results(self, run_id: str, results: list[Mapping[str, Any]]) -> None:
        """What Step Functions does: each Map adds its own."""
        earlier = json.loads(self.documents.get((run_id, "results"), "[]"))
        self._write(run_id, "results", [*earlier, *results])

    def read_facts(self, run_id: str) -> PlanFacts:
        return records.read(PlanFacts, self.read(run_id, "facts"))

    def read_results(self, run_id: str) -> tuple[list[Mapping[str, Any]], list[PlanUnreadable]]:
        try:
            if (run_id, "results") not in self.documents and not self.read(run_id, "plan"):
                return [], []
            return self.read(run_id, "results"), []
        except PlanUnreadable as error:
            return [], [error]

    def read_verification(self, run_id: str) -> tuple[list[Mapping[str, Any]], list[PlanUnreadable]]:
        try:
            return self.read(run_id, "verified"), []
        except PlanUnreadable as error:
            return [], [error]

    def read(self, run_id: str, name: str) -> Any:
        """An object of a run. Raises PlanUnreadable."""
        if (run_id, name) not in self.documents:
            raise PlanUnreadable(f"runs/{run_id}/{name}.json is not there")
        return json.loads(self.documents[run_id, name])

    def _write(self, run_id: str, name: str, document: object) -> str:
        self.documents[run_id, name] = json.dumps(document)
        return f"runs/{run_id}/{name}.json"
