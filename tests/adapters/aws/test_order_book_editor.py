from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from renewal.adapters.order_book.editor import OrderBookEditor
from renewal.adapters.order_book.transitions import DynamoDbOrderBook
from renewal.domain.due import renewal_point
from renewal.domain.errors import InvalidDelegation, OrderConflict, UnknownDelegation
from renewal.domain.order import Replacement

from .conftest import TABLE
from .records import DELEGATION, LATER, NOW, PATH, SPEC, a_served, a_specification, an_order
from .wire import meanwhile


def of_a_certificate(request: Any) -> bool:
    """Whether the request writes a certificate's item, not its delegation's."""
    return b"certificate#" in request["body"]


CHANGED = replace(SPEC, names=("idp.univ.example", "www.univ.example"))


def test_a_new_certificate_is_looked_at_from_now_on(book: DynamoDbOrderBook):
    """It has none yet: it is due."""
    assert list(book.waiting(NOW)) == [PATH]
    assert list(book.waiting(NOW - timedelta(microseconds=1))) == []


def test_applying_changes_the_spec_and_leaves_the_status(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """An operator's file knows nothing of orders, failures and what is served."""
    editor.adopt(*PATH, a_served())
    editor.ask(*PATH, "asked", NOW)
    book.open(an_order())
    before = book.certificate(*PATH)

    editor.apply(a_specification(CHANGED, delegation=replace(DELEGATION, organisation="Other")), LATER)

    assert book.certificate(*PATH) == replace(before, spec=CHANGED)
    assert book.delegation("univ").delegation.organisation == "Other"


def test_applying_a_delegation_leaves_its_inspection(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """The refused version must stay known, or applying a file would cost a login attempt."""
    book.record_refusal("univ", "version-1", "run-1")

    editor.apply(a_specification(), LATER)

    assert book.delegation("univ").refused_version == "version-1"


def test_changed_names_wake_a_certificate_that_was_fresh(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """Who waits for the next renewal waits five months for a name."""
    editor.adopt(*PATH, a_served())
    assert list(book.waiting(LATER)) == []

    editor.apply(a_specification(CHANGED), LATER)

    assert list(book.waiting(LATER)) == [PATH]


def test_applying_while_a_function_writes_status_keeps_both(
    book: DynamoDbOrderBook, editor: OrderBookEditor, dynamodb: Any
):
    """The function wins the race for the record; the spec is then written over what it has become."""
    editor.adopt(*PATH, a_served())
    shorter = replace(SPEC, term_days=90)  # makes nothing due by itself: the open order alone does

    with meanwhile(dynamodb, "UpdateItem", lambda: book.open(an_order()), where=of_a_certificate):
        editor.apply(a_specification(shorter), LATER)

    certificate = book.certificate(*PATH)
    assert (certificate.spec, certificate.order) == (shorter, an_order())
    assert list(book.waiting(LATER)) == [PATH]


def test_two_operators_who_create_the_same_certificate_make_one(
    book: DynamoDbOrderBook, editor: OrderBookEditor, dynamodb: Any
):
    """Both read "not there"; the second one's write becomes a change."""
    other = OrderBookEditor(dynamodb, TABLE)
    new = replace(SPEC, name="new")
    other_applies = meanwhile(
        dynamodb, "UpdateItem", lambda: other.apply(a_specification(new), NOW), where=of_a_certificate
    )

    with other_applies:
        editor.apply(a_specification(replace(new, term_days=90)), LATER)

    assert book.certificate("univ", "new").spec.term_days == 90


def test_asking_makes_a_fresh_certificate_due(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """A key that was mailed around is not safe until its certificate happens to age."""
    editor.adopt(*PATH, a_served())

    editor.ask(*PATH, "the key was mailed around", LATER)

    assert list(book.waiting(LATER)) == [PATH]
    assert book.certificate(*PATH).asked == "the key was mailed around"


def test_asking_for_what_does_not_exist_makes_nothing(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """An upsert would leave a certificate without a spec."""
    with pytest.raises(UnknownDelegation, match="univ/typo"):
        editor.ask("univ", "typo", "asked", NOW)

    assert list(book.every_certificate()) == [PATH]


def test_an_adopted_certificate_is_renewed_when_it_is_due(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """Taking over a service must not order everything on the first day."""
    served = a_served(token="", sealed_key=b"")

    editor.adopt(*PATH, served)
    editor.adopt(*PATH, served)

    assert book.certificate(*PATH).served == served
    due = renewal_point("univ/idp", served.not_before, served.not_after, SPEC.policy)
    assert list(book.waiting(due - timedelta(seconds=1))) == []
    assert list(book.waiting(due)) == [PATH]


def test_nothing_is_adopted_over_what_is_served(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """What the last order stored is the truth; an operator's inventory may be older."""
    editor.adopt(*PATH, a_served())

    with pytest.raises(InvalidDelegation, match="AB12"):
        editor.adopt(*PATH, a_served(serial="CD34"))
    with pytest.raises(UnknownDelegation):
        editor.adopt("univ", "typo", a_served())

    assert book.certificate(*PATH).served == a_served()


def test_a_certificate_with_an_open_order_is_not_removed(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """SCM may issue it any minute; its key stands in the order."""
    book.open(an_order())

    with pytest.raises(OrderConflict, match="open order"):
        editor.remove(*PATH)

    assert book.certificate(*PATH).order == an_order()


def test_a_removed_certificate_leaves_its_audit_trail(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """The RAO may ask next year what was done in their name."""
    book.open(an_order())
    book.fail(an_order(), "DcvLapsed", "lapsed", LATER, None)

    editor.remove(*PATH)

    assert list(book.every_certificate()) == []
    assert [row.token for row in book.history("univ", "")] == ["token-1"]
    with pytest.raises(UnknownDelegation):
        editor.remove(*PATH)


def test_a_delegation_goes_after_its_certificates(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """Certificates without a delegation could neither be renewed nor found."""
    with pytest.raises(InvalidDelegation, match="idp"):
        editor.remove_delegation("univ")
    editor.remove(*PATH)

    editor.remove_delegation("univ")

    assert list(book.delegations()) == []
    with pytest.raises(UnknownDelegation):
        editor.remove_delegation("univ")


def test_standing_orders_to_replace_are_added_once_and_withdrawn(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """A mass replacement that was a mistake must be possible to stop."""
    replacement = Replacement(LATER, "Sectigo Public Server CA", "mis-issuance")

    editor.add_replacement(replacement)
    editor.add_replacement(replacement)
    assert book.replacements() == (replacement,)

    editor.remove_replacement(replacement)
    editor.remove_replacement(replacement)
    assert book.replacements() == ()


def test_what_concerns_everything_is_no_delegation(book: DynamoDbOrderBook, editor: OrderBookEditor):
    """The partition of the standing orders must not turn up as somebody's delegation."""
    editor.add_replacement(Replacement(LATER, "", "all of it"))

    assert list(book.delegations()) == ["univ"]
