"""The operator's command: what it can do, put together from one module per group."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from certmandate.commands import (
    adopt,
    apply,
    calendar,
    check,
    credential,
    drill,
    local,
    onboard,
    orders,
    rao,
    renew,
    retire,
    status,
)

app = typer.Typer(
    help="Keeps delegated TLS certificates fresh, through Sectigo Certificate Manager, on AWS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("onboard")(onboard.onboard_command)
app.command("findings")(rao.findings_command)
app.command("report")(rao.report_command)
app.command("calendar")(calendar.calendar_command)
app.command("plan")(apply.plan_command)
app.command("apply")(apply.apply_command)
app.command("status")(status.status_command)
app.command("show")(status.show_command)
app.command("renew")(renew.renew_command)
app.command("revoke")(orders.revoke_command)
app.command("close-order")(orders.close_order_command)
app.command("adopt")(adopt.adopt_command)
app.command("credential")(credential.credential_command)
app.command("check")(check.check_command)
app.command("retire")(retire.retire_command)
app.command("drill")(drill.drill_command)
app.add_typer(local.app, name="local")


@app.callback()
def _certmandate() -> None:
    """Keep delegated TLS certificates fresh, through Sectigo Certificate Manager, on AWS."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 all went well, 1 something needs a person, 2 wrong usage or bad input."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="certmandate")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
