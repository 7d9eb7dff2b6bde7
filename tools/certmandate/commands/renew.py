"""`certmandate renew`: a run for the given certificates or for all that are due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any

import typer
from rich.text import Text

from certmandate.completion import certificate_names, delegation_names
from certmandate.deployment import Deployment, read_stored, to_change
from certmandate.execution import Ended, start
from certmandate.exit import Refused
from certmandate.options import JsonOption, YesOption, confirm, confirm_logins, split
from certmandate.run_failures import judged_with_runs
from certmandate.views import printing
from certmandate.views.printing import print_error, printer
from certmandate.views.run_page import print_page
from renewal.domain.order import ManagedCertificate
from renewal.domain.run.report import Outcome
from renewal.domain.setup.inspection import DelegationRecord

_MOST_LISTED = 20
"""Certificates that are listed before the question; of the others, the number is printed."""

CertificatesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="DELEGATION/NAME", help="The certificates to renew.", autocompletion=certificate_names),
]
DelegationsOption = Annotated[
    list[str] | None,
    typer.Option(help="The due certificates of this delegation; may be repeated.", autocompletion=delegation_names),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Also certificates that are held or not due; needs --reason.")
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why; it is stored in the audit rows.")]
AllDueOption = Annotated[bool, typer.Option("--all-due", help="All due certificates, as in the daily run.")]
AllDueIsRightOption = Annotated[
    bool, typer.Option("--all-due-is-right", help="After TooManyDue: confirm that so many are due.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Decide and log in; order nothing.")]
OrderAgainOption = Annotated[
    bool,
    typer.Option(
        "--order-again",
        help="You have searched SCM: permit one order that waits for you because SCM may have it; needs --reason.",
    ),
]
WithdrawOption = Annotated[
    bool, typer.Option("--withdraw", help="Withdraw a stored --force or --order-again; needs --reason. Starts no run.")
]
FollowOption = Annotated[
    bool, typer.Option("--follow/--no-follow", help="Wait for the end of the run and show its report.")
]


def renew_command(
    context: typer.Context,
    certificate: CertificatesArgument = None,
    delegation: DelegationsOption = None,
    force: ForceOption = False,
    reason: ReasonOption = None,
    all_due: AllDueOption = False,
    all_due_is_right: AllDueIsRightOption = False,
    dry_run: DryRunOption = False,
    order_again: OrderAgainOption = False,
    withdraw: WithdrawOption = False,
    follow: FollowOption = True,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Renew certificates now.

    Prints what is expected to be ordered, and asks. Without --force, a certificate that is not due is not renewed. To
    replace what a CA is about to revoke, use `certmandate replace`.
    """
    given: dict[str, Any] = {"certificates": certificate, "delegations": delegation, "reason": reason}
    given |= {"dry_run": dry_run, "all_due_is_right": all_due_is_right}
    request = {name: value for name, value in given.items() if value}
    with to_change(context) as deployment:
        _require_selection(request, all_due=all_due or all_due_is_right)
        if withdraw:
            _require_only(request, others=force or order_again)
            return _withdraw(deployment, request, yes=yes, as_json=as_json)
        if force or order_again:
            _require_reason(request, option="--force" if force else "--order-again")
        selected = _selected(deployment, request)
        confirm_logins(deployment, selected.delegations.values(), yes=yes)
        if order_again:
            _permit_order_again(deployment, request, yes=yes)
        elif not dry_run:
            _confirm_orders(deployment, selected, is_daily=all_due, force=force, yes=yes)
        if force:
            _ask(deployment, selected, request["reason"])
        code = run(deployment, request, "renew", follow=follow, as_json=as_json)
    raise typer.Exit(code)


def run(deployment: Deployment, request: Mapping[str, Any], purpose: str, *, follow: bool, as_json: bool) -> int:
    """Start an execution; with *follow*, wait for its end and print its report. Return the exit code."""
    execution = start(deployment, request, purpose)
    console = printer(to_stderr=as_json)
    console.print(f"Run {execution.run_id} started.", soft_wrap=True)
    if not follow:
        if as_json:
            printing.print_json({"run_id": execution.run_id, "arn": execution.arn})
        else:
            console.print("`certmandate status` lists it.")
        return 0
    ended = execution.follow(console)
    if as_json:
        printing.print_json(ended.document())
    else:
        _print_result(ended, request)
    return ended.exit_code


def _print_result(ended: Ended, request: Mapping[str, Any]) -> None:
    if ended.report is None:
        print_error(f"{ended.error or ended.status}: {ended.cause}")
        return
    console = printer()
    print_page(console, ended.report)
    stopped = {row.delegation for row in ended.report.delegations if row.error}
    rows = [row for row in ended.report.certificates if row.delegation not in stopped]
    left = [row.path for row in rows if row.outcome in {Outcome.NOT_DUE, Outcome.DEFERRED, Outcome.HELD}]
    if left and request.get("certificates"):
        what = "it before it is" if len(left) == 1 else "them before they are"
        force = "`certmandate show` has why" if "reason" in request else f"To renew {what} due: `--force --reason …`"
        text = f"Not renewed: {', '.join(left)}. {force}."
        console.print(Text(text, style="yellow"), soft_wrap=True)


# ---- Options ---------------------------------------------------------------------------------------------------------


def _require_selection(request: Mapping[str, Any], *, all_due: bool) -> None:
    """Raise Refused before a run is started for nothing."""
    named = "certificates" in request or "delegations" in request
    if not named and not all_due:
        msg = "name what to renew: DELEGATION/NAME, --delegation NAME, or --all-due for all due certificates"
        raise Refused(msg)
    if named and all_due:
        msg = "--all-due selects all due certificates: pass either it or names"
        raise Refused(msg)


