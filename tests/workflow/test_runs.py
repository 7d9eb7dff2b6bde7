"""Runs that follow each other, run side by side, or follow a lost answer."""

from __future__ import annotations

import json

from tests.workflow.conftest import Start

SLOW = """\
dials: {issuance_polls: 0}
behaviours:
  - {name: slow.univ.example, issuance_seconds: 86400}
"""
SLOW_TO_ANSWER = """\
dials: {issuance_polls: 0}
behaviours:
  - {name: idp.univ.example, faults: [{kind: slow, seconds: 2, operation: 'POST /api/ssl/v1/enroll'}]}
"""


def test_a_slow_order_is_collected_by_the_next_run_and_not_ordered_again(start: Start) -> None:
    """A CA with a manual check takes longer than one run waits."""
    system = start("slow", "quick", scm=SLOW)

    first = system.run()
    system.simulator.issue(first.row("univ/slow").ssl_id or 0)
    second = system.run()

    assert first.outcomes == {"univ/slow": "pending", "univ/quick": "renewed"}
    assert second.outcomes == {"univ/slow": "renewed", "univ/quick": "not-due"}
    assert second.row("univ/slow").ssl_id == first.row("univ/slow").ssl_id
    assert system.orders_posted() == 2


def test_a_run_that_only_waits_for_a_slow_ca_succeeds(start: Start) -> None:
    """A pending order is normal and raises no alarm."""
    assert start("slow", scm=SLOW).run().status == "SUCCEEDED"


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


def test_force_renews_what_is_not_due(start: Start) -> None:
    """A key that leaked does not wait for its age."""
    system = start("idp")
    before = system.run().row("univ/idp").new_serial

    forced = system.run({"certificates": ["univ/idp"], "force": True, "reason": "the key leaked"})

    assert forced.row("univ/idp").outcome == "renewed"
    assert forced.row("univ/idp").old_serial == before != forced.row("univ/idp").new_serial
    assert forced.row("univ/idp").reason == "asked"


def test_a_second_run_right_after_finds_nothing_due(start: Start) -> None:
    """A schedule that fires twice must not order twice."""
    system = start("idp", "vpn")
    system.run()

    again = system.run()

    assert again.outcomes == {"univ/idp": "not-due", "univ/vpn": "not-due"}
    assert system.orders_posted() == 2


def test_two_runs_side_by_side_order_once(start: Start) -> None:
    """An operator starts one by hand while the daily one runs, and meets an order that SCM has not answered yet."""
    names = ("idp", "vpn", "www", "mail")
    system = start(*names, scm=SLOW_TO_ANSWER, wait_factor=0.02)

    arns = [system.start({}), system.start({})]
    ended = [system.end(arn) for arn in arns]

    assert "OrderUnconfirmed" in json.dumps([system.aws.history(arn) for arn in arns]), "they have met"
    assert system.orders_posted() == len(names)
    assert {run.status for run in ended} == {"SUCCEEDED"}
    for name in names:
        assert "renewed" in {run.outcomes[f"univ/{name}"] for run in ended}


def test_a_lost_answer_is_found_again_and_not_ordered_again(start: Start) -> None:
    """The order arrived and SCM's answer did not: the classic way to order twice."""
    lost = (
        "behaviours: [{name: idp.univ.example, faults: [{kind: reset_after, operation: 'POST /api/ssl/v1/enroll'}]}]\n"
    )
    system = start("idp", scm=lost)

    assert system.run().outcomes == {"univ/idp": "renewed"}
    assert system.orders_posted() == 1
    assert len(system.simulator.orders) == 1


def test_an_estate_without_anything_due_reports_all_the_same(start: Start) -> None:
    """Silence could mean success or a schedule that never fired; the report is how they differ."""
    system = start("idp")
    system.run()

    assert system.run({"open_orders_only": True}).status == "SUCCEEDED"
