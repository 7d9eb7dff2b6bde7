"""`certmandate replace`: plans the replacement of many certificates by a deadline, and stores the rule for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from certmandate.completion import delegation_names
from certmandate.deployment import Deployment, deployed, read_stored, to_change
from certmandate.exit import NEEDS_ATTENTION, Refused
from certmandate.options import JsonOption, YesOption, asked_serial, confirm
from certmandate.replacement_planning.capacity import PlanningLimits
from certmandate.replacement_planning.plan import ReplacementPlan, limits_of, plan_of
from certmandate.views import printing
from certmandate.views.printing import printer
from certmandate.views.replacement import plan as plan_view
from certmandate.views.replacement import progress as progress_view
from renewal.domain.judgement.replacement_progress import progress_of
from renewal.domain.replacement_rule import (
    MOST_ORDERS_PER_DELEGATION,
    MOST_ORDERS_PER_RUN,
    MOST_SERIALS,
    Caps,
    ReplacementRule,
)

if TYPE_CHECKING:
    from certmandate.estate_changes import Stored

_FORMATS = ["%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]
_MOST_REASON = 200

IssuerOption = Annotated[str | None, typer.Option(help="Part of the issuer's name, any case. Default: any issuer.")]
IssuedBeforeOption = Annotated[
    datetime | None,
    typer.Option(formats=_FORMATS, metavar="TIME", help="What was issued before this time (UTC). Default: now."),
]
SerialsOption = Annotated[Path | None, typer.Option(help="File with one serial (hexadecimal) a line.")]
DelegationsOption = Annotated[
    list[str] | None,
    typer.Option("--delegation", help="Only of this delegation; may be repeated.", autocompletion=delegation_names),
]
DeadlineOption = Annotated[
    datetime | None,
    typer.Option(
        formats=_FORMATS,
        metavar="TIME",
        help="When the CA revokes, such as 2026-12-01T09:00Z: the hourly runs work on it too.",
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="The incident; it is stored in every audit row.")]
PerDelegationOption = Annotated[
    int | None, typer.Option("--orders-per-delegation", help="Raised cap of a run, for this rule only.")
]
PerRunOption = Annotated[int | None, typer.Option("--orders-per-run", help="Raised cap of a run, for this rule only.")]
ScmSecondsOption = Annotated[float, typer.Option(min=0.1, max=60, help="Assumed: for a request to SCM.")]
IssuanceOption = Annotated[float, typer.Option(min=0, max=10_000, help="Assumed: for the CA to issue.")]
ApprovalOption = Annotated[float, typer.Option(min=0, max=1_000, help="Assumed: for approvals in SCM.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the plan; store nothing.")]
CancelOption = Annotated[bool, typer.Option("--cancel", help="Delete the rules with this --reason.")]


class Action(StrEnum):
    """What to do in place of planning a rule."""

    STATUS = "status"


ActionArgument = Annotated[
    Action | None, typer.Argument(metavar="status", help="`status`: print the progress of the rules.")
]


def replace_command(
    context: typer.Context,
    action: ActionArgument = None,
    issuer: IssuerOption = None,
    issued_before: IssuedBeforeOption = None,
    serials: SerialsOption = None,
    delegation: DelegationsOption = None,
    deadline: DeadlineOption = None,
    reason: ReasonOption = "",
    orders_per_delegation: PerDelegationOption = None,
    orders_per_run: PerRunOption = None,
    scm_seconds: ScmSecondsOption = 2.0,
    issuance_minutes: IssuanceOption = 10.0,
    approval_hours: ApprovalOption = 4.0,
    dry_run: DryRunOption = False,
    cancel: CancelOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Replace many certificates by a deadline.

    Shows the plan: how many, how long, which limit decides, and what will not make the deadline. After a confirmation
    it stores a replacement rule. Daily and manual runs work on it until all is replaced and served, and end it then;
    with --deadline, the hourly runs do, too. The rule covers what is stored now; what is issued for it is not replaced
    again.
    `replace status` exits 1 when a rule will not make its deadline.
    """
    asked = _Asked(issuer, issued_before, serials, tuple(delegation or ()), deadline, reason.strip())
    with deployed(context) if dry_run or action else to_change(context) as deployment:
        if action or cancel:
            raise typer.Exit(_without_plan(deployment, None if action else asked.reason, yes=yes, as_json=as_json))
        assumed = PlanningLimits(
            scm_seconds=scm_seconds, issuance_minutes=issuance_minutes, approval_hours=approval_hours
        )
        rule = asked.rule(deployment, _caps(deployment, orders_per_delegation, orders_per_run), datetime.now(UTC))
        stored = read_stored(deployment)
        plan = _plan(deployment, stored, rule, assumed)
        if not as_json:
            printing.show(printer(), *plan_view.page(plan))
        if not dry_run:
            _store(deployment, plan, stored, yes=yes)
    stored_text = "The replacement rule is stored. `certmandate replace status` shows how far it has come."
    text = "Nothing was changed: --dry-run." if dry_run else stored_text
    printing.print_result(plan_view.document(plan, is_stored=not dry_run), text, as_json=as_json)


