"""What a run did, in plain words; and a failure is never reported as a success."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from renewal.domain.alerts.memory import NotifiedProblems
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.errors import (
    AddressRefused,
    AnswerLost,
    CredentialRefused,
    Failure,
    MandateEnded,
    PermissionMissing,
    PlanUnreadable,
    ScmRefused,
    ScmUnavailable,
)
from renewal.domain.judgement.problem import Problem
from renewal.domain.limits import Limits
from renewal.domain.order import MOST_POSTS, EnrollRequest
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.run.map_results import read_map_results, read_verification
from renewal.domain.run.outcome import RESULT_MISSING
from renewal.domain.run.payload import VerificationTask
from renewal.domain.run.report import CertificateRow, RunOutcome, RunReport
from renewal.domain.run.result import CertificateResult, ResultStatus
from renewal.domain.setup.inspection import record_missing
from renewal.domain.setup.snapshot import DelegatedName
from tests.fakes import ScmOrder
from tests.throwaway_ca import pem
from tests.unit.system import DELEGATION, IDP, NOW, PATH, System, caught, child, stored_by


def row_of(report: RunReport, path: str = "univ/idp") -> CertificateRow:
    """The report's row of one certificate."""
    (row,) = [row for row in report.certificates if row.path == path]
    return row


def serving(system: System, name: str, **changes: Any) -> None:
    """Add a certificate that is stored already."""
    spec = replace(IDP, name=name)
    system.add(spec)
    system.book.adopt(("univ", name), stored_by(spec, **changes), NOW)


def metrics(system: System) -> dict[str, float]:
    """The metrics of a run that was played."""
    found: dict[str, float] = system.report_step()("run1")["metrics"]
    return found


# ---- Whole runs ------------------------------------------------------------------------------------------------------


