"""What someone is asked to do: the problems of a delegation, as the mails and the RAO's report word them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from renewal.domain.judgement.consequence import Consequence
from renewal.domain.judgement.problem import Problem
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.setup.finding import Finding
from renewal.mail.findings_mail import Otherwise


def asks_of(
    problems: Iterable[Problem], certificates: Iterable[ManagedCertificate], history: Iterable[FinishedOrder]
) -> dict[Finding, Otherwise]:
    """Return each of *problems* as a mail words it, in their order, with what happens unless the actor acts.

    As severe as the problem. Its text has the order where one was refused, and it has no day where the RAO must act now
    although the certificate expires later. *history*: the delegation's audit rows, oldest first.
    """
    refused = _refused_orders(certificates, history)
    return {_finding(problem, refused): Otherwise(problem.consequence, problem.consequence_on) for problem in problems}


def _finding(problem: Problem, refused: Mapping[tuple[str, str], str]) -> Finding:
    text = refused.get((problem.code, problem.certificate), problem.text)
    due = None if problem.consequence is Consequence.EXPIRES else problem.due
    certificate, screen = problem.certificate, problem.screen
    return Finding(problem.code, problem.severity, problem.actor, text, certificate, due, screen, problem.about)


def _refused_orders(
    certificates: Iterable[ManagedCertificate], history: Iterable[FinishedOrder]
) -> Mapping[tuple[str, str], str]:
    """The texts about the refused orders that no other one has followed, by code and certificate."""
    rows = {row.certificate: row for row in history if row.status == OrderStatus.FAILED}
    failed = {each.spec.name: each.last_error for each in certificates if each.failures and each.order is None}
    return {
        (row.error, name): f"order of {row.opened_at:%Y-%m-%d} ({_number(row)}{', '.join(row.names)}): {row.text}"
        for name, row in rows.items()
        if row.error and failed.get(name) == row.error
    }


def _number(row: FinishedOrder) -> str:
    return f"SSL ID {row.ssl_id}, " if row.ssl_id else ""
