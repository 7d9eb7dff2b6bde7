"""The plan of a run: what is due and why, from the index, within limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from renewal.domain.delegation import CertificatePath, CertificateSpec
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.errors import InvalidRequest, RecordUnreadable, RunInProgress, UnknownDelegation
from renewal.domain.limits import SMALL_ESTATE, Limits
from renewal.domain.replacement_rule import Caps, ReplacementRule
from renewal.domain.run.plan import PlannedCertificate, PlanState
from renewal.domain.setup.snapshot import DelegatedName
from renewal.steps import check_expiry
from tests.fakes import FakeOrderBook
from tests.unit.system import DELEGATION, IDP, NOW, System, stored_by

LAB = replace(DELEGATION, name="lab", department_id=1700)


def spec(path: str) -> CertificateSpec:
    delegation, name = path.split("/")
    return replace(IDP, delegation=delegation, name=name)


def serving(system: System, **ages: float) -> None:
    """Add certificates by `delegation__name=age`."""
    for name, age in ages.items():
        wanted = spec(name.replace("__", "/"))
        system.add(wanted, delegation=LAB if wanted.delegation == "lab" else DELEGATION)
        system.book.adopt((wanted.delegation, wanted.name), stored_by(wanted, age=age), NOW)


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
    assert [(task.delegation, task.may_add) for task in system.plan()] == [("lab", True), ("univ", True)]
    assert not any(task.is_full for task in system.plan())
    assert summary == {
        "run_id": "run",
        "dry_run": False,
        "is_daily": True,
        "skipped": False,
        "delegations": 2,
        "due": 2,
        "deferred": 0,
        "plan": {"bucket": "bucket", "key": "runs/run/plan.json"},
        "results": "runs/run/results",
        "polls": 0,
        "verification": {"items": 0, "bucket": "", "key": "", "results": "runs/run/verification"},
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


def test_an_hourly_run_is_skipped_while_another_run_works(system: System) -> None:
    """The next one is an hour away, and hourly runs that wait for each other would pile up."""
    system.runs.running = ["older", "run"]

    summary = system.check_expiry(open_orders_only=True, scheduled_at="2026-11-23T09:00:00Z")

    assert (summary["skipped"], summary["delegations"]) == (True, 0)
    assert system.archive.documents == {}


@dataclass(slots=True)
class Reading(FakeOrderBook):
    """Remembers what was read."""

    loaded: list[tuple[str, str]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    counted: int = 0

    def load_certificates(self, paths: Any) -> Any:
        """Read, and keep the paths."""
        wanted = list(paths)
        self.loaded.extend(wanted)
        self.batches.append(len(wanted))
        return FakeOrderBook.load_certificates(self, wanted)

    def count_certificates(self, most: int) -> int:
        """Count, and keep how many certificates were counted."""
        self.counted = FakeOrderBook.count_certificates(self, most)
        return self.counted


@dataclass(slots=True)
class Damaged(FakeOrderBook):
    """Has an item that cannot be read."""

    unreadable: tuple[RecordUnreadable, ...] = (RecordUnreadable("damaged", delegation="univ", certificate="idp"),)

    def load_certificates(self, paths: Any) -> Any:
        """Read the others."""
        found = FakeOrderBook.load_certificates(self, paths)
        found.unreadable = self.unreadable
        return found


def test_the_daily_run_reads_what_the_index_has_and_nothing_else() -> None:
    """It costs what is due, not what exists: one certificate in fifty is plausible whatever else exists."""
    system = System(book=(book := Reading()))
    serving(system, **{f"univ__c{n}": 1 for n in range(50)}, univ__old=150)

    system.check_expiry()

    assert (book.loaded, book.counted) == ([("univ", "old")], SMALL_ESTATE)


def test_a_run_for_open_orders_reads_these_alone() -> None:
    """It comes every hour; what is due, deferred or held waits for the daily run."""
    system = System(book=(book := Reading()))
    serving(system, univ__old=150, lab__old=150)
    system.add(IDP)
    system.enroll()
    system.book.ask(("lab", "old"), "moved", NOW)
    book.loaded.clear()

    system.check_expiry(open_orders_only=True)

    assert book.loaded == [("univ", "idp")]


def test_a_run_over_an_empty_estate_is_a_run() -> None:
    """The first day: the state machine skips the Map and reports."""
    system = System()

    assert system.check_expiry()["delegations"] == 0
    assert not system.report().needs_attention


def listed(system: System, rule: ReplacementRule) -> ReplacementRule:
    """Store a rule as the operator does, with the list of what it may cover now."""
    system.book.rules.append(rule)
    system.book.lists[rule.reason] = frozenset(
        each.spec.record_key
        for each in system.book.load_certificates(list(system.book.managed))
        if rule.may_cover(each)
    )
    return rule


@pytest.mark.parametrize("scheduled_at", ["", "2026-11-23T09:00:00Z"], ids=["daily", "hourly"])
def test_for_a_listed_rule_a_run_reads_what_the_rule_covers(scheduled_at: str) -> None:
    """In a large estate the incident of one CA must not cost as much as one of all."""
    system = System(book=(book := Reading()))
    serving(system, **{f"univ__c{n}": 0.5 for n in range(50)}, univ__young=20)
    listed(system, with_deadline())
    book.loaded.clear()

    system.check_expiry(**({"open_orders_only": True, "scheduled_at": scheduled_at} if scheduled_at else {}))

    assert book.loaded == [("univ", "young")]
    assert planned(system) == {"univ/young": ["replacement"]}


def test_what_was_in_flight_when_a_rule_was_stored_is_replaced() -> None:
    """The CA may have issued it before the incident was known; its order was open, so it is on the list."""
    system = System()
    system.add(IDP)
    system.enroll()
    rule = listed(system, with_deadline(asked_at=NOW))

    system.check_expiry()
    (progress,) = system.archive.read_facts("run").replacements
    assert (progress.in_flight, progress.earlier_orders, progress.is_complete) == (0, 1, False)

    system.book.orders.clear()
    system.book.adopt(("univ", "idp"), stored_by(IDP, age=3), NOW)

    system.check_expiry("later")
    assert rule.is_in_force
    assert {due.causes for task in system.plan("later") for due in task.certificates} == {("replacement",)}


def test_what_was_issued_hours_before_the_incident_and_stored_after_it_is_replaced() -> None:
    """An approval, or ACM, was late: the CA revokes it all the same. What is ordered for the rule is not covered."""
    system = System()
    system.add(IDP)
    system.enroll()
    ordered_at = system.book.orders["univ", "idp"].opened_at
    began_at = NOW + timedelta(hours=12)
    rule = listed(system, ReplacementRule(began_at, "", "incident", asked_at=began_at, certificates=0))
    system.book.orders.clear()
    system.clock.advance(hours=13)

    issued: dict[str, Any] = {"not_before": NOW + timedelta(hours=2), "stored_at": system.clock()}
    system.book.adopt(("univ", "idp"), stored_by(IDP, **issued, ordered_at=ordered_at), system.clock())
    system.check_expiry("before")
    system.book.adopt(("univ", "idp"), stored_by(IDP, **issued, ordered_at=system.clock()), system.clock())
    system.check_expiry("for the rule")

    (task,) = system.plan("before")
    assert [due.causes for due in task.certificates] == [("replacement",)]
    assert [each.ended_at for each in system.archive.read_facts("before").replacements] == [None]
    assert [task.certificates for task in system.plan("for the rule")] == [()]
    assert system.book.rules == [replace(rule, ended_at=system.clock())]


def test_a_rule_ends_when_everything_is_replaced_and_served(system: System) -> None:
    """Nothing is left to read, and its raised caps hold for nothing."""
    serving(system, univ__fresh=0.5)
    served_at = (Endpoint("fresh.univ.example"),)
    path = CertificatePath("univ", "fresh")
    system.book.managed[path] = replace(
        system.book.managed[path], spec=replace(spec("univ/fresh"), served_at=served_at)
    )
    rule = with_deadline(certificates=1)
    system.book.rules, system.book.lists[rule.reason] = [rule], {path}

    system.check_expiry("not-served")
    assert system.book.replacement_rules() == (rule,)

    system.book.managed[path] = replace(system.book.managed[path], spec=spec("univ/fresh"))
    system.check_expiry("dry", dry_run=True)
    assert system.book.replacement_rules() == (rule,)
    system.check_expiry("done")

    assert system.book.replacement_rules() == ()
    assert [each.ended_at for each in system.archive.read_facts("done").replacements] == [NOW]
    system.check_expiry("after")
    assert system.archive.read_facts("after").replacements == ()


def test_records_are_read_in_batches_that_do_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that covers all of a large estate needed more memory than the function has."""
    monkeypatch.setattr(check_expiry, "_BATCH", 3)
    system = System(book=(book := Reading()))
    serving(system, **{f"univ__c{n}": 20 for n in range(8)})
    listed(system, with_deadline())
    book.loaded.clear()
    book.batches.clear()

    system.check_expiry()

    assert (book.batches, len(planned(system))) == ([3, 3, 2], 8)


