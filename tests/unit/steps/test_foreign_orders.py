"""Fault S3: every order of SCM's report is compared with the order book; one that it does not have is notified once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from renewal.domain.errors import CredentialRefused, PermissionMissing, StoreRefused
from renewal.domain.setup.finding import LONGEST, Finding, sorted_and_capped
from renewal.domain.setup.foreign_orders import MOST_NAMED, MOST_NOTICED, Acknowledgement, ForeignOrderList
from renewal.domain.setup.snapshot import ReportedCertificate
from renewal.records import read, to_json
from tests.certmandate.rao_samples import row
from tests.unit.orders import an_order
from tests.unit.system import DELEGATION, IDP, NOW, PATH, System, stored_by

STOLEN = ReportedCertificate(
    9001,
    "login.univ.example",
    ("login.univ.example",),
    "ISSUED",
    serial="BAD",
    requested=NOW - timedelta(hours=3),
    expires=NOW + timedelta(days=199),
    requester="draouniv",
)


@pytest.fixture
def begun(system: System) -> System:
    """A delegation that began ten days ago, with an inspection of yesterday; SCM's report has its certificate."""
    system.book.adopt(PATH, stored_by(IDP, age=10), NOW)
    of_served = ReportedCertificate(4000, "idp.univ.example", IDP.names, "ISSUED", serial="ABC")
    system.scm.rows = (of_served,)
    inspect(system, "yesterday")
    return system


def inspect(system: System, run_id: str) -> list[Finding]:
    """Inspect; return the findings about orders that are not ours."""
    system.inspect(system.item(run_id=run_id))
    return [finding for finding in system.inspection().findings if finding.code == "OrderNotOurs"]


def show(system: System, *rows: ReportedCertificate) -> None:
    """SCM's report has *rows* besides the stored certificate."""
    system.scm.rows = (system.scm.rows[0], *rows)


def test_an_order_by_a_stolen_credential_is_reported_to_both(begun: System) -> None:
    """The RAO can find out whose it is; the operator has to act when it is nobody's."""
    show(begun, STOLEN)

    for_rao, for_operator = sorted(inspect(begun, "today"), key=lambda finding: finding.actor, reverse=True)

    assert (for_rao.actor, for_operator.actor) == ("rao", "operator")
    assert {finding.severity for finding in (for_rao, for_operator)} == {"error"}
    assert for_rao.is_security
    assert "order SSL ID 9001, 2026-11-23, draouniv, issued: login.univ.example" in for_rao.text
    assert "9001" in for_operator.text


def test_an_order_is_open_until_it_is_acknowledged(begun: System) -> None:
    """By its SSL ID, so that an acknowledgement hides no other order."""
    show(begun, STOLEN)
    assert len(inspect(begun, "today")) == 2

    show(begun, STOLEN, replace(STOLEN, ssl_id=9002, serial="WORSE"))
    assert len(inspect(begun, "later")) == 3

    begun.book.acknowledged += [Acknowledgement("univ", key, "the RAO's", NOW) for key in ("9001", "9002")]
    assert inspect(begun, "at last") == []


def test_a_report_that_is_not_shown_changes_nothing(begun: System) -> None:
    """Otherwise the orders would be notified again when SCM shows it again."""
    show(begun, STOLEN)
    inspect(begun, "today")
    begun.scm.answers["reported"] = PermissionMissing("-3")
    assert len(inspect(begun, "tomorrow")) == 2

    begun.scm.answers["profiles"] = PermissionMissing("-3")
    with pytest.raises(PermissionMissing):
        begun.inspect(begun.item(run_id="refused"))
    begun.scm.answers.clear()
    assert len(inspect(begun, "later")) == 2


@pytest.mark.parametrize("section", ["profiles", "reported"])
def test_an_order_stays_a_finding_while_scm_refuses_the_account(begun: System, section: str) -> None:
    """The RAO suspends an account whose credential was stolen: nothing reported the thief's order any more."""
    show(begun, STOLEN, replace(STOLEN, ssl_id=9002, serial="WORSE"))
    inspect(begun, "today")
    begun.scm.answers[section] = CredentialRefused("suspended") if section != "reported" else PermissionMissing("-3")

    def refused(run_id: str) -> set[str]:
        with suppress(CredentialRefused):
            inspect(begun, run_id)
        findings = begun.inspection().findings
        return {finding.about for finding in findings if finding.code == "OrderNotOurs" and finding.actor == "rao"}

    assert refused("tomorrow") == {"9001", "9002"}
    begun.book.acknowledged.append(Acknowledgement("univ", "9001", "the RAO's", NOW))
    assert refused("later") == {"9002"}


