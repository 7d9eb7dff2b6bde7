"""The order book of the unit tests answers as the one on DynamoDB does, whatever is asked in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from renewal.adapters.order_book.editor import OrderBookEditor
from renewal.adapters.order_book.transitions import DynamoDbOrderBook
from renewal.domain.errors import RenewalError
from renewal.domain.order import IMPORT_LEASE, FinishedOrder, Order, OrderStatus
from renewal.ports import OrderBook
from tests.fakes import FakeOrderBook

from .conftest import TABLE
from .records import DELEGATION, NOW, PATH, SPEC, a_pair, a_served, a_specification, an_order

REGION = "eu-west-3"
CHAIN = a_pair().chain
MOVES: dict[str, Callable[[Any, Order, Any], Any]] = {
    "open": lambda book, order, _: book.open(order),
    "claim_post": lambda book, order, now: book.claim_post(order, now),
    "record_look": lambda book, order, now: book.record_look(order, now),
    "record_ordered": lambda book, order, _: book.record_ordered(order, 77),
    "record_ordered otherwise": lambda book, order, _: book.record_ordered(order, 78),
    "record_confirmed": lambda book, order, now: book.record_confirmed(order, now),
    "record_trouble": lambda book, order, _: book.record_trouble(order, "CertificateMismatch"),
    "record_issued": lambda book, order, _: book.record_issued(order, CHAIN),
    "claim_import": lambda book, order, now: book.claim_import(order, REGION, now),
    "give_up_import": lambda book, order, _: book.give_up_import(order, REGION),
    "record_import": lambda book, order, _: book.record_import(order, REGION, "arn:1"),
    "finish": lambda book, order, now: book.finish(order, a_served(token=order.token, stored_at=now), None),
    "fail": lambda book, order, now: book.fail(order, "OrderDeclined", "no", now, hold_until=now),
    "fail without a hold": lambda book, order, now: book.fail(order, "DcvLapsed", "no", now, hold_until=None),
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(MOVES)),
        st.sampled_from(["now", "first seen", "another token"]),
        st.sampled_from([timedelta(seconds=1), IMPORT_LEASE, timedelta(days=1)]),
    ),
    min_size=1,
    max_size=14,
)


class Pair:
    """Both books; what one of them says and holds, the other must, too."""

    def __init__(self, real: DynamoDbOrderBook, fake: FakeOrderBook) -> None:
        self.real, self.fake = real, fake
        self.now = NOW
        self.first = an_order()

    def step(self, move: str, which: str, later: timedelta) -> None:
        """Make a move, with the order as it stands, as it was at first, or with one that nobody knows."""
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
        served = there.served.token if there.served else ""
        return replace(self.first, token=token, status=OrderStatus.INTENT, replaces=served)

    def _tried(self, book: OrderBook, move: str, order: Order) -> Any:
        try:
            said = MOVES[move](book, order, self.now)
        except RenewalError as error:
            return type(error).__name__
        return _written(said) if isinstance(said, Order) else said


def _written(order: Order) -> Order:
    """An order without what is of no use once its intent is written."""
    return replace(order, replaces="")


def _held(book: OrderBook) -> Any:
    certificate = book.certificate(*PATH)
    return replace(certificate, order=_written(certificate.order)) if certificate.order else certificate


def _rows(book: OrderBook) -> list[FinishedOrder]:
    return sorted(book.history(*PATH), key=lambda row: (row.ended_at, row.token, row.status))


def a_book(dynamodb: Any) -> DynamoDbOrderBook:
    """An empty table with the one certificate in it."""
    for item in dynamodb.scan(TableName=TABLE)["Items"]:
        dynamodb.delete_item(TableName=TABLE, Key={name: item[name] for name in ("delegation", "item")})
    OrderBookEditor(dynamodb, TABLE).apply(a_specification(), NOW)
    return DynamoDbOrderBook(dynamodb, TABLE)


@settings(
    max_examples=25,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_both_order_books_say_and_hold_the_same(dynamodb: Any, steps: list[tuple[str, str, timedelta]]) -> None:
    """The unit tests prove as much as their order book is like the real one."""
    fake = FakeOrderBook()
    fake.apply(DELEGATION, SPEC, now=NOW)
    pair = Pair(a_book(dynamodb), fake)
    for step in steps:
        pair.step(*step)


@pytest.mark.parametrize("end", ["finish", "fail"])
def test_the_whole_way_of_an_order_is_the_same(dynamodb: Any, end: str) -> None:
    """Random steps seldom get this far."""
    fake = FakeOrderBook()
    fake.apply(DELEGATION, SPEC, now=NOW)
    pair = Pair(a_book(dynamodb), fake)
    way = (
        "open",
        "record_look",
        "claim_post",
        "record_ordered",
        "record_confirmed",
        "record_trouble",
        "record_issued",
        "claim_import",
    )
    for move in (*way, "give_up_import", "claim_import", "record_import", end, end, "open"):
        pair.step(move, "now", timedelta(minutes=5))
