"""`certmandate retire`: ends a delegation, in the order book, in Secrets Manager and, with the RAO, in SCM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from certmandate.deployment import Deployment, to_change
from certmandate.estate_changes import arns_of, unwatched_uses
from certmandate.exit import Refused
from certmandate.options import (
    ActionReasonOption,
    DelegationArgument,
    JsonOption,
    YesOption,
    confirm,
    require_no_open_order,
)
from certmandate.stored_credential.rotation import has_password, schedule_rotation, stop_rotation
from certmandate.views import printing
from certmandate.views.language import languages
from certmandate.views.printing import printer
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.delegation import Delegation
from renewal.domain.errors import UnknownDelegation
from renewal.domain.order import ManagedCertificate
from renewal.mail.language import Language, plain

if TYPE_CHECKING:
    from certmandate.files.operator_records import Retired

SHORTEST_GRACE, LONGEST_GRACE = 7, 30
"""Days; Secrets Manager's own limits of the recovery window (AWS: DeleteSecret)."""


def retire_command(
    context: typer.Context,
    delegation: DelegationArgument,
    grace_days: Annotated[
        int,
        typer.Option(
            "--grace-days", min=SHORTEST_GRACE, max=LONGEST_GRACE, help="How many days the credential can be restored."
        ),
    ] = LONGEST_GRACE,
    undo: Annotated[
        bool, typer.Option("--undo", help="Restore the credential and allow the file to be applied again.")
    ] = False,
    reason: ActionReasonOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """End a delegation.

    Renewals stop now, and the credential is deleted after --grace-days. First prints
    which certificates stay valid and what the RAO must remove in SCM, then asks for the delegation's name. The
    certificates in the stores are kept, because services still use them. After an interruption, run it again.
    """
    with to_change(context) as deployment:
        if undo:
            _undo(deployment, delegation, reason, yes=yes, as_json=as_json)
            return
        now = datetime.now(UTC)
        mandate, retired = _retirement(deployment, delegation, now)
        certificates = deployment.book.certificates(delegation)
        require_no_open_order(deployment, (each.spec.record_key for each in certificates))
        deletions = list(_deletions(deployment, retired, certificates))
        uses = list(unwatched_uses(certificates, deployment.acm))
        printing.show(printer(to_stderr=as_json), *_page(mandate, retired, grace_days, deletions, uses))
        _require_name_again(delegation, yes=yes)
        _end(deployment, retired, reason, now)
        deletion = _delete_credential(deployment, delegation, grace_days)
    if as_json:
        printing.print_json({**_document(mandate, retired, deletion, deletions), "uses": uses})
    else:
        _print_result(retired, deletion)


def _retirement(deployment: Deployment, name: str, now: datetime) -> tuple[Delegation | None, Retired]:
    """Return the mandate and the retirement record.

    Without its item, after an interrupted attempt or a loss, only the second. Raises UnknownDelegation.
    """
    from certmandate.files.operator_records import Retired, retirement, still_valid

    certificates = deployment.book.certificates(name).complete()
    try:
        record = deployment.book.delegation(name)
    except UnknownDelegation:
        ended = (*deployment.book.retired(), *(replace(each, retired_at=now) for each in deployment.book.removed()))
        earlier = next((each for each in ended if each.delegation == name), None)
        if earlier is None and not _is_known(deployment, name):
            raise
        requested = deployment.spec_writer.reinstated(name).revocations
        return None, earlier or Retired(name, "", 0, now, still_valid(certificates, now), requested)
    return record.delegation, retirement(record, certificates, now, deployment.book.begun_removals([name]))


def _is_known(deployment: Deployment, name: str) -> bool:
    """Whether it was in the order book once; a restored audit trail may be older than the last daily run."""
    from certmandate.run_failures import notified_problems

    return deployment.spec_writer.was_applied(name) or name in notified_problems(deployment).delegations


def _require_name_again(name: str, *, yes: bool) -> None:
    if yes:
        return
    try:
        typed = typer.prompt("Type the delegation's name to end it", err=True)
    except typer.Abort as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            raise
        typer.echo(err=True)  # ends the line of the question
        typed = ""
    if typed.strip() != name:
        msg = f"Nothing was changed: '{name}' was not typed. In scripts, pass --yes"
        raise Refused(msg)


def _end(deployment: Deployment, retired: Retired, reason: str, now: datetime) -> None:
    """Remove it from the order book with all its certificates. Raises OrdersOpen."""
    from certmandate.files.spec_writer import EstateChange

    name = retired.delegation
    stored = deployment.book.certificates(name).complete()  # an order that cannot be read may be open
    certificates = tuple(certificate.spec.record_key for certificate in stored)
    change = EstateChange(removed=certificates, removed_delegations=(name,), retired=(retired,), reason=reason)
    deployment.spec_writer.write(change, now)


def _delete_credential(deployment: Deployment, name: str, grace_days: int) -> datetime | None:
    """Schedule the deletion of the credential; return its time, None when there is no credential."""
    client, secret = deployment.client("secretsmanager"), deployment.secret_name(name)
    try:
        described = client.describe_secret(SecretId=secret)
    except client.exceptions.ResourceNotFoundException:
        return None
    if "DeletedDate" in described:
        scheduled: datetime = described["DeletedDate"]
        return scheduled
    stop_rotation(deployment, name)
    deleted: datetime = client.delete_secret(SecretId=secret, RecoveryWindowInDays=grace_days)["DeletionDate"]
    return deleted


def _undo(deployment: Deployment, name: str, reason: str, *, yes: bool, as_json: bool) -> None:
    retired = next((each for each in deployment.book.retired() if each.delegation == name), None)
    confirm(f"Restore the credential of {name}, and permit its file to be applied again?", yes=yes)
    deployment.spec_writer.forget_retirement(name, datetime.now(UTC), reason)
    client, secret = deployment.client("secretsmanager"), deployment.secret_name(name)
    try:
        client.restore_secret(SecretId=secret)
        restored = True
    except client.exceptions.ResourceNotFoundException:
        restored = False
    # `retire` cancelled the rotation; without it the password would expire unnoticed.
    days = schedule_rotation(deployment, name) if restored and has_password(deployment, name) else None
    rotated = f", and its password is rotated every {days} days again" if days else ""
    credential = (
        f"Its credential is restored{rotated}."
        if restored
        else f"Its credential is deleted; store a new one: certmandate credential {name}."
    )
    commands = list(_to_continue(name, retired))
    requested = deployment.spec_writer.reinstated(name).revocations
    document = {"delegation": name, "undone": True, "credential_restored": restored, "rotation_days": days}
    document |= {"not_revoked": [_requested(each) for each in requested], "commands": commands}
    text = f"{name} may be applied again; nothing is renewed until it is. {credential}"
    printing.print_result(document, text, as_json=as_json)
    if not as_json:
        printing.show(printer(), *printing.bullets("Then, in this order", (f"`{command}`" for command in commands)))
        title = "Revocations that were requested; runs ask the RAO for them again once the file is applied"
        printing.show(printer(), *printing.bullets(title, map(_requested, requested)))


def _to_continue(name: str, retired: Retired | None) -> Iterator[str]:
    """The commands that make a delegation as it was before `retire`; *retired*: None after an interrupted undo."""
    yield "certmandate apply DIR"
    for each in retired.certificates if retired else ():
        number = f" --ssl-id {each.ssl_id}" if each.ssl_id else ""
        yield f"certmandate adopt {name}/{each.certificate}{number}"
    if retired is None:
        yield f"certmandate adopt {name}/NAME --ssl-id N"


# ---- Printing --------------------------------------------------------------------------------------------------------


def _requested(request: RevocationRequest) -> str:
    number = f"SSL ID {request.ssl_id}, " if request.ssl_id else ""
    return (
        f"{number}serial {printed_serial(request.serial)} for {', '.join(request.names)}, requested on "
        f"{printing.day(request.requested_at)}: {request.reason_code}"
    )


def _deletions(deployment: Deployment, retired: Retired, certificates: Iterable[ManagedCertificate]) -> Iterator[str]:
    """The commands that delete the keys of the certificates that are stored. No program of ours does.

    *certificates*: those of the order book, with the ARNs that no renewal imports into; none after an interruption.
    """
    arns = {*chain.from_iterable(each.arns.values() for each in retired.certificates)}
    arns |= {*chain.from_iterable(map(arns_of, certificates))}
    yield f"aws s3 rm s3://{deployment.fact('StoreBucket')}/certificates/{retired.delegation}/ --recursive"
    for arn in sorted(arns):
        yield f"aws acm delete-certificate --region {arn.split(':')[3]} --certificate-arn {arn}"


def _page(
    mandate: Delegation | None, retired: Retired, grace_days: int, deletions: Iterable[str], uses: Iterable[str]
) -> list[RenderableType]:
    if mandate is None:
        title = Text(f"Retire {retired.delegation}", style="bold")
        text = "The order book has no item of it. What is left of it is removed, with its credential."
        return [title, Text(text), *_left(retired, deletions, uses), Text()]
    title = Text(
        f"Retire {retired.delegation}: {retired.organisation}, department {retired.department_id}", style="bold"
    )
    rows = [
        (f"{retired.delegation}/{each.certificate}", printing.day(each.not_after), str(each.ssl_id or ""), each.serial)
        for each in sorted(retired.certificates, key=lambda each: each.not_after)
    ]
    parts: list[RenderableType] = [title]
    if rows:
        parts += [
            printing.heading("Stay valid, and in their stores"),
            printing.table(["certificate", "until", "SSL ID#", "serial"], rows),
        ]
    report = f"`certmandate report {retired.delegation} --month {datetime.now(UTC):%Y-%m}`"
    parts += printing.bullets(
        "Before you confirm, write the last report: afterwards it lacks what is under management", [report]
    )
    parts += printing.bullets("When you confirm", _own_steps(retired, grace_days))
    parts += _left(retired, deletions, uses)
    for language in languages():
        parts += printing.bullets(language.text("retirement.title"), _rao_steps(mandate, language))
    return [*parts, Text()]


def _left(retired: Retired, deletions: Iterable[str], uses: Iterable[str]) -> Iterator[RenderableType]:
    """What the operator and the RAO still have to do, because no run and no command does it any more."""
    yield from printing.bullets("In use in AWS: no run renews or watches it any more", uses)
    keys = "Keys of stored certificates stay until you delete them, once no service uses them"
    yield from printing.bullets(keys, (f"`{command}`" for command in deletions))
    requested = "The RAO still has to revoke; no run asks for it any more"
    yield from printing.bullets(requested, map(_requested, retired.revocations))


def _own_steps(retired: Retired, grace_days: int) -> Iterator[str]:
    yield "no certificate is ordered any more"
    yield f"the credential is deleted in {grace_days} days"
    yield f"until then, `certmandate retire {retired.delegation} --undo` restores the credential"
    yield "the audit rows are kept"


def rao_steps(mandate: Delegation) -> dict[str, list[str]]:
    """Return what the RAO removes in SCM, by language, in the order of the guide: the account first."""
    return {language.code: list(_rao_steps(mandate, language)) for language in languages()}


def _rao_steps(mandate: Delegation, language: Language) -> Iterator[str]:
    values = {
        "department_id": mandate.department_id,
        "names": ", ".join(mandate.delegated_names),
        "address": mandate.address or language.text("retirement.address"),
    }
    return (plain(item, values) for item in language.at("retirement.items"))


def _print_result(retired: Retired, deletion: datetime | None) -> None:
    credential = f"its credential is deleted on {printing.day(deletion)}" if deletion else "it had no credential"
    printing.print_line(f"{retired.delegation} is retired; {credential}.", style="green")
    printing.print_line("Delete its delegation file: `certmandate apply` refuses it now.")


def _document(
    mandate: Delegation | None, retired: Retired, deletion: datetime | None, deletions: list[str]
) -> dict[str, Any]:
    return {
        "delegation": retired.delegation,
        "retired_at": retired.retired_at,
        "credential_deleted_on": deletion,
        "rao_steps": rao_steps(mandate) if mandate else None,
        "not_revoked": [_requested(request) for request in retired.revocations],
        "key_deletions": deletions,
        "still_valid": [asdict(certificate) for certificate in retired.certificates],
    }