def test_an_order_is_a_finding_beside_a_hundred_other_errors(begun: System) -> None:
    """What is stored of the findings is capped: a hundred certificates with another fault hid a theft."""
    others = [Finding("DcvLapsed", "error", "rao", f"{number:04}") for number in range(1_000)]
    show(begun, STOLEN)

    kept = sorted_and_capped([*others, *inspect(begun, "today")])

    assert [finding.code for finding in kept[:3]] == ["OrderNotOurs", "OrderNotOurs", "DcvLapsed"]


def test_what_the_organisation_had_before_is_reported_once_without_an_alarm(system: System) -> None:
    """A department with a thousand certificates of its own must not drown anyone."""
    before = NOW - timedelta(days=2)
    system.scm.rows = tuple(replace(STOLEN, ssl_id=number, requested=before) for number in range(1, 1_001))

    assert inspect(system, "first") == []
    (only,) = [finding for finding in system.inspection().findings if finding.code == "OrdersBefore"]
    assert (only.severity, "1000 unexpired orders" in only.text) == ("info", True)
    assert not inspect(system, "second")
    assert "OrdersBefore" not in {finding.code for finding in system.inspection().findings}
    assert len(str(to_json(system.inspection()))) < 5_000


def test_a_thousand_foreign_orders_fit_the_item(begun: System) -> None:
    """Twenty have a finding each, one more has the number of the others; DynamoDB takes items of 400 KB."""
    long = tuple(f"{number:03}.{'a' * 60}.univ.example" for number in range(100))
    show(begun, *(replace(STOLEN, ssl_id=number, names=long) for number in range(1, 1_001)))

    found = inspect(begun, "today")

    assert ".univ.example and 95 more names" in found[2].text
    of_all, *_, others = sorted(found, key=lambda finding: (finding.actor, finding.text.startswith("more orders")))
    assert len(found) == MOST_NAMED + 2
    assert " and 980 more. " in of_all.text
    assert others.text.startswith("more orders that are not ours (980): SSL ID 980, 979, ")
    assert " 931 and 930 more; `certmandate findings univ` lists each with names, requester " in others.text
    assert max(len(finding.text) for finding in found) <= LONGEST
    assert len(str(to_json(begun.inspection()))) < 90_000


def listed(system: System) -> ForeignOrderList:
    """The list beside the report of the run that the inspection names."""
    run_id = system.inspection().foreign.listed_by  # type: ignore[union-attr]
    return read(ForeignOrderList, system.archive.read(run_id, "foreign-orders-univ"))


def test_every_order_of_a_thief_is_listed_with_names_requester_and_day(begun: System) -> None:
    """Of three thousand only twenty were named; the others were numbers, which only SCM could explain."""
    names = tuple(f"{number}.univ.example" for number in range(9))
    numbers = range(5_000, 5_000 + MOST_NOTICED + 100)
    show(begun, *(foreign(number, names=names) for number in numbers))

    inspect(begun, "today")
    inspect(begun, "tomorrow")

    assert {order.ssl_id for order in listed(begun).orders} == set(numbers)
    for order in listed(begun).orders:
        assert (order.names, order.requester, order.at) == (names, STOLEN.requester, STOLEN.requested)


def test_what_was_ordered_before_the_delegation_is_listed_and_what_was_acknowledged_is_not(begun: System) -> None:
    """The RAO can recognise a theft of before, when no one compared anything."""
    show(begun, foreign(9001), foreign(9002), foreign(8000, requested=NOW - timedelta(days=20)))
    begun.book.acknowledged.append(Acknowledgement("univ", "9001", "the RAO's", NOW))
    inspect(begun, "today")
    assert [[order.ssl_id for order in part] for part in (listed(begun).orders, listed(begun).before)] == [
        [9002], [8000],
    ]  # fmt: skip

    begun.book.acknowledged.append(Acknowledgement("univ", "9002", "the RAO's", NOW))
    inspect(begun, "tomorrow")
    inspect(begun, "later")
    assert (listed(begun).orders, [order.ssl_id for order in listed(begun).before]) == ((), [8000])

    show(begun)
    inspect(begun, "at last")
    assert begun.inspection().foreign.listed_by == ""  # type: ignore[union-attr]