def test_no_rule_ends_while_a_certificate_cannot_be_read() -> None:
    """The damaged record may be of a certificate that the CA revokes."""
    system = System(book=(book := Damaged()))
    serving(system, univ__fresh=0.5)
    rule = with_deadline(certificates=1)
    book.rules.append(rule)
    book.lists[rule.reason] = {CertificatePath("univ", "fresh")}

    system.check_expiry()
    assert book.replacement_rules() == tuple(book.rules)

    book.unreadable = ()
    system.check_expiry("repaired")
    assert book.replacement_rules() == ()


def test_no_run_ends_a_rule_without_a_list(system: System) -> None:
    """It finds everything through the index, which may have lost what the CA revokes; the operator decides."""
    serving(system, univ__fresh=0.5)
    system.book.rules.append(with_deadline(certificates=1))

    system.check_expiry()

    (progress,) = system.archive.read_facts("run").replacements
    assert (progress.is_complete, progress.is_listed, progress.ended_at) == (True, False, None)
    assert system.book.replacement_rules() == tuple(system.book.rules)


def test_a_rule_of_an_earlier_version_makes_the_run_read_everything(system: System) -> None:
    """It has no list of the certificates that it covers."""
    serving(system, univ__young=20, univ__fresh=1)
    system.book.rules.append(ReplacementRule(NOW - timedelta(days=10), "", "mass revocation"))

    system.check_expiry()

    assert planned(system) == {"univ/idp": ["new"], "univ/young": ["replacement"]}


