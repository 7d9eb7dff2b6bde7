"""`certmandate status` and `show`: the state of the estate, or of one certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from certmandate.certificate_state import CertificateState, record_state
from certmandate.deployment import Deployment, deployed, read_stored
from certmandate.exit import NEEDS_ATTENTION
from certmandate.options import CertificateArgument, JsonOption, split
from certmandate.views import certificate as certificate_view
from certmandate.views import estate as estate_view
from certmandate.views import printing

if TYPE_CHECKING:
    from certmandate.views.estate import Estate
    from renewal.domain.setup.inspection import DelegationRecord

_LAST_RUNS = 5


def status_command(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show every certificate, most urgent first.

    Exits 1 when something needs attention, 0 otherwise.
    """
    with deployed(context) as deployment:
        estate = _estate(deployment, datetime.now(UTC))
    if as_json:
        printing.print_json(estate_view.document(estate))
    else:
        printing.show(printing.printer(), *estate_view.page(estate))
    raise typer.Exit(NEEDS_ATTENTION if estate.needs_attention else 0)


def show_command(context: typer.Context, certificate: CertificateArgument, as_json: JsonOption = False) -> None:
    """Show one certificate and its orders.

    What is served, the open order, what happens next, findings, and every order so far.
    """
    delegation, name = split(certificate)
    with deployed(context) as deployment:
        record, state = read_state(deployment, delegation, name, datetime.now(UTC))
        history = deployment.book.history(delegation, name)
    printing.print_left_out(history.unreadable)
    if as_json:
        printing.print_json(certificate_view.document(record, state, history))
    else:
        printing.show(printing.printer(), *certificate_view.page(record, state, history))


def read_state(
    deployment: Deployment, delegation: str, name: str, now: datetime
) -> tuple[DelegationRecord, CertificateState]:
    """Read one certificate with its delegation. Raises UnknownDelegation."""
    record, certificate = deployment.book.delegation(delegation), deployment.book.certificate(delegation, name)
    return record, record_state(record, certificate, now, deployment.book.replacements())


def _estate(deployment: Deployment, now: datetime) -> Estate:
    from certmandate.views.estate import Estate
    from certmandate.views.json_records import run_document

    book = deployment.book
    stored, replacements, retired = read_stored(deployment), book.replacements(), book.retired()
    states = [
        record_state(stored.delegations.get(certificate.spec.delegation), certificate, now, replacements)
        for certificate in stored.certificates.values()
    ]
    runs = deployment.client("stepfunctions").list_executions(
        stateMachineArn=deployment.fact("StateMachineArn"), maxResults=_LAST_RUNS
    )
    return Estate(
        delegations=stored.delegations,
        states=sorted(states, key=lambda state: state.urgency),
        replacements=replacements,
        retired=tuple(each for each in retired if each.valid_until > now),
        unreadable=(*stored.unreadable, *replacements.unreadable, *retired.unreadable),
        unfinished_apply=book.unfinished_apply(),
        runs=[run_document(run) for run in runs["executions"]],
        at=now,
    )