def test_a_list_that_s3_does_not_take_stops_nothing_and_is_in_the_finding(begun: System) -> None:
    """Renewals, and the finding itself, must not depend on it."""
    show(begun, *map(foreign, range(1, 31)))

    def refused(*_: object) -> None:
        raise StoreRefused("AccessDenied")

    begun.inspect_step(write_list=refused)(begun.item(run_id="today"))

    findings = [finding for finding in begun.inspection().findings if finding.code == "OrderNotOurs"]
    assert len(findings) == MOST_NAMED + 2
    (others,) = (finding for finding in findings if finding.text.startswith("more orders"))
    assert "S3 did not take the list of all, which the next inspection writes again" in others.text


def foreign(ssl_id: int, **changes: Any) -> ReportedCertificate:
    return replace(STOLEN, ssl_id=ssl_id, serial=f"BAD{ssl_id}", **changes)


@pytest.mark.parametrize("open_before", [MOST_NAMED - 1, MOST_NAMED, 150, MOST_NOTICED - 1])
@pytest.mark.parametrize(("of_others", "of_it"), [(None, NOW), (NOW, NOW - timedelta(days=9)), (NOW, None)])
def test_a_later_order_is_alerted_however_many_are_open(
    begun: System, open_before: int, of_others: datetime | None, of_it: datetime | None
) -> None:
    """Ten open orders without a date, or of a later day, hid each later one: no finding, no alert, no alarm."""
    shown = [foreign(10_000 + number, requested=of_others) for number in range(open_before)]
    show(begun, *shown)
    begun.daily_run()
    begun.clock.advance(days=1)
    begun.daily_run()
    before = len(begun.alerts.sent)
    show(begun, *shown, foreign(9001, requested=of_it))
    begun.clock.advance(days=1)

    metrics = reported(begun, "later")

    (alert,) = begun.alerts.sent[before:]
    assert alert.text.count("order SSL ID") == 1
    assert "order SSL ID 9001, " in alert.text
    assert metrics["NewOrdersNotOurs"] >= 1
    begun.clock.advance(days=1)
    assert reported(begun, "again")["NewOrdersNotOurs"] == 0
    assert len(begun.alerts.sent) == before + 1


def test_orders_that_did_not_fit_into_a_full_list_are_not_new_again(begun: System) -> None:
    """Each inspection took some of them for new: an alert a day, which nothing explained."""
    shown = [foreign(10_000 + number) for number in range(MOST_NOTICED + 50)]
    show(begun, *shown)
    begun.daily_run()
    begun.clock.advance(days=1)

    assert reported(begun, "again")["NewOrdersNotOurs"] == 0
    show(begun, *shown, foreign(20_000))
    begun.clock.advance(days=1)
    assert reported(begun, "later")["NewOrdersNotOurs"] >= 1
    assert "order SSL ID 20000, " in begun.alerts.sent[-1].text


def test_orders_without_a_finding_of_their_own_are_alerted_by_number_each_time(begun: System) -> None:
    """The alert of the first fifty said nothing of the next fifty, of which only twenty have a finding."""
    shown: list[ReportedCertificate] = []
    for day, left in ((1, 30), (2, 80)):
        shown += [foreign(day * 100 + number) for number in range(50)]
        show(begun, *shown)
        assert reported(begun, f"day {day}")["NewOrdersNotOurs"] == MOST_NAMED + 1
        begun.clock.advance(days=1)
        assert f"more orders that are not ours ({left}): SSL ID {day * 100 + 29}, " in begun.alerts.sent[-1].text


def test_a_check_between_two_runs_hides_no_order_from_the_alert(begun: System) -> None:
    """It has recorded the order as found; what was alerted is kept by the report alone."""
    shown = [foreign(number) for number in range(1, 31)]
    show(begun, *shown)
    begun.daily_run()
    shown.append(foreign(50))
    show(begun, *shown)
    inspect(begun, "check")
    shown += [foreign(number) for number in range(60, 60 + MOST_NAMED)]
    show(begun, *shown)
    begun.clock.advance(days=1)
    before = len(begun.alerts.sent)

    reported(begun, "later")

    assert "more orders that are not ours (31): SSL ID 50, " in begun.alerts.sent[before].text


