"""What operators write: specs by their one writer; requests, adopted certificates and rules; and their audit rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from certmandate import order_book_editor
from certmandate.audit.trail import AuditTrail, faults
from certmandate.files.operator_records import OperatorReader
from certmandate.order_book_editor import OrderBookEditor
from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from renewal.adapters.order_book.rule_ends import DynamoDbRuleEnds
from renewal.adapters.order_book.schema import ESTATE, list_keys
from renewal.adapters.order_book.table import OrderTables, Table
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.delegation import CertificateSpec
from renewal.domain.due import renewal_point
from renewal.domain.errors import OrderConflict, UnknownDelegation
from renewal.domain.order import ManagedCertificate
from renewal.domain.permission import OrderAgain
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.domain.setup.inspection import CredentialRefusal

from .conftest import AUDIT, OPERATOR, TABLE, Book
from .records import DELEGATION, LATER, NOW, PATH, SPEC, a_specification, a_stored, an_order
from .wire import hooked, meanwhile

CHANGED = replace(SPEC, names=("idp.univ.example", "www.univ.example"))


def test_a_new_certificate_is_due_at_once(book: Book):
    """Also for a run whose clock is behind that of the operator's machine."""
    assert list(book.waiting(NOW - timedelta(days=365))) == [PATH]


def test_a_changed_spec_leaves_the_status(book: Book, editor: OrderBookEditor):
    """A delegation file contains no orders, no failures, and nothing that is served."""
    editor.adopt(*PATH, a_stored())
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

    assert book.delegation("univ").refusal == CredentialRefusal("version-1", "run-1")


def test_changed_names_make_a_renewed_certificate_due(book: Book, editor: OrderBookEditor):
    """Until the next renewal by age a name would be missing for months."""
    editor.adopt(*PATH, a_stored())
    assert list(book.waiting(LATER)) == []

    book.apply(a_specification(CHANGED), LATER)

    assert list(book.waiting(LATER)) == [PATH]


def test_a_spec_and_an_order_written_at_the_same_time_are_both_kept(book: Book, editor: OrderBookEditor, dynamodb: Any):
    """The function writes first; the spec is then written over the record as it has become."""
    editor.adopt(*PATH, a_stored())
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
    editor.adopt(*PATH, a_stored())

    editor.ask(*PATH, "the key was published")

    assert list(book.waiting(LATER)) == [PATH]
    assert book.certificate(*PATH).asked_reason == "the key was published"


def test_a_request_for_an_unknown_certificate_creates_nothing(book: Book, editor: OrderBookEditor):
    """An upsert would leave a certificate without a spec."""
    with pytest.raises(UnknownDelegation, match="univ/typo"):
        editor.ask("univ", "typo", "asked")

    assert list(book.every_certificate()) == [PATH]


def test_a_withdrawn_request_makes_nothing_due(book: Book, editor: OrderBookEditor):
    """A request that was made by mistake stays until an order is stored, so every run would try again."""
    editor.adopt(*PATH, a_stored())
    before = book.certificate(*PATH)
    editor.ask(*PATH, "the wrong certificate")
    editor.permit_order_again(book.certificate(*PATH), "not in SCM")

    editor.withdraw_request(book.certificate(*PATH), "by mistake")

    after = book.certificate(*PATH)
    assert (after.asked_reason, after.asked_by, after.order_again) == ("", "", None)
    assert after == before
    assert list(book.waiting(LATER)) == []


def test_a_run_that_has_read_a_withdrawn_request_orders_nothing(book: Book, editor: OrderBookEditor):
    """It decided before the withdrawal; the order that it begins belongs to a record that has changed."""
    editor.adopt(*PATH, a_stored())
    editor.ask(*PATH, "the wrong certificate")
    read_by_the_run = book.certificate(*PATH)

    editor.withdraw_request(read_by_the_run, "by mistake")

    with pytest.raises(OrderConflict):
        book.open(an_order(), read_by_the_run.revision)
    assert book.certificate(*PATH).order is None


def test_a_request_that_a_run_takes_meanwhile_is_not_withdrawn(book: Book, editor: OrderBookEditor, dynamodb: Any):
    """The operator has to know that the order is placed: withdrawing reports what has happened."""
    editor.adopt(*PATH, a_stored())
    editor.ask(*PATH, "the wrong certificate")
    before = book.certificate(*PATH)

    with (
        meanwhile(dynamodb, "TransactWriteItems", lambda: book.begin(an_order())),
        pytest.raises(OrderConflict, match="nothing was withdrawn"),
    ):
        editor.withdraw_request(before, "by mistake")

    assert book.certificate(*PATH).asked_reason == "the wrong certificate"
    assert [row["action"] for row in rows(dynamodb)] == ["applied", "adopted", "renewal-requested"]


