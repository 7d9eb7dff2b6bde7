"""`certmandate credential`: stores the RAO's credential in Secrets Manager without ever showing it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from certmandate.deployment import Deployment, to_change
from certmandate.exit import Refused
from certmandate.files.operator_action import ActionKind
from certmandate.options import ActionReasonOption, DelegationArgument, JsonOption, YesOption, confirm
from certmandate.stored_credential.protection import key_of, protect, unprotected
from certmandate.stored_credential.rotation import (
    KIND_TAG,
    require_rotatable,
    rotate_now,
    schedule_rotation,
    stop_rotation,
    withdraw_pending,
)
from certmandate.views import printing
from certmandate.views.printing import printer
from renewal.adapters.scm.credential import CLIENT_MEMBERS, PASSWORD_MEMBERS, credential_from
from renewal.domain.errors import CredentialMissing
from renewal.domain.run.request import NAME

_LONGEST = 4_096  # characters read from standard input; a credential has a few hundred

RotateDaysOption = Annotated[
    int | None,
    typer.Option(
        "--rotate-days",
        min=1,
        max=1000,
        help="Rotate the password every so many days. Default: unchanged, 60 the first time.",
    ),
]


def credential_command(
    context: typer.Context,
    delegation: DelegationArgument,
    oauth: Annotated[
        bool, typer.Option("--oauth", help="Store an OAuth2 client: client_id and client_secret.")
    ] = False,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read it from standard input: a JSON object, or one line for each member.")
    ] = False,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Rotate the stored password now and print the result.")
    ] = False,
    rotate_days: RotateDaysOption = None,
    protect_only: Annotated[
        bool,
        typer.Option("--protect", help="Set the stack's key and resource policy on what is stored; the rest stays."),
    ] = False,
    reason: ActionReasonOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Store the credential of a delegation's SCM account.

    Login, password and customer URI, or an OAuth2 client. The password is typed without echo or read from standard
    input; it is never an argument and never shown.
    """
    with to_change(context) as deployment:
        require_name(delegation)
        if (rotate or protect_only) and (oauth or stdin or (rotate and protect_only)):
            msg = "--rotate and --protect work on the stored credential, one at a time: omit the other options"
            raise Refused(msg)
        if protect_only:
            return _protect(deployment, delegation, reason, as_json=as_json)
        if rotate:
            return _rotate(deployment, delegation, rotate_days, reason, yes=yes, as_json=as_json)
        document = _entered(CLIENT_MEMBERS if oauth else PASSWORD_MEMBERS, stdin=stdin)
        deployment.recorder.announce(ActionKind.CREDENTIAL_STORED, delegation, reason=reason)
        done = _store(deployment, delegation, document, rotate_days)
        known = sorted(deployment.book.delegations())
    if as_json:
        printing.print_json({"delegation": delegation, **done, "applied": delegation in known})
        return None
    printing.print_line(f"{done['secret']}: {done['did']} ({', '.join(document)}).\n{done['rotation_text']}")
    return printing.print_line(_next(delegation, done["secret"], known))


def _next(delegation: str, secret: str, known: Sequence[str]) -> str:
    """Return what to do next. No other view has a credential without a delegation: a mistyped name is noticed here."""
    if delegation in known:
        return f"Next: certmandate check {delegation}"
    alike = get_close_matches(delegation, known, n=3)
    also = f"; it has {', '.join(alike)}" if alike else ""
    return (
        f"The order book does not have {delegation}{also}. If the name is mistyped, delete what was stored: "
        f"aws secretsmanager delete-secret --secret-id {secret} --recovery-window-in-days 7\n"
        f"Next: certmandate apply DIR, then certmandate check {delegation}"
    )


def require_name(delegation: str) -> None:
    """Raise Refused unless *delegation* is a possible name."""
    if not NAME.fullmatch(delegation):
        msg = f"'{delegation}' is not a delegation's name: use 1 to 40 lower-case letters, digits and inner hyphens"
        raise Refused(msg)


def _entered(members: tuple[str, ...], *, stdin: bool) -> dict[str, str]:
    """Return the credential, from standard input or as it is typed. Raises Refused."""
    return _checked(_from_stdin(members) if stdin else _typed(members), members)


def _typed(members: tuple[str, ...]) -> dict[str, str]:
    if not sys.stdin.isatty():
        msg = "there is no terminal to type the credential into: pass it on standard input with --stdin"
        raise Refused(msg)
    return {member: _prompt(member) for member in members}


def _prompt(member: str) -> str:
    secret = member in {"password", "client_secret"}
    label = {"customer_uri": "customer URI (last part of the portal's address)"}.get(member, member.replace("_", " "))
    answer: str = typer.prompt(label, hide_input=secret, confirmation_prompt=secret, err=True)
    return answer


def _from_stdin(members: tuple[str, ...]) -> dict[str, str]:
    """Return the members of a JSON object, or of one line for each in order."""
    text = sys.stdin.read(_LONGEST + 1).removeprefix("\ufeff")  # Windows writes this mark before UTF-8
    if len(text) > _LONGEST:
        msg = f"standard input has more than {_LONGEST} characters, which is no credential"
        raise Refused(msg)
    if text.lstrip().startswith("{"):
        return _from_json(text, members)
    lines = text.splitlines()
    if len(lines) != len(members):
        required = f"{len(members)} lines ({', '.join(members)}) or a JSON object"
        msg = f"standard input has {printing.counted(len(lines), 'line')}; pass {required}"
        raise Refused(msg)
    return dict(zip(members, lines, strict=True))


