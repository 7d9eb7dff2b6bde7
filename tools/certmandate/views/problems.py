"""Problems, and what happens next, as text: the same in `status`, `show`, `check`, `findings` and the page of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from renewal.domain.errors import TooManyDue
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.judgement.obstacle import is_refused_by_runs
from renewal.domain.judgement.order_wait import held_failure
from renewal.domain.judgement.problem import Problem
from renewal.domain.order import Order
from renewal.domain.setup.domain_checks import some


def problem_lines(problems: Iterable[Problem], today: date) -> Iterator[str]:
    """Yield a line for each cause: where, what, who, by when, how, and what happens otherwise.

    A refused login stops every certificate of its delegation: it is one line, at the place of the most urgent problem.
    """
    return (_line(group, today) for group in by_cause(problems))


def by_cause(problems: Iterable[Problem]) -> list[list[Problem]]:
    """Return the problems that one action resolves together, in the order of the first of each."""
    groups: dict[tuple[str, ...], list[Problem]] = {}
    for problem in problems:
        place = problem.delegation or problem.key
        cause = place, problem.severity, problem.code, problem.about, problem.actor, problem.text, problem.command
        groups.setdefault(cause, []).append(problem)
    return list(groups.values())


def quoted_remedy(problem: Problem) -> str:
    """Return the remedy, a command in backticks, so that it is not wrapped."""
    return f"`{problem.command}`" if problem.command else problem.remedy


def _line(group: Sequence[Problem], today: date) -> str:
    of_certificates = [problem for problem in group if problem.certificate]
    first = min(of_certificates or group, key=lambda problem: problem.consequence_on or date.max)
    who = "the RAO" if first.actor == "rao" else "the operator"
    due = min(problem.due or today for problem in group)
    until = f" by {due}" if due > today else ""
    until = " now" if first.needs_attention else until
    kind = f"security, {first.code}" if first.is_security else first.code
    parts = [kind, f"for {who}{until}", quoted_remedy(first), _otherwise(group, first, today)]
    return f"{first.severity}: {_subject(group)}{first.text} ({'; '.join(part for part in parts if part)})"


def _otherwise(group: Sequence[Problem], first: Problem, today: date) -> str:
    """Return what happens to the first of them, and which others have no certificate at all."""
    without = [each.certificate for each in group if each.consequence is Consequence.NO_CERTIFICATE]
    others = [name for name in without if name] if first.consequence is Consequence.EXPIRES else []
    text = first.otherwise(today, len(_certificates(group)) - len(others))
    return f"{text}, and {some(others)} {'has' if len(others) == 1 else 'have'} none" if others else text


def _subject(group: Sequence[Problem]) -> str:
    """Name the delegation or the certificate; several with the names of the certificates."""
    if len(group) == 1:
        return f"{group[0].path}: " if group[0].path else ""
    return f"{group[0].delegation} ({some(_certificates(group))}): "


def _certificates(group: Iterable[Problem]) -> list[str]:
    return [problem.certificate for problem in group if problem.certificate]


# ---- What happens next -----------------------------------------------------------------------------------------------


def next_step(judgement: Judgement) -> str:
    """Return what happens next with a certificate."""
    certificate, decision, obstacle = judgement.certificate, judgement.decision, judgement.obstacle
    if certificate.order is not None:
        return _order_step(judgement, certificate.order)
    if decision.is_held and certificate.hold_until:
        return f"held until {certificate.hold_until:%Y-%m-%d} after {held_failure(certificate).error}"
    if judgement.mandate_ends:
        return f"nothing: its next order would be after the mandate's last day, {judgement.mandate_ends}"
    if decision.causes:
        return _due_step(judgement)
    if judgement.renew_at is None:
        return ""
    is_forward = decision.renew_at is not None and judgement.renew_at < decision.renew_at
    why = ", before a domain validation expires" if is_forward else ""
    condition = f", if this is resolved by then: {obstacle.code}" if obstacle else ""
    return f"due from {judgement.renew_at:%Y-%m-%d %H:%M}Z{why}{condition}{_after_failure(judgement)}"


def _due_step(judgement: Judgement) -> str:
    """Return what the runs do about what is due."""
    obstacle, verb = judgement.obstacle, "orders" if judgement.certificate.stored is None else "renews"
    if stopped := _stopped_by(judgement):
        return f"no run {verb} it until this is resolved: {stopped}"
    if obstacle:
        return f"the next daily run tries; SCM is expected to refuse the order: {obstacle.code}"
    if judgement.limit:
        return f"a later daily run {verb} it: the next one reaches its limit {judgement.limit}"
    what = "tries again" if judgement.last_failure else f"{verb} it"
    which = f"the next run, by {judgement.deadline}," if judgement.deadline else "the next daily run"
    return f"{which} {what} ({', '.join(judgement.decision.causes)}){_after_failure(judgement)}"


def _stopped_by(judgement: Judgement) -> str:
    """The code because of which no run orders what is due."""
    if judgement.obstacle and is_refused_by_runs(judgement.obstacle):
        return judgement.obstacle.code
    failed = judgement.last_failure.code if judgement.last_failure else ""
    return failed if failed == TooManyDue.__name__ else ""


def _order_step(judgement: Judgement, order: Order) -> str:
    obstacle = judgement.obstacle
    number = f", SSL ID {order.ssl_id}" if order.ssl_id else ""
    number += f", stored in {', '.join(order.held_in)} only" if order.held_in else ""
    if order.storing_error:
        return f"open order ({order.storing_error}{number}): every run tries it again; nothing else is ordered"
    since = f"since {order.opened_at:%Y-%m-%d}"
    waits = f"; {judgement.waits_for}" if judgement.waits_for else ""
    failure = _after_failure(judgement) or (f", once this is resolved: {obstacle.code}" if obstacle else "")
    what = "collected, not ordered again" if order.ssl_id else "SCM is searched for it before it is sent again"
    return f"open order ({order.status.value}{number}, {since}): {what}{waits}{failure}"


def _after_failure(judgement: Judgement) -> str:
    return f"; the last attempt failed: {judgement.last_failure.code}" if judgement.last_failure else ""