def test_a_permission_to_order_again_is_for_one_order(book: Book, editor: OrderBookEditor):
    """It names who gave it; opening an order changes the record and uses it up."""
    before = book.certificate(*PATH)

    editor.permit_order_again(before, "not in SCM")

    permitted = book.certificate(*PATH)
    assert permitted.permission == OrderAgain("not in SCM", OPERATOR, LATER, before.revision)
    book.begin(an_order())
    assert book.certificate(*PATH).permission is None


def test_a_permission_for_a_record_that_has_changed_is_refused(book: Book, editor: OrderBookEditor):
    """The operator has searched SCM for what the record was before."""
    before = book.certificate(*PATH)
    editor.ask(*PATH, "again")

    with pytest.raises(OrderConflict, match="nothing was permitted"):
        editor.permit_order_again(before, "not in SCM")
    assert book.certificate(*PATH).order_again is None


def test_an_adopted_certificate_is_renewed_when_it_is_due(book: Book, editor: OrderBookEditor):
    """Taking over a service must not order everything on the first day."""
    stored = a_stored(token="")

    editor.adopt(*PATH, stored)
    editor.adopt(*PATH, stored)

    assert book.certificate(*PATH).stored == stored
    due = renewal_point("univ/idp", stored.not_before, stored.not_after, SPEC.policy)
    assert list(book.waiting(due - timedelta(seconds=1))) == []
    assert list(book.waiting(due)) == [PATH]


def test_an_adoption_is_read_from_the_audit_trail(book: Book, editor: OrderBookEditor):
    """A restored orders table does not have it, and an older order that is open there must not be stored over it."""
    editor.ask(*PATH, "asked")
    editor.adopt(*PATH, a_stored(token=""), "ordered by hand")

    (adoption,) = book.adoptions(*PATH)

    assert "serial AB12, SSL ID" in adoption.reason
    assert book.adoptions(PATH.delegation, "another") == ()


def test_nothing_is_adopted_over_what_is_stored(book: Book, editor: OrderBookEditor):
    """A run had stored it while the command asked: the error named the delegation file, which nobody had to change."""
    editor.adopt(*PATH, a_stored())

    with pytest.raises(OrderConflict, match="meanwhile with serial AB12"):
        editor.adopt(*PATH, a_stored(serial="CD34"))
    with pytest.raises(UnknownDelegation):
        editor.adopt("univ", "typo", a_stored())

    assert book.certificate(*PATH).stored == a_stored()


def test_a_removed_certificate_leaves_its_audit_trail(book: Book):
    """The RAO may ask next year what was done in the organisation's name."""
    book.begin(an_order())
    book.fail(an_order(), "DcvLapsed", "expired", LATER, None)

    book.remove(*PATH)

    assert list(book.every_certificate()) == []
    assert [row.token for row in book.history("univ", "")] == ["token-1"]


def test_a_replacement_rule_is_added_once_and_withdrawn(book: Book, editor: OrderBookEditor):
    """An operator must be able to stop a mass replacement."""
    replacement = ReplacementRule(LATER, "Sectigo Public Server CA", "mis-issuance")

    editor.add_replacement(replacement)
    editor.add_replacement(replacement)
    assert book.replacement_rules() == (replacement,)
    assert list(book.delegations()) == ["univ"], "the partition of the rules is no delegation"

    editor.remove_replacement(replacement)
    editor.remove_replacement(replacement)
    assert book.replacement_rules() == ()


def test_a_rule_lists_what_it_may_cover_until_it_is_withdrawn(
    dynamodb: Any, book: Book, editor: OrderBookEditor, monkeypatch: pytest.MonkeyPatch
):
    """Runs read the list and nothing else; a part of it is worse than none."""
    monkeypatch.setattr(order_book_editor, "_LISTED_PATHS", 1)
    others = [ManagedCertificate(replace(SPEC, name=name), a_stored()) for name in ("other", "www")]
    later = ManagedCertificate(replace(SPEC, name="later"))

    editor.add_replacement(ReplacementRule(LATER, "", "incident"), [*others, later])

    (rule,) = book.replacement_rules()
    assert book.listed_for(rule) == {each.spec.record_key for each in others}
    editor.adopt(*PATH, replace(a_stored(), not_before=NOW - timedelta(days=9), stored_at=NOW))
    (longer,) = book.replacement_rules()
    assert book.listed_for(longer) == {PATH, *(each.spec.record_key for each in others)}
    _, _, last = list_keys(longer)
    dynamodb.delete_item(TableName=TABLE, Key={"delegation": {"S": last[0]}, "item": {"S": last[1]}})
    assert book.listed_for(longer) is None
    editor.remove_replacement(longer)
    assert Table(dynamodb, TABLE).read(list_keys(longer)) == {}