def reported(system: System, run_id: str) -> dict[str, float]:
    """Return the metrics of a daily run."""
    system.check_expiry(run_id)
    system.archive.write_results(run_id, [system._child(task) for task in system.plan(run_id)])
    metrics: dict[str, float] = system.report_step()(run_id)["metrics"]
    return metrics


@pytest.mark.parametrize(
    ("changes", "is_ours"),
    [
        ({"serial": "ABC"}, True),
        ({"comment": "certmandate order 0a1b for univ/idp"}, False),
        ({"comment": "certmandate order other for univ/idp"}, False),
        ({"comment": "certmandate order closed for univ/idp"}, False),
        ({"comment": "certmandate order closed for univ/idp", "names": IDP.names}, True),
        ({"comment": "certmandate order closed for univ/idp", "names": (f"www.{IDP.names[0]}", *IDP.names)}, True),
        ({"ssl_id": 3999}, True),
        ({"ssl_id": 3999, "replaced": NOW}, False),
        ({"ssl_id": 3999, "replaced": NOW, "comment": "certmandate order old for univ/idp"}, False),
        ({"ssl_id": 3999, "serial": "OLD", "replaced": NOW}, True),
        ({"expires": NOW - timedelta(days=1)}, True),
        ({"requested": NOW - timedelta(days=20)}, True),
        ({"requested": NOW - timedelta(days=20), "replaced": NOW}, False),
        ({"requested": None, "issued": None}, False),
        ({"status": "DECLINED", "serial": ""}, False),
    ],
)
def test_a_row_is_ours_by_what_the_order_book_has(begun: System, changes: dict[str, Any], is_ours: bool) -> None:
    """A thief reads our comments and copies one, or replaces a certificate of ours: SCM keeps SSL ID and comment then.

    So a token counts only for an order whose SSL ID is not known, and only with its names.
    """
    begun.book.rows.append(row(ended_at=NOW - timedelta(days=9), ssl_id=3999, serial="OLD", token="old"))
    begun.book.rows.append(row(ended_at=NOW - timedelta(days=9), ssl_id=None, serial="", token="closed"))
    begun.book.managed[PATH] = replace(begun.book.managed[PATH], stored=stored_by(IDP, age=10, token="0a1b"))
    show(begun, replace(STOLEN, **changes))

    assert (not inspect(begun, "today")) is is_ours


def test_a_copy_of_the_comment_of_an_order_without_ssl_id_is_found(begun: System) -> None:
    """The operator has closed it, and it exists: who has the credential reads its token and its names."""
    begun.book.rows.append(row(ended_at=NOW - timedelta(days=1), ssl_id=None, serial="", token="closed"))
    comment = "certmandate order closed for univ/idp"
    show(begun, *(foreign(number, names=IDP.names, comment=comment) for number in (9002, 9001)))

    assert {finding.about for finding in inspect(begun, "today") if finding.actor == "rao"} == {"9002"}


def test_an_order_whose_answer_was_lost_is_not_taken_for_a_foreign_one(begun: System) -> None:
    """The search of the next run decides whether it is ours; with another comment it is not."""
    begun.book.orders[PATH] = replace(an_order(), ssl_id=None, opened_at=NOW, posted_at=NOW, names=IDP.names)
    like_it = replace(STOLEN, names=IDP.names, common_name=IDP.names[0], requested=NOW)

    show(begun, like_it)
    assert not inspect(begun, "today")
    show(begun, replace(like_it, comment="by hand"))
    (found, _) = sorted(inspect(begun, "tomorrow"), key=lambda finding: finding.actor, reverse=True)
    assert (found.certificate, "a renewal by another program" in found.text) == ("idp", True)


def test_the_second_order_of_a_thief_is_alerted_by_name_like_the_first(begun: System) -> None:
    """The operator's finding about all of them lasts, and so does that about the first: neither hides the second."""
    orders = {9001: "login", 9002: "vpn"}
    shown: list[ReportedCertificate] = []
    for number, name in orders.items():
        shown.append(replace(STOLEN, ssl_id=number, serial=f"BAD{number}", names=(f"{name}.univ.example",)))
        show(begun, *shown)
        begun.daily_run()
        begun.clock.advance(days=1)
    begun.daily_run()

    texts = [alert.text for alert in begun.alerts.sent if "OrderNotOurs" in alert.text]
    assert len(texts) == len(orders)
    for text, (number, name) in zip(texts, orders.items(), strict=True):
        assert f"order SSL ID {number}, 2026-11-23, draouniv, issued: {name}.univ.example" in text
        assert text.count("order SSL ID") == 1


