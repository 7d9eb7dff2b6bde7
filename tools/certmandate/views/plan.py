"""What `certmandate plan` and `apply` show: the changes of the order book, and what the next run then does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from certmandate.views import printing
from certmandate.views.json_records import certificate_document
from certmandate.views.problems import next_step
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.names import with_readable_names

if TYPE_CHECKING:
    from certmandate.estate_changes import Change, Loaded
    from certmandate.files.operator_records import Retired

_MARKS = {"create": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}


@dataclass(frozen=True)
class Plan:
    """What an apply of a folder changes, and what the next run then does."""

    loaded: Loaded
    changes: list[Change]
    warnings: list[str]
    after: tuple[Judgement, ...]
    """The state of every certificate once the files are applied, most urgent first; also of what is in no file."""
    pruned: tuple[Retired, ...]
    """What is left of the delegations in no file, which only `--prune` removes."""
    unfinished: datetime | None
    """When an apply began that was interrupted."""

    @property
    def edits(self) -> list[Change]:
        """What is created or changed."""
        return [change for change in self.changes if change.kind in {"create", "change"}]

    @property
    def removals(self) -> list[Change]:
        """What only `--prune` removes."""
        return [change for change in self.changes if change.kind == "remove"]


def page(plan: Plan, *, prune: bool) -> list[RenderableType]:
    """Return the page: changes, removals, warnings, and what the next run does with each certificate."""
    parts: list[RenderableType] = []
    if plan.unfinished:
        text = f"The apply of {printing.minute(plan.unfinished)} was interrupted; this apply completes it."
        parts.append(Text(text, style="yellow"))
    parts += _lines(plan.edits)
    if plan.removals:
        parts.append(printing.heading("In no file any more" + ("" if prune else "; removed only with --prune")))
        if any("/" not in change.path for change in plan.removals):
            parts.append(Text("  --prune removes only the records of a delegation; `certmandate retire` ends it."))
        parts += _lines(plan.removals)
    parts += printing.bullets("Please check", plan.warnings)
    if not plan.edits and not plan.removals:
        parts.append(Text("The order book matches the files."))
    in_files = {spec.path for specification, _ in plan.loaded for spec in specification.certificates}
    rows = [
        (
            state.path + ("" if state.path in in_files else " (in no file)"),
            printing.state_text(state.state.label, state.severity),
            next_step(state),
            _expiry(state),
        )
        for state in plan.after
    ]
    columns = ["certificate", "state", "what happens next", "expires"]
    return [*parts, printing.heading("The certificates then"), printing.table(columns, rows)]


def _lines(changes: list[Change]) -> Iterator[Text]:
    for change in changes:
        mark, style = _MARKS[change.kind]
        yield Text(f"  {mark} {change.path}", style=style)
        for field in change.differences:
            yield Text(with_readable_names(f"      {field.field}: {field.before}  →  {field.after}"))


def _expiry(state: Judgement) -> str:
    stored = state.certificate.stored
    return f"{printing.day(stored.not_after)} ({state.days_left} days)" if stored else "none stored"


def question(plan: Plan, to_do: list[Change], *, prune: bool) -> str:
    """Return what the operator is asked before an apply."""
    text = f"Apply {printing.counted(len(to_do), 'change')}?"
    if not prune or not plan.pruned:
        return text
    valid = sum(len(pruned.certificates) for pruned in plan.pruned)
    removed = f"{printing.counted(len(plan.pruned), 'delegation')} with {printing.counted(valid, 'valid certificate')}"
    return f"{text} They remove {removed}, which no run renews any more."


def result(plan: Plan, to_do: list[Change], *, prune: bool) -> str:
    """Return what an apply has done, as a sentence."""
    if not to_do:
        return "Nothing to change." if plan.unfinished is None else "The interrupted apply is complete."
    removed = len(plan.removals) if prune else 0
    text = f"Applied: {len(plan.edits)} written, {removed} removed."
    return f"{text} Audit rows and stored certificates are kept." if removed else text


def document(plan: Plan, *, prune: bool) -> dict[str, Any]:
    """Return the plan as JSON has it."""
    return {
        "changes": [
            {
                "kind": change.kind,
                "path": change.path,
                "fields": {field.field: {"before": field.before, "after": field.after} for field in change.differences},
                "takes_place": change.kind != "remove" or prune,
            }
            for change in plan.changes
            if change.kind != "keep"
        ],
        "unchanged": sum(change.kind == "keep" for change in plan.changes),
        "warnings": plan.warnings,
        "unfinished_apply": plan.unfinished,
        "next_run": [certificate_document(state) for state in plan.after],
    }
