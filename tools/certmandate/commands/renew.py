"""`certmandate renew`: a run for what is named or due, or a standing order to replace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from certmandate.commands.apply import read_stored
from certmandate.completion import certificate_names, delegation_names
from certmandate.deployment import Deployment, deployed
from certmandate.execution import Ended, start
from certmandate.exit import Refused
from certmandate.options import JsonOption, YesOption, confirm
from certmandate.views import printing
from certmandate.views.printing import print_error, printer
from certmandate.views.run_page import print_page
from renewal.domain.run_report import Outcome

if TYPE_CHECKING:
    from renewal.domain.order import Replacement

CertificatesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[DELEGATION/NAME]...", help="What to renew.", autocompletion=certificate_names),
]
DelegationsOption = Annotated[
    list[str] | None,
    typer.Option(help="What is due of this delegation; may be repeated.", autocompletion=delegation_names),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Whatever its age or hold; needs --reason.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why; it stands in the audit trail.")]
AllDueOption = Annotated[bool, typer.Option("--all-due", help="Everything that is due, as the daily run.")]
AllDueIsRightOption = Annotated[
    bool, typer.Option("--all-due-is-right", help="Answer TooManyDue: it is true that so much is due.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Decide and log in, order nothing.")]
IssuerOption = Annotated[str | None, typer.Option(help="Standing order: part of the issuer's name; '' is any issuer.")]
IssuedBeforeOption = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"],
        help="Standing order: replace what was issued before this moment (UTC).",
    ),
]
CancelOption = Annotated[bool, typer.Option("--cancel", help="Withdraw that standing order.")]
FollowOption = Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for the end and show the report.")]


def renew_command(
    context: typer.Context,
    certificate: CertificatesArgument = None,
    delegation: DelegationsOption = None,
    force: ForceOption = False,
    reason: ReasonOption = None,
    all_due: AllDueOption = False,
    all_due_is_right: AllDueIsRightOption = False,
    dry_run: DryRunOption = False,
    issuer: IssuerOption = None,
    issued_before: IssuedBeforeOption = None,
    cancel: CancelOption = False,
    follow: FollowOption = True,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Renew what is due of what is named (--force: whatever its age), or have a whole issue replaced.

    Without --force a certificate that is not due stays as it is. With --issuer and --issued-before, every run from
    now on replaces what they cover, within the caps of a run, until it is done; nothing is started at once.
    """
    given = {"certificates": certificate, "delegations": delegation, "force": force, "reason": reason}
    given |= {"dry_run": dry_run, "all_due_is_right": all_due_is_right}
    request = {name: value for name, value in given.items() if value}
    with deployed(context) as deployment:
        if issued_before is not None or issuer is not None or cancel:
            _require_alone(request, all_due=all_due)
            replacement = _replacement(issuer, issued_before, reason, cancel=cancel)
            return _stand(deployment, replacement, cancel=cancel, yes=yes, as_json=as_json)
        _require_aim(request, all_due=all_due or all_due_is_right)
        _require_known(deployment, request)
        code = run(deployment, request, "renew", follow=follow, as_json=as_json)
    raise typer.Exit(code)


def run(deployment: Deployment, request: Mapping[str, Any], purpose: str, *, follow: bool, as_json: bool) -> int:
    """Start an execution and, if so wished, follow it and tell its report; return the exit code."""
    execution = start(deployment, request, purpose)
    console = printer(to_stderr=as_json)
    console.print(f"Run {execution.run_id} has begun.", soft_wrap=True)
    if not follow:
        if as_json:
            printing.print_json({"run_id": execution.run_id, "arn": execution.arn})
        else:
            console.print("`certmandate status` says how it ends.")
        return 0
    ended = execution.follow(console)
    if as_json:
        printing.print_json(ended.document())
    else:
        _tell(ended, request)
    return ended.exit_code


