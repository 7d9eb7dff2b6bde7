"""`certmandate audit export` and `audit verify`: the audit trail in a file, and whether it was tampered with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from certmandate.audit_trail import AuditTrail, NotAnExport, faults
from certmandate.deployment import Deployment, deployed
from certmandate.exit import NEEDS_ATTENTION, exit_on_error
from certmandate.files.atomic_files import write_together
from certmandate.options import DelegationArgument, JsonOption, StackCommand
from certmandate.views.printing import print_error, print_json, print_line
from renewal.domain.audit.chain import ChainHead

app = typer.Typer(help="Export and verify the audit trail.", no_args_is_help=True, rich_markup_mode=None)

_HEAD = re.compile(r"(?P<sequence>[0-9]+):(?P<hash>[0-9a-f]{64})")


@app.command("export", cls=StackCommand)
def export_command(
    context: typer.Context,
    name: DelegationArgument,
    file: Annotated[Path | None, typer.Argument(help="Where to write it. Default: standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Export every audit row of a delegation, with the head of its chain, as JSON."""
    with deployed(context) as deployment:
        text = _stored(deployment, name).text()
        if file is not None:
            write_together({file: text.encode()}, force=force)
    if file is None:
        typer.echo(text, nl=False)
    else:
        print_line(f"written: {file}")


@app.command("verify", cls=StackCommand)
def verify_command(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="DELEGATION|FILE", help="A delegation, or an exported file.")],
    head: Annotated[str, typer.Option(help="NUMBER:HASH of an earlier report; that row must be as it was.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Verify that no audit row was changed, removed, inserted or moved.

    Of a delegation as it is stored, or of an export, which needs no AWS. Each row that does not match is named.
    """
    known = _parsed(head)
    if Path(source).is_file():
        with exit_on_error():
            trail = _read(Path(source))
    else:
        with deployed(context) as deployment:
            trail = _stored(deployment, source)
    found = faults(trail, known)
    numbered = sum(1 for row in trail.rows if row.get("sequence"))
    if as_json:
        print_json({"delegation": trail.delegation, "rows": len(trail.rows), "head": str(trail.head), "faults": found})
    for fault in found if not as_json else ():
        print_error(fault)
    if not found and not as_json:
        print_line(f"{trail.delegation}: {numbered} rows are as they were added; the head is {trail.head}.")
    raise typer.Exit(NEEDS_ATTENTION if found else 0)


def _stored(deployment: Deployment, name: str) -> AuditTrail:
    """Read the trail, again while a run adds rows to it."""
    book = deployment.book
    head, rows = book.head(name), list(book.audit_items(name))
    if not rows:
        book.delegation(name)  # raises UnknownDelegation for a name that is misspelt
    while (later := book.head(name)) != head:
        head, rows = later, list(book.audit_items(name))
    return AuditTrail.of(name, head, rows)


def _read(file: Path) -> AuditTrail:
    try:
        return AuditTrail.read(file.read_text(encoding="utf-8"))
    except (NotAnExport, UnicodeDecodeError):
        msg = f"{file} was not written by `certmandate audit export`, or is damaged"
        raise typer.BadParameter(msg) from None


def _parsed(head: str) -> ChainHead | None:
    if not head:
        return None
    found = _HEAD.fullmatch(head)
    if found is None:
        msg = f"'{head}' is not NUMBER:HASH, as reports and `audit verify` print it"
        raise typer.BadParameter(msg, param_hint="--head")
    return ChainHead(int(found["sequence"]), found["hash"])
