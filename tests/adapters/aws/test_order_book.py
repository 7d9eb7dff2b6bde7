from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from certmandate.audit.trail import AuditTrail, faults
from certmandate.order_book_editor import OrderBookEditor
from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from renewal.adapters.order_book.table import Table
from renewal.domain.delegation import CertificatePath
from renewal.domain.due import renewal_point
from renewal.domain.errors import OrderConflict, StoreUnavailable, UnknownDelegation
from renewal.domain.order import RESTORED_AFTER, Order, OrderStatus
from renewal.domain.order_search import SearchControl, SearchProof, SearchResult
from renewal.domain.setup.inspection import Inspection

from .conftest import AUDIT, TABLE, Book
from .records import DELEGATION, LATER, NOW, PATH, SPEC, a_pair, a_specification, a_stored, an_order
from .wire import asked, changed, counted, meanwhile, refused


def issued(book: Book, **changes: Any) -> Order:
    """Bring an order as far as `issued`."""
    intent = an_order(**changes)
    book.begin(intent)
    order = book.record_ordered(intent, 77)
    return book.record_issued(order, a_pair().chain, NOW)


# ---- Reading -------------------------------------------------------------------------------------------


def test_an_unknown_name_is_an_error_that_names_it(book: Book):
    """A typing error in an execution's input must not be taken for an empty delegation."""
    with pytest.raises(UnknownDelegation, match="nowhere"):
        book.delegation("nowhere")
    with pytest.raises(UnknownDelegation, match="univ/nothing"):
        book.certificate("univ", "nothing")


def test_all_certificates_are_found_however_many_pages_they_fill(book: Book, dynamodb: Any):
    """DynamoDB reads 100 keys at once and a megabyte a page; the 101st certificate must not expire unnoticed."""
    specs = [replace(SPEC, name=f"c{number:03}") for number in range(120)]
    book.apply(a_specification(*specs), NOW)
    paths = {spec.record_key for spec in specs} | {PATH}

    with counted(dynamodb, "BatchGetItem") as calls:
        loaded = book.load_certificates([*sorted(paths), PATH, CertificatePath("univ", "nothing")])

    assert [len(call["RequestItems"][TABLE]["Keys"]) for call in calls] == [100, 100, 44]
    assert {certificate.spec.record_key for certificate in loaded} == paths
    assert set(book.every_certificate()) == set(book.waiting(NOW)) == paths
    assert {certificate.spec.name for certificate in book.certificates("univ")} == {name for _, name in paths}


