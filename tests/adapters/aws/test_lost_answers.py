"""AWS executed a request and its response was lost: botocore repeats it, and the condition fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from certmandate.order_book_editor import OrderBookEditor
from renewal.adapters.objects import S3Certificates
from renewal.domain.errors import OrderConflict, StoreUnavailable
from renewal.domain.order import OrderStatus
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.inspection import Inspection

from .conftest import BUCKET, Book
from .records import LATER, NOW, PATH, SPEC, a_pair, a_specification, a_stored, an_order
from .wire import lost_answers, meanwhile

Repeated = Callable[[Book], object]


def test_an_intent_whose_answer_was_lost_is_ours(book: Book, dynamodb: Any):
    """If it were taken for another run's, the order would stay open and no run would post it."""
    with lost_answers(dynamodb, "TransactWriteItems"):
        book.begin(an_order())

    assert book.certificate(*PATH).order == an_order()


def test_an_intent_that_may_or_may_not_be_written_is_not_posted(book: Book, dynamodb: Any):
    """Without any response the step ends; the next try finds the intent."""
    with lost_answers(dynamodb, "TransactWriteItems", times=3), pytest.raises(StoreUnavailable):
        book.begin(an_order())

    assert book.certificate(*PATH).order == an_order()


def test_a_claim_whose_answer_was_lost_is_ours(book: Book, dynamodb: Any):
    """No other run may post now; without our POST the order would wait for another quiet period."""
    book.begin(an_order())

    with lost_answers(dynamodb, "UpdateItem"):
        order = book.claim_post(an_order(), LATER, "run-2")

    assert order == an_order(posts=2, posted_at=LATER, posted_by="run-2")
    assert book.certificate(*PATH).order == order


def test_a_rivals_claim_is_not_taken_for_our_own(book: Book, rival: Book, dynamodb: Any):
    """Same order, same number of POSTs, same time: only the random mark of the claim differs."""
    book.begin(an_order())

    rivals_claim = meanwhile(dynamodb, "UpdateItem", lambda: rival.claim_post(an_order(), LATER, "run-2"))
    with rivals_claim, pytest.raises(OrderConflict):
        book.claim_post(an_order(), LATER, "run-2")


def test_an_ssl_id_whose_answer_was_lost_is_recorded(book: Book, dynamodb: Any):
    """The first try has written the number."""
    book.begin(an_order())

    with lost_answers(dynamodb, "UpdateItem"):
        assert book.record_ordered(an_order(), 77) == an_order(ssl_id=77, status=OrderStatus.ORDERED)


@pytest.mark.parametrize(
    "repeat",
    [
        lambda book: book.note_unconfirmed(an_order(), searched_at=LATER),
        lambda book: book.note(an_order(), confirmed_at=LATER),
        lambda book: book.record_issued(book.record_ordered(an_order(), 77), a_pair().chain, NOW),
        lambda book: book.record_inspection("univ", Inspection("run-1", NOW)),
    ],
    ids=["search", "confirmation", "issued", "inspection"],
)
def test_a_repetition_that_changes_nothing_is_no_failure(book: Book, dynamodb: Any, repeat: Repeated):
    """Most transitions write the same when they are repeated."""
    book.begin(an_order())

    with lost_answers(dynamodb, "UpdateItem"):
        repeat(book)


@pytest.mark.parametrize(
    "end",
    [
        lambda book, order: book.finish(order, a_stored(), None),
        lambda book, order: book.fail(order, "CertificateMismatch", "wrong names", LATER, None),
    ],
    ids=["finish", "fail"],
)
def test_an_end_whose_answer_was_lost_has_happened_once(book: Book, dynamodb: Any, end: Any):
    """The order is closed when botocore repeats the request; the audit row shows that this run closed it."""
    book.begin(an_order())
    order = book.record_issued(book.record_ordered(an_order(), 77), a_pair().chain, NOW)

    with lost_answers(dynamodb, "TransactWriteItems"):
        end(book, order)

    assert book.certificate(*PATH).order is None
    assert len(book.history(*PATH)) == 1


def test_what_operators_write_survives_a_lost_answer(book: Book, editor: OrderBookEditor, dynamodb: Any):
    """On a bad connection `certmandate apply` neither reports a conflict nor writes twice."""
    replacement = ReplacementRule(LATER, "Throw-Away", "mass revocation")
    with lost_answers(dynamodb, "TransactWriteItems"):
        book.apply(a_specification(SPEC), LATER)
    with lost_answers(dynamodb, "TransactWriteItems"):
        editor.adopt(*PATH, a_stored())
    with lost_answers(dynamodb, "TransactWriteItems"):
        editor.add_replacement(replacement)

    assert book.certificate(*PATH).stored == a_stored()
    assert book.replacement_rules() == (replacement,)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_flip_whose_answer_was_lost_is_our_own(s3: Any, is_first: bool):
    """S3 refuses botocore's second attempt, because the first has changed the object."""
    store, pair = S3Certificates(s3, BUCKET), a_pair()
    if not is_first:
        store.put(a_pair())

    with lost_answers(s3, "PutObject", where=lambda request: request.url.endswith("/current.json")):
        store.put(pair)

    content = s3.get_object(Bucket=BUCKET, Key="certificates/univ/idp/current.json")["Body"].read()
    assert pair.chain.leaf.serial.encode() in content


def test_files_whose_answer_was_lost_are_written_again(s3: Any):
    """Writing the same bytes under the same name again is harmless."""
    with lost_answers(s3, "PutObject"):
        S3Certificates(s3, BUCKET).put(a_pair())

    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 5
