"""The plan of a mass replacement, as it is printed before the rule is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.console import RenderableType

from certmandate.replacement_planning.plan import ReplacementPlan
from certmandate.views import printing
from certmandate.views.printing import counted, minute
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.replacement_rule import ReplacementRule

_SHOWN = 8  # of the certificates with one cause, and of serials


def page(plan: ReplacementPlan) -> list[RenderableType]:
    """Return the page: scope, limits, duration, and what will not make the deadline."""
    rule, limits = plan.rule, plan.limits
    pairs = (
        ("covered", f"{counted(len(plan.paths), 'certificate')} of {counted(len(plan.delegations), 'delegation')}"),
        ("deadline", minute(rule.deadline)),
        ("duration", _duration(plan)),
        ("decided by", plan.bottleneck if plan.hours else ""),
        (
            "caps",
            f"{counted(limits.orders_per_delegation, 'order')} a run and delegation, {limits.orders_per_run} a run",
        ),
        (
            "assumed",
            (
                f"{limits.scm_seconds:g} s for a request to SCM, {limits.issuance_minutes:g} min for the CA to issue, "
                f"imports into ACM: {limits.imports_a_second:g} a second and region, a run every "
                f"{limits.hours_between_runs:g} h"
            ),
        ),
        ("approvals", _approvals(plan)),
        ("not verified", f"{counted(plan.unverified, 'certificate')} without `served_at`" if plan.unverified else ""),
    )
    parts = [printing.heading(f"Replacement: {rule.reason}"), printing.facts(pairs)]
    parts += printing.bullets("Serials that are not stored (`certmandate show` has earlier ones)", _not_stored(plan))
    return [*parts, *printing.bullets("Will not make the deadline", _misses(plan)), *_advice(plan)]


def _not_stored(plan: ReplacementPlan) -> Iterator[str]:
    yield from map(printed_serial, plan.not_stored[:_SHOWN])
    if more := len(plan.not_stored[_SHOWN:]):
        yield f"and {more} more"


def _duration(plan: ReplacementPlan) -> str:
    if not plan.hours:
        return f"none of {counted(len(plan.paths), 'certificate')} can be ordered"
    return f"finished in {plan.hours:.1f} hours, at {minute(plan.ends_at)}"


def _approvals(plan: ReplacementPlan) -> str:
    if not plan.awaiting_approval:
        return ""
    orders = counted(plan.awaiting_approval, "order")
    return f"{orders} wait for an administrator in SCM; {plan.limits.approval_hours:g} h are assumed"


def _misses(plan: ReplacementPlan) -> Iterator[str]:
    by_cause = sorted(plan.misses, key=lambda miss: (miss.cause, miss.path))
    for cause, misses in groupby(by_cause, key=lambda miss: miss.cause):
        paths = [miss.path for miss in misses]
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        yield f"{', '.join(paths[:_SHOWN])}{more}: {cause}"


def _advice(plan: ReplacementPlan) -> list[RenderableType]:
    caps = plan.sufficient
    if caps is None:
        return []
    options = f"--orders-per-delegation {caps.orders_per_delegation} --orders-per-run {caps.orders_per_run}"
    return printing.bullets("To make the deadline, raise the caps for this rule", [options])


def document(plan: ReplacementPlan, *, is_stored: bool) -> dict[str, Any]:
    """Return the plan as JSON has it."""
    return {
        "rule": rule_document(plan.rule),
        "stored": is_stored,
        "certificates": list(plan.paths),
        "delegations": len(plan.delegations),
        "hours": round(plan.hours, 2),
        "ends_at": plan.ends_at,
        "bottleneck": plan.bottleneck,
        "limits": asdict(plan.limits),
        "misses": [{"certificate": miss.path, "cause": miss.cause} for miss in plan.misses],
        "serials_not_stored": [printed_serial(serial) for serial in plan.not_stored],
        "unverified": plan.unverified,
        "awaiting_approval": plan.awaiting_approval,
        "sufficient_caps": asdict(plan.sufficient) if plan.sufficient else None,
    }


def rule_document(rule: ReplacementRule) -> dict[str, Any]:
    """Return a replacement rule as JSON has it."""
    return {
        "issuer": rule.issuer,
        "issued_before": rule.issued_before,
        "delegations": list(rule.delegations),
        "serials": len(rule.serials),
        "deadline": rule.deadline,
        "reason": rule.reason,
        "asked_by": rule.asked_by,
        "asked_at": rule.asked_at,
        "caps": asdict(rule.caps) if rule.caps else None,
    }
