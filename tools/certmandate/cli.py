"""The operator's command, put together from one module per group of commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from certmandate.commands import (
    adopt,
    apply,
    calendar,
    check,
    close_order,
    credential,
    drill,
    local,
    onboard,
    rao,
    renew,
    retire,
    revoke,
    status,
)
from certmandate.deployment import StackOptions
from certmandate.options import StackCommand

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command("onboard")(onboard.onboard_command)
app.command("findings", cls=StackCommand)(rao.findings_command)
app.command("report", cls=StackCommand)(rao.report_command)
app.command("calendar", cls=StackCommand)(calendar.calendar_command)
app.command("plan", cls=StackCommand)(apply.plan_command)
app.command("apply", cls=StackCommand)(apply.apply_command)
app.command("status", cls=StackCommand)(status.status_command)
app.command("show", cls=StackCommand)(status.show_command)
app.command("renew", cls=StackCommand)(renew.renew_command)
app.command("revoke", cls=StackCommand)(revoke.revoke_command)
app.command("close-order", cls=StackCommand)(close_order.close_order_command)
app.command("adopt", cls=StackCommand)(adopt.adopt_command)
app.command("credential", cls=StackCommand)(credential.credential_command)
app.command("check", cls=StackCommand)(check.check_command)
app.command("retire", cls=StackCommand)(retire.retire_command)
app.command("drill", cls=StackCommand)(drill.drill_command)
app.add_typer(local.app, name="local")


@app.callback()
def certmandate(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option(help="Profile of the AWS configuration.")] = None,
    region: Annotated[str | None, typer.Option(help="Region in which the stack is deployed.")] = None,
    stack: Annotated[
        str | None, typer.Option(help="Name of the stack. Default: $CERTMANDATE_STACK, then $STACK, then certmandate.")
    ] = None,
) -> None:
    """Renew delegated TLS certificates through Sectigo Certificate Manager, on AWS."""
    context.obj = StackOptions(profile, region, stack)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 success, 1 something needs attention, 2 wrong usage or bad input."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="certmandate")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
