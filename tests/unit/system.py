"""What the unit tests talk about: a delegation, its certificates, and a whole system of fakes around the steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from renewal.domain.alerts.crossings import Thresholds
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.errors import NeedsAttention, RenewalError, Retryable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.limits import Limits
from renewal.domain.order import ManagedCertificate, StoredCertificate
from renewal.domain.order_search import SearchControl, SearchResult
from renewal.domain.run.payload import DelegationTask, Progress, Task
from renewal.domain.run.report import RunReport
from renewal.domain.setup.inspection import Inspection
from renewal.ports.scm import Accounts
from renewal.steps.check_expiry import CheckExpiry
from renewal.steps.collect import Collect
from renewal.steps.enroll import Enroll
from renewal.steps.inspect_delegation import InspectDelegation
from renewal.steps.plan_collection import PlanCollection
from renewal.steps.report import Report
from renewal.steps.reporting.alert_sender import AlertSender
from renewal.steps.reporting.reader import ReportReader
from renewal.steps.stores.storing import Stores
from tests.fakes import (
    FakeAccounts,
    FakeAcm,
    FakeAlerts,
    FakeAnnouncer,
    FakeArchive,
    FakeDns,
    FakeEgress,
    FakeObjects,
    FakeOrderBook,
    FakeRuns,
    FakeScm,
    FakeSeal,
    HandClock,
    UnchangedStores,
    ample,
)
from tests.throwaway_ca import trusted_roots

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
QUIET = timedelta(minutes=5)
DELEGATION = Delegation("univ", "Université d'Exemple", 1698, ("idp.univ.example", "*.apps.univ.example"))
IDP = CertificateSpec("univ", "idp", ("idp.univ.example",), 1018)
PATH = ("univ", "idp")
MOST_POLLS = 5  # infra/renewal.asl.yaml
MACHINE = "arn:aws:states:eu-west-3:123456789012:stateMachine:certmandate-renewal"


def stored_by(spec: CertificateSpec, *, age: float = 0, days: float = 199, **changes: Any) -> StoredCertificate:
    """What *spec* asks for, stored *age* days before NOW for *days* days."""
    not_before = NOW - timedelta(days=age)
    stored = StoredCertificate(
        ssl_id=4000,
        serial="ABC",
        not_before=not_before,
        not_after=not_before + timedelta(days=days),
        names=spec.names,
        profile_id=spec.profile_id,
        key_type=spec.key_type,
        issuer="CN=Sectigo Public Server Authentication CA OV E36",
        stores=spec.stores,
        token=f"earlier-{spec.name}",
        stored_at=not_before,
        issued_at=not_before,
    )
    return replace(stored, **changes)


def managed(*, age: float | None = None, days: float = 199, **changes: Any) -> ManagedCertificate:
    """The certificate `univ/idp`; served for *age* days of *days*, or new."""
    stored = None if age is None else stored_by(IDP, age=age, days=days)
    return replace(ManagedCertificate(IDP, stored), **changes)


@dataclass(slots=True)
class System:
    """All steps over one set of fakes. `daily_run` plays the state machine with patience for every retry."""

    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    book: FakeOrderBook = field(default_factory=FakeOrderBook)
    acm: FakeAcm = field(default_factory=FakeAcm)
    objects: FakeObjects = field(default_factory=FakeObjects)
    announcer: FakeAnnouncer = field(default_factory=FakeAnnouncer)
    archive: FakeArchive = field(default_factory=FakeArchive)
    alerts: FakeAlerts = field(default_factory=FakeAlerts)
    runs: FakeRuns = field(default_factory=FakeRuns)
    seal: FakeSeal = field(default_factory=FakeSeal)
    limits: Limits = Limits(30, 500, 0.5)
    egress: FakeEgress = field(default_factory=FakeEgress)
    registered: tuple[str, ...] = ()
    rotation: date | None = None
    """When the account's password is rotated automatically."""
    stores: Any = field(default_factory=UnchangedStores)
    """What compares the stores with the order book."""
    scm: FakeScm = field(init=False)
    accounts: FakeAccounts = field(init=False)
    _tokens: Iterator[int] = field(default_factory=lambda: count(1))
    _runs: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.scm = FakeScm(self.clock)
        self.accounts = FakeAccounts(self.scm)

    # ---- Steps -------------------------------------------------------------------------------------------

    def check_expiry(self, run_id: str = "run", /, **request: Any) -> dict[str, Any]:
        """Plan a run."""
        deadline = ample(self.clock)
        return CheckExpiry(self.book, self.book, self.archive, self.runs, self.limits, self.clock, deadline)(
            run_id, request, MACHINE
        )

    def plan(self, run_id: str = "run") -> list[DelegationTask]:
        """The plan that check_expiry wrote."""
        return [DelegationTask.parse(item) for item in self.archive.read(run_id, "plan")]

    def plan_of(self, delegation: str) -> DelegationTask:
        """A plan in which nothing of the delegation is due."""
        return DelegationTask("run", self.clock(), delegation, dry_run=False, may_add=False, certificates=())

    def inspect(self, task: DelegationTask) -> dict[str, Any]:
        """Inspect one delegation."""
        return self.inspect_step()(task)

    def enroll(self, task: Task | None = None, **instead: Any) -> Progress:
        """Order one certificate."""
        return self.enroll_step(**instead)(task or self.task())

    def collect(self, progress: Progress, **instead: Any) -> Progress:
        """Collect one order."""
        return self.collect_step(**instead)(progress)

    def inspect_step(self, **instead: Any) -> InspectDelegation:
        """The step; *instead*, here and below: `book=`, `scm=` … in place of the system's own."""
        return InspectDelegation(
            self.book,
            self.book,
            self._accounts(instead),
            instead.get("egress", self.egress),
            lambda _delegation: self.rotation,
            instead.get("recording", lambda _run_id, _delegation: nullcontext()),
            instead.get("write_list", self.archive.write_foreign_orders),
            self.limits.orders_per_delegation,
            self.clock,
            ample(self.clock),
            FakeDns(is_silent=True),
            instead.get("stores", self.stores),
            ActingTimes(),
            self.registered,
        )

    def enroll_step(self, **instead: Any) -> Enroll:
        """The step that orders one certificate."""
        book = instead.get("book", self.book)
        sealer, acm = instead.get("sealer", self.seal), instead.get("acm", self.acm)
        token = lambda: f"token{next(self._tokens)}"  # noqa: E731  # as short as it is dull
        quiet, deadline = QUIET, instead.get("deadline", ample(self.clock))
        most = instead.get("most_orders", 30)
        return Enroll(book, book, self._accounts(instead), sealer, acm, self.clock, token, quiet, deadline, most)

    def collect_step(self, **instead: Any) -> Collect:
        """The step that collects one order."""
        book = instead.get("book", self.book)
        opener, acm = instead.get("opener", self.seal), instead.get("acm", self.acm)
        objects, announcer = instead.get("objects", self.objects), instead.get("announcer", self.announcer)
        deadline = instead.get("deadline", ample(self.clock))
        stores = Stores(book, opener, acm, objects, announcer, self.clock, deadline)
        roots = instead.get("roots", trusted_roots())
        return Collect(book, book, self._accounts(instead), stores, roots, self.clock)

    def report_step(self) -> Report:
        """The last step of a run."""
        thresholds = Thresholds(expiry=timedelta(days=14), pending=timedelta(hours=48), password=timedelta(days=14))
        sender = AlertSender(self.archive, self.alerts, thresholds, "certmandate")
        reader = ReportReader(self.book, thresholds.password, ample(self.clock))
        return Report(self.book, self.archive, self.clock, ActingTimes(), reader, sender)

    def _accounts(self, instead: Mapping[str, Any]) -> Accounts:
        self.accounts.noted.clear()  # every step is an invocation of its own
        if "scm" in instead:
            return replace(self.accounts, scm=instead["scm"])
        found: Accounts = instead.get("accounts", self.accounts)
        return found

    def report(self, run_id: str = "run") -> RunReport:
        """Report a run; return the report."""
        self.report_step()(run_id)
        return RunReport.parse(self.archive.read(run_id, "report"))

    # ---- Shorthands --------------------------------------------------------------------------------------

    def task(self, spec: CertificateSpec = IDP, **changes: Any) -> Task:
        """A due certificate of a run that begins now."""
        return replace(Task("run", self.clock(), spec.delegation, spec.name, ("new",)), **changes)

    def asked_task(self, spec: CertificateSpec = IDP, **changes: Any) -> Task:
        """The task of a certificate whose replacement an operator has requested."""
        self.book.ask(spec.record_key, "laptop stolen", self.clock())
        return self.task(spec, **{"causes": ("asked",), **changes})

    def item(self, **changes: Any) -> DelegationTask:
        """The delegation's item of a whole run in which nothing is due."""
        item = DelegationTask("run", self.clock(), "univ", dry_run=False, may_add=True, certificates=(), capacity=30)
        return replace(item, **changes)

    def inspection(self) -> Inspection:
        """The last inspection of the delegation."""
        found = self.book.delegation("univ").inspection
        assert found is not None
        return found

    def renew(self, spec: CertificateSpec = IDP) -> StoredCertificate:
        """Order and collect without any trouble; return what is stored now."""
        self.collect(self.enroll(self.task(spec)))
        return self.stored(spec)

    def stored(self, spec: CertificateSpec = IDP) -> StoredCertificate:
        """What is stored now."""
        stored = self.book.certificate(spec.delegation, spec.name).stored
        assert stored is not None, f"{spec.path} serves nothing"
        return stored

    def add(self, *specs: CertificateSpec, delegation: Delegation = DELEGATION) -> None:
        """Apply certificates to the order book."""
        self.book.apply(delegation, *specs, now=self.clock())

    def prove_search(self, spec: CertificateSpec = IDP, seconds: float = 1) -> None:
        """An earlier order of the delegation was found by a search, *seconds* after its POST."""
        delegation, now = self.book.delegation(spec.delegation).delegation, self.clock()
        posted = now - timedelta(seconds=seconds)
        control = SearchControl("earlier", "earlier", spec.names, delegation.department_id, 4000, posted, posted, now)
        self.book.record_search(spec.delegation, control, SearchResult(4000, "commonName=earlier.univ.example"))

    # ---- A whole run -------------------------------------------------------------------------------------

    def daily_run(self, **request: Any) -> RunReport:
        """Play the state machine; return the report."""
        run_id = f"run{next(self._runs)}"
        self.check_expiry(run_id, **request)
        self.archive.write_results(run_id, [self._child(task) for task in self.plan(run_id)])
        for polls in range(MOST_POLLS):
            if not PlanCollection(self.archive)(run_id, polls)["delegations"]:
                break
            self.clock.advance(seconds=30 if polls else 0)
            self.archive.write_results(
                run_id, [self._collection(item) for item in self.archive.read(run_id, "collection")]
            )
        return self.report(run_id)

    def _collection(self, item: Mapping[str, Any]) -> dict[str, Any]:
        orders = [Progress.parse(order) for order in item["orders"]]
        ended = [self._attempted(partial(self.collect, order), order.certificate, order) for order in orders]
        names = [order.certificate for order in orders]
        return child(item["delegation"], {"certificates": ended}, orders=names)

    def _child(self, task: DelegationTask) -> dict[str, Any]:
        output: Mapping[str, Any]
        try:
            output = self.inspect(task)
        except RenewalError as error:
            resumed = [self._enrolled(issued) for issued in task.issued]
            output = {"delegation": task.delegation, "error": caught(error), "certificates": resumed}
        else:
            if not task.dry_run:
                enrolled = [self._enrolled(Task.parse(entry)) for entry in output["certificates"]]
                output = {**output, "certificates": enrolled}
        return child(task.delegation, output)

    def _enrolled(self, task: Task) -> dict[str, Any]:
        return self._attempted(partial(self.enroll, task), task.certificate)

    def _attempted(
        self, step: Callable[[], Progress], certificate: str, order: Progress | None = None
    ) -> dict[str, Any]:
        """Play a Task with its Retry and its Catch."""
        failure = RenewalError()
        for _ in range(12):
            try:
                return step().payload()
            except Retryable as error:
                failure = error
                self.clock.advance(minutes=3)
            except NeedsAttention as error:
                failure = error
                break
        ids = {"token": order.token, "ssl_id": order.ssl_id} if order else {}
        return {"certificate": certificate, **ids, "status": "failed", "error": caught(failure)}


def caught(error: RenewalError) -> dict[str, str]:
    """What a Catch of the state machine receives."""
    document = {"errorMessage": str(error), "errorType": type(error).__name__}
    return {"Error": type(error).__name__, "Cause": json.dumps(document)}


def child(
    delegation: str, output: Mapping[str, Any] | None, *, orders: Sequence[str] = (), **changes: Any
) -> dict[str, Any]:
    """What ResultWriter writes of one child execution; *orders*: certificates that it was to collect."""
    item = {"delegation": delegation} | ({"orders": [{"certificate": name} for name in orders]} if orders else {})
    described = {"Input": json.dumps(item), "Status": "SUCCEEDED", "Output": json.dumps(output)}
    return {**described, **changes}
