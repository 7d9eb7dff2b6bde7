"""The run and every view judge alike: random estates, and the cases in which they contradicted each other."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from certmandate.judged_estate import JudgedEstate, judged_estate
from certmandate.views.incident import incidents_of
from certmandate.views.problems import next_step
from renewal.domain.due import Cause
from renewal.domain.errors import NeedsAttention, error_named
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.problem import problem_of
from renewal.domain.limits import Limits
from renewal.domain.order import ManagedCertificate, OrderStatus
from renewal.domain.run.report import RunReport
from renewal.domain.setup.finding import Finding, finding_from
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.snapshot import OrganisationValidation
from renewal.mail.rao_report import NextOrder, Waits
from tests.unit.orders import an_order
from tests.unit.system import DELEGATION, IDP, NOW, System, caught, child, managed, stored_by

REFUSALS = ("CredentialRefused", "CredentialExpired", "PermissionMissing", "AddressRefused")
FINDINGS = (
    Finding("WebApiOff", "error", "rao", "step 2: 'Web API' is not ticked"),
    Finding("PasswordExpiring", "warning", "operator", "step 6: it expires", due=NOW.date() + timedelta(days=3)),
    Finding("DcvLapsing", "warning", "rao", "step 4: expires", due=NOW.date() + timedelta(days=12)),
    Finding("NotApiOnly", "warning", "rao", "step 7: the account can use the portal"),
    Finding("NameNotDelegated", "error", "rao", "step 4: idp.univ.example: not delegated to the department"),
)


def status_of(system: System) -> JudgedEstate:
    """What `status` judges of the order book."""
    return judged_estate(
        system.book.records,
        [each for name in system.book.records for each in system.book.certificates(name)],
        system.clock(),
        ActingTimes(),
    )


def require_agreement(report: RunReport, status: JudgedEstate) -> None:
    """The run, its page and `status` have the same certificates and problems; texts may be the run's own.

    What the run has no row of, `status` has as fine.
    """
    rows = {row.path: (row.state, row.severity) for row in report.certificates}
    judged = {each.path: (each.state.label, each.severity) for each in status.certificates}
    assert judged == {**dict.fromkeys(judged, ("fine", "")), **rows}
    assert all(row.needs_attention for row in report.certificates if row.outcome in {"failed", "held"})
    untold = [replace(problem, text="") for problem in report.problems]
    assert untold == [replace(problem, text="") for problem in status.problems]
    assert (report.outcome == "failed") is status.needs_attention
    listed = [problem for incident in incidents_of(report) for problem in incident.problems]
    assert {problem.key for problem in listed} == report.failures
    for judgement in status.certificates:
        is_promised = next_step(judgement).startswith(("the next daily run renews it", "the next daily run orders"))
        assert not (is_promised and judgement.obstacle), judgement
        assert NextOrder.of(judgement, status.at.date()).waits_for in waited_for(next_step(judgement)), judgement


def waited_for(step: str) -> set[Waits]:
    """What the RAO's report may have a certificate wait for, of which `status` has *step*."""
    actors = {Waits.RAO, Waits.OPERATOR}
    begins = {
        "open order": {Waits.ISSUANCE, *actors},
        "held until": {Waits.DAY, Waits.MANDATE, *actors},
        "nothing: ": {Waits.MANDATE},
        "no run ": actors,
        "the next daily run tries; SCM is expected": actors,
        "the next daily run tries again": {Waits.RUN, *actors},
        "the next daily run": {Waits.RUN},
        "a later daily run": {Waits.RUN},
        "due from": {Waits.DAY},
    }
    return next(found for beginning, found in begins.items() if step.startswith(beginning))


def a_certificate(chance: random.Random, name: str, delegation: str) -> ManagedCertificate:
    """A certificate of any age, with any kind of order or failure."""
    spec = replace(IDP, name=name, delegation=delegation)
    age = chance.choice([None, 1, 100, 140, 170, 185, 197, 203])
    stored = None if age is None else stored_by(spec, age=age, serial=name.upper())
    certificate = ManagedCertificate(spec, stored)
    kind = chance.choice(["", "", "ordered", "requested", "trouble", "held", "failed", "asked"])
    if kind in {"ordered", "requested", "trouble"}:
        order = an_order(certificate=name, delegation=delegation, ssl_id=5001, status=OrderStatus.ORDERED)
        opened = NOW - timedelta(days=chance.choice([0, 3, 30]))
        order = replace(order, opened_at=opened, scm_status="REQUESTED" if kind == "requested" else "APPLIED")
        return replace(
            certificate, order=replace(order, storing_error="CertificateMismatch" if kind == "trouble" else "")
        )
    until = NOW + timedelta(days=2) if kind == "held" else None
    error = "OrderDeclined" if kind in {"held", "failed"} else ""
    asked = "stolen" if kind == "asked" else ""
    return replace(certificate, failures=int(bool(error)), last_error=error, hold_until=until, asked_reason=asked)