def test_a_rule_ends_once_and_is_kept_until_it_is_deleted(dynamodb: Any, book: Book, editor: OrderBookEditor):
    """The time of the first run that found nothing left stays; a rule that was cancelled does not come back."""
    rule, ends = ReplacementRule(LATER, "", "incident"), DynamoDbRuleEnds(OrderTables.of(dynamodb, TABLE, AUDIT))
    every = OperatorReader(OrderTables.of(dynamodb, TABLE, AUDIT))

    ends.end_replacement(rule, LATER)
    assert every.all_replacements() == ()
    editor.add_replacement(rule)
    ends.end_replacement(rule, LATER)
    ends.end_replacement(rule, LATER + timedelta(days=1))

    assert book.replacement_rules() == ()
    assert every.all_replacements() == (replace(rule, ended_at=LATER),)
    editor.remove_replacement(rule)
    assert every.all_replacements() == ()


def test_a_rule_that_has_ended_is_not_stored_a_second_time(dynamodb: Any, book: Book, editor: OrderBookEditor):
    """Nothing would be replaced, and the operator in the incident would read that it is stored."""
    rule = ReplacementRule(LATER, "", "incident")
    editor.add_replacement(rule)
    DynamoDbRuleEnds(OrderTables.of(dynamodb, TABLE, AUDIT)).end_replacement(rule, LATER)

    with pytest.raises(OrderConflict, match="has ended: delete it with --cancel"):
        editor.add_replacement(replace(rule, reason="second wave"))
    editor.remove_replacement(rule)
    editor.add_replacement(rule)

    assert book.replacement_rules() == (rule,)


OLD = a_stored(not_before=NOW - timedelta(days=9), stored_at=NOW - timedelta(days=9), serial="0D")
ELSEWHERE = ManagedCertificate(replace(SPEC, name="elsewhere"), OLD)
EVERYTHING = ReplacementRule(LATER, "", "incident")


def named(name: str) -> CertificateSpec:
    """Another certificate of the delegation."""
    return replace(SPEC, name=name, names=(f"{name}.univ.example",))


def another_editor(dynamodb: Any) -> OrderBookEditor:
    """A colleague's command."""
    return OrderBookEditor(OrderTables.of(dynamodb, TABLE, AUDIT), OPERATOR, lambda: LATER)


def test_two_adoptions_at_once_are_both_listed(dynamodb: Any, book: Book, editor: OrderBookEditor):
    """Both read the same number of items; what the second overwrote would never be replaced."""
    book.apply(a_specification(SPEC, named("second"), named("third")), NOW)
    editor.add_replacement(EVERYTHING, [ELSEWHERE])
    colleague = another_editor(dynamodb)

    acts = [lambda: colleague.adopt("univ", "third", OLD)]

    def before_the_first_write(**_: Any) -> None:
        if acts:
            acts.pop()()

    writes = [f"before-call.dynamodb.{operation}" for operation in ("UpdateItem", "TransactWriteItems")]
    with hooked(dynamodb, writes[0], before_the_first_write), hooked(dynamodb, writes[1], before_the_first_write):
        editor.adopt("univ", "second", OLD)

    (rule,) = book.replacement_rules()
    assert book.listed_for(rule) == {("univ", "elsewhere"), ("univ", "second"), ("univ", "third")}


def test_what_is_adopted_while_the_operator_confirms_is_listed(dynamodb: Any, book: Book, editor: OrderBookEditor):
    """The command has read the estate before it asks, and an answer can take an hour."""
    book.apply(a_specification(SPEC, named("second")), NOW)
    editor.adopt(*PATH, OLD)
    _, before_the_prompt = book.everything()
    another_editor(dynamodb).adopt("univ", "second", OLD)

    editor.add_replacement(EVERYTHING, before_the_prompt)

    (rule,) = book.replacement_rules()
    assert book.listed_for(rule) == {PATH, ("univ", "second")}


