"""`certmandate audit export` and `audit verify`: the audit trail in a file, and whether it was tampered with."""

from __future__ import annotations

import re
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer

from certmandate.audit.trail import AuditTrail, NotAnExport, faults
from certmandate.deployment import Deployment, deployed
from certmandate.exit import NEEDS_ATTENTION, Refused, exit_on_error
from certmandate.files.atomic_files import write_together
from certmandate.files.operator_action import WHOLE_ESTATE
from certmandate.options import DelegationArgument, JsonOption, StackCommand
from certmandate.views.printing import counted, print_error, print_for_programs, print_json, print_line
from renewal.domain.audit.hash_chain import ChainHead
from renewal.domain.run.request import NAME

app = typer.Typer(
    help="Export and verify the audit trail.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

_HEAD = re.compile(r"(?P<sequence>[0-9]+):(?P<hash>[0-9a-f]{64})")


@app.command("export", cls=StackCommand)
def export_command(
    context: typer.Context,
    name: DelegationArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to write it. Default, and -: standard output.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Export the audit trail of a delegation as JSON.

    Every row, the head of the chain, the seals, and the key that verifies them.
    """
    with deployed(context) as deployment:
        text = _stored(deployment, name).text()
        file = None if str(file) == "-" else file
        if file is not None:
            write_together({file: text.encode()}, force=force)
    if file is None:
        print_for_programs(text)
    else:
        print_line(f"written: {file}")


@app.command("verify", cls=StackCommand)
def verify_command(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="DELEGATION|FILE", help="A delegation, or an exported file (./trail). Default: every audit trail."
        ),
    ] = None,
    head: Annotated[str, typer.Option(help="NUMBER:HASH of an earlier report; that row must be as it was.")] = "",
    key: Annotated[str, typer.Option(help="Fingerprint of the key in a report; it must have signed every seal.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Verify that no audit row was changed, removed, inserted or moved.

    Of every delegation as it is stored, or of one, compared with what was sealed; or of an export, which needs no AWS.
    Each row that does not match is named.
    """
    known = _parsed(head)
    if known and source is None:
        msg = "a head is of one audit trail: name its delegation, or the file"
        raise typer.BadParameter(msg, param_hint="--head")
    if source is not None and _is_path(source):
        with exit_on_error():
            trail = _read(Path(source))
        verified = [(trail, faults(trail, known, key))]
    else:
        with deployed(context) as deployment:
            key = key or sha256(b64decode(deployment.audit_signer.public_key())).hexdigest()
            verified = [
                _verified(deployment, name, known, key) for name in ([source] if source else _every(deployment))
            ]
    if as_json:
        documents = [_document(*each) for each in verified]
        print_json(documents[0] if source else {"trails": documents})
    else:
        for each in verified:
            _print(*each)
    raise typer.Exit(NEEDS_ATTENTION if any(wrong for _, wrong in verified) else 0)


def _is_path(source: str) -> bool:
    """A delegation is never taken for a file of its name: what was exported once would be verified in its place."""
    return source != WHOLE_ESTATE and not NAME.fullmatch(source)


def _verified(
    deployment: Deployment, name: str, known: ChainHead | None, key: str
) -> tuple[AuditTrail, tuple[str, ...]]:
    """Return a trail with what is wrong with it; a seal that cannot be read is a fault of this trail only."""
    try:
        trail = _stored(deployment, name)
    except Refused as unreadable:
        return AuditTrail.of(name, None, ()), (str(unreadable),)
    return trail, faults(trail, known, key)


def _every(deployment: Deployment) -> list[str]:
    """Return the names of all trails, also of those that have only seals left."""
    return sorted({*deployment.audit_trails.delegations(), *deployment.seals.delegations()})


def _print(trail: AuditTrail, found: tuple[str, ...]) -> None:
    is_whole = trail.delegation == WHOLE_ESTATE
    name = f"actions that concern no single delegation ('{WHOLE_ESTATE}')" if is_whole else trail.delegation
    for fault in found:
        print_error(f"{name}: {fault}")
    if not found:
        numbered = sum(1 for row in trail.rows if row.get("sequence"))
        rows = counted(numbered, "row is as it was", "rows are as they were")
        print_line(f"{name}: {rows} added; the head is {trail.head}.")
        print_line(_sealed(trail))


def _document(trail: AuditTrail, found: tuple[str, ...]) -> dict[str, Any]:
    last = trail.seals[-1].seal if trail.seals else None
    return {
        "delegation": trail.delegation,
        "rows": len(trail.rows),
        "head": str(trail.head),
        "sealed": str(last.statement.head) if last else None,
        "key": last.fingerprint if last else None,
        "faults": found,
    }


def _sealed(trail: AuditTrail) -> str:
    if not trail.seals:
        return "Not sealed yet: the function seal_audit seals each trail once a day."
    last = trail.seals[-1].seal
    day = last.statement.sealed_at.date()
    return f"Sealed up to row {last.statement.head.sequence} on {day}, signed with the key {last.fingerprint}."


def _stored(deployment: Deployment, name: str) -> AuditTrail:
    """Read the trail, again while a run adds rows to it."""
    trails, sealed = deployment.audit_trails, deployment.seals.every(name)
    head, rows = trails.stored_head(name), list(trails.rows(name))
    if not rows and not sealed:
        deployment.book.delegation(name)  # raises UnknownDelegation for a name that is misspelt
    while (later := trails.stored_head(name)) != head:
        head, rows = later, list(trails.rows(name))
    return AuditTrail.of(name, head, rows, sealed)


def _read(file: Path) -> AuditTrail:
    try:
        return AuditTrail.read(file.read_text(encoding="utf-8"))
    except (NotAnExport, UnicodeDecodeError):
        msg = f"{file} was not written by `certmandate audit export`, or is damaged"
        raise typer.BadParameter(msg) from None
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise typer.BadParameter(msg) from None


def _parsed(head: str) -> ChainHead | None:
    if not head:
        return None
    match = _HEAD.fullmatch(head)
    if match is None:
        msg = f"'{head}' is not NUMBER:HASH, as reports and `audit verify` print it"
        raise typer.BadParameter(msg, param_hint="--head")
    return ChainHead(int(match["sequence"]), match["hash"])