def test_a_renewal_that_is_brought_forward_has_its_date(system: System) -> None:
    """What the report promises and what the run does are one rule."""
    system.book.adopt(PATH, stored_by(IDP, age=110), NOW)
    expires = NOW.date() + timedelta(days=20)
    system.scm.delegated = (DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", expires),)

    row = row_of(system.daily_run(delegations=["univ"]))

    assert row.reason.startswith(f"due from {expires - timedelta(days=7)} ")


def test_a_pending_order_is_no_failure_and_the_next_run_collects_it(system: System) -> None:
    """SCM works on it; nothing is ordered again."""
    system.scm.polls = 5

    first, second = system.daily_run(), system.daily_run()

    assert (first.outcome, row_of(first).outcome, row_of(first).ssl_id) == ("succeeded", "pending", 5001)
    assert (row_of(second).outcome, row_of(second).reason) == ("renewed", "order-open, new")
    assert len(system.scm.orders) == 1
    assert metrics(system)["CertificatesPending"] == 1


def test_a_declined_order_is_held_and_still_needs_attention(system: System) -> None:
    """Silence would be worse than a second page."""
    system.scm.polls = 3
    system.daily_run(certificates=["univ/idp"], dry_run=True)
    system.enroll()
    system.scm.orders[5001].status = "DECLINED"

    first = system.daily_run()
    second = system.daily_run()

    assert row_of(first).error == "OrderDeclined"
    row = row_of(second)
    assert (second.outcome, row.outcome, row.error) == ("failed", "held", "OrderDeclined")
    assert row.text.startswith(
        f"{row_of(first).text} (failed 2026-11-23 08:00Z); no new order before 2026-11-24 08:00Z"
    )
    assert len(system.scm.orders) == 1


def test_a_run_by_name_leaves_the_problems_of_others_to_the_daily_run(system: System) -> None:
    """Its operator asked for one certificate: the exit code is of that one, and others had a false consequence."""
    serving(system, "wrong", age=30, profile_id=7)
    system.add(replace(IDP, name="wrong", profile_id=7, names=("wrong.apps.univ.example",)))
    expired = DelegatedName("*.apps.univ.example", True, frozenset({"SSL"}), "VALIDATED", NOW.date())
    valid = DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", NOW.date() + timedelta(days=300))
    system.scm.delegated = (valid, expired)

    system.daily_run()
    named, other = system.daily_run(certificates=["univ/idp"]), system.daily_run(certificates=["univ/wrong"])
    daily = system.daily_run()

    assert [alert.text.count("DcvLapsed") for alert in system.alerts.sent if "DcvLapsed" in alert.text] == [1]
    assert ([each.code for each in named.problems], named.outcome) == ([], "succeeded")
    assert {each.code for each in other.problems} == {each.code for each in daily.problems} >= {"ProfileRefused"}
    assert (other.outcome, daily.outcome) == ("failed", "failed")


def test_a_run_for_a_delegation_without_certificates_reports_its_problems(system: System) -> None:
    """While it is set up it has none; `certmandate check` runs it, and a name that was not delegated was no problem."""
    del system.book.managed[PATH]
    system.scm.delegated = ()

    named = system.daily_run(delegations=["univ"])

    assert named.outcome == "failed"
    assert [each.code for each in named.problems] == ["NameNotDelegated"]
    assert len(system.alerts.sent) == 1


def test_a_run_by_name_judges_a_delegation_with_all_its_certificates(system: System) -> None:
    """What a fault of the account leads to is the same in this report and in `status`."""
    serving(system, "sooner", age=190)
    system.book.adopt(PATH, stored_by(IDP, age=20), NOW)
    system.accounts.refused.add(("univ", "v1"))

    named = system.daily_run(certificates=["univ/idp"])
    daily = system.daily_run()

    def of_the_account(report: RunReport) -> list[Problem]:
        return [each for each in report.problems if not each.certificate]

    assert of_the_account(named) == of_the_account(daily) != []


def test_a_lost_delegation_is_reported_until_it_is_removed(system: System) -> None:
    """Without its records no other daily run would know of it; an hourly run between them forgets nothing."""
    system.daily_run()
    del system.book.records["univ"], system.book.managed[PATH]

    system.daily_run(**HOURLY)
    lost = [system.daily_run() for _ in range(2)]
    system.book.removals.add("univ")
    removed = system.daily_run()

    text = str(record_missing("univ"))
    assert [[(row.error, row.text) for row in run.delegations] for run in lost] == 2 * [[("RecordUnreadable", text)]]
    assert [run.outcome for run in (*lost, removed)] == ["failed", "failed", "succeeded"]
    assert not removed.delegations


def test_a_lost_delegation_is_found_by_its_certificates_without_a_memory(system: System) -> None:
    """`runs/notified.json` may be lost too, and an earlier version left no delegations in it."""
    system.daily_run()
    del system.book.records["univ"]
    system.archive.write_notified(NotifiedProblems())

    lost, later = system.daily_run(), system.daily_run()

    assert [(row.delegation, row.error) for row in lost.delegations] == [("univ", "RecordUnreadable")]
    assert later.delegations == lost.delegations


def test_what_is_applied_during_the_first_run_is_not_lost(system: System) -> None:
    """Without a memory all certificates are read, also those that the plan could not have."""
    system.check_expiry("run")
    added = replace(DELEGATION, name="added")
    system.archive.write_results("run", [child(each.delegation, {"certificates": []}) for each in system.plan()])
    system.add(replace(IDP, delegation="added"), delegation=added)

    assert "added" not in {row.delegation for row in system.report("run").delegations}


def test_a_dry_run_does_not_take_the_place_of_the_run_that_failed(system: System) -> None:
    """`status` reads why a certificate was not stored in the report of that run; a dry run stores nothing."""
    system.daily_run()
    problem = Problem(
        delegation="univ", certificate="idp", code="CertificateMismatch", severity="error", actor="operator",
        text="it has another key",
    )  # fmt: skip
    report = replace(system.daily_run(), run_id="daily", outcome=RunOutcome.FAILED)
    failed = NotifiedProblems().after(report, [problem], [problem])

    checked = failed.after(replace(report, run_id="check", dry_run=True), [problem], [])

    assert checked.problems[problem.key].failed_by == "daily"


def test_a_delegation_that_the_plan_left_out_is_reported(system: System) -> None:
    """`check_expiry` decides what a run works on: nothing showed what its plan for a daily run left out."""
    system.daily_run()
    system.check_expiry("short")
    facts = system.archive.read_facts("short")
    system.archive.write_facts("short", replace(facts, delegations=(), due={}))

    report = system.report("short")

    assert [(row.delegation, row.error) for row in report.delegations] == [("univ", RESULT_MISSING)]


HOURLY: dict[str, Any] = {"open_orders_only": True, "scheduled_at": "2026-11-23T09:00:00Z"}


def without_a_chain(_order: ScmOrder, leaf: x509.Certificate) -> str:
    """For `FakeScm.bundles`: every run fails for the order with ChainBroken."""
    return pem(leaf)


def test_an_hourly_run_fails_once_a_day_for_the_same_cause(system: System) -> None:
    """One open order failed 24 runs a day, so that a new failure was one page among many."""
    system.scm.bundles = without_a_chain

    daily, hourly = system.daily_run(), system.daily_run(**HOURLY)
    by_hand = system.daily_run(open_orders_only=True)
    system.clock.advance(hours=25)
    next_day = system.daily_run(**HOURLY)

    assert [run.outcome for run in (daily, hourly, by_hand, next_day)] == ["failed", "reported-before"] + 2 * ["failed"]
    assert (hourly.needs_attention, row_of(hourly).error) == (True, "ChainBroken")


def test_an_hourly_run_fails_at_once_for_a_new_cause(system: System) -> None:
    """Another error of the same certificate, or the same error of another one, has not raised the alarm."""
    system.scm.bundles = without_a_chain
    system.daily_run()
    system.add(replace(IDP, name="new"))
    system.enroll(system.task(replace(IDP, name="new")))

    assert [system.daily_run(**HOURLY).outcome for _ in range(2)] == ["failed", "reported-before"]
    system.scm.answers["collect"] = ScmRefused("-1113")
    system.scm.orders[5001].status = "DECLINED"
    assert system.daily_run(**HOURLY).outcome == "failed"


def test_a_cause_that_returns_after_it_was_resolved_is_new(system: System) -> None:
    """The operator who resolved it expects to be paged when it happens again."""
    system.scm.polls, system.accounts.refused = 40, {("univ", "v1")}
    refused = system.daily_run()
    system.accounts.refused = set()
    system.enroll()
    pending = system.daily_run(open_orders_only=True)
    system.accounts.refused = {("univ", "v1")}
    again = system.daily_run(**HOURLY)

    assert [run.outcome for run in (refused, pending, again)] == ["failed", "succeeded", "failed"]
    assert row_of(refused).error == row_of(again).error == "CredentialRefused"


def test_an_order_that_no_run_sends_again_is_alerted(system: System) -> None:
    """The alert of the first lost answer asks for nothing, and its problem lasts: a later one must ask the operator."""
    system.prove_search()
    system.scm.answers["enroll"] = AnswerLost("HTTP 400")

    system.daily_run()
    for _ in range(12):
        system.daily_run(**HOURLY)

    assert system.book.orders[PATH].posts == MOST_POSTS
    assert len(system.alerts.sent) == 2, "at the first lost answer, and when the order waits for the operator"
    assert "--order-again" in system.alerts.sent[-1].text


def test_a_lost_order_is_alerted_again_when_it_waits_for_the_operator(system: System) -> None:
    """The first alert asks for nothing; the second has what the operator must decide, although one error followed."""
    system.prove_search()
    system.scm.answers["enroll"] = AnswerLost("HTTP 400")
    system.daily_run()
    system.scm.orders[7] = ScmOrder(EnrollRequest(1698, 1018, 199, IDP.names, "of the portal"), system.clock())

    system.daily_run(**HOURLY)

    texts = [alert.text for alert in system.alerts.sent]
    assert ["OrderUnconfirmed" in texts[0], "OrderUndecided" in texts[1], len(texts)] == [True, True, 2]
    assert "--order-again" not in texts[0]
    assert "--order-again" in texts[1]


def test_a_report_that_is_written_again_fails_its_run_again(system: System) -> None:
    """The function may be killed after its report: its second attempt finds what the first has recorded."""
    system.scm.bundles = without_a_chain
    system.enroll()

    assert system.daily_run(**HOURLY).outcome == "failed"
    assert system.report("run1").outcome == "failed"


def test_a_dry_run_of_a_dead_delegation_fails(system: System) -> None:
    """What would be done is: nothing."""
    system.accounts.refused = {("univ", "v1")}

    report = system.daily_run(dry_run=True)

    assert (report.outcome, row_of(report).outcome) == ("failed", "failed")


def test_a_revocation_is_reported_even_when_it_is_deferred_or_held(system: System) -> None:
    """The limit, or a hold: in no case "not due" while users see an error."""
    system.limits = Limits(1, 500, 0.5)
    for n in range(3):
        serving(system, f"c{n}", age=1, ssl_id=n + 1)
    held = ("univ", "c2")
    system.book.managed[held] = replace(
        system.book.managed[held], hold_until=NOW + timedelta(days=2), last_error="OrderDeclined"
    )
    system.scm.revoked = {1, 2, 3}

    report = system.daily_run()

    rows = {row.name: (row.outcome, row.reason, row.error) for row in report.certificates}
    assert rows == {
        "c0": ("renewed", "revoked", ""),
        "c1": ("deferred", "revoked", ""),
        "c2": ("held", "revoked", "OrderDeclined"),
        "idp": ("deferred", "new", ""),
    }
    assert report.outcome == "failed"
    reached = {row.notes for row in report.certificates if row.outcome == "deferred"}
    assert reached == {
        ("the run has reached its limit OrdersPerDelegation or OrdersPerRun; a later daily run orders it",)
    }


def test_a_renewal_by_a_run_at_the_same_time_counts_as_renewed(system: System) -> None:
    """Its audit row is of this time."""
    system.check_expiry("slow")
    system.clock.advance(minutes=1)
    system.renew()
    system.archive.write_results("slow", [system._child(task) for task in system.plan("slow")])

    assert row_of(system.report("slow")).outcome == "renewed"
    assert len(system.scm.orders) == 1


def test_a_certificate_that_is_no_longer_due_is_not_renewed(system: System) -> None:
    """The operator took the change back: nothing was ordered, and nothing is claimed."""
    system.renew()
    system.clock.advance(hours=1)
    system.add(replace(IDP, names=("idp.univ.example", "a.apps.univ.example")))
    system.check_expiry("run9")
    system.add(IDP)
    system.archive.write_results("run9", [system._child(task) for task in system.plan("run9")])

    row = row_of(system.report("run9"))

    assert (row.outcome, row.new_serial, row.old_serial) == ("not-due", "", system.stored().serial)
    assert row.reason.startswith("due from ")


# ---- Delegations that fail -------------------------------------------------------------------------------------------


def three_delegations() -> System:
    """Three with a new certificate each."""
    system = System()
    for name in ("a", "b", "c"):
        system.add(replace(IDP, delegation=name), delegation=replace(DELEGATION, name=name))
    return system


def test_a_delegation_without_a_login_does_not_count_for_the_cause() -> None:
    """Its mandate has ended, or no password is stored: the two others are all that were tried."""
    system = three_delegations()
    system.book.apply(replace(DELEGATION, name="a", mandate_ends=NOW.date() - timedelta(days=1)), now=NOW)
    system.accounts.refused = {("b", "v1"), ("c", "v1")}

    assert system.daily_run().common_cause.startswith("SCM refused all 2 accounts at once")


def test_a_delegation_without_an_answer_does_not_count_for_the_cause() -> None:
    """It was not let in either."""
    system = three_delegations()
    system.check_expiry("run")
    refused = caught(CredentialRefused("401"))
    silent = caught(ScmUnavailable("503"))
    errors = {"a": silent, "b": refused, "c": refused}
    system.archive.write_results(
        "run", [child(name, {"delegation": name, "error": error}) for name, error in errors.items()]
    )

    assert system.report().common_cause.startswith("SCM refused all 2 accounts at once")


def test_a_replacement_is_paused_while_scm_is_ill_and_continues_without_the_operator(system: System) -> None:
    """The operator reads why nothing is replaced; no one has to start anything when SCM is back."""
    system.book.adopt(("univ", "idp"), stored_by(IDP, age=20), NOW)
    system.book.rules = [ReplacementRule(NOW, "", "incident", deadline=NOW + timedelta(days=1), certificates=1)]
    system.check_expiry("run", **HOURLY)
    ill = child("univ", {"delegation": "univ", "error": caught(ScmUnavailable("503")), "certificates": []})
    system.archive.write_results("run", [ill])

    (paused,) = system.report().replacements
    system.clock.advance(hours=1)
    (resumed,) = system.daily_run(**HOURLY).replacements
    system.clock.advance(hours=1)
    (done,) = system.daily_run(**HOURLY).replacements

    assert (paused.left, paused.paused) == (1, ("univ",))
    assert replace(paused, delegations=("lab",)).paused_in(("univ", "lab")).paused == ("lab",)
    assert (resumed.left, resumed.paused) == (1, ())
    assert (done.left, done.done, done.is_complete) == (0, 1, True)


def test_a_refusal_of_another_kind_shows_that_the_address_is_right() -> None:
    """A login that lacks a privilege was accepted, so its address is known."""
    system = three_delegations()
    system.accounts.refused = {("b", "v1"), ("c", "v1")}
    system.scm.answers["reported"] = PermissionMissing("-226")

    assert system.daily_run().common_cause == ""


def test_a_single_delegation_has_no_common_cause(system: System) -> None:
    """One password is one password."""
    system.accounts.refused = {("univ", "v1")}

    assert system.daily_run().common_cause == ""


# ---- Results that are missing or not ours ----------------------------------------------------------------------------


def test_a_failed_map_is_reported_for_every_delegation() -> None:
    """No results at all: the report is written all the same, and names it."""
    system = three_delegations()
    system.check_expiry("run1")

    report = system.report("run1")

    assert report.outcome == "failed"
    assert {row.error for row in report.certificates} == {"ResultMissing"}
    for row in report.delegations:
        assert row.error == "ResultMissing"
        assert row.text == ("the run left no result for this delegation: runs/run1/results.json is not there")
    assert metrics(system)["RunCompleted"] == 1


def test_a_killed_child_is_reported_by_its_status(system: System) -> None:
    """Timed out, aborted, or failed with an error of Step Functions' own."""
    system.check_expiry("run1")
    killed = child("univ", None, Status="FAILED", Error="States.DataLimitExceeded", Cause="too much")
    system.archive.write_results("run1", [killed])
    assert row_of(system.report("run1")).error == "States.DataLimitExceeded"

    system.archive.write_results("run1", [child("univ", None, Status="TIMED_OUT")])
    assert row_of(system.report("run1")).error == "TIMED_OUT"


@pytest.mark.parametrize("status", ["ordered", "pending", "stored"])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_failed_poll_fails_a_delegation_with_open_orders_only(status: str, turn: int) -> None:
    """Another poll has collected them all: nothing is left that needs attention. S3 lists both in any order."""
    end = {"certificate": "idp", "status": status, "token": "t", "ssl_id": 5}
    killed = child("univ", None, orders=["idp"], Status="TIMED_OUT")
    polls = [killed, child("univ", {"certificates": [end]}, orders=["idp"])][::turn]

    results = read_map_results([child("univ", {"certificates": [end | {"status": "ordered"}]}), *polls])

    failure = results.failure_of("univ")
    assert (failure.error if failure else "") == ("" if status == "stored" else "TIMED_OUT")


def test_a_run_without_facts_cannot_be_reported(system: System) -> None:
    """Then the execution fails: silence is an error."""
    with pytest.raises(PlanUnreadable, match=r"runs/nobody/facts.json is not there"):
        system.report("nobody")


@pytest.mark.parametrize(
    ("result", "error"),
    [
        ({}, "ResultMissing"),
        ({"Input": "not JSON", "Status": "SUCCEEDED", "Output": "{}"}, "ResultMissing"),
        ({"Input": "[]", "Status": "SUCCEEDED", "Output": "{}"}, "ResultMissing"),
        ({"Input": '{"delegation": 5}', "Status": "SUCCEEDED", "Output": "{}"}, "ResultMissing"),
        ({"Input": '{"delegation": "univ"}', "Status": "SUCCEEDED"}, "PlanUnreadable"),
        (child("univ", None, Output="[]"), "PlanUnreadable"),
        (child("univ", {"certificates": 5}), "PlanUnreadable"),
        (child("univ", {"certificates": ["idp"]}), "PlanUnreadable"),
        (child("univ", {"certificates": [{"status": "stored"}]}), "PlanUnreadable"),
        (child("univ", {"certificates": [{"certificate": "idp", "status": "approved"}]}), "PlanUnreadable"),
        (
            child("univ", {"certificates": [{"certificate": "idp", "status": "stored", "ssl_id": "5"}]}),
            "PlanUnreadable",
        ),
        (child("univ", {"certificates": [{"certificate": "idp", "error": "text"}]}), "PlanUnreadable"),
        (child("univ", {"certificates": [{"certificate": "idp", "error": {"Error": 5}}]}), "PlanUnreadable"),
        (child("univ", {"error": "text"}), "PlanUnreadable"),
        (child("univ", None, Status="FAILED", Cause=["a list"]), "PlanUnreadable"),
    ],
)
def test_a_result_of_another_form_fails_its_certificate_only(
    system: System, result: dict[str, Any], error: str
) -> None:
    """Never a KeyError, never a guess; and the other delegations have their report."""
    other = replace(DELEGATION, name="lycee")
    system.book.apply(other, replace(IDP, delegation="lycee"), now=NOW)
    system.check_expiry("run1")
    pending = child("lycee", {"certificates": [{"certificate": "idp", "status": "pending"}]})
    system.archive.write_results("run1", [result, pending])

    report = system.report("run1")

    assert (report.outcome, row_of(report).outcome, row_of(report).error) == ("failed", "failed", error)
    assert row_of(report, "lycee/idp").outcome == "pending"


def test_outcomes_are_read_as_the_state_machine_writes_them() -> None:
    """One child execution: stored, pending, failed and planned."""
    output = {
        "delegation": "univ",
        "certificates": [
            {"certificate": "a", "status": "stored", "token": "t", "ssl_id": 5, "run_id": "r"},
            {"certificate": "b", "status": "pending", "token": "t", "ssl_id": 6},
            {"certificate": "c", "status": "failed", "error": caught(MandateEnded("in May"))},
            {"certificate": "d", "causes": ["age"]},
        ],
    }

    outcomes = read_map_results([child("univ", output)])

    assert outcomes.delegations == {"univ": None}
    assert outcomes.certificates == {
        "univ/a": CertificateResult(ResultStatus.STORED, 5, "t"),
        "univ/b": CertificateResult(ResultStatus.PENDING, 6, "t"),
        "univ/c": CertificateResult(ResultStatus.FAILED, failure=Failure("MandateEnded", "in May")),
        "univ/d": CertificateResult(ResultStatus.PLANNED),
    }


def test_a_delegation_that_failed_or_left_no_summary_is_not_taken_for_quiet() -> None:
    """Of a run that began before an update, and of a child execution that ended early, everything is read."""
    quiet = {"summary": {"is_quiet": True, "first_expiry": None, "password_expires": None}}

    outcomes = read_map_results(
        [
            child("a", quiet),
            child("b", {}),
            child("c", quiet | {"error": caught(ScmUnavailable("502"))}),
            child("d", {"summary": {"is_quiet": "yes"}}),
            child("e", quiet, Status="FAILED"),
        ]
    )

    assert [name for name in "abcdef" if outcomes.summary_of(name).is_quiet] == ["a"]
    assert outcomes.failure_of("d") is not None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (caught(AddressRefused("403")), "403"),
        ({"Error": "AddressRefused", "Cause": "plain words"}, "plain words"),
        ({"Error": "AddressRefused", "Cause": '["a list"]'}, '["a list"]'),
        ({"Error": "AddressRefused", "Cause": "[" * 20_000}, "[" * 499 + "…"),
        ({"Error": "AddressRefused", "Cause": ""}, ""),
        ({"Error": "AddressRefused"}, ""),
        ({"Error": "AddressRefused", "Cause": "x\n" * 900}, "x " * 249 + "x…"),
    ],
)
def test_an_error_is_reported_in_its_own_words(error: dict[str, Any], text: str) -> None:
    """Lambda wraps them in a document with a stack trace, of no use to the operator."""
    assert read_verification([{"Status": "FAILED", "Input": verified("univ")["Input"], **error}]).failure == ": ".join(
        filter(None, ("AddressRefused", "univ", text))
    )