def test_what_scm_replaces_after_it_was_acknowledged_is_alerted(begun: System) -> None:
    """The SSL ID stays the same; the certificate is another one, and its key is not ours either."""
    show(begun, STOLEN)
    begun.daily_run()
    begun.book.acknowledged.append(Acknowledgement("univ", "9001", "the RAO's", NOW))
    show(begun, replace(STOLEN, serial="WORSE", replaced=NOW + timedelta(hours=1)))
    begun.clock.advance(days=1)
    known = len(begun.alerts.sent)

    begun.daily_run()

    assert any("9001" in alert.text for alert in begun.alerts.sent[known:])


def test_a_report_that_is_tried_again_counts_what_its_first_try_has_alerted(begun: System) -> None:
    """Its answer, or its metrics, may be lost: the alarm would not go off."""
    show(begun, STOLEN)
    begun.check_expiry("today")
    begun.archive.write_results("today", [begun._child(task) for task in begun.plan("today")])
    report = begun.report_step()

    assert [report("today")["metrics"]["NewOrdersNotOurs"] for _ in range(2)] == [1, 1]


def test_what_a_wrong_clock_has_dated_later_is_counted_once(begun: System) -> None:
    """The alarm would go off after each run until that day."""
    begun.daily_run()
    show(begun, STOLEN)
    begun.clock.advance(days=90)
    begun.daily_run()
    begun.clock.advance(days=-89)
    begun.check_expiry("right")
    begun.archive.write_results("right", [begun._child(task) for task in begun.plan("right")])

    assert begun.report_step()("right")["metrics"]["NewOrdersNotOurs"] == 0


def test_an_order_of_a_run_that_died_before_its_report_is_alerted_by_the_next(begun: System) -> None:
    """The inspection of the dead run has kept the order as known; what was alerted is kept by the report alone."""
    show(begun, STOLEN)
    inspect(begun, "died")
    begun.clock.advance(days=1)

    begun.daily_run()
    first = len(begun.alerts.sent)
    begun.clock.advance(days=1)
    begun.daily_run()

    assert any("9001" in alert.text for alert in begun.alerts.sent[:first])
    assert not any("9001" in alert.text for alert in begun.alerts.sent[first:])


def test_the_audit_trail_is_read_once_for_a_certificate_that_was_renewed(begun: System) -> None:
    """SCM lists it until it expires: the rows of all years would be read by each inspection until then."""
    begun.book.rows.append(row(ended_at=NOW - timedelta(days=9), ssl_id=3999, serial="OLD", token="old"))
    former = replace(STOLEN, ssl_id=3999, serial="OLD")
    show(begun, former)
    inspect(begun, "today")
    trail, begun.book.rows = begun.book.rows, []
    assert not inspect(begun, "tomorrow")

    for changes in ({"serial": "BAD"}, {"replaced": NOW}):
        show(begun, replace(former, **changes))
        assert inspect(begun, "stolen")
        begun.book.rows = trail
        show(begun, former)
        assert not inspect(begun, "later")
        begun.book.rows = []


def test_an_order_of_a_certificate_that_was_applied_again_is_found_by_each_inspection(begun: System) -> None:
    """A new order would duplicate it: what the audit trail explains is only known to be ours."""
    again = replace(IDP, name="again", names=("again.univ.example",))
    comment = "certmandate order old for univ/again"
    ours = replace(STOLEN, ssl_id=3999, serial="OLD", common_name=again.names[0], names=again.names, comment=comment)
    begun.book.rows.append(
        row(certificate="again", ended_at=NOW - timedelta(days=9), ssl_id=3999, serial="OLD", token="old")
    )
    show(begun, ours)
    assert not inspect(begun, "removed")
    assert not begun.inspection().unrecorded

    begun.book.apply(DELEGATION, again, now=NOW)
    inspect(begun, "applied again")

    assert [order.ssl_id for order in begun.inspection().unrecorded] == [3999]