def _without_plan(deployment: Deployment, cancelled: str | None, *, yes: bool, as_json: bool) -> int:
    """Delete the rules with the reason *cancelled*, or print the status; return the exit code."""
    if cancelled is not None:
        _cancel(deployment, cancelled, yes=yes, as_json=as_json)
        return 0
    return NEEDS_ATTENTION if _print_status(deployment, as_json=as_json) else 0


def _print_status(deployment: Deployment, *, as_json: bool) -> bool:
    """Print the progress of every rule; return whether one will not make its deadline."""
    book, stored, now = deployment.book, read_stored(deployment), datetime.now(UTC)
    rules = book.all_replacements()
    printing.print_left_out((*rules.unreadable, *stored.unreadable))
    progress = [progress_of(rule, stored.certificates.values(), now, listed=book.listed_for(rule)) for rule in rules]
    if as_json:
        printing.print_json({"at": now, "replacements": [progress_view.document(each) for each in progress]})
    elif progress:
        printing.show(printer(), *progress_view.page(progress))
    else:
        printing.print_line("There is no replacement rule.")
    return any(each.is_late for each in progress)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the operator asks for."""

    issuer: str | None
    issued_before: datetime | None
    serials: Path | None
    delegations: tuple[str, ...]
    deadline: datetime | None
    reason: str

    def rule(self, deployment: Deployment, caps: Caps | None, now: datetime) -> ReplacementRule:
        """Return the rule for it. Raises Refused, and UnknownDelegation."""
        self._require_scope()
        for name in self.delegations:
            deployment.book.delegation(name)
        before = self.issued_before.replace(tzinfo=UTC) if self.issued_before else now
        ends = self.deadline.replace(tzinfo=UTC) if self.deadline else None
        if before > now or (ends and ends <= now):
            msg = "--issued-before must be a time in the past, and --deadline one in the future (UTC)"
            raise Refused(msg)
        return ReplacementRule(
            issued_before=before,
            issuer=(self.issuer or "").strip(),
            reason=self.reason,
            deadline=ends,
            delegations=tuple(sorted(set(self.delegations))),
            serials=_serials(self.serials) if self.serials else frozenset(),
            caps=caps,
            asked_by=deployment.operator,
            asked_at=now,
        )

    def _require_scope(self) -> None:
        if not (self.issuer or self.issued_before or self.serials or self.delegations):
            msg = "name what is replaced: --issuer, --issued-before, --serials FILE or --delegation"
            raise Refused(msg)
        if self.serials and (self.issuer or self.issued_before):
            msg = "--serials names each certificate: pass it without --issuer and --issued-before"
            raise Refused(msg)
        if not 0 < len(self.reason) <= _MOST_REASON:
            msg = f"pass --reason with the incident, in 1 to {_MOST_REASON} characters"
            raise Refused(msg)


def _serials(file: Path) -> frozenset[str]:
    """Read the serials of *file*, each once. Raises Refused with the first line that is none."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file} cannot be read ({type(error).__name__})"
        raise Refused(msg) from None
    serials = frozenset(
        _serial(file, number, line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    )
    if not serials:
        msg = f"{file} has no serial; write one a line"
        raise Refused(msg)
    if len(serials) > MOST_SERIALS:
        msg = f"{file} has {len(serials)} serials; a rule has {MOST_SERIALS} at most: split the file"
        raise Refused(msg)
    return serials


def _serial(file: Path, number: int, line: str) -> str:
    try:
        return asked_serial(line)
    except Refused as error:
        msg = f"{file}, line {number}: {error}"
        raise Refused(msg) from None


def _caps(deployment: Deployment, per_delegation: int | None, per_run: int | None) -> Caps | None:
    if per_delegation is None and per_run is None:
        return None
    least = _caps_of(deployment)
    caps = Caps(per_delegation or least.orders_per_delegation, per_run or least.orders_per_run)
    is_possible = least.orders_per_delegation <= caps.orders_per_delegation <= MOST_ORDERS_PER_DELEGATION
    if not is_possible or not least.orders_per_run <= caps.orders_per_run <= MOST_ORDERS_PER_RUN:
        msg = (
            f"--orders-per-delegation is {least.orders_per_delegation} to {MOST_ORDERS_PER_DELEGATION}, "
            f"--orders-per-run {least.orders_per_run} to {MOST_ORDERS_PER_RUN}"
        )
        raise Refused(msg)
    return caps


def _caps_of(deployment: Deployment) -> Caps:
    return Caps(deployment.limits.orders_per_delegation, deployment.limits.orders_per_run)


def _plan(deployment: Deployment, stored: Stored, rule: ReplacementRule, assumed: PlanningLimits) -> ReplacementPlan:
    """Return the plan. Raises Refused when the rule covers nothing."""
    printing.print_left_out(stored.unreadable)
    limits = limits_of(_caps_of(deployment), deployment.facts, assumed)
    plan = plan_of(rule, stored.delegations, stored.certificates.values(), limits, deployment.acting_times)
    if not plan.paths:
        msg = "the rule covers no certificate that is stored: `certmandate show` has each one's issuer and serial"
        raise Refused(msg)
    return plan


def _store(deployment: Deployment, plan: ReplacementPlan, stored: Stored, *, yes: bool) -> None:
    rule = plan.rule
    _require_new(deployment, rule)
    caps = f", up to {rule.caps.orders_per_delegation} a run and delegation" if rule.caps else ""
    late = f" {printing.counted(len(plan.misses), 'certificate')} will not make the deadline." if plan.misses else ""
    confirm(f"Order {printing.counted(len(plan.paths), 'certificate')}{caps}?{late}", yes=yes)
    deployment.editor.add_replacement(rule, stored.complete)


def _require_new(deployment: Deployment, rule: ReplacementRule) -> None:
    """Raise Refused when a rule for the same certificates is stored, or one that `--cancel` would delete with it."""
    stored = deployment.book.all_replacements()
    if rule.identity in {each.identity for each in stored}:
        msg = "a rule for the same certificates is in force, or has ended: delete it with --cancel and its --reason"
        raise Refused(msg)
    if rule.reason in {each.reason for each in stored if each.is_in_force}:
        msg = "a rule with this --reason is in force: `certmandate replace status` shows it; pass another reason"
        raise Refused(msg)


def _cancel(deployment: Deployment, reason: str, *, yes: bool, as_json: bool) -> None:
    rules = [rule for rule in deployment.book.all_replacements() if rule.reason == reason]
    if not rules:
        msg = "there is no replacement rule with this --reason; `certmandate status` lists the rules"
        raise Refused(msg)
    confirm(f"Delete {printing.counted(len(rules), 'replacement rule')} with this --reason?", yes=yes)
    for rule in rules:
        deployment.editor.remove_replacement(rule)
    document = {"deleted": [plan_view.rule_document(rule) for rule in rules]}
    text = "The replacement rule is deleted; open orders are still collected."
    printing.print_result(document, text, as_json=as_json)