def verified(delegation: str, *names: str, **output: Any) -> dict[str, Any]:
    """What Step Functions writes of a child execution that verifies *names*."""
    task = VerificationTask("run", delegation, names).payload()
    return {"Status": "SUCCEEDED", "Input": json.dumps(task), "Output": json.dumps(output)}


def test_the_report_has_what_was_not_verified(system: System) -> None:
    """An endpoint that no run contacts must not be forgotten; one delegation's failure is that of no other."""
    system.add(replace(IDP, served_at=(Endpoint("idp.univ.example"),)))
    system.check_expiry()
    killed = {"Status": "FAILED", "Error": "Runtime.ExitError", "Input": verified("tib", "idp", "sp")["Input"]}
    good = verified("acme", "web", verified=3, late=2, certificates_not_served=1, endpoints_not_served=4)
    refused = verified("univ", "sp", verified=1, failed=2, failure="StoreRefused: univ/sp: no", hours_to_served=1.5)
    system.archive.documents["run", "verified"] = json.dumps([good, killed, refused])

    summary = system.report_step()("run")

    report = RunReport.parse(system.archive.read("run", "report"))
    assert (report.late, report.not_verified) == (2, "Runtime.ExitError: tib; and 3 more")
    assert summary["metrics"].items() >= {
        "CertificatesNotVerified": 6, "CertificatesNotServed": 1, "EndpointsNotServed": 4, "HoursToServed": 1.5
    }.items()  # fmt: skip


def test_a_verification_without_results_is_reported(system: System) -> None:
    """When its Map fails as a whole, nothing else would show that nobody looked."""
    system.add(replace(IDP, served_at=(Endpoint("idp.univ.example"),)))
    system.check_expiry()

    assert system.report().not_verified == "PlanUnreadable: runs/run/verified.json is not there"


def test_a_run_without_declared_endpoints_verifies_nothing(system: System) -> None:
    """There is no Map then, and no object to be read."""
    system.check_expiry()

    assert system.report().not_verified == ""


@pytest.mark.parametrize("child", [{}, {"Input": "{}"}, {**verified("univ", "idp"), "Output": '{"late": "x"}'}])
def test_a_verification_that_cannot_be_read_is_named(child: dict[str, Any]) -> None:
    """A later version, or a hand, may have written it."""
    total = read_verification([child, verified("tib", "sp", verified=1)])

    assert (total.verified, total.failed) == (1, 1)
    assert total.not_verified.startswith("PlanUnreadable: ")
