"""The order book put back to an earlier state: nothing is ordered that SCM has, and the operator can end every stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import OrderConflict, OrderNotRecorded, PermissionMissing, RenewalError, ScmUnavailable
from renewal.domain.run.report import Outcome
from renewal.domain.setup.finding import ORDER_NOT_OURS, Finding
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.domain.setup.unrecorded import ReportedOrder, require_recorded
from tests.fakes import FakeOrderBook, interrupted
from tests.unit.orders import an_order
from tests.unit.system import IDP, PATH, System, managed, stored_by

STATES = (
    "nothing ordered",
    "first intent",
    "first ordered",
    "first stored",
    "second intent",
    "second ordered",
    "second stored",
)


def copied(book: FakeOrderBook) -> FakeOrderBook:
    """The book as it is now; its records are frozen."""
    return replace(
        book,
        records=dict(book.records),
        managed=dict(book.managed),
        orders=dict(book.orders),
        rows=list(book.rows),
        adopted=list(book.adopted),
        next_actions=dict(book.next_actions),
    )


def keep(system: System, books: list[FakeOrderBook]) -> None:
    """Keep a copy of the book."""
    books.append(copied(system.book))


def played(system: System) -> Iterator[FakeOrderBook]:
    """Order, collect, and renew when it is due; yield a copy of the book at each state."""
    yield copied(system.book)
    for days in (150, 0):
        system.scm.polls, task = 1, system.task()
        before = [system.book]
        scm = interrupted(system.scm, "enroll", before=partial(keep, system, before))
        progress = system.enroll(task, scm=scm)
        yield before[-1]
        assert system.collect(progress).status == "pending"
        yield copied(system.book)
        system.collect(progress)
        yield copied(system.book)
        system.clock.advance(days=days)


def restored(
    state: str, *, hides_comments: bool = False, keeps_rows: bool = False, spec: CertificateSpec = IDP
) -> System:
    """A system whose second certificate was stored an hour ago, with the book of an earlier *state*.

    keeps_rows: the audit table was not put back.
    """
    system = System()
    system.add(spec)
    books = dict(zip(STATES, played(system), strict=True))
    assert len(system.scm.orders) == 2
    system.clock.advance(hours=1)
    system.scm.hides_comments = hides_comments
    system.book = replace(books[state], rows=list(system.book.rows)) if keeps_rows else books[state]
    return system


def error_of(system: System) -> str:
    """Run daily until nothing changes; return the error that is left."""
    error = ""
    for _ in range(3):
        error = next((row.error for row in system.daily_run().certificates), "")
        system.clock.advance(days=1)
    return error


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("hides_comments", [False, True])
@pytest.mark.parametrize("keeps_rows", [False, True])
def test_a_restored_book_orders_nothing_that_scm_has(state: str, hides_comments: bool, keeps_rows: bool) -> None:
    """Either the order is found and collected, or a named error waits for the operator.

    Without comments and without audit rows, an order book without any order cannot recognise its orders at SCM.
    """
    system = restored(state, hides_comments=hides_comments, keeps_rows=keeps_rows)

    error = error_of(system)

    if hides_comments and state == "nothing ordered" and not keeps_rows:
        assert len(system.scm.orders) == 3
        return
    assert len(system.scm.orders) == 2
    assert error in {"", "OrderNotRecorded", "OrderConflict", "OrderUndecided"}
    assert (error == "") == (state.startswith("second") and not (hides_comments and state == "second intent"))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("hidden", [None, PermissionMissing("-3"), ScmUnavailable("503")])
@pytest.mark.parametrize("is_first_revoked", [False, True])
def test_what_the_audit_trail_has_as_stored_is_not_ordered_again(
    state: str, hidden: RenewalError | None, is_first_revoked: bool
) -> None:
    """The trail was used only to filter SCM's report; where SCM does not show that, a restored table ordered again.

    A revoked order that the table has open again ends there, and the next run ordered.
    """
    system = restored(state, keeps_rows=True)
    if hidden:
        system.scm.answers["reported"] = hidden
    if is_first_revoked:
        first = min(system.scm.orders)
        system.scm.orders[first].status = "REVOKED"
        system.scm.revoked.add(first)

    error_of(system)
    last = error_of(system)

    assert len(system.scm.orders) == 2
    assert last == ("" if state.startswith("second") else OrderNotRecorded.__name__)


@pytest.mark.parametrize("state", STATES)
def test_without_the_report_the_operator_ends_each_stop_as_well(state: str) -> None:
    """What is adopted is served, and the trail's row is older than that."""
    system = restored(state, keeps_rows=True)
    system.scm.answers["reported"] = PermissionMissing("-3")

    if error_of(system):
        as_operator_adopt(system)

    assert error_of(system) == ""
    assert len(system.scm.orders) == 2


