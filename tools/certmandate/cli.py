"""The operator's command, put together from one module per group of commands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from typer._click.exceptions import UsageError  # typer does not export it
from typer.core import TyperGroup

from certmandate.commands import (
    adopt,
    apply,
    audit,
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
from certmandate.exit import INTERRUPTED, WRONG_USAGE
from certmandate.files.visible_text import visible_output
from certmandate.options import StackCommand
from certmandate.views.printing import print_json

COMMANDS: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "Delegations": {
        "onboard": onboard.onboard_command,
        "plan": apply.plan_command,
        "apply": apply.apply_command,
        "credential": credential.credential_command,
        "check": check.check_command,
        "adopt": adopt.adopt_command,
        "retire": retire.retire_command,
    },
    "Certificates": {
        "status": status.status_command,
        "show": status.show_command,
        "renew": renew.renew_command,
        "revoke": revoke.revoke_command,
        "close-order": close_order.close_order_command,
        "calendar": calendar.calendar_command,
    },
    "For the RAO": {
        "findings": rao.findings_command,
        "acknowledge": rao.acknowledge_command,
        "report": rao.report_command,
    },
    "Tests": {
        "drill": drill.drill_command,
    },
}
"""Every command by name, under the heading that `certmandate --help` prints."""
_WITHOUT_STACK = frozenset(("onboard",))


class TaskGroup(TyperGroup):
    """Lists the commands by task, each with the whole first sentence of its help."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section for each task."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.commands[name]
            first = (command.help or "").strip().partition("\n\n")[0]
            sections.setdefault(command.rich_help_panel, []).append((name, " ".join(first.split())))
        for task, rows in sections.items():
            with formatter.section(task):
                formatter.write_dl(rows)


def _app() -> typer.Typer:
    made = typer.Typer(
        cls=TaskGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for task, commands in COMMANDS.items():
        for name, function in commands.items():
            made.command(name, cls=None if name in _WITHOUT_STACK else StackCommand, rich_help_panel=task)(function)
    made.add_typer(audit.app, name="audit", rich_help_panel="For the RAO")
    made.add_typer(local.app, name="local", rich_help_panel="Tests")
    return made


app = _app()


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version  # takes as long as all command modules

        typer.echo(f"certmandate {version('certmandate')}")
        raise typer.Exit


@app.callback()
def certmandate(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option(help="Profile of the AWS configuration.")] = None,
    region: Annotated[str | None, typer.Option(help="Region in which the stack is deployed.")] = None,
    stack: Annotated[
        str | None, typer.Option(help="Name of the stack. Default: $CERTMANDATE_STACK, then $STACK, then certmandate.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Renew delegated TLS certificates through Sectigo Certificate Manager, on AWS."""
    context.obj = StackOptions(profile, region, stack)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0, or one of `certmandate.exit`."""
    with visible_output():
        return _run(sys.argv[1:] if arguments is None else list(arguments))


def _run(given: list[str]) -> int:
    try:
        code = app(args=given, prog_name="certmandate", standalone_mode=False)
    except UsageError as error:
        error.show()
        if "--json" in given:
            print_json({"error": "WrongUsage", "text": error.format_message(), "exit_code": WRONG_USAGE})
        return WRONG_USAGE
    except typer.Abort as end:
        typer.echo(err=True)  # ends the line of the question
        return INTERRUPTED if isinstance(end.__context__, KeyboardInterrupt) else WRONG_USAGE
    return code if isinstance(code, int) else 0
