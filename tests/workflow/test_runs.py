"""Runs that follow each other, run side by side, or follow a lost answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from renewal.adapters.order_book.reader import DynamoDbOrderReader
from tests.workflow.conftest import Start
from tests.workflow.system import ENROLL, Ended, System

COLLECT = "GET /api/ssl/v1/collect/{sslId}"
HOURLY = {"open_orders_only": True, "scheduled_at": "2026-11-29T05:00:00Z"}

SLOW_TO_ANSWER = """\
dials: {issuance_polls: 0}
behaviours:
  - {name: idp.univ.example, faults: [{kind: slow, seconds: 2, operation: 'POST /api/ssl/v1/enroll'}]}
"""
UNAVAILABLE_FOR_A_POLL = f"""\
dials: {{issuance_polls: 0}}
behaviours:
  - {{name: idp.univ.example, faults: [{{kind: unavailable, times: 3, operation: '{COLLECT}'}}]}}
"""


def test_a_dry_run_reports_its_plan_and_orders_nothing(start: Start) -> None:
    """It logs in, so it finds what would refuse an order, and stops there."""
    system = start("idp", "vpn")

    dry = system.run({"dry_run": True})

    assert (dry.status, dry.outcomes) == ("SUCCEEDED", {"univ/idp": "planned", "univ/vpn": "planned"})
    assert dry.row("univ/idp").reason == "new"
    assert system.orders_posted() == 0
    assert system.calls("/api/ssl/v1/types") == 1


def test_a_run_for_one_certificate_leaves_the_others_alone(start: Start) -> None:
    """An operator who repairs one thing at 3 a.m. wants nothing else to move."""
    system = start("idp", "vpn")

    assert system.run({"certificates": ["univ/idp"]}).outcomes == {"univ/idp": "renewed"}
    assert system.orders_posted() == 1


def test_a_renewal_issued_at_once_makes_four_requests_about_orders(start: Start) -> None:
    """SCM limits rates; the list controls that a lost order would be found."""
    system = start("idp")
    system.run()
    before = len(system.simulator.calls)

    system.ask("univ", "idp")
    system.run({"certificates": ["univ/idp"]})

    of_inspection = {"GET /api/ssl/v1/types", "GET /api/ssl/v1/customFields"}
    operations = [call.operation for call in system.simulator.calls[before:] if "/api/ssl/v1" in call.operation]
    assert sorted(operation for operation in operations if operation not in of_inspection) == [
        "GET /api/ssl/v1",
        "GET /api/ssl/v1/collect/{sslId}",
        "POST /api/ssl/v1/enroll",
        "POST /api/ssl/v1/renew/manual/{sslId}",
    ]


def test_everything_is_ordered_before_anything_is_collected(start: Start) -> None:
    """A poll between two orders held the place of the next one: 54 hours for 10,000 orders of a slow CA."""
    system = start("a", "b", "c", "d", scm="dials: {issuance_polls: 3}\n")

    ended = system.run()

    assert set(ended.outcomes.values()) == {"renewed"}
    kinds = ["/collect/" in call.operation for call in system.simulator.calls if call.operation in (ENROLL, COLLECT)]
    assert kinds == 4 * [False] + 4 * 4 * [True]
    assert waits_in(system, ended) == 3


def test_what_is_issued_after_five_polls_is_left_to_the_hourly_run(start: Start) -> None:
    """It polls once; the operator's next run is an hour away, and nothing is ordered again."""
    system = start("idp", scm="dials: {issuance_polls: 6}\n")

    daily, *hourly = system.run(), system.run(HOURLY), system.run(HOURLY)

    assert [run.outcomes["univ/idp"] for run in (daily, *hourly)] == ["pending", "pending", "renewed"]
    assert [waits_in(system, run) for run in (daily, *hourly)] == [4, 0, 0]
    assert (system.orders_posted(), system.calls("/collect/")) == (1, 7)


