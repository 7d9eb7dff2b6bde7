"""How far the work for the replacement rules has come, as it is printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from certmandate.views import printing
from certmandate.views.printing import counted, minute
from renewal import records
from renewal.domain.judgement.replacement_progress import ReplacementProgress


def page(rules: Iterable[ReplacementProgress]) -> list[RenderableType]:
    """Return one part for each rule."""
    parts: list[RenderableType] = []
    for rule in rules:
        if rule.ended_at:
            parts += [printing.heading(f"Replacement: {rule.reason}"), _ended(rule)]
            continue
        pairs = (
            ("issued before", f"{minute(rule.issued_before)}, by {rule.issuer or 'any issuer'}"),
            ("deadline", minute(rule.deadline)),
            ("done", "not known" if rule.done is None else f"{rule.done} of {rule.covered}"),
            ("in flight", str(rule.in_flight)),
            ("unconfirmed", f"{rule.unconfirmed}: SCM may have the order" if rule.unconfirmed else ""),
            (
                "earlier orders",
                f"{rule.earlier_orders}: what they lead to may be covered" if rule.earlier_orders else "",
            ),
            ("failed", str(rule.failed)),
            ("not ordered", str(rule.waiting)),
            ("not served", str(rule.not_served)),
            ("rate", "" if rule.rate is None else f"{rule.rate:g} an hour"),
            ("estimated end", "" if rule.is_complete else minute(rule.ends_at) or "not known"),
        )
        parts += [printing.heading(f"Replacement: {rule.reason}"), printing.facts(pairs), _state(rule)]
    return parts


def _ended(rule: ReplacementProgress) -> Text:
    many = "everything" if rule.covered is None else counted(rule.covered, "certificate")
    return Text(f"  Ended {minute(rule.ended_at)}, begun {minute(rule.began_at)}: {many} replaced and served.", "green")


def _state(rule: ReplacementProgress) -> Text:
    if rule.is_complete and not rule.is_listed:
        return Text("  Complete. No run ends a rule without a list: delete it with --cancel.", style="yellow")
    if rule.is_complete:
        return Text("  Complete. The next run ends the rule.", style="green")
    if rule.is_late:
        return Text("  Will not make the deadline: see runbook, ReplacementLate.", style="bold red")
    return Text("  The next run continues.", style="yellow")


def lines(rules: Iterable[ReplacementProgress]) -> Iterator[str]:
    """Yield a sentence for each rule that is not complete, or has ended with the run."""
    for rule in rules:
        if rule.ended_at:
            yield f"{rule.reason}: ended; everything is replaced and served"
        elif rule.is_complete and not rule.is_listed:
            yield f"{rule.reason}: everything is replaced and served; no run ends a rule without a list: delete it"
        elif not rule.is_complete:
            late = "; it will not make the deadline" if rule.is_late else ""
            ends = f", estimated end {minute(rule.ends_at)}" if rule.ends_at else ""
            deadline = f", deadline {minute(rule.deadline)}" if rule.deadline else ""
            yield (
                f"{rule.reason}: {counted(rule.left, 'certificate')} left, {rule.in_flight} in flight{_others(rule)}"
                f"{ends}{deadline}{late}{_paused(rule)}"
            )


def _others(rule: ReplacementProgress) -> str:
    numbers = {
        "unconfirmed": rule.unconfirmed,
        "with an earlier order": rule.earlier_orders,
        "failed": rule.failed,
        "not served": rule.not_served,
    }
    return "".join(f", {number} {what}" for what, number in numbers.items() if number)


def _paused(rule: ReplacementProgress) -> str:
    if not rule.paused:
        return ""
    return f"; paused, because SCM is not available for {', '.join(rule.paused)}; the next run continues"


def document(rule: ReplacementProgress) -> dict[str, Any]:
    """Return the progress as JSON has it."""
    return {**records.to_json(rule), "left": rule.left, "complete": rule.is_complete}
