"""DynamoDB and S3 did what they were asked, and the answer did not come back: botocore asks again, and is told no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from renewal.adapters.objects import S3Certificates
from renewal.adapters.order_book import DynamoDbOrderBook
from renewal.adapters.order_book_editor import OrderBookEditor
from renewal.domain.errors import OrderInOtherHands, StoreUnavailable
from renewal.domain.order import OrderStatus, Replacement

from .conftest import BUCKET
from .records import LATER, NOW, PATH, SPEC, a_pair, a_served, a_specification, an_order
from .wire import lost_answers, meanwhile

Lost = Callable[[DynamoDbOrderBook], object]


def test_an_intent_whose_answer_was_lost_is_ours(book: DynamoDbOrderBook, dynamodb: Any):
    """Taking it for another run's would leave an order open that nobody posts."""
    with lost_answers(dynamodb, "TransactWriteItems"):
        book.open(an_order())

    assert book.certificate(*PATH).order == an_order()


def test_an_intent_that_may_or_may_not_be_written_is_not_posted(book: DynamoDbOrderBook, dynamodb: Any):
    """No answer at all: the step ends here, and the next try finds the intent."""
    with lost_answers(dynamodb, "TransactWriteItems", times=5), pytest.raises(StoreUnavailable):
        book.open(an_order())

    assert book.certificate(*PATH).order == an_order()


def test_a_claim_whose_answer_was_lost_is_ours(book: DynamoDbOrderBook, dynamodb: Any):
    """Nobody else may post now; if we did not either, the order would wait for another quiet period."""
    book.open(an_order())

    with lost_answers(dynamodb, "UpdateItem"):
        order = book.claim_post(an_order(), LATER)

    assert order == an_order(posts=2, posted_at=LATER)
    assert book.certificate(*PATH).order == order


def test_a_rivals_claim_is_not_taken_for_our_own(
    book: DynamoDbOrderBook, rival: DynamoDbOrderBook, dynamodb: Any
):
    """Same order, same number of POSTs, same moment: only the mark of the claim tells them apart."""
    book.open(an_order())

    with meanwhile(dynamodb, "UpdateItem", lambda: rival.claim_post(an_order(), LATER)):
        with pytest.raises(OrderInOtherHands):
            book.claim_post(an_order(), LATER)


def test_an_ssl_id_whose_answer_was_lost_is_recorded(book: DynamoDbOrderBook, dynamodb: Any):
    """The number is in the book, which is all that matters."""
    book.open(an_order())

    with lost_answers(dynamodb, "UpdateItem"):
        assert book.record_ordered(an_order(), 77) == an_order(ssl_id=77, status=OrderStatus.ORDERED)


@pytest.mark.parametrize(
    "move",
    [
        lambda book: book.record_look(an_order(), LATER),
        lambda book: book.record_confirmed(an_order(), LATER),
        lambda book: book.record_issued(book.record_ordered(an_order(), 77), a_pair().chain),
        lambda book: book.record_inspection("univ", book.delegation("univ").inspection or _inspection()),
    ],
    ids=["look", "confirmed", "issued", "inspection"],
)
def test_a_repetition_that_changes_nothing_is_no_failure(book: DynamoDbOrderBook, dynamodb: Any, move: Lost):
    """Most moves say the same when they are made twice."""
    book.open(an_order())

    with lost_answers(dynamodb, "UpdateItem"):
        move(book)


def _inspection() -> Any:
    from renewal.ports import Inspection

    return Inspection("run-1", NOW)


@pytest.mark.parametrize(
    "end",
    [
        lambda book, order: book.finish(order, a_served(), None),
        lambda book, order: book.fail(order, "CertificateMismatch", "wrong names", LATER, None),
    ],
    ids=["finish", "fail"],
)
def test_an_end_whose_answer_was_lost_has_happened_once(book: DynamoDbOrderBook, dynamodb: Any, end: Any):
    """The order is gone when botocore asks again; the audit row says that it was us."""
    book.open(an_order())
    order = book.record_issued(book.record_ordered(an_order(), 77), a_pair().chain)

    with lost_answers(dynamodb, "TransactWriteItems"):
        end(book, order)

    assert book.certificate(*PATH).order is None
    assert len(book.history(*PATH)) == 1


def test_what_operators_write_survives_a_lost_answer(
    book: DynamoDbOrderBook, editor: OrderBookEditor, dynamodb: Any
):
    """`certmandate apply` over a bad line says neither "conflict" nor writes twice."""
    replacement = Replacement(LATER, "Throw-Away", "mass revocation")
    with lost_answers(dynamodb, "UpdateItem", times=1):
        editor.apply(a_specification(SPEC), LATER)
    with lost_answers(dynamodb, "UpdateItem"):
        editor.adopt(*PATH, a_served())
    with lost_answers(dynamodb, "TransactWriteItems"):
        editor.add_replacement(replacement)

    assert book.certificate(*PATH).served == a_served()
    assert book.replacements() == (replacement,)


def test_a_pointer_whose_answer_was_lost_has_flipped(s3: Any):
    """S3 tells botocore's second attempt "precondition failed": by our own first one."""
    pair = a_pair()

    with lost_answers(s3, "PutObject"):
        S3Certificates(s3, BUCKET).put(pair)
    handlers_left = s3.list_objects_v2(Bucket=BUCKET)["KeyCount"]

    assert handlers_left == 5


def test_a_flip_whose_answer_was_lost_is_our_own(s3: Any):
    """Only the fifth PutObject is conditional; it is that one whose answer gets lost here."""
    store, old, new = S3Certificates(s3, BUCKET), a_pair(), a_pair()
    store.put(old)
    folder = "certificates/univ/idp"

    def lose_the_flip(params: dict[str, Any], **_: Any) -> None:
        if params["Key"] == f"{folder}/current.json" and "done" not in seen:
            seen.append("done")
            s3.put_object(Bucket=BUCKET, Key=params["Key"], Body=params["Body"])

    seen: list[str] = []
    event = "provide-client-params.s3.PutObject"
    s3.meta.events.register(event, lose_the_flip)
    try:
        store.put(new)
    finally:
        s3.meta.events.unregister(event, lose_the_flip)

    assert new.chain.leaf.serial.encode() in s3.get_object(Bucket=BUCKET, Key=f"{folder}/current.json")["Body"].read()
