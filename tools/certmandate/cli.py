"""The operator's command: what it can do, put together from one module per group."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from certmandate import (
    adoption_commands,
    calendar_command,
    check_commands,
    credential_commands,
    drill_commands,
    estate_commands,
    local_commands,
    onboard_command,
    order_commands,
    rao_commands,
    renewal_commands,
    retirement_commands,
    status_commands,
)

app = typer.Typer(
    help="Keeps delegated TLS certificates fresh, through Sectigo Certificate Manager, on AWS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("onboard")(onboard_command.onboard_command)
app.command("findings")(rao_commands.findings_command)
app.command("report")(rao_commands.report_command)
app.command("calendar")(calendar_command.calendar_command)
app.command("plan")(estate_commands.plan_command)
app.command("apply")(estate_commands.apply_command)
app.command("status")(status_commands.status_command)
app.command("show")(status_commands.show_command)
app.command("renew")(renewal_commands.renew_command)
app.command("revoke")(order_commands.revoke_command)
app.command("close-order")(order_commands.close_order_command)
app.command("adopt")(adoption_commands.adopt_command)
app.command("credential")(credential_commands.credential_command)
app.command("check")(check_commands.check_command)
app.command("retire")(retirement_commands.retire_command)
app.command("drill")(drill_commands.drill_command)
app.add_typer(local_commands.app, name="local")


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