def with_deadline(**members: Any) -> ReplacementRule:
    """A rule for everything that is older than a day, with a deadline tomorrow."""
    return ReplacementRule(NOW - timedelta(days=1), "", "incident", deadline=NOW + timedelta(days=1), **members)


def test_the_hourly_run_leaves_what_has_failed_to_the_daily_run(system: System) -> None:
    """A certificate in its last tenth has no hold: SCM would reject 24 orders a day."""
    serving(system, univ__last=195)
    system.book.managed["univ", "last"] = replace(system.book.managed["univ", "last"], failures=1)
    system.book.rules.append(with_deadline())

    system.check_expiry(open_orders_only=True, scheduled_at="2026-11-23T09:00:00Z")

    assert planned(system) == {}


def test_the_hourly_run_orders_for_a_rule_with_a_deadline(system: System) -> None:
    """A CA that revokes within 24 hours does not wait for the daily run; what is merely due does."""
    serving(system, univ__young=20, univ__old=150, lab__new=0.5)
    system.book.rules.append(with_deadline(delegations=("univ",)))

    system.check_expiry(open_orders_only=True, scheduled_at="2026-11-23T09:00:00Z")

    assert planned(system) == {"univ/old": ["age", "replacement"], "univ/young": ["replacement"]}


@pytest.mark.parametrize(
    ("rule", "scheduled"),
    [
        (ReplacementRule(NOW - timedelta(days=1), "", "no deadline"), {"scheduled_at": "2026-11-23T09:00:00Z"}),
        (with_deadline(), {}),
    ],
    ids=["a rule without a deadline", "a run that the operator asked to start no order"],
)
def test_other_runs_for_open_orders_start_none(
    system: System, rule: ReplacementRule, scheduled: dict[str, str]
) -> None:
    """The operator sets a deadline, or does not; what a run is asked not to do is not done."""
    serving(system, univ__young=20)
    system.book.rules.append(rule)

    system.check_expiry(open_orders_only=True, **scheduled)

    assert planned(system) == {}


def test_a_raised_cap_lets_a_run_plan_more_and_leaves_room_for_revoked(system: System) -> None:
    """What the inspection may add is counted against the caps of the stack, which the incident does not use up."""
    system.limits = Limits(2, 4, 0.5)
    serving(system, **{f"univ__c{n}": 20 for n in range(9)})
    system.book.rules.append(with_deadline(caps=Caps(6, 100)))

    summary = system.check_expiry()

    (task,) = system.plan()
    assert (len(task.certificates), summary["deferred"], task.capacity) == (6, 4, 3)


def test_names_narrow_a_run(system: System) -> None:
    """A delegation is taken whole, a certificate alone."""
    serving(system, univ__old=150, lab__old=150, lab__older=160)

    system.check_expiry(certificates=["lab/old"], delegations=["univ"])

    assert planned(system) == {"lab/old": ["age"], "univ/idp": ["new"], "univ/old": ["age"]}
    assert {task.delegation: task.may_add for task in system.plan()} == {"lab": False, "univ": True}
    assert all(task.is_full for task in system.plan())


