"""Silence is an error: whatever stops a run, an alarm can see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from campaign.cases import record
from campaign.scenarios import DELEGATION, SCENARIOS
from campaign.stage import Run, Stage
from campaign.strikes import Mode, ModeStrike
from campaign.wire import Boundary, Crossing

SCENARIO = SCENARIOS[0]
RETRIES = 5
"""Of a function that timed out: MaxAttempts in infra/renewal.asl.yaml."""

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One stage for all of this module."""
    with Stage() as one:
        yield one


@pytest.fixture(scope="module")
def boundaries(stage: Stage) -> list[Boundary]:
    """What a healthy run calls."""
    return record(stage, SCENARIO)


@dataclass(slots=True)
class EveryAttempt(ModeStrike):
    """Strikes the call, and every later one of its operation in that run."""

    def _goes_on(self, crossing: Crossing) -> bool:
        return crossing.boundary.operation == self.boundary.operation


def struck(stage: Stage, boundary: Boundary, mode: Mode, kind: type[ModeStrike] = ModeStrike, hours: int = 0) -> Run:
    """A run that was struck there; hours: how long a rival run, if that is the mode, keeps it from going on."""
    SCENARIO.prepare(stage)
    run_id = stage.next_run_id()
    stage.wire.strike = kind(mode, boundary, run_id, lambda: stage.time.pass_seconds(hours * 3600), stage.time)
    run = stage.run(run_id)
    stage.wire.strike = None
    return run


def last(boundaries: list[Boundary], service: str, function: str) -> Boundary:
    """The last call of a function to a service."""
    return [one for one in boundaries if (one.service, one.function) == (service, function)][-1]


@pytest.mark.parametrize("function", ["check_expiry", "inspect_delegation", "enroll", "collect", "report"])
def test_a_run_that_is_killed_fails_and_publishes_nothing(
    stage: Stage, boundaries: list[Boundary], function: str
) -> None:
    """Two alarms see it: the failed execution, and the metric of a completed run that is missing."""
    place = next(one for one in boundaries if one.function == function and one.service != "lambda")

    run = struck(stage, place, Mode.RUN_KILLED_BEFORE)

    assert run.status == "FAILED"
    assert "RunCompleted" not in run.metrics


def test_a_function_that_times_out_for_good_fails_the_run(stage: Stage, boundaries: list[Boundary]) -> None:
    """The report names it: a time-out is no business of the log alone."""
    place = next(one for one in boundaries if one.operation == "Invoke enroll")

    run = struck(stage, place, Mode.KILLED_BEFORE, EveryAttempt)

    attempts = [one for one in stage.wire.crossed[run.run_id] if one.operation == place.operation]
    assert len(attempts) == RETRIES + 1
    assert (run.status, run.error) == ("FAILED", "RunNeedsPerson")
    assert run.report is not None
    assert [row.error for row in run.report.certificates] == ["Sandbox.Timedout"]
    assert (run.metrics["RunCompleted"], run.metrics["CertificatesFailed"]) == (1, 1)


def test_an_execution_whose_time_is_over_says_so(stage: Stage, boundaries: list[Boundary]) -> None:
    """No report, no metric: the alarm RunFailed counts ExecutionsTimedOut, and this is what is counted there."""
    place = next(one for one in boundaries if one.operation == "Invoke enroll")

    run = struck(stage, place, Mode.RIVAL_BEFORE, hours=11)

    assert run.status == "TIMED_OUT"
    assert stage.history(run.run_id)["events"][-1]["type"] == "ExecutionTimedOut"
    assert run.report is None
    assert run.metrics == {}
    assert stage.daily_run().status == "SUCCEEDED"


@pytest.mark.parametrize(
    "request_",
    [{"unknown": 1}, {"delegations": "univ"}, {"force": True}, {"certificates": ["univ"]}],
    ids=["unknown field", "wrong type", "contradiction", "no path"],
)
def test_bad_input_fails_before_anything_is_touched(stage: Stage, request_: dict[str, Any]) -> None:
    """A typing error must not look like a run that had nothing to do."""
    SCENARIO.prepare(stage)

    run = stage.run(**request_)

    assert (run.status, run.error) == ("FAILED", "InvalidRequest")
    assert run.metrics == {}
    assert stage.played.simulator.calls == ()


def test_an_unknown_delegation_fails_before_anything_is_touched(stage: Stage) -> None:
    """Nor must a delegation that was renamed."""
    SCENARIO.prepare(stage)

    run = stage.run(delegations=["elsewhere"])

    assert (run.status, run.error) == ("FAILED", "UnknownDelegation")
    assert stage.played.simulator.calls == ()


def test_a_report_that_cannot_be_written_fails_the_run(stage: Stage, boundaries: list[Boundary]) -> None:
    """All certificates are well, and nobody could know it."""
    run = struck(stage, last(boundaries, "s3", "report"), Mode.DENIED)

    assert run.status == "FAILED"
    assert run.report is None
    assert "RunCompleted" not in run.metrics


def test_a_store_that_is_down_fails_the_run(stage: Stage, boundaries: list[Boundary]) -> None:
    """The table is gone from the first call on: not even the plan can be made."""
    place = next(one for one in boundaries if one.service == "dynamodb")

    run = struck(stage, place, Mode.OUTAGE)

    assert run.status == "FAILED"
    assert "RunCompleted" not in run.metrics


def test_scm_that_is_down_fails_the_run_and_the_report_says_so(stage: Stage, boundaries: list[Boundary]) -> None:
    """Everything of ours works, and nothing was renewed."""
    place = next(one for one in boundaries if one.service == "scm")

    run = struck(stage, place, Mode.OUTAGE)

    assert run.status == "FAILED"
    assert run.report is not None
    assert [row.error for row in run.report.delegations] == ["ScmUnavailable"]
    assert run.metrics["DelegationsFailed"] == 1


def test_an_order_that_stays_pending_is_told(stage: Stage) -> None:
    """The run succeeds, for the next one collects; the metric and the report know of it."""
    SCENARIOS[2].prepare(stage)

    run = stage.run()

    assert run.status == "SUCCEEDED"
    assert run.metrics["CertificatesPending"] == 1
    assert run.report is not None
    assert [row.outcome for row in run.report.certificates] == ["pending"]


def test_a_run_with_nothing_to_do_says_so_too(stage: Stage) -> None:
    """The alarm on silence needs a sound on quiet days."""
    SCENARIO.prepare(stage)
    stage.run()

    run = stage.daily_run()

    assert run.status == "SUCCEEDED"
    assert run.metrics["RunCompleted"] == 1
    assert run.report is not None
    assert [row.delegation for row in run.report.delegations] == [DELEGATION]