def _tell(ended: Ended, request: Mapping[str, Any]) -> None:
    if ended.report is None:
        print_error(f"{ended.error or ended.status}: {ended.cause}")
        return
    console = printer()
    print_page(console, ended.report)
    stopped = {row.delegation for row in ended.report.delegations if row.error}
    rows = [row for row in ended.report.certificates if row.delegation not in stopped]
    left = [row.path for row in rows if row.outcome in {Outcome.NOT_DUE, Outcome.DEFERRED, Outcome.HELD}]
    if left and request.get("certificates"):
        text = f"Nothing was done for {', '.join(left)}; `--force --reason …` renews it all the same."
        console.print(Text(text, style="yellow"), soft_wrap=True)


# ---- What is asked for -----------------------------------------------------------------------------------------------


def _require_aim(request: Mapping[str, Any], *, all_due: bool) -> None:
    named = "certificates" in request or "delegations" in request
    if not named and not all_due:
        msg = "say what: DELEGATION/NAME, --delegation NAME, or --all-due for everything that is due"
        raise Refused(msg)
    if named and all_due:
        msg = "--all-due is everything that is due: leave out the names, or the option"
        raise Refused(msg)


def _require_known(deployment: Deployment, request: Mapping[str, Any]) -> None:
    """Raise UnknownDelegation before a run is started for a name that nothing has."""
    for name in request.get("delegations", ()):
        deployment.book.delegation(name)
    for path in request.get("certificates", ()):
        delegation, _, name = path.partition("/")
        deployment.book.certificate(delegation, name)


def _require_alone(request: Mapping[str, Any], *, all_due: bool) -> None:
    if set(request) - {"reason"} or all_due:
        msg = "--issuer and --issued-before say what is replaced: give no names and nothing but --reason with them"
        raise Refused(msg)


def _replacement(
    issuer: str | None, issued_before: datetime | None, reason: str | None, *, cancel: bool
) -> Replacement:
    from renewal.domain.order import Replacement

    if issued_before is None or issuer is None:
        msg = "a standing order needs both --issuer (part of its name; '' for any) and --issued-before"
        raise Refused(msg)
    if not reason and not cancel:
        msg = "a standing order needs --reason: it stands in every audit row that comes of it"
        raise Refused(msg)
    moment = issued_before.replace(tzinfo=UTC)
    if moment > datetime.now(UTC):
        msg = f"--issued-before {printing.minute(moment)} is to come: what is issued until then would be replaced again"
        raise Refused(msg)
    return Replacement(moment, issuer.strip(), reason or "")


def _stand(deployment: Deployment, replacement: Replacement, *, cancel: bool, yes: bool, as_json: bool) -> None:
    stored = read_stored(deployment)
    covered = [
        path for path, one in sorted(stored.certificates.items()) if one.served and replacement.covers(one.served)
    ]
    if cancel:
        if not any(_same(one, replacement) for one in deployment.book.replacements()):
            msg = "there is no such standing order; `certmandate status` lists those that stand"
            raise Refused(msg)
        deployment.editor.remove_replacement(replacement)
    else:
        console = printer(to_stderr=True)
        console.print(
            f"It covers {printing.counted(len(covered), 'certificate')}: {', '.join(covered) or 'none'}.",
            soft_wrap=True,
        )
        confirm("Have them replaced by the next runs?", yes=yes)
        deployment.editor.add_replacement(replacement)
    if as_json:
        printing.print_json(
            {
                "issuer": replacement.issuer,
                "issued_before": replacement.issued_before,
                "covers": covered,
                "stands": not cancel,
            }
        )
    else:
        then = (
            "withdrawn; open orders are still collected"
            if cancel
            else "stands; the daily run begins, --all-due at once"
        )
        printer().print(f"The standing order {then}.", soft_wrap=True)


def _same(one: Replacement, other: Replacement) -> bool:
    return (one.issued_before, one.issuer.casefold()) == (other.issued_before, other.issuer.casefold())
