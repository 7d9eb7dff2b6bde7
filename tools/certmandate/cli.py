"""The operator's command: one module for each group of commands, imported when one of them is run."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer._click.exceptions import UsageError  # typer does not export it
from typer.core import TyperGroup

from certmandate.files.visible_text import UNENCODABLE, visible_output

COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Delegations": {
        "onboard": ("onboard", "Write the file of a new delegation and the RAO's guide."),
        "plan": ("apply", "Show what `apply` would change."),
        "apply": ("apply", "Write the delegation files to the order book."),
        "credential": ("credential", "Store the credential of a delegation's SCM account."),
        "check": ("check", "Check the setup of a delegation in SCM."),
        "adopt": ("adopt", "Take over a certificate that was not ordered by certmandate."),
        "retire": ("retire", "End a delegation."),
    },
    "Certificates": {
        "status": ("status", "Show every certificate, most urgent first."),
        "show": ("status", "Show one certificate and its orders."),
        "renew": ("renew", "Renew certificates now."),
        "replace": ("replace", "Replace many certificates by a deadline."),
        "revoke": ("revoke", "Replace a certificate and print what the RAO must revoke."),
        "close-order": ("close_order", "Close an open order that you have checked in SCM."),
        "calendar": ("calendar", "Show the workload until 2030."),
        "export": ("export", "Print what your monitoring needs."),
    },
    "For the RAO": {
        "findings": ("rao.reports", "Print the findings as a mail to the RAO."),
        "acknowledge": ("rao.foreign", "Record that orders at SCM are the organisation's own."),
        "report": ("rao.reports", "Write the RAO's report on a month."),
        "audit": ("rao.audit", "Export and verify the audit trail."),
    },
    "Tests": {
        "drill": ("drill", "Test the alarms of the stack, and its alerts."),
        "local": ("local", "Run the whole system on this machine."),
    },
}
"""Every command under the heading that `certmandate --help` prints, with its module and the first sentence of its help.
Importing all modules for that sentence would take a second."""
_ALLOCATIONS = 200_000
"""Objects that a command makes before Python searches them for garbage; Python's own 700 take a third of its time."""
_UNWRITABLE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
"""Errors of a file system to which the output is redirected; the files that commands write raise NotWritten."""
_READER_ENDED = 141
"""What shells report of a program that writes to a pipe that no one reads: 128 + SIGPIPE."""
_WITHOUT_STACK = frozenset(("onboard",))


class TaskGroup(TyperGroup):
    """Lists the commands by task; imports a command when it is run or completed."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the name of every command."""
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - click's signature
        """Return a command, or None."""
        modules = {name: module for commands in COMMANDS.values() for name, (module, _) in commands.items()}
        return command(cmd_name, modules[cmd_name]) if cmd_name in modules else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """Write one section for each task."""
        for task, commands in COMMANDS.items():
            with formatter.section(task):
                formatter.write_dl([(name, sentence) for name, (_, sentence) in commands.items()])


def command(name: str, module: str) -> Any:
    """Import a command: `NAME_command` of its module, or the module's `app` when it is a group."""
    from certmandate.options import StackCommand

    imported = import_module(f"certmandate.commands.{module}")
    function = getattr(imported, f"{name.replace('-', '_')}_command", None)
    if function is None:
        made = typer.main.get_command(imported.app)
    else:
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name, cls=None if name in _WITHOUT_STACK else StackCommand)(function)
        made = typer.main.get_command(single)
    made.name = name
    return made


app = typer.Typer(
    cls=TaskGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    from certmandate.deployment import StackOptions

    context.obj = StackOptions(profile, region, stack)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0, or one of `certmandate.exit`."""
    gc.set_threshold(_ALLOCATIONS)
    _open_streams()
    with visible_output():
        try:
            code = _run(sys.argv[1:] if arguments is None else list(arguments))
            sys.stdout.flush()
        except OSError as error:
            return _not_printed(error)
        except SystemExit as end:  # of completion, or typer's when the reader of a pipe has ended
            return _READER_ENDED if end.code else 0
    return code


def _open_streams() -> None:
    """Open the standard streams that the caller has closed (`<&-`), for which Python has None.

    No character makes a command fail, whatever the locale.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=UNENCODABLE)


def _not_printed(error: OSError) -> int:
    """End after a write to standard output that failed. Raises *error* when it is of anything else."""
    from certmandate.exit import NEEDS_ATTENTION
    from certmandate.views.printing import print_error

    if error.errno not in _UNWRITABLE:
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the rest would fail again when Python ends
    print_error(f"the output could not be written: {error.strerror}; what the command has changed stays changed")
    return NEEDS_ATTENTION


def _run(given: list[str]) -> int:
    try:
        code = app(args=given, prog_name="certmandate", standalone_mode=False)
    except (UsageError, typer.Abort) as error:
        return _ended(error, given)
    return code if isinstance(code, int) else 0


def _ended(error: UsageError | typer.Abort, given: list[str]) -> int:
    from certmandate.exit import INTERRUPTED, WRONG_USAGE
    from certmandate.views.printing import print_json

    if isinstance(error, UsageError):
        error.message = _in_plain_words(error.message)
        error.show()
        if "--json" in given:
            print_json({"error": "WrongUsage", "text": error.format_message(), "exit_code": WRONG_USAGE})
        return WRONG_USAGE
    typer.echo(err=True)  # ends the line of the question
    return INTERRUPTED if isinstance(error.__context__, KeyboardInterrupt) else WRONG_USAGE


_REPLACED = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "it must be a whole number",
    "Input should be a valid number, unable to parse string as a number": "it must be a number",
    "Input should be ": "it must be ",
}
"""What the libraries print, and what it means."""
_FORMATS = "does not match the formats"
_LETTERS = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "HH", "%M": "MM", "%S": "SS"}


def _in_plain_words(message: str) -> str:
    """Return the text of a wrong usage without the words of the libraries that found it."""
    for theirs, ours in _REPLACED.items():
        message = message.replace(theirs, ours)
    given, _, formats = message.partition(_FORMATS)
    for theirs, ours in _LETTERS.items():
        formats = formats.replace(theirs, ours)
    return f"{given}is not written as{formats}" if formats else message
