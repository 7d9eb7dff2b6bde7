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
from tests.fakes import FakeOrderBook

from .conftest import TABLE, Book
from .records import DELEGATION, NOW, PATH, SPEC, a_pair, a_served, a_specification, an_order

REGION = "eu-west-3"
CHAIN = a_pair().chain
MOVES: dict[str, Callable[[Any, Order, Any], Any]] = {
    "open": lambda book, order, _: book.open(order, book.certificate(*PATH).revision),
    "open an older record": lambda book, order, _: book.open(order, book.certificate(*PATH).revision - 1),
    "claim_post": lambda book, order, now: book.claim_post(order, now),
    "note a search": lambda book, order, now: book.note(order, searched_at=now),
    "record_ordered": lambda book, order, _: book.record_ordered(order, 77),
    "record_ordered otherwise": lambda book, order, _: book.record_ordered(order, 78),
    "note a confirmation": lambda book, order, now: book.note(order, confirmed_at=now),
    "note trouble": lambda book, order, _: book.note(order, trouble="CertificateMismatch"),
    "record_issued": lambda book, order, _: book.record_issued(order, CHAIN),
    "claim_import": lambda book, order, now: book.claim_import(order, REGION, now),
    "release_import": lambda book, order, _: book.release_import(order, REGION),
    "record_import": lambda book, order, _: book.record_import(order, REGION, "arn:1"),
    "finish": lambda book, order, now: book.finish(order, a_served(token=order.token, stored_at=now), None),
    "fail": lambda book, order, now: book.fail(order, "OrderDeclined", "no", now, hold_until=now),
    "fail without a hold": lambda book, order, now: book.fail(order, "DcvLapsed", "no", now, hold_until=None),
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(MOVES)),
        st.sampled_from(["now", "as at first", "another token"]),
        st.sampled_from([timedelta(seconds=1), IMPORT_LEASE, timedelta(days=1)]),
    ),
    min_size=1,
    max_size=14,
)


class Pair:
    """Both order books; both must return and hold the same."""

    def __init__(self, real: Book, fake: FakeOrderBook) -> None:
        self.real, self.fake = real, fake
        self.now = NOW
        self.first = an_order()

    def step(self, move: str, which: str, later: timedelta) -> None:
        """Make a transition of the order as it is, of the order as it was at first, or of an unknown order."""
        self.now += later
        order = self._order(which)
        assert self._tried(self.real, move, order) == self._tried(self.fake, move, order), (move, which)
        assert _held(self.real) == _held(self.fake), (move, which)
        assert _rows(self.real) == _rows(self.fake), (move, which)

    def _order(self, which: str) -> Order:
        there = self.fake.certificate(*PATH)
        if which == "now" and there.order is not None:
            return there.order
        token = {"another token": "token-2"}.get(which, self.first.token)
        return replace(self.first, token=token, status=OrderStatus.INTENT)

    def _tried(self, book: Any, move: str, order: Order) -> Any:
        try:
            returned = MOVES[move](book, order, self.now)
        except RenewalError as error:
            return type(error).__name__
        return returned


def _held(book: Any) -> Any:
    certificate = book.certificate(*PATH)
    return certificate, certificate.revision


def _rows(book: Any) -> list[FinishedOrder]:
    return sorted(book.history(*PATH), key=lambda row: (row.ended_at, row.token, row.status))


def a_book(dynamodb: Any) -> Book:
    """An empty table with the one certificate in it."""
    for item in dynamodb.scan(TableName=TABLE)["Items"]:
        dynamodb.delete_item(TableName=TABLE, Key={name: item[name] for name in ("delegation", "item")})
    book = Book(dynamodb)
    book.apply(a_specification(), NOW)
    return book


@settings(
    max_examples=25,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_both_order_books_return_and_hold_the_same(dynamodb: Any, steps: list[tuple[str, str, timedelta]]) -> None:
    """The unit tests prove as much as their order book is like the real one."""
    fake = FakeOrderBook()
    fake.apply(DELEGATION, SPEC, now=NOW)
    pair = Pair(a_book(dynamodb), fake)
    for step in steps:
        pair.step(*step)


@pytest.mark.parametrize("end", ["finish", "fail"])
def test_a_whole_order_is_the_same(dynamodb: Any, end: str) -> None:
    """Random transitions seldom end an order."""
    fake = FakeOrderBook()
    fake.apply(DELEGATION, SPEC, now=NOW)
    pair = Pair(a_book(dynamodb), fake)
    way = (
        "open",
        "note a search",
        "claim_post",
        "record_ordered",
        "note a confirmation",
        "note trouble",
        "record_issued",
        "claim_import",
    )
    for move in (*way, "release_import", "claim_import", "record_import", end, end, "open"):
        pair.step(move, "now", timedelta(minutes=5))
