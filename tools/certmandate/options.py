"""Arguments and options that several commands have, and the questions before a change."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from certmandate.completion import certificate_names, delegation_names
from certmandate.deployment import Deployment, StackOptions
from certmandate.exit import Refused
from certmandate.stored_credential.rotation import current_version
from renewal.domain.certificate.serial import MOST_DIGITS, normalised_serial
from renewal.domain.delegation import CertificatePath
from renewal.domain.errors import CREDENTIAL_ERRORS
from renewal.domain.setup.inspection import DelegationRecord

DelegationArgument = Annotated[
    str, typer.Argument(metavar="DELEGATION", help="Name of the delegation.", autocompletion=delegation_names)
]
CertificateArgument = Annotated[
    str, typer.Argument(metavar="DELEGATION/NAME", help="The certificate.", autocompletion=certificate_names)
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document; progress and questions go to standard error.")
]
ActionReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is stored in the audit trail.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
_SERIAL = re.compile(rf"[0-9A-F]{{1,{MOST_DIGITS}}}")


class StackCommand(TyperCommand):
    """A command that accepts the options of `certmandate` itself after its name too: `certmandate status --stack X`.

    They are declared once, in `cli.py`. A value after the command wins over one before it.
    """

    def get_params(self, ctx: Any) -> Any:
        """Return the command's own parameters and those of `certmandate`."""
        return [*super().get_params(ctx), *_stack_params(ctx)]

    def invoke(self, ctx: Any) -> Any:
        """Run the command with the `StackOptions` as its context's object."""
        values = {param.name: ctx.params.pop(param.name) for param in _stack_params(ctx)}
        ctx.obj = replace(ctx.obj, **{name: value for name, value in values.items() if value is not None})
        return super().invoke(ctx)


def _stack_params(ctx: Any) -> list[Any]:
    return [param for param in ctx.find_root().command.params if param.name in StackOptions.__slots__]


def confirm(question: str, *, yes: bool) -> None:
    """Ask the operator, unless *yes*. Raises Refused when the answer is no, or when there is no answer."""
    if yes:
        return
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            raise
        typer.echo(err=True)  # ends the line of the question
        agreed = False
    if not agreed:
        msg = "Nothing was changed: not confirmed. In scripts, pass --yes"
        raise Refused(msg)


def require_no_open_order(deployment: Deployment, removed: Iterable[CertificatePath]) -> None:
    """Raise Refused while one of *removed* has an open order: SCM may issue it, and its key would be deleted."""
    if busy := deployment.spec_writer.with_open_order(removed):
        commands = "; ".join(f"`certmandate close-order {path} --reason …`" for path in busy)
        msg = (
            f"{', '.join(busy)}: an order is open. SCM may issue its certificate, and its key would be deleted. Wait "
            f"until a run has collected it, or end each order: {commands}"
        )
        raise Refused(msg)


def confirm_logins(deployment: Deployment, records: Iterable[DelegationRecord], *, yes: bool) -> None:
    """Ask before a run logs in once more with a credential that SCM has refused. Raises Refused."""
    refused = sorted({record.delegation.name for record in records if _is_refused(deployment, record)})
    if refused:
        confirm(
            f"SCM refused the last login of {', '.join(refused)} with the credential that is still stored. SCM "
            "counts refused logins and locks accounts. Has the RAO removed the cause?",
            yes=yes,
        )


def _is_refused(deployment: Deployment, record: DelegationRecord) -> bool:
    findings = record.inspection.findings if record.inspection else ()
    if record.refusal is None or not any(finding.code in CREDENTIAL_ERRORS for finding in findings):
        return False
    return current_version(deployment, record.delegation.name) == record.refusal.version


def asked_serial(text: str) -> str:
    """Return the serial that *text* has in hexadecimal, normalised, as OpenSSL, browsers and CAs write it.

    Raises Refused.
    """
    serial = normalised_serial(text.strip().lower().removeprefix("serial=").removeprefix("0x"))
    if not _SERIAL.fullmatch(serial):
        msg = f"'{text.strip()[:60]}' is not a serial in hexadecimal, such as 0A:1B, 0a1b or 0x0A1B"
        raise Refused(msg)
    return serial


def split(path: str) -> CertificatePath:
    """Split `delegation/certificate`. Raises typer.BadParameter."""
    try:
        return CertificatePath.parse(path)
    except ValueError:
        msg = f"'{path}' must be DELEGATION/NAME, as in the list of `certmandate status`"
        raise typer.BadParameter(msg) from None
