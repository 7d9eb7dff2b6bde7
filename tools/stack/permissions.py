"""Which function may write which attribute of the order book, as the policies of template.yaml decide.

The table of docs/permissions.md; `--write` puts it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from certmandate.files.operator_action import OperatorAction
from certmandate.files.operator_records import Reinstated, Retired
from gate import computed
from renewal.adapters.order_book.schema import ESTATE, ORDER_ATTRIBUTES, CoveredPaths
from renewal.domain.audit.hash_chain import ChainHead
from renewal.domain.order import FinishedOrder, ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.domain.setup.inspection import DelegationRecord
from renewal.records import stored_names
from stack.policy import Request, Statement, allowed, statements
from stack.resolved import Stack

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "permissions.md"
_KEYS = ("delegation", "item")
_INDEXED = ("action", "next_action_at")
_WRITES = {"dynamodb:UpdateItem": "writes", "dynamodb:PartiQLUpdate": "writes"}
_PUTS = {"dynamodb:PutItem": "adds", "dynamodb:BatchWriteItem": "adds", "dynamodb:PartiQLInsert": "adds"}
_DELETES = ("dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLDelete")

RECORDS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "delegation": ("OrdersTable", "univ", (*stored_names(DelegationRecord), *_INDEXED)),
    "certificate": ("OrdersTable", "univ", (*stored_names(ManagedCertificate), *_INDEXED)),
    "open order": ("OrdersTable", "univ", (*ORDER_ATTRIBUTES, "ended")),
    "replacement rule": ("OrdersTable", ESTATE, stored_names(ReplacementRule)),
    "list of a replacement rule": ("OrdersTable", ESTATE, stored_names(CoveredPaths)),
    "removed delegation": ("OrdersTable", ESTATE, ("removed_at",)),
    "retired delegation": ("OrdersTable", ESTATE, ("retired", *stored_names(Retired))),
    "undone retirement": ("OrdersTable", ESTATE, stored_names(Reinstated)),
    "interrupted apply": ("OrdersTable", ESTATE, ("begun_at",)),
    "audit row": ("AuditTable", "univ", stored_names(FinishedOrder)),
    "acknowledged order": ("AuditTable", "univ", stored_names(Acknowledgement)),
    "operator's action": ("AuditTable", "univ", stored_names(OperatorAction)),
    "operator's action for all delegations": ("AuditTable", ESTATE, stored_names(OperatorAction)),
    "head of the audit trail": ("AuditTable", "univ", stored_names(ChainHead)),
}
"""By kind of item: its table, a partition that has one, and its attributes."""


def functions(stack: Stack) -> dict[str, list[Statement]]:
    """Return the statements that each function's role has, by the function's name."""
    return {
        function.properties["Handler"].removesuffix(".handler"): statements(
            stack.policies(function.logical_id.removesuffix("Function") + "Role")
        )
        for function in stack.resources("AWS::Lambda::Function")
    }


def permitted(stack: Stack, policies: Iterable[Statement], record: str, attribute: str) -> str:
    """Return what the policies permit: `deletes` its item, `writes` the attribute, `adds` items with it; or nothing."""
    table, partition, _ = RECORDS[record]
    every = list(policies)

    def may(action: str, *attributes: str) -> bool:
        names = tuple(dict.fromkeys((*_KEYS, *attributes)))
        context = {"dynamodb:Attributes": names, "dynamodb:LeadingKeys": (partition,)}
        return allowed(every, Request(action, stack.arn(table), context))

    if any(may(action) for action in _DELETES):
        return "deletes"
    return next((verb for action, verb in (_WRITES | _PUTS).items() if may(action, attribute)), "")


def rows(stack: Stack) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield record, attribute, and what each function may do with it."""
    found = functions(stack)
    for record, (_, _, attributes) in RECORDS.items():
        for attribute in dict.fromkeys(attributes):
            if attribute in _KEYS or (record, attribute) == ("certificate", "order"):
                continue  # the open order is an item of its own
            yield record, attribute, {name: permitted(stack, found[name], record, attribute) for name in found}


def table() -> str:
    """Return the table as Markdown."""
    stack = Stack(ROOT / "template.yaml")
    names = list(functions(stack))
    lines = [f"| record | attribute | {' | '.join(f'`{name}`' for name in names)} |", "|---|---|" + "---|" * len(names)]
    for record, attribute, may in rows(stack):
        lines.append(f"| {record} | `{attribute}` | {' | '.join(may[name] or '-' for name in names)} |")
    return "\n".join(lines) + "\n"


def parts() -> dict[str, str]:
    """Return what docs/permissions.md has of this program."""
    return {"computed": table()}


if __name__ == "__main__":
    raise SystemExit(computed.main("stack.permissions", DOCUMENT, parts))