def test_without_the_report_the_operator_may_order_again_once() -> None:
    """The permission is for one order; when that is stored, its row is the newest."""
    system = restored("first stored", keeps_rows=True)
    system.scm.answers["reported"] = PermissionMissing("-3")
    assert error_of(system) == OrderNotRecorded.__name__

    system.book.permit_order_again(PATH, "key lost", system.clock())

    assert error_of(system) == ""
    assert len(system.scm.orders) == 3


@pytest.mark.parametrize(
    ("names", "days", "is_ordered"),
    [(IDP.names, 1, False), (IDP.names, 200, True), (("new.apps.univ.example",), 1, True)],
    ids=["still valid", "expired", "other names"],
)
def test_a_certificate_that_was_removed_and_added_again_waits_only_for_its_like(
    names: tuple[str, ...], days: int, is_ordered: bool
) -> None:
    """Its delegation may have been retired and reinstated. What has expired, or has other names, is no second order."""
    system = System()
    system.add(IDP)
    system.renew()
    del system.book.managed[PATH]
    system.clock.advance(days=days)
    system.add(replace(IDP, names=names))
    system.scm.answers["reported"] = PermissionMissing("-3")

    error = error_of(system)

    assert error == ("" if is_ordered else OrderNotRecorded.__name__)
    assert len(system.scm.orders) == 1 + is_ordered


def test_what_another_run_stored_meanwhile_is_not_lost() -> None:
    """The record was read before its rows: without reading it again, the operator would be told to adopt it."""
    system = System()
    system.add(IDP)
    system.inspect(system.plan_of("univ"))
    book = interrupted(system.book, "history", before=system.renew)

    with pytest.raises(OrderConflict):
        system.enroll(book=book)
    assert len(system.scm.orders) == 1


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("keeps_rows", [False, True])
def test_the_operator_ends_each_stop_by_adopting_what_is_stored(state: str, keeps_rows: bool) -> None:
    """The stores have the certificate with its key; nothing is ordered before it is due."""
    system = restored(state, keeps_rows=keeps_rows)
    second = system.objects.current[PATH]
    error = error_of(system)

    if error:
        as_operator_adopt(system)

    assert error_of(system) == ""
    assert len(system.scm.orders) == 2
    assert system.stored().serial == second


@pytest.mark.parametrize("is_in_book", [False, True], ids=["lost", "open"])
@pytest.mark.parametrize("status", ["APPLIED", "REQUESTED"])
def test_a_pending_order_that_is_declined_after_a_restore_is_renewed_once(status: str, *, is_in_book: bool) -> None:
    """The order stops every other while SCM may issue it; once it is declined, nothing else renews the certificate."""
    system = System()
    system.add(IDP)
    system.renew()
    system.clock.advance(days=150)
    system.scm.polls, before = 1_000, copied(system.book)
    second = system.enroll(system.task(causes=("age",))).ssl_id
    after = copied(system.book)
    system.clock.advance(hours=1)
    system.scm.orders[second].status = status
    system.book = after if is_in_book else before

    assert error_of(system) == ("" if is_in_book else OrderNotRecorded.__name__)
    assert len(system.scm.orders) == 2

    system.scm.orders[second].status, system.scm.polls = "DECLINED", 0
    for _ in range(6):
        system.daily_run()
        system.clock.advance(days=1)

    assert sorted(system.scm.orders) == [5001, second, second + 1]
    assert system.stored().ssl_id == second + 1
    assert error_of(system) == ""


@pytest.mark.parametrize("stores", [("s3",), ("acm:eu-west-3",)])
def test_an_order_that_a_later_one_has_replaced_is_not_stored_again(stores: tuple[str, ...]) -> None:
    """ACM would get the older certificate in place of the newer one, though it may have been revoked."""
    system = restored("first ordered", keeps_rows=True, spec=replace(IDP, stores=stores))
    before = (dict(system.objects.current), dict(system.acm.held))

    assert error_of(system) == OrderNotRecorded.__name__
    assert (system.objects.current, system.acm.held) == before
    assert f"SCM has order {max(system.scm.orders)}" in system.daily_run().certificates[0].text
    assert len(system.scm.orders) == 2


def test_an_order_that_an_adopted_certificate_has_replaced_is_not_stored_again() -> None:
    """It was ordered by hand, so no order of the audit trail has it; its adoption does."""
    system = System()
    system.add(IDP)
    progress = system.enroll()
    earlier = copied(system.book)
    system.collect(progress)
    system.clock.advance(days=150)
    now = system.clock()
    later = stored_by(IDP, age=-150, ssl_id=9999, serial="B0B", stored_at=now)
    system.book.adopt(PATH, later, now)
    system.book = replace(earlier, rows=system.book.rows, adopted=system.book.adopted)
    system.clock.advance(hours=1)

    with pytest.raises(OrderNotRecorded, match="SSL ID 9999"):
        system.collect(progress)
    assert system.book.certificate(*PATH).stored is None

    system.book.fail(system.book.orders[PATH], "ClosedByOperator", "restored", system.clock(), hold_until=None)
    system.book.adopt(PATH, later, system.clock())
    assert error_of(system) == ""
    assert len(system.scm.orders) == 1


