from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from renewal.adapters.order_book.editor import OrderBookEditor
from renewal.adapters.order_book.transitions import DynamoDbOrderBook
from renewal.domain.delegation import Profile, RenewalPolicy
from renewal.domain.due import renewal_point
from renewal.domain.errors import OrderConflict, StoreRefused, StoreUnavailable, UnknownDelegation
from renewal.domain.order import IMPORT_LEASE, Order, OrderStatus
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection

from .conftest import TABLE
from .records import DELEGATION, LATER, NOW, PATH, SPEC, a_pair, a_served, a_specification, an_order
from .wire import asked, changed, counted, meanwhile, refused


def issued(book: DynamoDbOrderBook) -> Order:
    """Bring an order as far as `issued`."""
    book.open(an_order())
    order = book.record_ordered(an_order(), 77)
    return book.record_issued(order, a_pair().chain)


# ---- Reading -------------------------------------------------------------------------------------------


def test_what_was_applied_is_read_back(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """Every field of a spec decides something; one that gets lost in the table decides wrongly."""
    delegation = replace(
        DELEGATION, rao_email="rao@univ.example", mandate_ends=date(2028, 12, 31), address="192.0.2.10/32"
    )
    spec = replace(
        SPEC,
        term_days=90,
        stores=("s3", "acm:eu-west-3"),
        arns={"eu-west-3": "arn:aws:acm:eu-west-3:123456789012:certificate/1"},
        policy=RenewalPolicy(0.25, 20),
    )

    editor.apply(a_specification(spec, delegation=delegation), NOW)

    assert book.delegation("univ").delegation == delegation
    assert book.certificate(*PATH).spec == spec


def test_what_is_unknown_says_so(book: DynamoDbOrderBook):
    """A typing error in an execution's input must not look like an empty delegation."""
    with pytest.raises(UnknownDelegation, match="nowhere"):
        book.delegation("nowhere")
    with pytest.raises(UnknownDelegation, match="univ/nothing"):
        book.certificate("univ", "nothing")


def test_all_certificates_are_found_however_many_pages_they_fill(
    book: DynamoDbOrderBook, editor: OrderBookEditor, dynamodb: Any
):
    """DynamoDB reads 100 keys at once and a megabyte a page; the 101st certificate must not expire unseen."""
    specs = [replace(SPEC, name=f"c{number:03}") for number in range(120)]
    editor.apply(a_specification(*specs), NOW)
    paths = {("univ", spec.name) for spec in specs} | {PATH}

    with counted(dynamodb, "BatchGetItem") as calls:
        loaded = book.load([*sorted(paths), PATH, ("univ", "nothing")])

    assert [len(call["RequestItems"][TABLE]["Keys"]) for call in calls] == [100, 100, 44]
    assert {("univ", certificate.spec.name) for certificate in loaded} == paths
    assert set(book.every_certificate()) == set(book.waiting(NOW)) == paths
    assert {certificate.spec.name for certificate in book.certificates("univ")} == {name for _, name in paths}


def test_a_page_of_the_index_is_followed_by_the_next(book: DynamoDbOrderBook, dynamodb: Any):
    """Whoever stops after the first page renews the first megabyte of the estate only."""
    OrderBookEditor(dynamodb, TABLE).apply(a_specification(replace(SPEC, name="second")), NOW)

    def one_item_a_page(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = 1

    with asked(dynamodb, "Query", one_item_a_page):
        assert set(book.every_certificate()) == {PATH, ("univ", "second")}


def test_keys_that_dynamodb_leaves_unprocessed_are_asked_for_again(book: DynamoDbOrderBook, dynamodb: Any):
    """BatchGetItem answers with a part when it is busy; what it leaves out exists all the same."""
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


def test_a_table_that_leaves_everything_unprocessed_is_unavailable(book: DynamoDbOrderBook, dynamodb: Any):
    """Asking for ever would end in the function's time-out, which names nothing."""
    key = {"delegation": {"S": "univ"}, "item": {"S": "certificate#idp"}}

    def leave_out(parsed: dict[str, Any], **_: Any) -> None:
        parsed.update(Responses={}, UnprocessedKeys={TABLE: {"Keys": [key]}})

    with changed(dynamodb, "BatchGetItem", leave_out), pytest.raises(StoreUnavailable, match="unprocessed"):
        book.certificate(*PATH)


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_was_cancelled_for_the_traffic_is_made_again_later(
    book: DynamoDbOrderBook, dynamodb: Any, reason: str
):
    """Nobody has moved the order: the same step can be tried again."""
    reasons = [{"Code": "None"}, {"Code": reason}]
    cancelled = refused(
        dynamodb, "TransactWriteItems", "TransactionCanceledException", more={"CancellationReasons": reasons}
    )

    with cancelled, pytest.raises(StoreUnavailable, match=reason):
        book.open(an_order())


def test_an_item_that_somebody_edited_is_named(book: DynamoDbOrderBook, dynamodb: Any):
    """A bare KeyError does not say which of 100,000 items to look at."""
    key = {"delegation": {"S": "univ"}, "item": {"S": "certificate#idp"}}
    dynamodb.update_item(TableName=TABLE, Key=key, UpdateExpression="REMOVE spec")

    with pytest.raises(StoreRefused, match="'certificate#idp' of 'univ'"):
        book.certificate(*PATH)


def test_an_inspection_is_read_back(book: DynamoDbOrderBook):
    """Enroll decides from the profiles that the inspection saw, the report from its findings."""
    inspection = Inspection(
        "run-1",
        NOW,
        profiles=(Profile(1018, "OV", (90, 199), {"RSA": ("2048",), "EC": ("P-256",)}),),
        findings=(Finding("DcvLapsed", "error", "rao", "text", "idp", date(2026, 12, 1), "Domains"),),
        password_expires=date(2027, 1, 31),
        revoked=(77, 78),
    )

    book.record_inspection("univ", inspection)
    book.record_refusal("univ", "version-1", "run-1")

    record = book.delegation("univ")
    assert record.inspection == inspection
    assert (record.refused_version, record.refused_run) == ("version-1", "run-1")


def test_no_inspection_makes_a_delegation(book: DynamoDbOrderBook):
    """A delegation that was removed while it was inspected must not come back as a torso without a spec."""
    with pytest.raises(UnknownDelegation):
        book.record_inspection("gone", Inspection("run-1", NOW))

    assert list(book.delegations()) == ["univ"]


# ---- The life of an order ------------------------------------------------------------------------------


def test_an_order_is_read_back_at_every_stage(book: DynamoDbOrderBook):
    """A run that resumes knows nothing but the table."""
    chain = a_pair().chain
    book.open(an_order())
    assert book.certificate(*PATH).order == an_order()

    book.record_look(an_order(), LATER)
    order = book.claim_post(an_order(), LATER)
    assert order == an_order(posts=2, posted_at=LATER, looked_at=LATER)

    order = book.record_ordered(order, 77)
    book.record_confirmed(order, LATER)
    book.record_trouble(order, "CertificateMismatch")
    order = book.record_issued(order, chain)
    order = book.record_import(order, "eu-west-3", "arn:one")
    order = book.record_import(order, "us-east-1", "arn:two")

    stored = book.certificate(*PATH).order
    assert stored == order
    assert (order.status, order.ssl_id, order.confirmed_at) == (OrderStatus.ISSUED, 77, LATER)
    assert order.trouble == "CertificateMismatch"
    assert order.chain == chain.pem()
    assert order.arns == {"eu-west-3": "arn:one", "us-east-1": "arn:two"}


def test_one_import_at_a_time_is_claimed(book: DynamoDbOrderBook, rival: DynamoDbOrderBook):
    """ACM would make a second ARN; a claim ends with its lease, when it is given back, and with the ARN."""
    order = issued(book)
    claimed = book.claim_import(order, "eu-west-3", NOW)

    with pytest.raises(OrderConflict):
        rival.claim_import(order, "eu-west-3", NOW + IMPORT_LEASE)
    rival.claim_import(order, "us-east-1", NOW)
    assert claimed.importing == {"eu-west-3": NOW}

    book.give_up_import(order, "eu-west-3")
    again = rival.claim_import(order, "eu-west-3", NOW + timedelta(seconds=1))
    late = book.claim_import(order, "eu-west-3", NOW + IMPORT_LEASE + timedelta(seconds=2))
    assert "eu-west-3" in again.importing
    assert late.importing["eu-west-3"] == NOW + IMPORT_LEASE + timedelta(seconds=2)

    book.record_import(order, "eu-west-3", "arn:one")
    with pytest.raises(OrderConflict):
        rival.claim_import(order, "eu-west-3", NOW + timedelta(days=1))


def test_a_stored_certificate_leaves_no_open_order(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """Status, audit row and the end of the order go together, or the next run orders again."""
    editor.ask(*PATH, "key was mailed around", NOW)
    order = issued(book)

    book.finish(order, a_served(), previous=a_served(serial="99"))

    certificate = book.certificate(*PATH)
    assert (certificate.order, certificate.served, certificate.asked) == (None, a_served(), "")
    (row,) = book.history(*PATH)
    assert (row.status, row.token, row.serial, row.previous_serial, row.ssl_id) == (
        "stored",
        "token-1",
        "AB12",
        "99",
        77,
    )
    assert (row.ended_at, row.opened_at, row.names) == (NOW, NOW, order.names)


def test_a_stored_certificate_is_not_looked_at_before_it_is_due(book: DynamoDbOrderBook):
    """What is due costs what is due, not what exists."""
    order = issued(book)
    served = a_served()
    due = renewal_point("univ/idp", served.not_before, served.not_after, SPEC.policy)

    book.finish(order, served, None)

    assert list(book.waiting(due - timedelta(seconds=1))) == []
    assert list(book.waiting(due)) == [PATH]


def test_a_failed_order_leaves_its_audit_row_and_no_key(
    book: DynamoDbOrderBook, editor: OrderBookEditor, dynamodb: Any
):
    """The sealed key of a declined order is of no use to anybody but a thief."""
    editor.ask(*PATH, "an operator asked", NOW)
    book.open(an_order())
    order = book.record_ordered(an_order(), 77)
    hold = NOW + timedelta(days=2)

    book.fail(order, "OrderDeclined", "declined by the RAO", LATER, hold)

    certificate = book.certificate(*PATH)
    assert (certificate.order, certificate.failures, certificate.last_error) == (None, 1, "OrderDeclined")
    assert (certificate.hold_until, certificate.asked) == (hold, ""), "a no answers what was asked"
    (row,) = book.history("univ", "")
    assert (row.status, row.error, row.text, row.ended_at) == (
        "failed",
        "OrderDeclined",
        "declined by the RAO",
        LATER,
    )
    assert b"a sealed key" not in str(dynamodb.scan(TableName=TABLE)["Items"]).encode()


def test_a_certificate_on_hold_waits_until_the_hold_is_over(book: DynamoDbOrderBook):
    """A declined order is not ordered again every day."""
    book.open(an_order())

    book.fail(an_order(), "OrderDeclined", "declined", LATER, NOW + timedelta(days=2))

    assert list(book.waiting(NOW + timedelta(days=1))) == []
    assert list(book.waiting(NOW + timedelta(days=2))) == [PATH]


def test_failures_are_counted_until_one_order_is_stored(book: DynamoDbOrderBook):
    """The hold grows with the failures in a row, not with those of a lifetime."""
    for number in (1, 2):
        order = an_order(token=f"failed-{number}")
        book.open(order)
        book.fail(order, "DcvLapsed", "lapsed", LATER + timedelta(days=number), None)
    assert book.certificate(*PATH).failures == 2

    book.finish(issued(book), a_served(), None)

    certificate = book.certificate(*PATH)
    assert (certificate.failures, certificate.last_error, certificate.hold_until) == (0, "", None)


def test_the_history_of_a_certificate_is_its_own_and_in_order(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """`idp` and `idp-test` share a prefix, not an audit trail."""
    editor.apply(a_specification(replace(SPEC, name="idp-test")), NOW)
    for number, name in enumerate(["idp-test", "idp", "idp"]):
        order = an_order(certificate=name, token=f"t{number}")
        book.open(order)
        book.fail(order, "DcvLapsed", "lapsed", NOW + timedelta(days=3 - number), None)

    assert [row.token for row in book.history("univ", "idp")] == ["t2", "t1"]
    assert [row.token for row in book.history("univ", "")] == ["t2", "t1", "t0"]


# ---- Never twice: every condition, broken --------------------------------------------------------------


def test_a_second_order_cannot_be_opened(book: DynamoDbOrderBook, rival: DynamoDbOrderBook):
    """Two runs that find the same certificate due must not both order it."""
    book.open(an_order())

    with pytest.raises(OrderConflict):
        rival.open(an_order(token="token-2"))

    assert book.certificate(*PATH).order == an_order()


def test_of_two_runs_at_the_same_moment_one_opens(book: DynamoDbOrderBook, rival: DynamoDbOrderBook, dynamodb: Any):
    """Both have read "no order"; DynamoDB decides."""
    book.certificate(*PATH)
    rival_opens = meanwhile(dynamodb, "TransactWriteItems", lambda: rival.open(an_order(token="token-2")))
    with rival_opens, pytest.raises(OrderConflict):
        book.open(an_order())

    assert book.certificate(*PATH).order == an_order(token="token-2")


def test_what_another_run_has_ordered_and_stored_since_is_not_ordered_again(
    book: DynamoDbOrderBook, rival: DynamoDbOrderBook
):
    """No order is open when the slow run comes to write its intent, but the reason for it is gone."""
    assert book.certificate(*PATH).order is None
    rival.finish(issued(rival), a_served(), None)

    with pytest.raises(OrderConflict):
        book.open(an_order(token="token-2"))

    assert book.certificate(*PATH).order is None


def test_an_order_for_a_spec_that_has_changed_since_is_not_opened(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """The intent has the names that were read; ordering them now buys what nobody wants any more."""
    book.certificate(*PATH)
    editor.apply(a_specification(replace(SPEC, names=("new.univ.example",))), LATER)

    with pytest.raises(OrderConflict):
        book.open(an_order())


def test_no_order_is_opened_for_a_certificate_that_does_not_exist(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """Removed between the plan and the order: nobody would ever collect it."""
    book.certificate(*PATH)
    editor.remove(*PATH)

    with pytest.raises(UnknownDelegation):
        book.open(an_order())


def test_of_two_claims_to_post_again_one_wins(book: DynamoDbOrderBook, rival: DynamoDbOrderBook):
    """Each claim is a POST, and each POST may be a certificate; even at the very same microsecond."""
    book.open(an_order())
    book.claim_post(an_order(), LATER)

    with pytest.raises(OrderConflict):
        rival.claim_post(an_order(), LATER)


def test_no_post_is_claimed_for_an_order_that_has_come_to_light(book: DynamoDbOrderBook, rival: DynamoDbOrderBook):
    """The other run has found it in SCM: posting now would be the second certificate."""
    book.open(an_order())
    rival.record_ordered(an_order(), 77)

    with pytest.raises(OrderConflict):
        book.claim_post(an_order(), LATER)


def test_a_look_for_an_earlier_post_does_not_count_for_a_later_one(book: DynamoDbOrderBook, rival: DynamoDbOrderBook):
    """Two looks after the latest POST permit the next; one that was made before it says nothing."""
    book.open(an_order())
    rival.claim_post(an_order(), LATER)

    with pytest.raises(OrderConflict):
        book.record_look(an_order(), LATER + timedelta(minutes=1))

    assert book.certificate(*PATH).order == an_order(posts=2, posted_at=LATER)


def test_an_ssl_id_is_recorded_once_and_for_all(book: DynamoDbOrderBook, rival: DynamoDbOrderBook):
    """The same number again is a repetition; another number is another certificate."""
    book.open(an_order())
    first = book.record_ordered(an_order(), 77)

    assert rival.record_ordered(an_order(), 77) == first
    with pytest.raises(OrderConflict):
        rival.record_ordered(an_order(), 78)
    assert book.certificate(*PATH).order == first


def test_recording_the_ssl_id_again_does_not_undo_what_came_after(book: DynamoDbOrderBook):
    """A repetition that comes late must not turn `issued` back into `ordered`."""
    order = issued(book)

    assert book.record_ordered(an_order(), 77) == order


@pytest.mark.parametrize(
    "move",
    [
        lambda book, order: book.claim_post(order, LATER),
        lambda book, order: book.record_look(order, LATER),
        lambda book, order: book.record_ordered(order, 77),
        lambda book, order: book.record_confirmed(order, LATER),
        lambda book, order: book.record_issued(order, a_pair().chain),
        lambda book, order: book.record_import(order, "eu-west-3", "arn"),
        lambda book, order: book.claim_import(order, "eu-west-3", LATER),
        lambda book, order: book.give_up_import(order, "eu-west-3"),
        lambda book, order: book.finish(order, a_served(token=order.token), None),
        lambda book, order: book.fail(order, "DcvLapsed", "lapsed", LATER, None),
    ],
    ids=["claim", "look", "ordered", "confirmed", "issued", "import", "lease", "given-up", "finish", "fail"],
)
@pytest.mark.parametrize("stage", ["nothing", "intent", "issued"])
def test_no_move_touches_another_order(book: DynamoDbOrderBook, dynamodb: Any, move: Any, stage: str):
    """A run that was suspended for hours wakes up and goes on with an order that is long over."""
    if stage == "intent":
        book.open(an_order())
    if stage == "issued":
        issued(book)
    before = dynamodb.scan(TableName=TABLE)["Items"]

    with pytest.raises(OrderConflict):
        move(book, an_order(token="of-yesterday", status=OrderStatus.ISSUED))

    assert dynamodb.scan(TableName=TABLE)["Items"] == before


def test_only_an_ordered_certificate_is_issued_and_only_an_issued_one_stored(book: DynamoDbOrderBook):
    """An intent without SSL ID cannot have a certificate; whoever says so is wrong about the order."""
    book.open(an_order())

    with pytest.raises(OrderConflict):
        book.record_issued(an_order(), a_pair().chain)
    with pytest.raises(OrderConflict):
        book.record_import(an_order(), "eu-west-3", "arn")
    with pytest.raises(OrderConflict):
        book.finish(an_order(), a_served(), None)


def test_an_order_that_has_come_to_light_is_not_given_up(book: DynamoDbOrderBook, rival: DynamoDbOrderBook):
    """A refused second POST says nothing of the first, which another run has just found in SCM."""
    book.open(an_order())
    rival.record_ordered(an_order(), 77)

    with pytest.raises(OrderConflict):
        book.fail(an_order(), "NameNotDelegated", "refused", LATER, None)

    order = book.certificate(*PATH).order
    assert order is not None
    assert order.ssl_id == 77


def test_an_order_that_comes_to_light_at_the_last_moment_is_not_given_up(
    book: DynamoDbOrderBook, rival: DynamoDbOrderBook, dynamodb: Any
):
    """It was an intent when it was read; by the time that it would be deleted SCM has been found to have it."""
    book.open(an_order())
    rival_finds = meanwhile(dynamodb, "TransactWriteItems", lambda: rival.record_ordered(an_order(), 77))

    with rival_finds, pytest.raises(OrderConflict):
        book.fail(an_order(), "NameNotDelegated", "refused", LATER, None)

    assert book.certificate(*PATH).order == an_order(ssl_id=77, status=OrderStatus.ORDERED)
    assert book.history(*PATH) == ()


def test_ending_an_order_twice_is_harmless(book: DynamoDbOrderBook):
    """Step Functions may run a step again whose answer it did not see."""
    order = issued(book)

    book.finish(order, a_served(), None)
    book.finish(order, a_served(stored_at=LATER), None)

    assert len(book.history(*PATH)) == 1
    assert book.certificate(*PATH).served == a_served()


def test_failing_an_order_twice_counts_once(book: DynamoDbOrderBook):
    """The second failure would double the hold."""
    book.open(an_order())

    book.fail(an_order(), "DcvLapsed", "lapsed", LATER, None)
    book.fail(an_order(), "DcvLapsed", "lapsed", LATER + timedelta(minutes=1), None)

    assert book.certificate(*PATH).failures == 1
    assert len(book.history(*PATH)) == 1


def test_an_order_that_was_stored_cannot_fail_afterwards(book: DynamoDbOrderBook):
    """Its audit row says how it ended, and says it once."""
    order = issued(book)
    book.finish(order, a_served(), None)

    with pytest.raises(OrderConflict):
        book.fail(order, "OrderRevoked", "revoked", LATER, None)


# ---- Spec and status -----------------------------------------------------------------------------------


def test_a_spec_that_changes_while_an_order_ends_is_kept_and_noticed(
    book: DynamoDbOrderBook, editor: OrderBookEditor, dynamodb: Any
):
    """The status must not overwrite the new names, nor put them to sleep until the next renewal."""
    order = issued(book)
    changed = replace(SPEC, names=("idp.univ.example", "www.univ.example"))

    with meanwhile(dynamodb, "TransactWriteItems", lambda: editor.apply(a_specification(changed), LATER)):
        book.finish(order, a_served(), None)

    certificate = book.certificate(*PATH)
    assert (certificate.spec, certificate.served) == (changed, a_served())
    assert list(book.waiting(LATER)) == [PATH]


def test_a_record_that_never_rests_is_left_to_the_next_try(
    book: DynamoDbOrderBook, editor: OrderBookEditor, dynamodb: Any
):
    """The state machine waits and retries; the function does not spin."""
    order = issued(book)

    restless = meanwhile(dynamodb, "TransactWriteItems", lambda: editor.ask(*PATH, "again", LATER), times=5)
    with restless, pytest.raises(OrderConflict, match="keeps changing"):
        book.finish(order, a_served(), None)
