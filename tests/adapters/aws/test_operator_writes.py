"""What operators write: specs by their one writer; requests, adopted certificates and replacement rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from certmandate.order_book_editor import OrderBookEditor
from renewal.domain.due import renewal_point
from renewal.domain.errors import InvalidDelegation, OrderConflict, UnknownDelegation
from renewal.domain.permission import OrderAgain
from renewal.domain.replacement.rule import Replacement
from renewal.domain.setup.inspection import Refusal

from .conftest import OPERATOR, Book
from .records import DELEGATION, LATER, NOW, PATH, SPEC, a_served, a_specification, an_order
from .wire import meanwhile

CHANGED = replace(SPEC, names=("idp.univ.example", "www.univ.example"))


def test_a_new_certificate_is_due_at_once(book: Book):
    """Nothing is served for it."""
    assert list(book.waiting(NOW)) == [PATH]
    assert list(book.waiting(NOW - timedelta(microseconds=1))) == []


def test_a_changed_spec_leaves_the_status(book: Book, editor: OrderBookEditor):
    """A delegation file contains no orders, no failures, and nothing that is served."""
    editor.adopt(*PATH, a_served())
    editor.ask(*PATH, "asked")
    book.begin(an_order())
    before = book.certificate(*PATH)

    book.apply(a_specification(CHANGED, delegation=replace(DELEGATION, organisation="Other")), LATER)

    assert book.certificate(*PATH) == replace(before, spec=CHANGED)
    assert book.delegation("univ").delegation.organisation == "Other"


def test_a_changed_delegation_keeps_the_refusal(book: Book):
    """If the refused version were forgotten, each `apply` would cost a login attempt."""
    book.record_refusal("univ", "version-1", "run-1")

    book.apply(a_specification(), LATER)

    assert book.delegation("univ").refusal == Refusal("version-1", "run-1")


def test_changed_names_make_a_renewed_certificate_due(book: Book, editor: OrderBookEditor):
    """Until the next renewal by age a name would be missing for months."""
    editor.adopt(*PATH, a_served())
    assert list(book.waiting(LATER)) == []

    book.apply(a_specification(CHANGED), LATER)

    assert list(book.waiting(LATER)) == [PATH]


def test_a_spec_and_an_order_written_at_the_same_time_are_both_kept(book: Book, editor: OrderBookEditor, dynamodb: Any):
    """The function writes first; the spec is then written over the record as it has become."""
    editor.adopt(*PATH, a_served())
    shorter = replace(SPEC, term_days=90)  # makes nothing due: only the open order does

    with meanwhile(dynamodb, "TransactWriteItems", lambda: book.begin(an_order())):
        book.apply(a_specification(shorter), LATER)

    certificate = book.certificate(*PATH)
    assert (certificate.spec, certificate.order) == (shorter, an_order())
    assert list(book.waiting(LATER)) == [PATH]


def test_two_operators_who_create_one_certificate_make_one(book: Book, dynamodb: Any):
    """Both read that it does not exist; the second write becomes a change."""
    new = replace(SPEC, name="new")
    other_applies = meanwhile(dynamodb, "TransactWriteItems", lambda: book.apply(a_specification(new), NOW))

    with other_applies:
        book.apply(a_specification(replace(new, term_days=90)), LATER)

    assert book.certificate("univ", "new").spec.term_days == 90


def test_a_request_makes_a_renewed_certificate_due(book: Book, editor: OrderBookEditor):
    """A published key must be replaced before the certificate's age makes it due."""
    editor.adopt(*PATH, a_served())

    editor.ask(*PATH, "the key was published")

    assert list(book.waiting(LATER)) == [PATH]
    assert book.certificate(*PATH).asked == "the key was published"


def test_a_request_for_an_unknown_certificate_creates_nothing(book: Book, editor: OrderBookEditor):
    """An upsert would leave a certificate without a spec."""
    with pytest.raises(UnknownDelegation, match="univ/typo"):
        editor.ask("univ", "typo", "asked")

    assert list(book.every_certificate()) == [PATH]


def test_a_permission_to_order_again_is_for_one_order(book: Book, editor: OrderBookEditor):
    """It names who gave it; opening an order changes the record and uses it up."""
    before = book.certificate(*PATH)

    editor.permit_order_again(before, "not in SCM", LATER)

    permitted = book.certificate(*PATH)
    assert permitted.permission == OrderAgain("not in SCM", OPERATOR, LATER, before.revision)
    book.begin(an_order())
    assert book.certificate(*PATH).permission is None


def test_a_permission_for_a_record_that_has_changed_is_refused(book: Book, editor: OrderBookEditor):
    """The operator has searched SCM for what the record was before."""
    before = book.certificate(*PATH)
    editor.ask(*PATH, "again")

    with pytest.raises(OrderConflict, match="nothing was permitted"):
        editor.permit_order_again(before, "not in SCM", LATER)
    assert book.certificate(*PATH).order_again is None


def test_an_adopted_certificate_is_renewed_when_it_is_due(book: Book, editor: OrderBookEditor):
    """Taking over a service must not order everything on the first day."""
    served = a_served(token="")

    editor.adopt(*PATH, served)
    editor.adopt(*PATH, served)

    assert book.certificate(*PATH).served == served
    due = renewal_point("univ/idp", served.not_before, served.not_after, SPEC.policy)
    assert list(book.waiting(due - timedelta(seconds=1))) == []
    assert list(book.waiting(due)) == [PATH]


def test_nothing_is_adopted_over_what_is_served(book: Book, editor: OrderBookEditor):
    """The last order's certificate is what services use; an operator's inventory may be older."""
    editor.adopt(*PATH, a_served())

    with pytest.raises(InvalidDelegation, match="AB12"):
        editor.adopt(*PATH, a_served(serial="CD34"))
    with pytest.raises(UnknownDelegation):
        editor.adopt("univ", "typo", a_served())

    assert book.certificate(*PATH).served == a_served()


def test_a_removed_certificate_leaves_its_audit_trail(book: Book):
    """The RAO may ask next year what was done in the organisation's name."""
    book.begin(an_order())
    book.fail(an_order(), "DcvLapsed", "expired", LATER, None)

    book.remove(*PATH)

    assert list(book.every_certificate()) == []
    assert [row.token for row in book.history("univ", "")] == ["token-1"]


def test_a_replacement_rule_is_added_once_and_withdrawn(book: Book, editor: OrderBookEditor):
    """An operator must be able to stop a mass replacement."""
    replacement = Replacement(LATER, "Sectigo Public Server CA", "mis-issuance")

    editor.add_replacement(replacement)
    editor.add_replacement(replacement)
    assert book.replacements() == (replacement,)
    assert list(book.delegations()) == ["univ"], "the partition of the rules is no delegation"

    editor.remove_replacement(replacement)
    editor.remove_replacement(replacement)
    assert book.replacements() == ()
