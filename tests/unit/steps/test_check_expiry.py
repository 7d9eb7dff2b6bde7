"""The plan of a run: what is due and why, from the index, within limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import InvalidRequest, RunInProgress, TooManyDue, UnknownDelegation
from renewal.domain.limits import Limits
from renewal.domain.order import Replacement
from renewal.domain.run_outcome import PlannedCertificate, PlanState
from tests.fakes import FakeOrderBook
from tests.unit.estate import DELEGATION, IDP, NOW, System, served_by

LAB = replace(DELEGATION, name="lab", department_id=1700)


def spec(path: str) -> CertificateSpec:
    delegation, name = path.split("/")
    return replace(IDP, delegation=delegation, name=name)


def serving(system: System, **ages: float) -> None:
    """Add certificates by `delegation__name=age`."""
    for name, age in ages.items():
        wanted = spec(name.replace("__", "/"))
        system.add(wanted, delegation=LAB if wanted.delegation == "lab" else DELEGATION)
        system.book.adopt((wanted.delegation, wanted.name), served_by(wanted, age=age), NOW)


def planned(system: System) -> dict[str, list[str]]:
    """Path to causes, as the plan has them."""
    return {
        f"{task.delegation}/{due.certificate}": list(due.causes) for task in system.plan() for due in task.certificates
    }


def test_the_daily_run_plans_what_is_due_and_inspects_all(system: System) -> None:
    """A delegation with nothing due still logs in: a dead password is found before it is needed."""
    serving(system, univ__old=150, univ__young=1, lab__young=1)

    summary = system.check_expiry()

    assert planned(system) == {"univ/idp": ["new"], "univ/old": ["age"]}
    assert [(task.delegation, task.whole) for task in system.plan()] == [("lab", True), ("univ", True)]
    assert summary == {
        "run_id": "run",
        "dry_run": False,
        "skipped": False,
        "delegations": 2,
        "due": 2,
        "deferred": 0,
        "plan": {"bucket": "bucket", "key": "runs/run/plan.json"},
        "results": "runs/run/results",
        "polls": 0,
    }


@pytest.mark.parametrize(
    "request_", [{}, {"scheduled_at": "2026-11-23T04:30:00Z"}, {"open_orders_only": True}, {"dry_run": True}]
)
def test_a_run_waits_for_an_older_one(system: System, request_: dict[str, Any]) -> None:
    """Two runs at once would call SCM with one account more than twice at a time; none of these may be lost."""
    system.runs.running = ["older", "run", "younger"]

    with pytest.raises(RunInProgress, match="older is still in progress"):
        system.check_expiry(**request_)
    assert system.archive.documents == {}

    system.runs.running = ["run", "younger"]
    assert system.check_expiry(**request_)["skipped"] is False


def test_a_scheduled_follow_up_is_skipped_while_another_run_works(system: System) -> None:
    """The next one is an hour away, and follow-ups that wait for each other would pile up."""
    system.runs.running = ["older", "run"]

    summary = system.check_expiry(open_orders_only=True, scheduled_at="2026-11-23T09:00:00Z")

    assert (summary["skipped"], summary["delegations"]) == (True, 0)
    assert system.archive.documents == {}


def test_the_daily_run_reads_what_the_index_has_and_nothing_else() -> None:
    """It costs what is due, not what exists."""

    class Reading(FakeOrderBook):
        """Remembers what was loaded."""

        loaded: list[tuple[str, str]] = []  # noqa: RUF012  # one test, one list

        def load(self, paths: Any) -> Any:
            """Read, and keep the paths."""
            wanted = list(paths)
            self.loaded.extend(wanted)
            return super().load(wanted)

    system = System(book=Reading())
    serving(system, **{f"univ__c{n}": 1 for n in range(50)}, univ__old=150)

    system.check_expiry()

    assert Reading.loaded == [("univ", "old")]


def test_a_run_over_an_empty_estate_is_a_run() -> None:
    """The first day: the state machine skips the Map and reports."""
    system = System()

    assert system.check_expiry()["delegations"] == 0
    assert not system.report().needs_attention


def test_a_replacement_rule_makes_the_run_read_everything(system: System) -> None:
    """The index does not show which certificates it covers."""
    serving(system, univ__young=20, univ__fresh=1)
    system.book.rules.append(Replacement(NOW - timedelta(days=10), "", "mass revocation"))

    system.check_expiry()

    assert planned(system) == {"univ/idp": ["new"], "univ/young": ["replacement"]}


def test_names_narrow_a_run(system: System) -> None:
    """A delegation is taken whole, a certificate alone."""
    serving(system, univ__old=150, lab__old=150, lab__older=160)

    system.check_expiry(certificates=["lab/old"], delegations=["univ"])

    assert planned(system) == {"lab/old": ["age"], "univ/idp": ["new"], "univ/old": ["age"]}
    assert {task.delegation: task.whole for task in system.plan()} == {"lab": False, "univ": True}


def test_what_is_named_twice_is_planned_once(system: System) -> None:
    """Directly, and with its delegation."""
    system.check_expiry(certificates=["univ/idp", "univ/idp"], delegations=["univ", "univ"])

    assert len([due for task in system.plan() for due in task.certificates]) == 1


def test_named_certificates_that_are_not_due_are_left_alone(system: System) -> None:
    """Naming is not forcing."""
    serving(system, lab__young=1)

    assert system.check_expiry(certificates=["lab/young"])["due"] == 0


def test_force_makes_due_what_is_named(system: System) -> None:
    """Whatever its age; the task carries it to enroll."""
    serving(system, lab__young=1, lab__other=1)

    system.check_expiry(certificates=["lab/young"], force=True, reason="moved")

    assert planned(system) == {"lab/young": ["asked"]}
    assert system.plan()[0].certificates[0].forced


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"delegations": ["nobody"]}, UnknownDelegation, "the order book has no delegation nobody; it has univ"),
        ({"certificates": ["univ/www"]}, UnknownDelegation, "the order book has no certificate univ/www"),
        ({"certificates": ["nobody/idp"]}, UnknownDelegation, "the order book has no delegation nobody"),
        ({"dryRun": True}, InvalidRequest, "unknown field 'dryRun'"),
    ],
)
def test_unknown_names_end_the_run_before_anything_is_touched(
    system: System, request_: dict[str, Any], error: type[Exception], words: str
) -> None:
    """A misspelt name must not become a run that does nothing and succeeds."""
    with pytest.raises(error, match=words):
        system.check_expiry(**request_)

    assert not system.archive.documents


def test_a_run_for_open_orders_begins_nothing_new(system: System) -> None:
    """It follows up on what SCM has; delegations without open orders are not even logged in to."""
    serving(system, lab__old=150, univ__old=150)
    system.enroll()

    summary = system.check_expiry(open_orders_only=True)

    assert planned(system) == {"univ/idp": ["order-open"]}
    assert (summary["delegations"], [task.whole for task in system.plan()]) == (1, [False])


def test_limits_defer_what_expires_last(system: System) -> None:
    """The facts show for each certificate whether it is planned, deferred or held."""
    system.limits = Limits(2, 500, 0.5)
    serving(system, univ__a=150, univ__b=170, univ__c=160, univ__held=150)
    system.book.kept["univ", "held"] = replace(system.book.kept["univ", "held"], hold_until=NOW + timedelta(days=1))

    summary = system.check_expiry()

    assert planned(system) == {"univ/b": ["age"], "univ/c": ["age"]}
    assert (summary["due"], summary["deferred"]) == (2, 2)
    states = {path: fact["state"] for path, fact in system.archive.read("run", "facts")["due"].items()}
    assert states == {
        "univ/a": "deferred",
        "univ/b": "planned",
        "univ/c": "planned",
        "univ/held": "held",
        "univ/idp": "deferred",
    }


def test_an_estate_that_is_due_all_at_once_stops_the_run(system: System) -> None:
    """A clock that is wrong by a year would order everything."""
    serving(system, **{f"univ__c{n}": 1 for n in range(30)})
    system.clock.advance(days=365)

    with pytest.raises(TooManyDue, match="30 of 31 certificates"):
        system.check_expiry()
    assert not system.archive.documents

    assert system.check_expiry(all_due_is_right=True, reason="back from a long outage")["due"] == 30
    assert system.check_expiry(delegations=["univ"], reason="they asked for it")["due"] == 30


def test_naming_every_delegation_is_no_way_round_the_guard(system: System) -> None:
    """A script that names them all is no better protected from a wrong clock than the schedule."""
    serving(system, **{f"univ__c{n}": 1 for n in range(30)})
    system.clock.advance(days=365)

    with pytest.raises(TooManyDue):
        system.check_expiry(delegations=["univ"])


def test_the_rest_of_a_runs_cap_is_divided_among_inspections(system: System) -> None:
    """A mass revocation is found by the inspections, after the plan: the cap of the run must hold all the same."""
    for name in ("b", "c"):
        system.add(replace(IDP, delegation=name), delegation=replace(DELEGATION, name=name))
    system.limits = replace(system.limits, orders_per_run=5)

    system.check_expiry()

    assert sum(task.room for task in system.plan()) == 2
    assert max(task.room for task in system.plan()) == 1


def test_a_dry_run_is_marked_for_every_delegation(system: System) -> None:
    """The state machine ends it after the inspection."""
    assert system.check_expiry(dry_run=True)["dry_run"]
    assert all(task.dry_run for task in system.plan())


def test_the_facts_name_the_reason(system: System) -> None:
    """It appears in the report."""
    system.check_expiry(certificates=["univ/idp"], force=True, reason="key ceremony")

    facts = system.archive.read_facts("run")
    assert (facts.reason, facts.narrowed, facts.named) == ("key ceremony", True, ("univ/idp",))
    assert facts.due == {"univ/idp": PlannedCertificate(("asked", "new"), PlanState.PLANNED)}