def as_operator_adopt(system: System) -> None:
    """`certmandate close-order` where an order is open, then `certmandate adopt --ssl-id`."""
    if order := system.book.orders.get(PATH):
        system.book.fail(order, "ClosedByOperator", "restored", system.clock(), hold_until=None)
    begins, now = system.objects.begins[PATH], system.clock()
    stored = replace(
        stored_by(IDP),
        ssl_id=max(system.scm.orders),
        serial=system.objects.current[PATH],
        not_before=begins,
        not_after=begins + timedelta(days=199),
        stored_at=now,
    )
    system.book.adopt(PATH, stored, now)


def test_the_operator_may_order_again_instead() -> None:
    """One order, and the next runs order nothing."""
    system = restored("first stored")
    assert error_of(system) == OrderNotRecorded.__name__

    system.book.permit_order_again(PATH, "key lost", system.clock())
    (row,) = system.daily_run(certificates=["univ/idp"]).certificates

    assert row.outcome is Outcome.RENEWED
    assert error_of(system) == ""
    assert len(system.scm.orders) == 3


def test_a_lost_order_is_acknowledged_before_the_rao_is_notified() -> None:
    """The runbook's way: the RAO would suspend the account for an order of ours. No second order is placed."""
    system = System()
    system.add(IDP)
    system.renew()
    system.clock.advance(days=150)
    system.scm.polls, before = 1_000, copied(system.book)
    lost = system.enroll(system.task(causes=("age",))).ssl_id
    system.book = before

    assert {finding.actor for finding in not_ours(system)} == {"rao", "operator"}
    system.book.acknowledged.append(Acknowledgement("univ", str(lost), "ours; open at the restore", system.clock()))

    assert [each.error for each in system.daily_run().certificates] == [OrderNotRecorded.__name__]
    assert not not_ours(system)
    assert len(system.scm.orders) == 2


def not_ours(system: System) -> list[Finding]:
    """Inspect; return the findings about orders that are not ours."""
    system.inspect(system.item(run_id="check"))
    return [finding for finding in system.inspection().findings if finding.code == ORDER_NOT_OURS]


def test_an_order_that_a_fast_clock_has_dated_ahead_may_have_ended() -> None:
    """The random histories restored its table: it was stored again, with a second audit row."""
    order = an_order()

    assert order.may_be_restored(order.posted_at - timedelta(days=150))
    assert not order.may_be_restored(order.posted_at + timedelta(minutes=1))
    assert order.may_be_restored(order.posted_at + timedelta(minutes=10))


@pytest.mark.parametrize("is_adopted", [False, True], ids=["not adopted", "adopted"])
def test_of_two_stacks_with_one_delegation_only_one_orders(system: System, *, is_adopted: bool) -> None:
    """Two order books over one account, for example after a move to another AWS account: the second one stops."""
    first, second = system, System(clock=system.clock)
    second.scm, second.accounts = first.scm, first.accounts
    second.add(IDP)
    stored = first.renew()
    first.clock.advance(minutes=1)
    with pytest.raises(OrderNotRecorded, match="order 5001 with token token1"):
        second.enroll()
    if is_adopted:
        second.book.adopt(PATH, replace(stored, token="", ordered_at=None), first.clock())

    first.clock.advance(days=150)
    assert first.enroll(first.asked_task()).ssl_id == 5002
    with pytest.raises(OrderNotRecorded, match=f"order {5002 if is_adopted else 5001}"):
        second.enroll(second.task(causes=("age",)))
    assert list(first.scm.orders) == [5001, 5002]


@pytest.mark.parametrize(
    ("statuses", "advice"),
    [
        (("Issued", "Issued"), "adopt univ/idp --ssl-id 12`"),
        (("Issued", "Applied"), "adopt univ/idp --ssl-id 11`"),
        (("Applied", "Requested"), "Its key is not here: have the RAO decline it"),
    ],
)
def test_the_newest_certificate_of_several_orders_is_offered(statuses: tuple[str, str], advice: str) -> None:
    """The first one was offered, and adopting it was refused: the stores have the last."""
    orders = [ReportedOrder("idp", number, status) for number, status in enumerate(statuses, 11)]

    with pytest.raises(OrderNotRecorded, match=advice):
        require_recorded(managed(age=150), orders)
