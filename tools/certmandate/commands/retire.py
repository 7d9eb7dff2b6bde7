"""`certmandate retire`: the end of a delegation, with nothing left to memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from certmandate.deployment import Deployment, deployed
from certmandate.exit import Refused
from certmandate.options import DelegationArgument, JsonOption, YesOption
from certmandate.password_rotation import has_password, schedule_rotation
from certmandate.views import printing
from certmandate.views.language import Language, language, languages, plain
from certmandate.views.printing import printer

if TYPE_CHECKING:
    from renewal.adapters.order_book.estate import Retired
    from renewal.domain.delegation import Delegation

SHORTEST_GRACE, LONGEST_GRACE = 7, 30
"""Days; Secrets Manager's own limits of the recovery window (AWS: DeleteSecret)."""


def retire_command(
    context: typer.Context,
    delegation: DelegationArgument,
    grace_days: Annotated[
        int,
        typer.Option(
            "--grace-days", min=SHORTEST_GRACE, max=LONGEST_GRACE, help="How long the credential can be brought back."
        ),
    ] = LONGEST_GRACE,
    undo: Annotated[
        bool, typer.Option("--undo", help="Bring the credential back and let the file be applied again.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """End a delegation: renewals stop at once, sealed keys go, the credential goes after a grace time.

    Shows first what stays valid until when and what the RAO must undo in SCM, then asks for the name once more.
    What the stores hold stays: services still use it. Started again after an interruption, it goes on.
    """
    with deployed(context) as deployment:
        if undo:
            _undo(deployment, delegation, as_json=as_json)
            return
        now = datetime.now(UTC)
        mandate, retired = _retirement(deployment, delegation, now)
        console = printer(to_stderr=as_json)
        printing.show(console, *_page(mandate, retired, grace_days))
        _require_name_again(delegation, yes=yes)
        _end(deployment, retired, now)
        deletion = _forget_credential(deployment, delegation, grace_days)
    if as_json:
        printing.print_json(_document(mandate, retired, deletion))
    else:
        _say_ended(retired, deletion)


def _retirement(deployment: Deployment, name: str, now: datetime) -> tuple[Delegation | None, Retired]:
    """What is to be remembered; read back when an earlier try was interrupted. Raises UnknownDelegation."""
    from renewal.adapters.order_book.estate import retirement
    from renewal.domain.errors import UnknownDelegation

    try:
        record = deployment.book.delegation(name)
    except UnknownDelegation:
        earlier = next((one for one in deployment.book.retired() if one.delegation == name), None)
        if earlier is None:
            raise
        return None, earlier
    return record.delegation, retirement(record.delegation, deployment.book.certificates(name), now)


def _require_name_again(name: str, *, yes: bool) -> None:
    if yes:
        return
    try:
        typed = typer.prompt("Type the delegation's name to end it", err=True)
    except typer.Abort:
        typer.echo(err=True)  # the question stands on this line
        typed = ""
    if typed.strip() != name:
        msg = f"Nothing was changed: '{name}' was not typed. Where nobody can, give --yes"
        raise Refused(msg)


def _end(deployment: Deployment, retired: Retired, now: datetime) -> None:
    """Take it out of the order book with all its certificates. Raises OrderConflict while an order is open."""
    from renewal.adapters.order_book.changes import EstateChange, OrderBookChanges

    name = retired.delegation
    certificates = tuple((name, one.spec.name) for one in deployment.book.certificates(name))
    change = EstateChange(removed=certificates, removed_delegations=(name,), retired=(retired,))
    OrderBookChanges(deployment.client("dynamodb"), deployment.fact("OrdersTable")).write(change, now)


def _forget_credential(deployment: Deployment, name: str, grace_days: int) -> datetime | None:
    """Schedule the deletion; return when it is, None when there is no credential."""
    client, secret = deployment.client("secretsmanager"), deployment.secret_name(name)
    try:
        described = client.describe_secret(SecretId=secret)
    except client.exceptions.ResourceNotFoundException:
        return None
    if "DeletedDate" in described:
        scheduled: datetime = described["DeletedDate"]
        return scheduled
    if described.get("RotationEnabled"):
        client.cancel_rotate_secret(SecretId=secret)
    deleted: datetime = client.delete_secret(SecretId=secret, RecoveryWindowInDays=grace_days)["DeletionDate"]
    return deleted


def _undo(deployment: Deployment, name: str, *, as_json: bool) -> None:
    from renewal.adapters.order_book.changes import OrderBookChanges

    OrderBookChanges(deployment.client("dynamodb"), deployment.fact("OrdersTable")).forget_retirement(name)
    client, secret = deployment.client("secretsmanager"), deployment.secret_name(name)
    try:
        client.restore_secret(SecretId=secret)
        restored = True
    except client.exceptions.ResourceNotFoundException:
        restored = False
    # The end cancelled the rotation; without it the password would expire in silence.
    days = schedule_rotation(deployment, name) if restored and has_password(deployment, name) else None
    if as_json:
        told = {"credential_restored": restored, "rotation_days": days}
        printing.print_json({"delegation": name, "undone": True, **told})
        return
    rotated = f", and its password is changed every {days} days again" if days else ""
    gone = f"Its credential is gone: certmandate credential {name}."
    credential = f"Its credential is back{rotated}." if restored else gone
    text = f"{name} may be applied again. {credential} `certmandate adopt` then takes over what is still valid."
    printer().print(text, soft_wrap=True)


# ---- Telling ---------------------------------------------------------------------------------------------------------


def _page(mandate: Delegation | None, retired: Retired, grace_days: int) -> list[RenderableType]:
    title = Text(
        f"The end of {retired.delegation}: {retired.organisation}, department {retired.department_id}", style="bold"
    )
    if mandate is None:
        return [title, Text("It is retired already; what an earlier try left undone is done now.")]
    rows = [
        (f"{retired.delegation}/{one.certificate}", printing.day(one.not_after), str(one.ssl_id or ""), one.serial)
        for one in sorted(retired.certificates, key=lambda one: one.not_after)
    ]
    parts: list[RenderableType] = [title]
    if rows:
        parts += [
            printing.heading("Stays valid, and in its stores"),
            printing.table(["certificate", "until", "SSL ID#", "serial"], rows),
        ]
    parts += printing.bullets("Done now", _ours(retired, grace_days))
    for code, steps in rao_steps(mandate).items():
        parts += printing.bullets(language(code).text("retirement.title"), steps)
    return [*parts, Text()]


def _ours(retired: Retired, grace_days: int) -> Iterator[str]:
    yield "nothing is ordered any more, from this moment"
    yield "the sealed keys in the order book are destroyed (backups of the table end after their own time)"
    yield f"the credential is deleted in {grace_days} days; until then `certmandate retire {retired.delegation} --undo`"
    yield "the audit rows stay: what was done in the organisation's name can be told later"


def rao_steps(mandate: Delegation) -> dict[str, list[str]]:
    """Return what the RAO undoes, by language, in the order of the guide: the account first of all."""
    return {one.code: list(_rao_steps(mandate, one)) for one in languages()}


def _rao_steps(mandate: Delegation, tongue: Language) -> Iterator[str]:
    values = {
        "department_id": mandate.department_id,
        "names": ", ".join(mandate.delegated_names),
        "address": mandate.address or tongue.text("retirement.address"),
    }
    return (plain(item, values) for item in tongue.at("retirement.items"))


def _say_ended(retired: Retired, deletion: datetime | None) -> None:
    console = printer()
    gone = f"its credential goes on {printing.day(deletion)}" if deletion else "there was no credential"
    console.print(Text(f"{retired.delegation} is retired; {gone}.", style="green"), soft_wrap=True)
    console.print("Delete its delegation file: `certmandate apply` refuses it from now on.", soft_wrap=True)


def _document(mandate: Delegation | None, retired: Retired, deletion: datetime | None) -> dict[str, Any]:
    return {
        "delegation": retired.delegation,
        "retired_at": retired.retired_at,
        "credential_deleted_on": deletion,
        "rao_steps": rao_steps(mandate) if mandate else None,
        "still_valid": [
            {
                "certificate": one.certificate,
                "ssl_id": one.ssl_id or None,
                "serial": one.serial,
                "not_after": one.not_after,
            }
            for one in retired.certificates
        ],
    }