@dataclass(frozen=True, slots=True)
class _Selected:
    """What the order book has of the selection, by name and path."""

    delegations: Mapping[str, DelegationRecord]
    certificates: Mapping[str, ManagedCertificate]


def _selected(deployment: Deployment, request: Mapping[str, Any]) -> _Selected:
    """Raises UnknownDelegation or UnknownCertificate for a name that the order book does not have."""
    book, paths = deployment.book, [split(path) for path in request.get("certificates", ())]
    names = request.get("delegations", ())
    if not paths and not names:
        stored = read_stored(deployment)
        return _Selected(stored.delegations, stored.certificates)
    records = {name: book.delegation(name) for name in [*names, *(path.delegation for path in paths)]}
    found = [*(book.certificate(*path) for path in paths), *chain.from_iterable(map(book.certificates, names))]
    return _Selected(records, {each.spec.path: each for each in found})


def _confirm_orders(deployment: Deployment, selected: _Selected, *, is_daily: bool, force: bool, yes: bool) -> None:
    """Print what the run is expected to order, and ask. Raises Refused."""
    rows = list(_expected(deployment, selected, is_daily=is_daily, force=force))
    more = [f"and {len(rows) - _MOST_LISTED} more"] if len(rows) > _MOST_LISTED else []
    console = printer(to_stderr=True)
    printing.show(console, *printing.bullets("To be ordered", [*rows[:_MOST_LISTED], *more]))
    count = printing.counted(len(rows), "certificate")
    confirm(f"Start a run that orders {count}?" if rows else "Start a run? It is expected to order nothing.", yes=yes)


def _expected(deployment: Deployment, selected: _Selected, *, is_daily: bool, force: bool) -> Iterator[str]:
    """Yield each certificate that the run is expected to order, with the causes: it is due, or forced.

    *is_daily*: the run leaves out what the next daily run does.
    """
    certificates = tuple(selected.certificates.values())
    rules, estate = deployment.book.replacement_rules(), certificates if is_daily else ()
    judged = judged_with_runs(
        deployment, selected.delegations, certificates, datetime.now(UTC), replacements=rules, estate=estate
    )
    for state in judged.certificates:
        is_kept = state.certificate.order or state.mandate_ends or state.is_left_out
        if is_kept or not (force or state.decision.is_due):
            continue
        refused = f"; SCM is expected to refuse it: {state.obstacle.code}" if state.obstacle else ""
        yield f"{state.path} ({', '.join(state.decision.causes) or 'not due'}){refused}"


def _require_reason(request: Mapping[str, Any], *, option: str) -> None:
    """Raise Refused unless *option*, which makes the order book have an order placed, has what it needs."""
    if not ("certificates" in request or "delegations" in request):
        msg = f"{option} needs names: all certificates at once are never forced"
        raise Refused(msg)
    if not request.get("reason") or request.get("dry_run"):
        msg = f"{option} needs a --reason for the audit trail, and no --dry-run: the request is stored"
        raise Refused(msg)


def _ask(deployment: Deployment, selected: _Selected, reason: str) -> None:
    """Have the certificates replaced whatever their age. An open order, whose key is new, is only collected."""
    for certificate in selected.certificates.values():
        if certificate.order is None:
            deployment.editor.ask(*certificate.spec.record_key, reason)


def _permit_order_again(deployment: Deployment, request: Mapping[str, Any], *, yes: bool) -> None:
    """Print what SCM may have, ask, and store the permission. Raises Refused when nothing waits for it."""
    paths = request.get("certificates", [])
    if len(paths) != 1 or "delegations" in request:
        msg = "--order-again permits one order: name one certificate, and pass --reason with what you found in SCM"
        raise Refused(msg)
    certificate = deployment.book.certificate(*split(paths[0]))
    order = certificate.order
    if order is not None and order.ssl_id is not None:
        msg = f"SCM has the open order of {paths[0]} as SSL ID {order.ssl_id}: a run collects it and orders nothing"
        raise Refused(msg)
    token = f", above all one with the token {order.token} in its comments" if order else ""
    printing.print_error(
        f"If SCM has an order for {', '.join(certificate.spec.names)} that is not in the order book, this orders a "
        f"second certificate. Search SCM for it first{token}; include orders that await approval."
    )
    confirm(f"SCM has no such order, and {paths[0]} is to be ordered?", yes=yes)
    deployment.editor.permit_order_again(certificate, request["reason"])


def _require_only(request: Mapping[str, Any], *, others: bool) -> None:
    if others or set(request) != {"certificates", "reason"}:
        msg = "--withdraw needs certificates and a --reason for the audit trail, and no other option: it starts no run"
        raise Refused(msg)


def _withdraw(deployment: Deployment, request: Mapping[str, Any], *, yes: bool, as_json: bool) -> None:
    """Withdraw the requests of the named certificates. Raises Refused, before any is, when one has none."""
    named = [deployment.book.certificate(*split(path)) for path in request["certificates"]]
    if without := [each.spec.path for each in named if not (each.asked_reason or each.order_again)]:
        msg = f"{', '.join(without)}: no request is stored; `certmandate show` prints it under *requested*"
        raise Refused(msg)
    paths = [each.spec.path for each in named]
    confirm(f"Withdraw the request to renew {', '.join(paths)}?", yes=yes)
    for certificate in named:
        deployment.editor.withdraw_request(certificate, request["reason"])
    taken = [each.spec.path for each in named if each.order]
    if as_json:
        return printing.print_json({"withdrawn": paths, "open_orders": taken})
    printing.print_line(f"Withdrawn: {', '.join(paths)}. Each is renewed when it is due.")
    if taken:
        text = "placed before; it is collected all the same, or ended with `certmandate close-order`"
        printing.print_line(f"{', '.join(taken)}: an order is open that was {text}.")
    return None
