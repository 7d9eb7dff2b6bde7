"""The order book of the unit tests and the one on DynamoDB behave alike, in any order of transitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from renewal.domain.errors import RenewalError
from renewal.domain.order import IMPORT_LEASE, FinishedOrder, Order, OrderStatus
from renewal.domain.order_search import SearchControl, SearchResult
from tests.fakes import FakeOrderBook

from .conftest import AUDIT, TABLE, Book
from .records import DELEGATION, NOW, PATH, SPEC, a_pair, a_specification, a_stored, an_order

REGION = "eu-west-3"
CHAIN = a_pair().chain
FOUND = SearchResult(77, "commonName=idp.univ.example")
MOVES: dict[str, Callable[[Any, Order, Any], Any]] = {
    "open": lambda book, order, _: book.open(order, book.certificate(*PATH).revision),
    "open an older record": lambda book, order, _: book.open(order, book.certificate(*PATH).revision - 1),
    "claim_post": lambda book, order, now: book.claim_post(order, now, "run-2"),
    "claim_post for the operator": lambda book, order, now: book.claim_post(order, now, "run-3", "not in SCM"),
    "note a search": lambda book, order, now: book.note_unconfirmed(order, searched_at=now),
    "note a lost answer": lambda book, order, _: book.note_unconfirmed(order, lost_answer="code -2"),
    "record_ordered": lambda book, order, _: book.record_ordered(order, 77),
    "record_ordered otherwise": lambda book, order, _: book.record_ordered(order, 78),
    "note a confirmation": lambda book, order, now: book.note(order, confirmed_at=now),
    "note a control": lambda book, order, now: book.note(order, found_at=now, missed_at=now),
    "record_search": lambda book, order, now: book.record_search(
        PATH.delegation, SearchControl.of(order, 77, now), FOUND
    ),
    "record_search without result": lambda book, order, now: book.record_search(
        PATH.delegation, SearchControl.of(order, 77, now), SearchResult()
    ),
    "note trouble": lambda book, order, _: book.note(order, storing_error="CertificateMismatch"),
    "record_issued": lambda book, order, now: book.record_issued(order, CHAIN, now),
    "claim_import": lambda book, order, now: book.claim_import(order, REGION, now),
    "claim_import elsewhere": lambda book, order, now: book.claim_import(order, "us-east-1", now),
    "release_import": lambda book, order, _: book.release_import(order, REGION),
    "record_import": lambda book, order, _: book.record_import(order, REGION, "arn:1"),
    "record_stores": lambda book, order, _: book.record_stores(order, ("s3",)),
    "finish": lambda book, order, now: book.finish(order, a_stored(token=order.token, stored_at=now), None),
    "fail": lambda book, order, now: book.fail(order, "OrderDeclined", "no", now, hold_until=now),
    "fail without a hold": lambda book, order, now: book.fail(order, "DcvLapsed", "no", now, hold_until=None),
}
OF_DELEGATIONS = {"record_search", "record_search without result"}
"""Transitions that need no open order."""
STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(MOVES)),
        st.sampled_from(["now", "as at first", "another token"]),
        st.sampled_from([timedelta(seconds=1), IMPORT_LEASE, timedelta(days=1)]),
    ),
    min_size=1,
    max_size=14,
)


class TwoBooks:
    """Both order books; both must return and hold the same."""

    def __init__(self, real: Book, fake: FakeOrderBook) -> None:
        self.real, self.fake = real, fake
        self.now = NOW
        self.first = self.last = an_order()

    def step(self, move: str, which: str = "now", later: timedelta = timedelta(minutes=5)) -> Any:
        """Make a transition of the order as it is, of the order as it was at first, or of an unknown order.

        Return what both order books returned: an order, nothing, or the name of an error.
        """
        result = self.make(move, which, later)
        assert _held(self.real) == _held(self.fake), (move, which)
        assert _rows(self.real) == _rows(self.fake), (move, which)
        return result

    def make(self, move: str, which: str, later: timedelta) -> Any:
        """Make a transition in both order books; return what both returned."""
        self.now += later
        order = self._order(which)
        result = self._tried(self.fake, move, order)
        assert self._tried(self.real, move, order) == result, (move, which)
        return result

    def _order(self, which: str) -> Order:
        self.last = self.fake.certificate(*PATH).order or self.last
        if which == "now":
            return self.last
        token = {"another token": "token-2"}.get(which, self.first.token)
        return replace(self.first, token=token, status=OrderStatus.INTENT)

    def _tried(self, book: Any, move: str, order: Order) -> Any:
        try:
            returned = MOVES[move](book, order, self.now)
        except RenewalError as error:
            return type(error).__name__
        return returned


def _held(book: Any) -> Any:
    record, certificate = book.delegation_and_certificate(*PATH)
    assert (record, certificate) == (book.delegation(PATH.delegation), book.certificate(*PATH))
    return (
        certificate,
        certificate.revision,
        record,
        sorted(each.causes for each in book.orders_begun(PATH.delegation, an_order().run_id)),
    )


def _rows(book: Any) -> list[FinishedOrder]:
    return sorted(book.history(*PATH), key=lambda row: (row.ended_at, row.token, row.status))


def two_books(dynamodb: Any, way: tuple[str, ...] = ()) -> TwoBooks:
    """An empty table, and the fake, each with the one certificate in it, and with an order that has come this *way*."""
    for table in (TABLE, AUDIT):
        for item in dynamodb.scan(TableName=table)["Items"]:
            dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("delegation", "item")})
    book = Book(dynamodb)
    book.apply(a_specification(), NOW)
    fake = FakeOrderBook()
    fake.apply(DELEGATION, SPEC, now=NOW)
    pair = TwoBooks(book, fake)
    for move in way:
        pair.make(move, "now", timedelta(minutes=5))
    return pair


@settings(
    max_examples=6,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_both_order_books_return_and_hold_the_same(dynamodb: Any, steps: list[tuple[str, str, timedelta]]) -> None:
    """The unit tests prove as much as their order book is like the real one."""
    pair = two_books(dynamodb)
    for step in steps:
        pair.step(*step)


INTENT = ("open",)
POSTED_AGAIN = ("open", "note a search", "claim_post")
ORDERED = (*POSTED_AGAIN, "record_ordered")
ISSUED = (*ORDERED, "note a confirmation", "note trouble", "record_issued")
IMPORTING = (*ISSUED, "claim_import")
IMPORTED = (*IMPORTING, "claim_import elsewhere", "release_import", "claim_import", "record_import", "record_stores")
FINISHED, FAILED = (*IMPORTED, "finish"), (*IMPORTED, "fail")


@pytest.mark.parametrize("way", [(*FINISHED, "finish"), (*FAILED, "fail")], ids=["finish", "fail"])
def test_a_whole_order_is_the_same(dynamodb: Any, way: tuple[str, ...]) -> None:
    """Random transitions seldom end an order. Step Functions may repeat the last one: that is harmless."""
    pair = two_books(dynamodb)

    assert [move for move in way if isinstance(pair.step(move), str)] == []
    assert len(_rows(pair.real)) == 1
    pair.step("open", "as at first")


@pytest.mark.parametrize(
    ("way", "move", "which"),
    [
        pytest.param(INTENT, "open", "another token", id="a second order beside an open one"),
        pytest.param((), "open an older record", "now", id="an order for a spec that has changed"),
        pytest.param(FINISHED, "open an older record", "another token", id="an order for what another run has stored"),
        pytest.param(POSTED_AGAIN, "claim_post", "as at first", id="a POST that another run has claimed"),
        pytest.param(ORDERED, "claim_post", "as at first", id="a POST of an order that was found"),
        pytest.param(POSTED_AGAIN, "note a search", "as at first", id="a search for an earlier POST"),
        pytest.param(ORDERED, "record_ordered otherwise", "now", id="a second SSL ID"),
        pytest.param(INTENT, "record_issued", "now", id="a certificate without an SSL ID"),
        pytest.param(INTENT, "record_import", "now", id="an ARN without a certificate"),
        pytest.param(ORDERED, "record_stores", "now", id="a store without a certificate"),
        pytest.param(INTENT, "finish", "now", id="the end of an order that was not issued"),
        pytest.param(IMPORTING, "claim_import", "now", id="a second import at the same time"),
        pytest.param(IMPORTED, "claim_import", "now", id="an import into a region that has its ARN"),
        pytest.param(FINISHED, "fail", "now", id="a failure of what was stored"),
    ],
)
def test_a_transition_that_another_run_has_overtaken_is_a_conflict(
    dynamodb: Any, way: tuple[str, ...], move: str, which: str
) -> None:
    """Each would be a second order, a second certificate, or a second ARN; and it changes nothing."""
    pair = two_books(dynamodb, way)
    before = _held(pair.real)

    assert pair.step(move, which, IMPORT_LEASE) == "OrderConflict"
    assert _held(pair.real) == before


@pytest.mark.parametrize("way", [(), INTENT, ISSUED], ids=["nothing", "intent", "issued"])
def test_no_transition_changes_another_order(dynamodb: Any, way: tuple[str, ...]) -> None:
    """A run that was suspended for hours may continue with an order that has ended."""
    pair = two_books(dynamodb, way)
    before = dynamodb.scan(TableName=TABLE)["Items"]

    for move in sorted(MOVES.keys() - {"open", "open an older record"} - OF_DELEGATIONS):
        assert pair.make(move, "another token", timedelta(minutes=5)) == "OrderConflict", move
        assert dynamodb.scan(TableName=TABLE)["Items"] == before, move


@pytest.mark.parametrize("way", [ORDERED, ISSUED], ids=["ordered", "issued"])
def test_recording_the_ssl_id_again_undoes_nothing(dynamodb: Any, way: tuple[str, ...]) -> None:
    """A repetition that comes late must not turn `issued` back into `ordered`."""
    pair = two_books(dynamodb, way)
    there = pair.real.certificate(*PATH).order

    assert pair.step("record_ordered", "as at first") == there


def test_a_claim_of_an_import_ends_with_its_lease(dynamodb: Any) -> None:
    """A run that was killed must not block the others for ever."""
    pair = two_books(dynamodb, IMPORTING)

    pair.step("claim_import", later=IMPORT_LEASE + timedelta(seconds=1))
    order = pair.real.certificate(*PATH).order
    assert order is not None
    assert order.import_claims["eu-west-3"] == pair.now