def test_a_page_of_the_index_is_followed_by_the_next(book: Book, dynamodb: Any):
    """A reader that stops after the first page renews only the first megabyte of the estate."""
    book.apply(a_specification(replace(SPEC, name="second")), NOW)

    def one_item_a_page(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = 1

    with asked(dynamodb, "Query", one_item_a_page):
        assert set(book.every_certificate()) == {PATH, ("univ", "second")}
        assert [book.count_certificates(most) for most in (0, 1, 2, 3)] == [0, 1, 2, 2]


def test_operators_read_everything_in_one_pass_over_its_pages(book: Book, dynamodb: Any):
    """With two queries a delegation, `certmandate status` of a thousand delegations waits for two thousand answers."""
    other = replace(DELEGATION, name="another")
    book.apply(a_specification(replace(SPEC, name="second")), NOW)
    book.apply(a_specification(replace(SPEC, delegation="another"), delegation=other), NOW)
    order = an_order()
    book.begin(order)

    def two_items_a_page(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = 2

    with asked(dynamodb, "Scan", two_items_a_page), counted(dynamodb, "Query") as queries:
        delegations, certificates = book.everything()

    assert not queries
    assert [record.delegation.name for record in delegations] == ["another", "univ"]
    assert [certificate.spec.path for certificate in certificates] == ["another/idp", "univ/idp", "univ/second"]
    assert [certificate.order for certificate in certificates] == [None, order, None]


def test_keys_that_dynamodb_leaves_unprocessed_are_read_again(book: Book, dynamodb: Any):
    """BatchGetItem returns a part when it is busy; the items that it leaves out exist all the same."""
    left_out: list[dict[str, Any]] = []

    def leave_out(parsed: dict[str, Any], **_: Any) -> None:
        if not left_out:
            left_out.extend(parsed["Responses"][TABLE])
            keys = [{name: item[name] for name in ("delegation", "item")} for item in left_out]
            parsed["Responses"][TABLE] = []
            parsed["UnprocessedKeys"] = {TABLE: {"Keys": keys, "ConsistentRead": True}}

    with changed(dynamodb, "BatchGetItem", leave_out):
        assert book.certificate(*PATH).spec == SPEC

    assert left_out


def test_a_table_that_leaves_everything_unprocessed_is_unavailable(book: Book, dynamodb: Any):
    """Endless retries would end in the function's time-out, which names no cause."""
    key = {"delegation": {"S": "univ"}, "item": {"S": "certificate#idp"}}

    def leave_out(parsed: dict[str, Any], **_: Any) -> None:
        parsed.update(Responses={}, UnprocessedKeys={TABLE: {"Keys": [key]}})

    with changed(dynamodb, "BatchGetItem", leave_out), pytest.raises(StoreUnavailable, match="unprocessed"):
        book.certificate(*PATH)


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_was_throttled_can_be_retried(book: Book, dynamodb: Any, reason: str):
    """No run has changed the order: the step can be repeated."""
    reasons = [{"Code": "None"}, {"Code": reason}]
    cancelled = refused(
        dynamodb, "TransactWriteItems", "TransactionCanceledException", more={"CancellationReasons": reasons}
    )

    with cancelled, pytest.raises(StoreUnavailable, match=reason):
        book.begin(an_order())


def test_an_order_ends_although_another_order_of_its_delegation_ends_too(book: Book, dynamodb: Any):
    """Both rows move the head of one chain: a refusal by SCM that is not recorded is taken for a lost answer."""
    order = an_order()
    book.begin(order)
    conflict = {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]}

    with refused(dynamodb, "TransactWriteItems", "TransactionCanceledException", more=conflict, times=1):
        book.fail(order, "ScmRefused", "no", NOW, None)

    assert [row.error for row in book.history(*PATH)] == ["ScmRefused"]


def test_no_inspection_makes_a_delegation(book: Book):
    """A delegation that was removed during its inspection must not come back without a spec."""
    with pytest.raises(UnknownDelegation):
        book.record_inspection("removed", Inspection("run-1", NOW))

    assert list(book.delegations()) == ["univ"]


# ---- The life of an order ------------------------------------------------------------------------------


def test_a_stored_certificate_leaves_no_open_order(book: Book, editor: OrderBookEditor):
    """Status, audit row and the end of the order go together, or the next run orders again."""
    editor.ask(*PATH, "key was mailed around")
    order = issued(book, causes=("asked",))

    book.finish(order, a_stored(), previous=a_stored(serial="99"))

    certificate = book.certificate(*PATH)
    assert (certificate.order, certificate.stored, certificate.asked_reason) == (None, a_stored(), "")
    (row,) = book.history(*PATH)
    assert (row.status, row.token, row.serial, row.previous_serial, row.ssl_id) == (
        "stored",
        "token-1",
        "AB12",
        "99",
        77,
    )
    assert (row.ended_at, row.opened_at, row.names) == (NOW, NOW, order.names)


def test_no_sealed_key_is_left_once_the_certificate_is_stored(book: Book, dynamodb: Any):
    """S2: collect could open the key of every certificate that was served, and nothing used it afterwards."""
    book.finish(issued(book), a_stored(), None)

    assert "sealed_key" not in str(dynamodb.scan(TableName=TABLE)["Items"])


def test_a_sealed_key_of_an_earlier_version_is_erased_by_the_next_renewal(book: Book, dynamodb: Any):
    """S2: earlier versions kept the key of a stored certificate in its item."""
    book.finish(issued(book), a_stored(), None)
    key = {"delegation": {"S": "univ"}, "item": {"S": "certificate#idp"}}
    dynamodb.update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET served.sealed_key = :key",
        ExpressionAttributeValues={":key": {"B": b"sealed"}},
    )
    assert book.certificate(*PATH).stored == a_stored()

    book.finish(issued(book, token="token-2"), a_stored(serial="CD34", token="token-2"), a_stored())

    assert "sealed_key" not in str(dynamodb.scan(TableName=TABLE)["Items"])