def play(chance: random.Random) -> System:
    """A daily run over random delegations, of which some cannot log in; it orders nothing."""
    system = System()
    results: list[Mapping[str, Any]] = []
    for number in range(4):
        name = f"d{number}"
        ends = chance.choice([None, None, NOW.date() - timedelta(days=1), NOW.date() + timedelta(days=30)])
        certificates = [a_certificate(chance, f"c{index}", name) for index in range(5)]
        for certificate in certificates:
            system.add(certificate.spec, delegation=replace(DELEGATION, name=name, mandate_ends=ends))
            path = (name, certificate.spec.name)
            system.book.managed[path] = replace(certificate, order=None)
            if certificate.order:
                system.book.orders[path] = certificate.order
        refusal = chance.choice(["", "", *REFUSALS])
        found: list[Finding] = chance.sample(FINDINGS, chance.randint(0, 2))
        error = error_named(refusal)("SCM refused it") if refusal else None
        assert error is None or isinstance(error, NeedsAttention)
        if error:
            found = [finding_from(error), *found]
        serials = [each.stored.serial for each in certificates if each.stored]
        withdrawn = {serial: Cause.REVOKED for serial in serials if chance.random() < 0.1} if not error else {}
        inspection = Inspection("run", NOW, findings=tuple(found), withdrawn=withdrawn)
        system.book.records[name] = replace(system.book.records[name], inspection=inspection)
        results.append(child(name, _result(name, certificates, error)))
    system.check_expiry("run", all_due_is_right=True, reason="a test")
    system.archive.write_results("run", results)
    return system


def _result(name: str, certificates: list[ManagedCertificate], error: NeedsAttention | None) -> dict[str, Any]:
    """The child's output: an error of the delegation, or its open orders as they are."""
    if error:
        return {"delegation": name, "error": caught(error)}
    pending = [each for each in certificates if each.order and not each.order.storing_error]
    rows = [{"certificate": each.spec.name, "status": "pending", "ssl_id": 5001} for each in pending]
    return {"delegation": name, "certificates": rows}


@pytest.mark.parametrize("seed", range(40))
def test_the_run_and_status_judge_random_estates_alike(seed: int) -> None:
    """`status` and the run's page contradicted each other, and neither was right."""
    system = play(random.Random(seed))  # noqa: S311 - no secret

    require_agreement(system.report("run"), status_of(system))


# ---- Cases ------------------------------------------------------------------------------------------------------


def awaiting(system: System, *, age: float) -> None:
    """An order of 30 days ago that no RAO has approved, for a certificate of *age* days."""
    system.add(IDP)
    system.book.managed["univ", "idp"] = replace(managed(age=age), order=None)
    order = an_order(ssl_id=5001, status=OrderStatus.ORDERED, scm_status="REQUESTED")
    system.book.orders["univ", "idp"] = replace(order, opened_at=NOW - timedelta(days=30))


@pytest.mark.parametrize(("age", "outcome"), [(150, "succeeded"), (198, "failed")])
def test_an_order_that_is_not_approved_in_time_fails_the_run(system: System, age: float, outcome: str) -> None:
    """A certificate expired while 229 of 229 runs succeeded: nothing was ever a reason for a notice."""
    awaiting(system, age=age)
    system.check_expiry("run")
    pending = {"certificate": "idp", "status": "pending", "ssl_id": 5001}
    system.archive.write_results("run", [child("univ", {"delegation": "univ", "certificates": [pending]})])

    report = system.report("run")

    assert (report.outcome, report.certificates[0].outcome) == (outcome, "pending")
    (problem,) = [each for each in report.problems if each.code == "OrderPending"]
    assert (problem.actor, problem.due) == ("rao", (NOW + timedelta(days=199 - age)).date())
    require_agreement(report, status_of(system))


