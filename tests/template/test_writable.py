"""Which attributes of the order book each function may write: every one of them, decided by the template's policies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gate.computed import with_parts
from renewal.domain.audit.chained_row import ChainedRow
from renewal.records import stored_names
from stack.permissions import DOCUMENT, RECORDS, functions, parts, permitted, rows
from stack.policy import Statement
from stack.resolved import Stack
from tests.adapters.aws.test_golden_items import EARLIER, GOLDEN

STATUS = {"failures", "hold_until", "last_error", "last_error_text", "failed_at", "next_action_at", "revision"}
OF_THE_DELEGATION = {
    "inspect_delegation": {"inspection", "refusal", "search_proof"},
    "enroll": {"refusal", "search_proof"},
    "collect": {"refusal", "search_proof"},
    "rotate_password": {"refusal"},
    "notify": {"notices"},
}
OF_THE_CERTIFICATE = {"enroll": STATUS, "collect": {*STATUS, "asked", "served"}, "verify_served": {"service"}}
ONLY_OF_STORED = {"serial", "previous_serial", "not_before", "not_after"}
CHAINED = set(stored_names(ChainedRow))
BY_ORDERING = ("enroll", "collect")


def expected(record: str, attribute: str) -> dict[str, str]:
    """What each function's code does with an attribute."""
    if record in {"acknowledged order", "operator's action"} and attribute not in {*CHAINED, "reason", "run_id"}:
        return {}  # so that no function can add one of these rows
    if record == "operator's action for all delegations":
        return {}
    if RECORDS[record][0] == "AuditTable":
        return dict.fromkeys(["collect"] if attribute in ONLY_OF_STORED else BY_ORDERING, "adds")
    if (record, attribute) == ("replacement rule", "ended_at"):
        return {"check_expiry": "writes"}
    if record == "open order":
        return dict.fromkeys(BY_ORDERING, "writes")
    kinds = {"delegation": OF_THE_DELEGATION, "certificate": OF_THE_CERTIFICATE}.get(record, {})
    # IAM does not distinguish items of one partition: a delegation's next action may be written like a certificate's.
    own = {name for found in (OF_THE_DELEGATION, OF_THE_CERTIFICATE) for name in found if attribute in found[name]}
    return dict.fromkeys(own if kinds else (), "writes")


def test_every_function_may_write_its_own_attributes_only(stack: Stack) -> None:
    """With UpdateItem on the whole table, inspect_delegation forged a finished order and changed a spec."""
    found = list(rows(stack))

    assert {
        (record, attribute): {name: verb for name, verb in may.items() if verb} for record, attribute, may in found
    } == {(record, attribute): expected(record, attribute) for record, attribute, _ in found}
    assert {record for record, _, _ in found} == set(RECORDS)
    assert {name for _, _, may in found for name in may} == set(functions(stack))


def test_the_table_has_every_attribute_that_is_stored() -> None:
    """One that is missing in it is decided by no one: the golden items have every member of every kind."""
    kinds = {"order": "open order", "finished": "audit row", "replacement": "replacement rule",
             "covered": "list of a replacement rule", "retired": "retired delegation",
             "removed": "removed delegation", "unfinished-apply": "interrupted apply"}  # fmt: skip
    for kind, versions in GOLDEN.items():
        stored = {name for version, item in versions.items() if not version.startswith(EARLIER) for name in item}
        assert stored <= {*RECORDS[kinds.get(kind, kind)][2], "delegation", "item"}, kind


def test_the_document_has_the_table_of_the_template() -> None:
    """A changed policy must change the page (`python -m stack.permissions --write`)."""
    document = DOCUMENT.read_text(encoding="utf-8")
    assert with_parts(document, parts()) == document


def test_without_any_condition_a_function_may_write_more(stack: Stack) -> None:
    """A condition that the evaluator, or AWS, does not need is a condition that proves nothing."""
    records = ("certificate", "replacement rule", "operator's action", "operator's action for all delegations")
    attributes = [(record, name) for _, name, _ in rows(stack) for record in records]
    for function, found in functions(stack).items():
        before = [permitted(stack, found, *attribute) for attribute in attributes]
        for mutant in _without_a_condition(found):
            assert [permitted(stack, mutant, *attribute) for attribute in attributes] != before, function


def _without_a_condition(found: list[Statement]) -> Iterator[list[Statement]]:
    for index, statement in enumerate(found):
        for operator in ("ForAllValues:StringEquals", "ForAllValues:StringNotEquals"):
            if operator in statement.conditions and not {"dynamodb:UpdateItem", "dynamodb:PutItem"}.isdisjoint(
                statement.actions
            ):
                less = {name: tests for name, tests in statement.conditions.items() if name != operator}
                yield [*found[:index], replace(statement, conditions=less), *found[index + 1 :]]