def test_a_stored_certificate_is_not_read_before_it_is_due(book: Book):
    """A run reads the certificates that are due, not the whole estate."""
    order = issued(book)
    stored = a_stored()
    due = renewal_point("univ/idp", stored.not_before, stored.not_after, SPEC.policy)

    book.finish(order, stored, None)

    assert list(book.waiting(due - timedelta(seconds=1))) == []
    assert list(book.waiting(due)) == [PATH]


def test_an_order_ends_also_with_a_member_of_a_newer_version(book: Book, dynamodb: Any):
    """A rolled-back version may not leave an item that no version reads as an order: nothing would be ordered again."""
    book.begin(an_order())
    key = {"delegation": {"S": "univ"}, "item": {"S": "order#idp"}}
    newer = {":newer": {"S": "of the next version"}}
    dynamodb.update_item(TableName=TABLE, Key=key, UpdateExpression="SET x = :newer", ExpressionAttributeValues=newer)

    book.fail(an_order(), "OrderDeclined", "declined", LATER, None)

    assert book.certificate(*PATH).order is None
    book.begin(an_order(token="another"))
    assert book.certificate(*PATH).order == an_order(token="another")


@pytest.mark.parametrize("is_closed", [False, True])
def test_an_order_that_a_restored_table_has_open_again_keeps_its_audit_row(
    book: Book, dynamodb: Any, *, is_closed: bool
):
    """The audit table is not restored: the row would be there twice, and the RAO's report would count two orders."""
    book.begin(an_order())
    order = book.record_issued(book.record_ordered(an_order(), 77), a_pair().chain, NOW)
    items = dynamodb.scan(TableName=TABLE)["Items"]
    book.finish(order, a_stored(token=order.token), None)
    for item in items:
        dynamodb.put_item(TableName=TABLE, Item=item)

    restored = NOW + RESTORED_AFTER
    if is_closed:
        book.fail(order, "ClosedByOperator", "restored", restored, None)
    else:
        book.finish(order, a_stored(token=order.token, stored_at=restored), None)

    assert book.certificate(*PATH).order is None
    assert [row.ended_at for row in book.history("univ", "")] == [a_stored().stored_at]


@pytest.mark.parametrize("delegations", [("univ",), ("univ", *map(str, range(30)))])
def test_the_orders_of_many_delegations_are_read_at_once(book: Book, delegations: tuple[str, ...]):
    """The page of a large estate made a call for each delegation, and waited for each."""
    for delegation in ("univ", "other"):
        specification = a_specification(
            replace(SPEC, delegation=delegation), delegation=replace(DELEGATION, name=delegation)
        )
        book.apply(specification, NOW)
        order = an_order(delegation=delegation, token=delegation)
        book.begin(order)
        book.fail(order, "OrderDeclined", "declined", LATER, None)

    assert [row.token for row in book.histories(delegations)] == ["univ"]


def test_a_failed_order_leaves_its_audit_row_and_no_key(book: Book, editor: OrderBookEditor, dynamodb: Any):
    """The sealed key of a declined order is of use only to a thief."""
    editor.ask(*PATH, "an operator asked")
    book.begin(an_order())
    order = book.record_ordered(an_order(), 77)
    hold = NOW + timedelta(days=2)

    book.fail(order, "OrderDeclined", "declined by the RAO", LATER, hold)

    certificate = book.certificate(*PATH)
    assert (certificate.order, certificate.failures, certificate.last_error) == (None, 1, "OrderDeclined")
    assert (certificate.hold_until, certificate.asked_reason) == (hold, ""), "the request is answered"
    (row,) = book.history("univ", "")
    assert (row.status, row.error, row.text, row.ended_at) == ("failed", "OrderDeclined", "declined by the RAO", LATER)
    assert order.sealed_key not in str(dynamodb.scan(TableName=TABLE)["Items"]).encode()


def test_a_run_finds_what_it_has_begun_open_and_ended(book: Book):
    """Its caps count both, without the delegation's audit trail and its orders' keys and chains."""
    book.begin(an_order())
    (opened,) = book.orders_begun("univ", an_order().run_id)
    book.fail(an_order(), "DcvLapsed", "expired", LATER, None)

    assert list(book.orders_begun("univ", an_order().run_id)) == [opened]
    assert book.orders_begun("univ", "another run") == []
    assert book.certificate(*PATH).order is None