def _from_json(text: str, members: tuple[str, ...]) -> dict[str, str]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        msg = f"standard input is not a JSON object of strings with {', '.join(members)}"
        raise Refused(msg)
    if "customerUri" in document:  # as SCM spells it
        document.setdefault("customer_uri", document.pop("customerUri"))
    if unknown := sorted(set(document) - set(members)):
        hint = (
            "without --oauth, login and password are expected" if "client_id" in members else "--oauth is for clients"
        )
        msg = f"standard input has {len(unknown)} unknown members; known: {', '.join(members)} ({hint})"
        raise Refused(msg)
    return {str(name): value for name, value in document.items()}


def _checked(document: dict[str, str], members: tuple[str, ...]) -> dict[str, str]:
    """Return the credential. Raises Refused when a member is missing or cannot be sent in an HTTP header."""
    try:
        credential_from(document)
    except CredentialMissing as error:
        msg = f"{str(error).replace('the stored credential', 'the credential')}. Nothing was stored"
        raise Refused(msg) from None
    return {member: document[member] for member in members}


# ---- Secrets Manager -------------------------------------------------------------------------------------------------


def _store(
    deployment: Deployment, delegation: str, document: Mapping[str, str], rotate_days: int | None
) -> dict[str, Any]:
    client, name = deployment.client("secretsmanager"), deployment.secret_name(delegation)
    text = json.dumps(document)
    try:
        described = client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        tags = [{"Key": "certmandate:delegation", "Value": delegation}, _kind(document)]
        description = f"SCM credential of the delegation {delegation}"
        client.create_secret(
            Name=name, SecretString=text, KmsKeyId=key_of(deployment), Description=description, Tags=tags
        )
        protect(deployment, delegation)
        did = "stored"
    else:
        if "DeletedDate" in described:
            client.restore_secret(SecretId=name)
        protect(deployment, delegation)
        client.tag_resource(SecretId=name, Tags=[_kind(document)])
        client.put_secret_value(SecretId=name, SecretString=text)
        withdraw_pending(deployment, delegation)
        did = "stored again, its scheduled deletion cancelled" if "DeletedDate" in described else "replaced"
    return {"secret": name, "did": did, **_rotation(deployment, delegation, document, rotate_days)}


def _kind(document: Mapping[str, str]) -> dict[str, str]:
    """A tag, because operators do not read the value."""
    return {"Key": KIND_TAG, "Value": "password" if "password" in document else "client"}


def _protect(deployment: Deployment, delegation: str, reason: str, *, as_json: bool) -> None:
    did = "unchanged"
    if lacks := unprotected(deployment, delegation):
        deployment.recorder.announce(ActionKind.CREDENTIAL_PROTECTED, delegation, reason=reason, details=lacks)
        protect(deployment, delegation)
        did = "protected"
    secret = deployment.secret_name(delegation)
    text = f"{secret}: {did}; read by the functions that log in only."
    printing.print_result({"delegation": delegation, "secret": secret, "did": did}, text, as_json=as_json)


def _rotation(
    deployment: Deployment, delegation: str, document: Mapping[str, str], rotate_days: int | None
) -> dict[str, Any]:
    """Schedule the rotation of the password if the stack can rotate; a client's secret is changed in SCM only."""
    if "password" not in document:
        stop_rotation(deployment, delegation)
        return {
            "rotation_days": None,
            "rotation_text": "An OAuth2 client has no password that expires, so nothing is rotated.",
        }
    days = schedule_rotation(deployment, delegation, rotate_days)
    if days is None:
        text = "This stack rotates no passwords: change the password before it expires (see `certmandate status`)."
        return {"rotation_days": None, "rotation_text": text}
    text = (
        f"The password is rotated every {days} days. SCM sends a notice each time, and the findings announce it to the "
        "RAO a week before. If `certmandate check` reports that this is too late, pass fewer --rotate-days."
    )
    return {"rotation_days": days, "rotation_text": text}


# ---- Rotating now ----------------------------------------------------------------------------------------------------


def _rotate(
    deployment: Deployment, delegation: str, days: int | None, reason: str, *, yes: bool, as_json: bool
) -> None:
    rao = deployment.book.delegation(delegation).delegation.rao_email or "the RAO"
    require_rotatable(deployment, delegation)
    console = printer(to_stderr=as_json)
    console.print(f"SCM sends a notice of the change: inform {rao} beforehand.", soft_wrap=True)
    confirm(f"Rotate the password of {delegation} now?", yes=yes)
    deployment.recorder.announce(ActionKind.ROTATION_STARTED, delegation, reason=reason)
    done = rotate_now(deployment, delegation, days, console)
    if as_json:
        document = {"delegation": delegation, "secret": done.secret, "did": "rotated"}
        printing.print_json({**document, "rotation_days": done.every_days, "next_rotation": done.next_until})
        return
    console.print(f"{done.secret}: the password was rotated, and a login with the new one succeeded.", soft_wrap=True)
    until = f", by {done.next_until}" if done.next_until else ""
    console.print(f"Next rotation: in {done.every_days} days{until}.", soft_wrap=True)
    console.print(f"Next: certmandate check {delegation}", soft_wrap=True)