def test_a_poll_without_an_answer_is_repeated_by_the_next_poll(start: Start) -> None:
    """Its own retries last a minute only; an outage of some minutes must not leave the certificate to another run."""
    system = start("idp", scm=UNAVAILABLE_FOR_A_POLL)

    ended = system.run()

    assert (ended.status, ended.outcomes) == ("SUCCEEDED", {"univ/idp": "renewed"})
    assert (waits_in(system, ended), system.orders_posted()) == (1, 1)


def test_an_order_that_was_not_collected_is_reported(start: Start) -> None:
    """Pending would be silent: the run has not asked SCM, whatever stopped it."""
    system = start("idp")
    plan_collection = system.aws.handlers["PlanCollectionFunction"]
    system.aws.handlers["PlanCollectionFunction"] = failing

    first = system.run()
    system.aws.handlers["PlanCollectionFunction"] = plan_collection

    assert (first.status, first.outcomes) == ("FAILED", {"univ/idp": "ResultMissing"})
    assert "no result of collecting it" in first.row("univ/idp").text
    assert system.run().outcomes == {"univ/idp": "renewed"}
    assert system.orders_posted() == 1


@pytest.mark.parametrize("broken", ["ReportFunction", "NotifyFunction"])
def test_one_broken_channel_does_not_silence_the_other(start: Start, broken: str) -> None:
    """SNS refused the operator's alert, and the RAO's mail was a day late."""
    system = start("idp", scm="dials: {issuance_polls: 0, outcome: requested}\n")
    system.aws.handlers[broken] = failing

    ended = system.run()

    notices = DynamoDbOrderReader(system.aws.tables).delegation("univ").notices
    is_notified = bool(notices and notices.sent)
    assert (is_notified, ended.report is not None) == (broken == "ReportFunction", broken == "NotifyFunction")
    assert ended.status == ("FAILED" if broken == "ReportFunction" else "SUCCEEDED")


def test_two_runs_never_call_scm_more_than_twice_at_a_time(start: Start) -> None:
    """SCM limits an account's calls; two runs that overlap would make four."""
    names = ("a", "b", "c", "d")
    slow = "".join(
        f"  - {{name: {name}.univ.example, faults: [{{kind: slow, seconds: 0.5, operation: '{ENROLL}'}}]}}\n"
        for name in names
    )
    system = start(*names, scm=f"dials: {{issuance_polls: 0}}\nbehaviours:\n{slow}", wait_factor=0.02)

    halves = [{"certificates": [f"univ/{name}" for name in half]} for half in (names[:2], names[2:])]
    ended = [system.end(arn) for arn in [system.start(half) for half in halves]]

    assert {run.status for run in ended} == {"SUCCEEDED"}
    assert system.orders_posted() == 4
    assert system.meter.most == 2


def failing(_event: Any, _context: Any) -> Any:
    """A function that raises what the state machine does not retry."""
    msg = "no such member"
    raise KeyError(msg)


def waits_in(system: System, ended: Ended) -> int:
    """How often the run has waited for the CA."""
    events = system.aws.history(ended.execution["executionArn"])["events"]
    return sum(event.get("stateEnteredEventDetails", {}).get("name") == "WaitForIssuance" for event in events)


def test_a_run_begins_when_the_older_one_has_ended(start: Start) -> None:
    """The operator starts one while the daily one runs: together they would call SCM four times at a time."""
    system = start("idp", scm=SLOW_TO_ANSWER, wait_factor=0.02)

    first, second, third = (system.start(request) for request in ({}, {}, HOURLY))
    ended = [system.end(arn) for arn in (third, first, second)]

    assert {run.status for run in ended} == {"SUCCEEDED"}
    assert ended[0].report is None, "the hourly run was skipped"
    assert ended[0].execution["stopDate"] < ended[1].execution["stopDate"]
    (inspected,) = system.aws.history(second)["children"]
    assert inspected["execution"]["startDate"] > ended[1].execution["stopDate"]
    assert "RunInProgress" in json.dumps(system.aws.history(second)["events"])
    assert system.orders_posted() == 1