def test_an_order_ends_by_the_record_that_was_read_or_by_a_newer_one(book: Book, editor: OrderBookEditor):
    """The record is not read again where nothing has changed; a request that came since is not lost."""
    book.begin(an_order())
    read = book.certificate(*PATH)
    editor.ask(*PATH, "laptop stolen")

    book.fail(an_order(), "DcvLapsed", "expired", LATER, None, last_read=read)

    after = book.certificate(*PATH)
    assert (after.order, after.failures, after.asked_reason) == (None, 1, "laptop stolen")


def test_a_proof_that_has_changed_since_it_was_read_is_not_overwritten(book: Book):
    """Two orders of a delegation are searched for at the same time."""
    read = book.delegation("univ")
    first = SearchControl.of(an_order(), 77, LATER), SearchResult(77, "commonName")
    second = SearchControl.of(an_order(token="token-2"), 78, LATER), SearchResult(None, "")
    book.record_search("univ", *first)

    book.record_search("univ", *second, last_read=read)

    assert book.delegation("univ").search_proof == SearchProof().after(*first).after(*second)


def test_a_certificate_on_hold_waits_until_the_hold_is_over(book: Book):
    """A declined order is not ordered again every day."""
    book.begin(an_order())

    book.fail(an_order(), "OrderDeclined", "declined", LATER, NOW + timedelta(days=2))

    assert list(book.waiting(NOW + timedelta(days=1))) == []
    assert list(book.waiting(NOW + timedelta(days=2))) == [PATH]


def test_failures_are_counted_until_one_order_is_stored(book: Book):
    """The hold grows with consecutive failures only."""
    for number in (1, 2):
        order = an_order(token=f"failed-{number}")
        book.begin(order)
        book.fail(order, "DcvLapsed", "expired", LATER + timedelta(days=number), None)
    assert book.certificate(*PATH).failures == 2

    book.finish(issued(book), a_stored(), None)

    certificate = book.certificate(*PATH)
    assert (certificate.failures, certificate.last_error, certificate.hold_until) == (0, "", None)


def test_the_history_of_a_certificate_is_its_own_and_in_order(book: Book):
    """`idp` and `idp-test` share a prefix, not an audit trail."""
    book.apply(a_specification(replace(SPEC, name="idp-test")), NOW)
    for number, name in enumerate(["idp-test", "idp", "idp"]):
        order = an_order(certificate=name, token=f"t{number}")
        book.begin(order)
        book.fail(order, "DcvLapsed", "expired", NOW + timedelta(days=3 - number), None)

    assert [row.token for row in book.history("univ", "idp")] == ["t2", "t1"]
    assert [row.token for row in book.history("univ", "")] == ["t2", "t1", "t0"]


# ---- Another run in between (each condition alone: test_order_book_contract.py) --------------------------------------


def test_of_two_runs_at_the_same_time_one_opens(book: Book, rival: Book, dynamodb: Any):
    """Both have read that there is no order; DynamoDB decides."""
    rival_opens = meanwhile(dynamodb, "TransactWriteItems", lambda: rival.begin(an_order(token="token-2")))
    with rival_opens, pytest.raises(OrderConflict):
        book.begin(an_order())

    assert book.certificate(*PATH).order == an_order(token="token-2")


def test_no_order_is_opened_for_a_certificate_that_was_removed(book: Book):
    """It was removed between the plan and the order; no run would collect the new certificate."""
    due = book.certificate(*PATH)
    book.remove(*PATH)

    with pytest.raises(UnknownDelegation):
        book.open(an_order(), due.revision)


def test_an_order_that_is_found_during_the_transaction_does_not_fail(book: Book, rival: Book, dynamodb: Any):
    """It was an intent when it was read, and another run found it in SCM before the transaction."""
    book.begin(an_order())
    rival_finds = meanwhile(dynamodb, "TransactWriteItems", lambda: rival.record_ordered(an_order(), 77))

    with rival_finds, pytest.raises(OrderConflict):
        book.fail(an_order(), "NameNotDelegated", "refused", LATER, None)

    assert book.certificate(*PATH).order == an_order(ssl_id=77, status=OrderStatus.ORDERED)
    assert book.history(*PATH) == ()