def test_what_is_named_twice_is_planned_once(system: System) -> None:
    """Directly, and with its delegation."""
    system.check_expiry(certificates=["univ/idp", "univ/idp"], delegations=["univ", "univ"])

    assert len([due for task in system.plan() for due in task.certificates]) == 1


def test_named_certificates_that_are_not_due_are_left_alone(system: System) -> None:
    """Naming is not forcing."""
    serving(system, lab__young=1)

    assert system.check_expiry(certificates=["lab/young"])["due"] == 0


def test_a_requested_certificate_is_due_whatever_its_age(system: System) -> None:
    """The request is in the order book; no execution input makes one due."""
    serving(system, lab__young=1, lab__other=1)
    system.book.ask(("lab", "young"), "moved", NOW)

    system.check_expiry(delegations=["lab"])

    assert planned(system) == {"lab/young": ["asked"]}


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
    assert (summary["delegations"], [task.may_add for task in system.plan()]) == (1, [False])


def test_limits_defer_what_expires_last(system: System) -> None:
    """The facts show for each certificate whether it is planned, deferred or held."""
    system.limits = Limits(2, 500, 0.5)
    serving(system, univ__a=150, univ__b=170, univ__c=160, univ__held=150)
    system.book.managed["univ", "held"] = replace(
        system.book.managed["univ", "held"], hold_until=NOW + timedelta(days=1)
    )

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


def test_of_an_estate_that_is_due_all_at_once_nothing_is_ordered_by_age(system: System) -> None:
    """A clock that is wrong by a year would order everything, also where a script names every delegation."""
    serving(system, **{f"univ__c{n}": 1 for n in range(30)})
    system.clock.advance(days=365)

    assert system.check_expiry(delegations=["univ"])["due"] == 1
    assert system.check_expiry()["due"] == 1

    facts = system.archive.read("run", "facts")
    assert planned(system) == {"univ/idp": ["new"]}, "what no clock decides is ordered as on any day"
    assert facts["doubt"].startswith("30 of 31 certificates are due by age at once")
    assert {fact["state"] for path, fact in facts["due"].items() if path != "univ/idp"} == {"refused"}
    assert system.check_expiry(all_due_is_right=True, reason="back from a long outage")["due"] == 30
    assert system.check_expiry(delegations=["univ"], reason="they asked for it")["due"] == 30


def test_while_the_clock_is_in_doubt_no_inspection_orders_because_of_a_date(system: System) -> None:
    """A domain validation seems to end as the certificates seem to be old: by the same wrong clock."""
    serving(system, **{f"univ__c{n}": 60 for n in range(30)}, **{f"univ__y{n}": 0 for n in range(5)})
    del system.book.managed["univ", "idp"]
    system.clock.advance(days=100)
    names = {name for certificate in system.book.managed.values() for name in certificate.spec.names}
    ends = system.clock().date() + timedelta(days=5)
    system.scm.delegated = tuple(DelegatedName(name, True, frozenset({"SSL"}), "VALIDATED", ends) for name in names)

    system.daily_run()

    assert not system.scm.orders


def test_the_rest_of_a_runs_cap_is_divided_among_inspections(system: System) -> None:
    """A mass revocation is found by the inspections, after the plan: the cap of the run must hold all the same."""
    for name in ("b", "c"):
        system.add(replace(IDP, delegation=name), delegation=replace(DELEGATION, name=name))
    system.limits = replace(system.limits, orders_per_run=5)

    system.check_expiry()

    assert sum(task.capacity for task in system.plan()) == 2
    assert max(task.capacity for task in system.plan()) == 1


def test_a_dry_run_is_marked_for_every_delegation(system: System) -> None:
    """The state machine ends it after the inspection."""
    assert system.check_expiry(dry_run=True)["dry_run"]
    assert all(task.dry_run for task in system.plan())


def test_the_facts_name_the_reason(system: System) -> None:
    """It appears in the report."""
    system.check_expiry(certificates=["univ/idp"], reason="key ceremony")

    facts = system.archive.read_facts("run")
    assert (facts.reason, facts.is_narrowed, facts.named) == ("key ceremony", True, ("univ/idp",))
    assert facts.due == {"univ/idp": PlannedCertificate(("new",), PlanState.PLANNED)}