def test_a_rule_that_is_stored_during_an_adoption_lists_it(dynamodb: Any, book: Book, editor: OrderBookEditor):
    """The adoption has read that there is no rule, and the rule's command that nothing is adopted."""
    colleague = another_editor(dynamodb)

    with meanwhile(dynamodb, "TransactWriteItems", lambda: colleague.add_replacement(EVERYTHING, [ELSEWHERE])):
        editor.adopt(*PATH, OLD)

    (rule,) = book.replacement_rules()
    assert book.listed_for(rule) == {PATH, ("univ", "elsewhere")}


@pytest.mark.parametrize(
    "paths", [{"S": "univ/other"}, {"L": [{"S": "no path"}]}, {"L": [{"N": "1"}]}], ids=["text", "no path", "number"]
)
def test_a_damaged_list_counts_as_missing(dynamodb: Any, book: Book, editor: OrderBookEditor, paths: dict[str, Any]):
    """The run reads everything in its place; a list that stops every run would end all renewals."""
    editor.add_replacement(EVERYTHING, [ELSEWHERE])
    (rule,) = book.replacement_rules()
    ((delegation, item),) = list_keys(rule)
    dynamodb.put_item(TableName=TABLE, Item={"delegation": {"S": delegation}, "item": {"S": item}, "paths": paths})

    assert book.listed_for(rule) is None


def test_a_delegation_is_removed_until_it_is_applied_again(book: Book):
    """`apply --prune` removes it on purpose, and is no loss; what is lost after it was applied again is one."""
    assert book.removed_among(["univ", "other"]) == set()

    book.remove_delegation("univ", LATER)
    assert book.removed_among(["univ", "other"]) == {"univ"}
    book.apply(a_specification(), LATER)
    assert book.removed_among(["univ"]) == set()


def test_a_delegation_without_its_item_is_reported_as_unreadable(dynamodb: Any, book: Book):
    """Its certificates are left out: a rule's list that takes the rest for everything would lack them."""
    dynamodb.delete_item(TableName=TABLE, Key={"delegation": {"S": "univ"}, "item": {"S": "delegation"}})

    delegations, certificates = book.everything()

    assert (delegations, certificates) == ((), ())
    assert [error.path for error in delegations.unreadable] == ["univ"]


# ---- The audit trail ---------------------------------------------------------------------------------------

RULE = ReplacementRule(NOW, "Throw-Away", "mass revocation")
OWN = Acknowledgement("univ", "4711", "ordered by the RAO", LATER)
Edit = Callable[[OrderBookEditor, Book], object]

EDITS: dict[str, tuple[str, str, Edit]] = {
    "ask": ("univ", "renewal-requested", lambda editor, _: editor.ask(*PATH, "laptop stolen")),
    "order again": (
        "univ",
        "order-again-permitted",
        lambda editor, book: editor.permit_order_again(book.certificate(*PATH), "not in SCM"),
    ),
    "revocation": (
        "univ",
        "revocation-requested",
        lambda editor, _: editor.request_revocation(
            *PATH, RevocationRequest("0A77", 77, SPEC.names, "superseded", LATER, LATER)
        ),
    ),
    "adopt": ("univ", "adopted", lambda editor, _: editor.adopt(*PATH, a_stored())),
    "withdrawal": (
        "univ",
        "request-withdrawn",
        lambda editor, book: editor.withdraw_request(book.certificate(*PATH), "by mistake"),
    ),
    "rule": (ESTATE, "replacement-rule-added", lambda editor, _: editor.add_replacement(RULE)),
    "apply": ("univ", "applied", lambda _, book: book.apply(a_specification(replace(SPEC, term_days=90)), LATER)),
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
    assert book.acknowledgements("univ") == (OWN,)

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

    assert book.acknowledgements("univ") == ()
    assert rows(dynamodb)


def test_a_row_is_added_after_what_was_added_meanwhile(book: Book, editor: OrderBookEditor, dynamodb: Any):
    """An order of the delegation ends while an operator asks for another: both rows are in the chain."""
    book.begin(an_order())
    ends = meanwhile(dynamodb, "TransactWriteItems", lambda: book.fail(an_order(), "DcvLapsed", "expired", NOW, None))

    with ends:
        editor.ask(*PATH, "again")

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
        editor.ask("univ", "typo", "again")
    book.begin(an_order())
    with pytest.raises(OrderConflict):
        editor.permit_order_again(earlier, "not in SCM")

    assert rows(dynamodb) == before
