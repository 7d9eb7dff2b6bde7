"""Runs that follow each other, run side by side, or follow a lost answer."""

from __future__ import annotations

import json

from tests.workflow.conftest import Start

SLOW_TO_ANSWER = """\
dials: {issuance_polls: 0}
behaviours:
  - {name: idp.univ.example, faults: [{kind: slow, seconds: 2, operation: 'POST /api/ssl/v1/enroll'}]}
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


def test_a_request_renews_what_is_not_due(start: Start) -> None:
    """A key that leaked does not wait for its age."""
    system = start("idp")
    before = system.run().row("univ/idp").new_serial

    system.ask("univ", "idp")
    forced = system.run({"certificates": ["univ/idp"], "reason": "the key leaked"})

    assert forced.row("univ/idp").outcome == "renewed"
    assert forced.row("univ/idp").old_serial == before != forced.row("univ/idp").new_serial
    assert forced.row("univ/idp").reason == "asked"


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


def test_a_run_begins_when_the_older_one_has_ended(start: Start) -> None:
    """The operator starts one while the daily one runs: together they would call SCM four times at a time."""
    system = start("idp", scm=SLOW_TO_ANSWER, wait_factor=0.02)
    hourly = {"open_orders_only": True, "scheduled_at": "2026-11-29T05:00:00Z"}

    first, second, third = (system.start(request) for request in ({}, {}, hourly))
    ended = [system.end(arn) for arn in (third, first, second)]

    assert {run.status for run in ended} == {"SUCCEEDED"}
    assert ended[0].report is None, "the follow-up was skipped"
    assert ended[0].execution["stopDate"] < ended[1].execution["stopDate"]
    (inspected,) = system.aws.history(second)["children"]
    assert inspected["execution"]["startDate"] > ended[1].execution["stopDate"]
    assert "RunInProgress" in json.dumps(system.aws.history(second)["events"])
    assert system.orders_posted() == 1