def test_a_revoked_certificate_over_the_limit_fails_the_run(system: System) -> None:
    """36 certificates were revoked and the limit was 30: all went well, the run reported, and 6 were deferred."""
    system.limits = Limits(1, 500, 0.5)
    for name in ("a", "b"):
        spec = replace(IDP, name=name)
        system.add(spec)
        system.book.adopt(("univ", name), stored_by(spec, age=1, ssl_id=len(name), serial=name), NOW)
    system.scm.revoked = {1}

    report = system.daily_run()

    deferred = [row for row in report.certificates if row.outcome == "deferred" and row.reason == "revoked"]
    assert deferred
    assert report.outcome == "failed"
    assert {row.state for row in deferred} == {"revoked"}


def test_a_certificate_that_cannot_be_ordered_is_not_promised(system: System) -> None:
    """Two days left, PermissionMissing: `status` printed that the next run renews it."""
    system.add(IDP)
    system.book.managed["univ", "idp"] = managed(age=150)
    error = error_named("PermissionMissing")("code -226")
    inspection = Inspection("run", NOW, findings=(Finding("PermissionMissing", "error", "rao", str(error)),))
    system.book.records["univ"] = replace(system.book.records["univ"], inspection=inspection)

    (judgement,) = status_of(system).certificates

    assert judgement.state.label == "blocked"
    assert next_step(judgement) == "no run renews it until this is resolved: PermissionMissing"


def test_what_scm_is_expected_to_refuse_is_ordered_all_the_same(system: System) -> None:
    """SCM's own answer decides: `status` printed that no run renews it, and the next daily run did."""
    system.add(IDP)
    system.book.managed["univ", "idp"] = managed(age=150)
    system.scm.validated = (OrganisationValidation("OV_SSL", "EXPIRED", NOW.date() - timedelta(days=9)),)
    system.daily_run(dry_run=True, delegations=["univ"], reason="check")
    (judgement,) = status_of(system).certificates

    assert next_step(judgement).startswith("the next daily run tries; SCM is expected to refuse the order: ")
    assert [row.outcome for row in system.daily_run().certificates] == ["renewed"]


def outcomes(days: list[int]) -> Iterator[bool]:
    """Whether a warning for the RAO that is due in so many days needs attention."""
    for left in days:
        system = System()
        system.add(IDP)
        finding = Finding("MandateEnding", "warning", "rao", "it ends", due=NOW.date() + timedelta(days=left))
        record, inspection = system.book.records["univ"], Inspection("run", NOW, findings=(finding,))
        ending = replace(record.delegation, mandate_ends=finding.due)
        system.book.records["univ"] = replace(record, delegation=ending, inspection=inspection)
        yield status_of(system).needs_attention


def test_a_warning_grows_until_acting_takes_longer_than_is_left() -> None:
    """A mandate that ended in three days was not urgent, exit code 0; a RAO takes ten working days, two weeks."""
    assert list(outcomes([60, 15, 14, 3])) == [False, False, True, True]


@pytest.mark.parametrize("code", ["MandateEnding", "MandateEnded"])
def test_an_extended_mandate_is_asked_for_no_more(system: System, code: str) -> None:
    """The RAO had extended it, and was asked again until the next inspection."""
    system.add(IDP)
    record, day = system.book.records["univ"], NOW.date() - timedelta(days=code == "MandateEnded")
    inspection = Inspection("run", NOW, findings=(Finding(code, "warning", "rao", "it ends", due=day),))
    ending = replace(record.delegation, mandate_ends=day)
    extended = replace(ending, mandate_ends=NOW.date() + timedelta(days=400))

    shown = []
    for delegation in (ending, extended):
        system.book.records["univ"] = replace(record, delegation=delegation, inspection=inspection)
        shown.append(code in {problem.code for problem in status_of(system).problems})

    assert shown == [True, False]


@pytest.mark.parametrize(("code", "days"), [("MandateEnding", 1), ("OrganisationValidationLapsing", 0)])
def test_orders_stop_after_the_last_day_of_a_mandate(code: str, days: int) -> None:
    """The RAO read that nothing can be ordered from the 14th, on which orders are still placed."""
    finding = Finding(code, "warning", "rao", "it ends", due=NOW.date())

    problem = problem_of(finding, "univ", [], NOW.date(), ActingTimes())

    assert problem.consequence_on == NOW.date() + timedelta(days=days)
