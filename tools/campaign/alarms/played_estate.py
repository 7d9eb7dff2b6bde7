"""An estate in virtual time: the report's step over records that change as a run, SCM and the operator change them.

Runs are not played: what they would record is written down. So two years of twenty delegations take seconds, and what
should be notified is known without the judgement of the product.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, cast

from campaign.alarms.troubles import Kind, Trouble
from renewal import records
from renewal.deadline import Deadline
from renewal.domain.alerts.alert import Alert
from renewal.domain.alerts.crossings import Thresholds
from renewal.domain.alerts.memory import NotifiedProblems
from renewal.domain.delegation import CertificatePath, CertificateSpec, Delegation, Profile
from renewal.domain.due import next_action
from renewal.domain.errors import PlanUnreadable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.summary import DelegationSummary
from renewal.domain.key_type import KeyType
from renewal.domain.order import FinishedOrder, ManagedCertificate, Order, OrderStatus, StoredCertificate
from renewal.domain.orderable import decide_with_inspection
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.run.plan import PlanFacts, PlannedCertificate, PlanState
from renewal.domain.run.report import RunReport
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import DelegatedName
from renewal.ports.order_book import Listing, OrderIndex
from renewal.ports.runs import RunArchive
from renewal.steps.report import Report
from renewal.steps.reporting.alert_sender import AlertSender
from renewal.steps.reporting.reader import ReportReader

BEGINS = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
LIMITS = Thresholds(expiry=timedelta(days=14), pending=timedelta(hours=48), password=timedelta(days=14))
TERMS = (46, 99, 199)
PROFILE = 1018
ERRORS = {Kind.CREDENTIAL_REFUSED: "CredentialRefused", Kind.NO_ANSWER: "ScmUnavailable"}
"""Of the whole delegation."""
PASSWORD_DAYS, ROTATED_DAYS_BEFORE = 90, 30
ANOTHER_ORDER = 0.2
"""Of the inspections of a delegation in which others order, those that find one more."""
_HOLDS = (1, 2, 4, 8)  # days, after so many declined orders


@dataclass(frozen=True, slots=True)
class Sent:
    """One alert."""

    at: datetime
    alert: Alert


@dataclass(frozen=True, slots=True)
class PlayedRun:
    """One run, when its report is written."""

    report: RunReport
    metrics: Mapping[str, float]
    results: Mapping[str, str]
    """By `delegation/certificate` or delegation that this run has worked on: the error, "" for none."""


@dataclass(slots=True)
class PlayedEstate:
    """Delegations, their certificates, and the objects of runs: an order book and an archive for the report's step."""

    random: Random
    troubles: Sequence[Trouble]
    now: datetime = BEGINS
    records: dict[str, DelegationRecord] = field(default_factory=dict)
    managed: dict[str, ManagedCertificate] = field(default_factory=dict)
    """By `delegation/certificate`."""
    passwords: dict[str, date] = field(default_factory=dict)
    foreign: dict[str, list[int]] = field(default_factory=dict)
    """SSL IDs of orders that are not ours, by delegation, until all of them are acknowledged."""
    sent: list[Sent] = field(default_factory=list)
    notified: NotifiedProblems = field(default_factory=NotifiedProblems)
    _rows: list[FinishedOrder] = field(default_factory=list)
    _ready: dict[str, datetime] = field(default_factory=dict)
    _facts: PlanFacts = field(default_factory=lambda: PlanFacts(BEGINS))
    _children: list[Mapping[str, Any]] = field(default_factory=list)
    _report: RunReport | None = None
    _runs: int = 0

    def add(self, name: str, term: int, certificates: int) -> None:
        """Add a delegation whose certificates, of *term* days, were stored at random times."""
        self.records[name] = DelegationRecord(
            Delegation(name, name.title(), 1000 + len(self.records), (f"{name}.example",))
        )
        self.passwords[name] = self.now.date() + timedelta(days=self.random.randint(40, PASSWORD_DAYS))
        for number in range(certificates):
            spec = CertificateSpec(name, f"web{number}", (f"{name}.example",), PROFILE, term_days=term)
            stored = self._stored(
                spec, f"earlier-{spec.path}", self.now - timedelta(days=self.random.random() * term / 2)
            )
            self.managed[spec.path] = ManagedCertificate(spec, stored)

    def kinds(self, delegation: str) -> set[Kind]:
        """Return what is wrong with *delegation* now."""
        days = (self.now - BEGINS) / timedelta(days=1)
        return {trouble.kind for trouble in self.troubles if trouble.lasts(delegation, days)}

    # ---- Runs --------------------------------------------------------------------------------------------------------

    def days(self, count: int) -> Iterator[PlayedRun]:
        """Play the daily run of each day, and each hour in which an order is open."""
        for _ in range(count):
            yield self._run(sorted(self.records), is_daily=True)
            for _ in range(23):
                self.now += timedelta(hours=1)
                if opened := sorted({each.spec.delegation for each in self.managed.values() if each.order}):
                    yield self._run(opened, is_daily=False)
            self.now += timedelta(hours=1)

    def _run(self, delegations: Sequence[str], *, is_daily: bool) -> PlayedRun:
        self._runs += 1
        run_id, self._children = f"run-{self._runs}", []
        due: dict[str, PlannedCertificate] = {}
        results: dict[str, str] = {}
        for name in delegations:
            planned = self._planned(name, is_daily=is_daily)
            results |= self._worked(run_id, name, planned)
            due |= planned
        self._facts = PlanFacts(
            self.now, delegations=tuple(delegations), due=due, open_orders_only=not is_daily, is_hourly=not is_daily
        )
        sender = AlertSender(cast("RunArchive", self), self, LIMITS, "certmandate")
        book = cast("OrderIndex", self)
        reader = ReportReader(book, LIMITS.password, Deadline(datetime.max.replace(tzinfo=UTC), lambda: self.now))
        step = Report(book, cast("RunArchive", self), lambda: self.now, ActingTimes(), reader, sender)
        summary = step(run_id)
        assert self._report is not None  # noqa: S101 - written by the step
        return PlayedRun(self._report, summary["metrics"], results)

    def _planned(self, name: str, *, is_daily: bool) -> dict[str, PlannedCertificate]:
        planned = {}
        for certificate in self.certificates(name):
            decision = decide_with_inspection(certificate, self.records[name].inspection, self.now)
            if decision.is_due and (is_daily or certificate.order):
                planned[certificate.spec.path] = PlannedCertificate(decision.causes, PlanState.PLANNED)
        return planned

    def _worked(self, run_id: str, name: str, planned: Mapping[str, PlannedCertificate]) -> dict[str, str]:
        """Write down what a run does for a delegation; return the errors, by path."""
        kinds = self.kinds(name)
        stopped = next((error for kind, error in ERRORS.items() if kind in kinds), "")
        if stopped:
            self._children.append(_child(name, {"error": _caught(stopped)}))
            return {name: stopped, **dict.fromkeys(planned, stopped)}
        self._inspect(run_id, name, kinds)
        worked_on = {self.managed[path].spec.name for path in planned}
        summary = DelegationSummary.of(self.records[name], self.certificates(name), worked_on, self.now, ActingTimes())
        ended = {path: self._renewed(run_id, path, each, kinds) for path, each in planned.items()}
        output = {"certificates": list(ended.values()), "summary": records.to_json(summary)}
        self._children.append(_child(name, output))
        return {name: "", **{path: each.get("error", {}).get("Error", "") for path, each in ended.items()}}

    def _inspect(self, run_id: str, name: str, kinds: set[Kind]) -> None:
        today, findings = self.now.date(), []
        if Kind.PASSWORD_NOT_ROTATED in kinds:
            self.passwords[name] = min(self.passwords[name], today + timedelta(days=20))
        elif self.passwords[name] - today <= timedelta(days=ROTATED_DAYS_BEFORE):
            self.passwords[name] = today + timedelta(days=PASSWORD_DAYS)
        if self.passwords[name] - today <= timedelta(days=21):
            findings.append(Finding("PasswordExpiring", "warning", "operator", "expires", due=self.passwords[name]))
        if Kind.STORE_CHANGED in kinds:
            findings.append(Finding("StoreDrifted", "error", "operator", "another certificate", "web0"))
        findings += self._foreign_orders(name, kinds)
        entry = DelegatedName(f"{name}.example", True, frozenset({"SSL"}), "VALIDATED", today + timedelta(days=190))
        inspection = Inspection(
            run_id,
            self.now,
            (Profile(PROFILE, "OV", TERMS),),
            tuple(findings),
            self.passwords[name],
            delegated=(entry,),
        )
        self.records[name] = replace(self.records[name], inspection=inspection)

    def _foreign_orders(self, name: str, kinds: set[Kind]) -> Iterator[Finding]:
        if Kind.FOREIGN_ORDERS not in kinds:
            self.foreign[name] = []
            return
        known = self.foreign.setdefault(name, [])
        if not known or self.random.random() < ANOTHER_ORDER:
            known.append(9000 + self._runs)
        for number in known:
            yield Finding("OrderNotOurs", "error", "rao", f"order SSL ID {number}, issued: x", about=str(number))
        yield Finding("OrderNotOurs", "error", "operator", f"SCM has orders that are not ours: SSL ID {known}")

    def _renewed(self, run_id: str, path: str, planned: PlannedCertificate, kinds: set[Kind]) -> dict[str, Any]:
        """Order and collect one certificate; return its result."""
        certificate = self.managed[path]
        if certificate.order is None:
            if Kind.NOT_PERMITTED in kinds:
                return _failed(certificate, "PermissionMissing")
            certificate = self._ordered(run_id, certificate, planned, kinds)
        order, spec = certificate.order, certificate.spec
        assert order is not None  # noqa: S101 - made above
        trouble = "CertificateMismatch" if Kind.NOT_STORED in kinds else ""
        self.managed[path] = replace(certificate, order=replace(order, storing_error=trouble))
        if trouble:
            return _failed(certificate, trouble)
        if Kind.DECLINED in kinds:
            hold = timedelta(days=_HOLDS[min(certificate.failures, 3)])
            self.managed[path] = replace(
                certificate, order=None, failures=certificate.failures + 1, last_error="OrderDeclined",
                last_error_text="declined", hold_until=self.now + hold,
            )  # fmt: skip
            return _failed(certificate, "OrderDeclined")
        if Kind.NOT_APPROVED in kinds or self.now < self._ready[path]:
            return {"certificate": spec.name, "token": order.token, "ssl_id": order.ssl_id, "status": "pending"}
        stored = self._stored(spec, order.token, self.now)
        self._rows = [row for row in self._rows if row.ended_at == self.now] + [
            order.stored_row(stored, certificate.stored, "")
        ]
        self.managed[path] = ManagedCertificate(spec, stored)
        return {"certificate": spec.name, "token": order.token, "ssl_id": order.ssl_id, "status": "stored"}

    def _ordered(
        self, run_id: str, certificate: ManagedCertificate, planned: PlannedCertificate, kinds: set[Kind]
    ) -> ManagedCertificate:
        spec = certificate.spec
        awaits = "REQUESTED" if Kind.NOT_APPROVED in kinds else "APPLIED"
        order = Order(
            spec.delegation, spec.name, f"token-{run_id}-{spec.name}", OrderStatus.ORDERED, 1, spec.names, PROFILE,
            KeyType.P_256, spec.term_days or 0, "", b"", planned.causes, run_id, self.now, self.now, ssl_id=self._runs,
            scm_status=awaits,
        )  # fmt: skip
        self._ready[spec.path] = self.now + timedelta(hours=self.random.randint(1, 20) if Kind.SLOW in kinds else 0)
        self.managed[spec.path] = replace(certificate, order=order)
        return self.managed[spec.path]

    def _stored(self, spec: CertificateSpec, token: str, at: datetime) -> StoredCertificate:
        ends = at + timedelta(days=spec.term_days or 0)
        serial = f"{self.random.getrandbits(64):X}"
        return StoredCertificate(
            1, serial, at, ends, spec.names, PROFILE, spec.key_type, "CN=CA", spec.stores, token, at
        )

    # ---- What the report's step reads and writes ---------------------------------------------------------------------

    def waiting(self, until: datetime) -> Iterator[CertificatePath]:
        """What the index has as waiting."""
        return (each.spec.record_key for each in self.managed.values() if next_action(each, self.now) <= until)

    def load_certificates(self, paths: Iterable[CertificatePath]) -> Listing[ManagedCertificate]:
        """The named certificates."""
        return Listing(self.managed[str(path)] for path in dict.fromkeys(paths))

    def load_delegations(self, names: Iterable[str]) -> Listing[DelegationRecord]:
        """The records of delegations."""
        return Listing(self.records[name] for name in names)

    def every_certificate(self) -> Iterator[CertificatePath]:
        """All certificates."""
        return map(CertificatePath.parse, self.managed)

    def undone_retirements(self) -> Collection[str]:
        """None is undone."""
        return ()

    def removed_among(self, _delegations: Collection[str]) -> Collection[str]:
        """None is removed."""
        return ()

    def certificates(self, delegation: str) -> Listing[ManagedCertificate]:
        """All certificates of a delegation."""
        return Listing(each for each in self.managed.values() if each.spec.delegation == delegation)

    def replacement_rules(self) -> Listing[ReplacementRule]:
        """No replacement rule."""
        return Listing(())

    def history(self, delegation: str, certificate: str) -> Listing[FinishedOrder]:
        """What the present run has stored."""
        wanted = (delegation, certificate)
        return Listing(row for row in self._rows if (row.delegation, row.certificate) == wanted)

    def read_facts(self, _run_id: str) -> PlanFacts:
        """The facts of the present run."""
        return self._facts

    def read_results(self, _run_id: str) -> tuple[list[Mapping[str, Any]], list[PlanUnreadable]]:
        """The results of the present run."""
        return self._children, []

    def read_notified(self) -> object:
        """What was notified, as JSON."""
        return records.to_json(self.notified)

    def write_notified(self, notified: NotifiedProblems) -> None:
        """Remember what was notified."""
        self.notified = notified

    def write_report(self, run_id: str, report: RunReport) -> str:
        """Keep the last report."""
        self._report = report
        return f"runs/{run_id}/report.json"

    def publish(self, alert: Alert) -> None:
        """Deliver an alert."""
        self.sent.append(Sent(self.now, alert))


def _failed(certificate: ManagedCertificate, error: str) -> dict[str, Any]:
    return {"certificate": certificate.spec.name, "status": "failed", "error": _caught(error)}


def _caught(error: str) -> dict[str, str]:
    return {"Error": error, "Cause": json.dumps({"errorMessage": f"{error} in this estate", "errorType": error})}


def _child(delegation: str, output: Mapping[str, Any]) -> dict[str, str]:
    return {"Input": json.dumps({"delegation": delegation}), "Status": "SUCCEEDED", "Output": json.dumps(output)}
