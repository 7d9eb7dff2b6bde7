"""What operators change is in the audit trail, with their ARN, in one transaction with the change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from certmandate.audit.trail import AuditTrail, faults
from certmandate.order_book_editor import OrderBookEditor
from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from renewal.adapters.order_book.schema import ESTATE
from renewal.adapters.order_book.table import Table
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.errors import OrderConflict, UnknownDelegation
from renewal.domain.replacement.rule import Replacement
from renewal.domain.setup.foreign_orders import Acknowledgement

from .conftest import AUDIT, OPERATOR, Book
from .records import DELEGATION, LATER, NOW, PATH, SPEC, a_served, a_specification, an_order
from .wire import meanwhile

RULE = Replacement(NOW, "Throw-Away", "mass revocation")
OWN = Acknowledgement("univ", "4711", "ordered by the RAO", LATER)
Edit = Callable[[OrderBookEditor, Book], object]

EDITS: dict[str, tuple[str, str, Edit]] = {
    "ask": ("univ", "renewal-requested", lambda editor, _: editor.ask(*PATH, "laptop stolen", LATER)),
    "order again": (
        "univ",
        "order-again-permitted",
        lambda editor, book: editor.permit_order_again(book.certificate(*PATH), "not in SCM", LATER),
    ),
    "revocation": (
        "univ",
        "revocation-requested",
        lambda editor, _: editor.request_revocation(
            *PATH, RevocationRequest("0A77", 77, SPEC.names, "superseded", LATER, LATER)
        ),
    ),
    "adopt": ("univ", "adopted", lambda editor, _: editor.adopt(*PATH, a_served())),
    "rule": (ESTATE, "replacement-rule-added", lambda editor, _: editor.add_replacement(RULE, LATER)),
    "apply": (
        "univ",
        "applied",
        lambda _, book: book.apply(a_specification(replace(SPEC, term_days=90)), LATER),
    ),
    "apply of the delegation": (
        "univ",
        "applied",
        lambda _, book: book.apply(a_specification(delegation=replace(DELEGATION, organisation="Other")), LATER),
    ),
    "removal": ("univ", "applied", lambda _, book: book.remove(*PATH)),
}


def rows(dynamodb: Any, delegation: str = "univ") -> list[Any]:
    """The rows of the chain, in order. Asserts that the trail has no fault."""
    trails = DynamoDbAuditTrails(Table(dynamodb, AUDIT))
    trail = AuditTrail.of(delegation, trails.stored_head(delegation), list(trails.rows(delegation)))
    assert faults(trail) == ()
    return list(trail.rows)


@pytest.mark.parametrize(("delegation", "action", "edit"), EDITS.values(), ids=EDITS)
def test_each_change_adds_its_row(
    book: Book, editor: OrderBookEditor, dynamodb: Any, delegation: str, action: str, edit: Edit
):
    """Fault S4: months later, no record had who asked for a renewal or changed a file."""
    before = len(rows(dynamodb, delegation))

    edit(editor, book)

    *_, last = found = rows(dynamodb, delegation)
    assert len(found) == before + 1
    assert (last["action"], last["identity"]) == (action, OPERATOR)


@pytest.mark.parametrize("edit", ["adopt", "rule", "apply", "revocation"])
def test_what_changes_nothing_adds_no_row(book: Book, editor: OrderBookEditor, dynamodb: Any, edit: str):
    """`apply` runs daily in CI; an audit trail of repetitions would hide the changes."""
    delegation, _, act = EDITS[edit]
    act(editor, book)
    before = rows(dynamodb, delegation)

    act(editor, book)

    assert rows(dynamodb, delegation) == before


def test_an_acknowledgement_is_a_row_of_the_chain(editor: OrderBookEditor, book: Book, dynamodb: Any):
    """With one that was added later, a thief's order would be the organisation's own."""
    editor.acknowledge(OWN)
    editor.acknowledge(replace(OWN, reason="another"))

    *_, last = rows(dynamodb)
    assert (last["key"], last["reason"], last["identity"]) == ("4711", "ordered by the RAO", OPERATOR)
    assert book.acknowledged("univ") == (OWN,)

    dynamodb.update_item(
        TableName=AUDIT,
        Key={"delegation": {"S": "univ"}, "item": {"S": "acknowledged#4711"}},
        UpdateExpression="SET #key = :other",
        ExpressionAttributeNames={"#key": "key"},
        ExpressionAttributeValues={":other": {"S": "4712"}},
    )
    with pytest.raises(AssertionError, match="was changed"):
        rows(dynamodb)


def test_an_acknowledgement_outside_the_chain_does_not_count(book: Book, dynamodb: Any):
    """Whoever can write one item of the table must not hide an order."""
    item = {"delegation": "univ", "item": "acknowledged#4711", "key": "4711", "reason": "ours", "at": "2026-11-23"}
    dynamodb.put_item(TableName=AUDIT, Item={name: {"S": value} for name, value in item.items()})

    assert book.acknowledged("univ") == ()
    assert rows(dynamodb)


def test_a_row_is_added_after_what_was_added_meanwhile(book: Book, editor: OrderBookEditor, dynamodb: Any):
    """An order of the delegation ends while an operator asks for another: both rows are in the chain."""
    book.begin(an_order())
    ends = meanwhile(dynamodb, "TransactWriteItems", lambda: book.fail(an_order(), "DcvLapsed", "expired", NOW, None))

    with ends:
        editor.ask(*PATH, "again", LATER)

    assert [row.get("action") or row["error"] for row in rows(dynamodb)] == [
        "applied",
        "DcvLapsed",
        "renewal-requested",
    ]


def test_a_change_that_is_refused_adds_no_row(editor: OrderBookEditor, book: Book, dynamodb: Any):
    """The trail has what happened, not what was tried."""
    before = rows(dynamodb)
    earlier = book.certificate(*PATH)
    with pytest.raises(UnknownDelegation):
        editor.ask("univ", "typo", "again", LATER)
    book.begin(an_order())
    with pytest.raises(OrderConflict):
        editor.permit_order_again(earlier, "not in SCM", LATER)

    assert rows(dynamodb) == before