def test_two_orders_that_end_at_the_same_time_are_one_chain(book: Book, rival: Book, dynamodb: Any):
    """Both have read the same head; with two rows of one number, the audit trail could not be verified any more."""
    book.apply(a_specification(SPEC, replace(SPEC, name="www")), NOW)
    for name in ("idp", "www"):
        book.begin(an_order(certificate=name, token=f"token-{name}"))
    other = an_order(certificate="www", token="token-www")

    with meanwhile(dynamodb, "TransactWriteItems", lambda: rival.fail(other, "DcvLapsed", "expired", NOW, None)):
        book.fail(an_order(token="token-idp"), "DcvLapsed", "expired", LATER, None)

    trail = trail_of(dynamodb)
    assert faults(trail) == ()
    assert [row["token"] for row in trail.rows if "token" in row] == ["token-www", "token-idp"]


def trail_of(dynamodb: Any) -> AuditTrail:
    trails = DynamoDbAuditTrails(Table(dynamodb, AUDIT))
    return AuditTrail.of("univ", trails.stored_head("univ"), list(trails.rows("univ")))


HEAD_KEY = {"delegation": {"S": "univ"}, "item": {"S": "head"}}


@pytest.mark.parametrize(
    ("attribute", "damaged"),
    [
        ("", None),
        ("sequence", None),
        *(("sequence", value) for value in ({"S": "2"}, {"SS": ["2"]}, {"NS": ["2"]}, {"NULL": True})),
        *(("sequence", {"N": number}) for number in ("1.5", "-2", "1000000000000", "1E+100")),
        ("hash", {"N": "0"}),
    ],
)
def test_a_lost_or_damaged_head_blocks_no_order(book: Book, dynamodb: Any, attribute: str, damaged: Any):
    """Every end of an order moves it: one edited item kept all orders of a delegation open for ever."""
    for number in (1, 2):
        book.begin(an_order(token=f"token-{number}"))
        book.fail(an_order(token=f"token-{number}"), "DcvLapsed", "expired", LATER, None)
    head = dynamodb.get_item(TableName=AUDIT, Key=HEAD_KEY)["Item"]
    if attribute:
        changed = {name: value for name, value in head.items() if name != attribute}
        dynamodb.put_item(TableName=AUDIT, Item=changed | ({attribute: damaged} if damaged else {}))
    else:
        dynamodb.delete_item(TableName=AUDIT, Key=HEAD_KEY)
    assert "head of the audit trail was removed or damaged" in "\n".join(faults(trail_of(dynamodb)))

    book.begin(an_order(token="token-3"))
    book.fail(an_order(token="token-3"), "DcvLapsed", "expired", LATER, None)

    assert faults(trail_of(dynamodb)) == ()
    assert [row["token"] for row in trail_of(dynamodb).rows if "token" in row] == ["token-1", "token-2", "token-3"]


# ---- Spec and status -----------------------------------------------------------------------------------


def test_a_spec_that_changes_while_an_order_ends_is_kept_and_due(book: Book, dynamodb: Any):
    """The status must not overwrite the new names, nor hide them until the next renewal."""
    order = issued(book)
    changed = replace(SPEC, names=("idp.univ.example", "www.univ.example"))

    with meanwhile(dynamodb, "TransactWriteItems", lambda: book.apply(a_specification(changed), LATER)):
        book.finish(order, a_stored(), None)

    certificate = book.certificate(*PATH)
    assert (certificate.spec, certificate.stored) == (changed, a_stored())
    assert list(book.waiting(LATER)) == [PATH]


def test_a_record_that_keeps_changing_is_left_to_the_next_try(book: Book, dynamodb: Any):
    """The state machine waits and retries; the function does not spin."""
    order = issued(book)

    def changed() -> None:
        key = {"delegation": {"S": "univ"}, "item": {"S": "certificate#idp"}}
        step = {":step": {"N": "1"}}
        dynamodb.update_item(
            TableName=TABLE, Key=key, UpdateExpression="ADD revision :step", ExpressionAttributeValues=step
        )

    changing = meanwhile(dynamodb, "TransactWriteItems", changed, times=5)
    with changing, pytest.raises(OrderConflict, match="keeps changing"):
        book.finish(order, a_stored(), None)
