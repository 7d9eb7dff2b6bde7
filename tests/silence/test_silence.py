"""Silence is an error: an alarm reports whatever stops a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from campaign.cases import record
from campaign.fault_injection import FaultInjection, Mode
from campaign.harness import Harness
from campaign.interception.calls import Boundary, Call
from campaign.run import Run
from campaign.scenarios import SCENARIOS

SCENARIO = SCENARIOS[0]
RETRIES = 5
"""Of a function that timed out: MaxAttempts in infra/renewal.asl.yaml."""


@pytest.fixture(scope="module")
def boundaries(harness: Harness) -> list[Boundary]:
    """The calls of a healthy run."""
    return record(harness, SCENARIO)


@dataclass(slots=True)
class EveryAttempt(FaultInjection):
    """Affects the call, and every later call of its operation in that run."""

    def _affects_later(self, call: Call) -> bool:
        return call.boundary.operation == self.boundary.operation


def run_with(
    harness: Harness, boundary: Boundary, mode: Mode, kind: type[FaultInjection] = FaultInjection, hours: int = 0
) -> Run:
    """A run with a fault; hours: duration of the concurrent run in a concurrent mode."""
    SCENARIO.prepare(harness)
    injection = kind(harness, mode, boundary, concurrent=lambda: harness.time.pass_seconds(hours * 3600))
    return harness.run_with(injection)


@pytest.mark.parametrize("function", ["check_expiry", "inspect_delegation", "enroll", "collect", "report"])
def test_a_run_that_is_killed_fails_and_publishes_nothing(
    harness: Harness, boundaries: list[Boundary], function: str
) -> None:
    """Two alarms report it: the failed execution, and the missing metric of a completed run."""
    place = next(found for found in boundaries if found.function == function and found.service != "lambda")

    run = run_with(harness, place, Mode.RUN_KILLED_BEFORE)

    assert run.status == "FAILED"
    assert "RunCompleted" not in run.metrics


def test_a_function_that_always_times_out_fails_the_run(harness: Harness, boundaries: list[Boundary]) -> None:
    """The report names the time-out; the log alone is not read."""
    place = next(found for found in boundaries if found.operation == "Invoke enroll")

    run = run_with(harness, place, Mode.KILLED_BEFORE, EveryAttempt)

    attempts = [call for call in harness.interception.boundaries[run.run_id] if call.operation == place.operation]
    assert len(attempts) == RETRIES + 1
    assert (run.status, run.error) == ("FAILED", "RunNeedsPerson")
    assert run.certificate_errors == ["Sandbox.Timedout"]
    assert (run.metrics["RunCompleted"], run.metrics["CertificatesFailed"]) == (1, 1)


def test_an_execution_over_its_time_limit_is_timed_out(harness: Harness, boundaries: list[Boundary]) -> None:
    """There is no report and no metric: the alarm RunFailed counts ExecutionsTimedOut."""
    place = next(found for found in boundaries if found.operation == "Invoke enroll")

    run = run_with(harness, place, Mode.CONCURRENT_BEFORE, hours=21)

    assert run.status == "TIMED_OUT"
    assert harness.history(run.run_id)["events"][-1]["type"] == "ExecutionTimedOut"
    assert run.report is None
    assert run.metrics == {}
    assert harness.daily_run().status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"unknown": 1}, "InvalidRequest"),
        ({"delegations": ["elsewhere"]}, "UnknownDelegation"),
    ],
    ids=["unknown field", "unknown delegation"],
)
def test_bad_input_fails_before_scm_is_called(harness: Harness, request_: dict[str, Any], error: str) -> None:
    """A run with a typing error must not be taken for a run without due certificates."""
    SCENARIO.prepare(harness)

    run = harness.run(**request_)

    assert (run.status, run.error) == ("FAILED", error)
    assert run.metrics == {}
    assert harness.played.simulator.calls == ()


def test_a_report_that_cannot_be_written_fails_the_run(harness: Harness, boundaries: list[Boundary]) -> None:
    """Without a report, no one knows the state of the certificates."""
    wrote = (found for found in boundaries if (found.function, found.operation) == ("report", "PutObject"))

    run = run_with(harness, next(wrote), Mode.DENIED)

    assert run.status == "FAILED"
    assert run.report is None
    assert "RunCompleted" not in run.metrics


def test_a_store_that_is_down_fails_the_run(harness: Harness, boundaries: list[Boundary]) -> None:
    """The table is down from the first call on, so there is not even a plan."""
    place = next(found for found in boundaries if found.service == "dynamodb")

    run = run_with(harness, place, Mode.OUTAGE)

    assert run.status == "FAILED"
    assert "RunCompleted" not in run.metrics


def test_an_outage_of_scm_before_a_first_certificate_fails_the_run(
    harness: Harness, boundaries: list[Boundary]
) -> None:
    """The functions work, but the service has no certificate."""
    place = next(found for found in boundaries if found.service == "scm")

    run = run_with(harness, place, Mode.OUTAGE)

    assert run.status == "FAILED"
    assert run.report is not None
    assert [row.error for row in run.report.delegations] == ["ScmUnavailable"]
    assert run.metrics["DelegationsFailed"] == 1


def test_an_outage_of_scm_before_a_renewal_is_reported_and_alerted(harness: Harness) -> None:
    """N10: the stored certificate has a quarter of its lifetime left, so that no alarm must wake the operator."""
    renewal = SCENARIOS[1]
    place = next(found for found in record(harness, renewal) if found.service == "scm")
    renewal.prepare(harness)

    run = harness.run_with(FaultInjection(harness, Mode.OUTAGE, place))

    assert run.status == "SUCCEEDED"
    assert run.report is not None
    assert [row.error for row in run.report.delegations] == ["ScmUnavailable"]
    assert run.metrics["CertificatesFailed"] == 1
    assert "ScmUnavailable" in harness.played.alerts[-1]


def test_a_run_without_due_certificates_reports_too(harness: Harness) -> None:
    """The alarm on a missing metric needs the metric every day."""
    SCENARIO.prepare(harness)
    harness.run()

    run = harness.daily_run()

    assert run.status == "SUCCEEDED"
    assert run.metrics["RunCompleted"] == 1
    assert run.report is not None
    assert (run.report.quiet_delegations, run.report.delegations) == (("univ",), ())
