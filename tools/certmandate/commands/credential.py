"""`certmandate credential`: what the RAO gave, into Secrets Manager, without ever being shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from certmandate.deployment import Deployment, deployed
from certmandate.exit import Refused
from certmandate.options import DelegationArgument, JsonOption, YesOption, confirm
from certmandate.password_rotation import require_rotatable, rotate_now, schedule_rotation
from certmandate.views import printing
from certmandate.views.printing import printer
from renewal.domain.request import NAME

_LONGEST = 4_096  # characters read from standard input; a credential has a few hundred

RotateDaysOption = Annotated[
    int | None,
    typer.Option(
        "--rotate-days", min=1, max=1000, help="Replace the password every so many days. Default: as before, or 60."
    ),
]


def credential_command(
    context: typer.Context,
    delegation: DelegationArgument,
    oauth: Annotated[bool, typer.Option("--oauth", help="An OAuth2 client: client_id and client_secret.")] = False,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read it from standard input: a JSON object, or a line for each member.")
    ] = False,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Store nothing: have the password replaced now, and say how it ended.")
    ] = False,
    rotate_days: RotateDaysOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Store the login and password (or the OAuth2 client) of a delegation's SCM account.

    The password is typed without echo, or read from standard input: never an argument, never shown.
    """
    with deployed(context) as deployment:
        require_name(delegation)
        if rotate:
            _require_alone(oauth=oauth, stdin=stdin)
            _rotate(deployment, delegation, rotate_days, yes=yes, as_json=as_json)
            return
        members = _members(oauth=oauth)
        document = _checked(_from_stdin(members) if stdin else _asked(members), members)
        done = _store(deployment, delegation, document, rotate_days)
        known = delegation in deployment.book.delegations()
    if as_json:
        printing.print_json({"delegation": delegation, **done, "applied": known})
        return
    console = printer()
    console.print(f"{done['secret']}: {done['did']} ({', '.join(members)}).", soft_wrap=True)
    console.print(done["rotation_text"], soft_wrap=True)
    next_step = (
        f"certmandate check {delegation}" if known else "certmandate apply DIR, then certmandate check " + delegation
    )
    console.print(f"Next: {next_step}", soft_wrap=True)


def require_name(delegation: str) -> None:
    """Raise Refused when nothing can have that name."""
    if not NAME.fullmatch(delegation):
        msg = f"'{delegation}' cannot be a delegation: 1 to 40 lower-case letters, digits and inner hyphens"
        raise Refused(msg)


def _members(*, oauth: bool) -> tuple[str, ...]:
    from renewal.adapters.scm.credential import CLIENT_MEMBERS, PASSWORD_MEMBERS

    return CLIENT_MEMBERS if oauth else PASSWORD_MEMBERS


def _asked(members: tuple[str, ...]) -> dict[str, str]:
    if not sys.stdin.isatty():
        msg = "there is no terminal to type the credential into: give it on standard input with --stdin"
        raise Refused(msg)
    return {member: _ask(member) for member in members}


def _ask(member: str) -> str:
    secret = member in {"password", "client_secret"}
    label = {"customer_uri": "customer URI (last part of the portal's address)"}.get(member, member.replace("_", " "))
    answer: str = typer.prompt(label, hide_input=secret, confirmation_prompt=secret, err=True)
    return answer


def _from_stdin(members: tuple[str, ...]) -> dict[str, str]:
    """A JSON object with the members, or a line for each of them in their order."""
    text = sys.stdin.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        msg = f"standard input holds more than {_LONGEST} characters; a credential is shorter"
        raise Refused(msg)
    if text.lstrip().startswith("{"):
        return _from_json(text, members)
    lines = text.splitlines()
    if len(lines) != len(members):
        wanted = f"{len(members)} lines ({', '.join(members)}) or a JSON object"
        msg = f"standard input must hold {wanted}; it has {printing.counted(len(lines), 'line')}"
        raise Refused(msg)
    return dict(zip(members, lines, strict=True))


def _from_json(text: str, members: tuple[str, ...]) -> dict[str, str]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        msg = f"standard input is not a JSON object of texts with {', '.join(members)}"
        raise Refused(msg)
    if unknown := sorted(set(document) - set(members)):
        form = "; leave out --oauth for login and password" if "client_id" in members else "; --oauth is for clients"
        msg = f"standard input has members that do not belong there ({len(unknown)}); known: {', '.join(members)}{form}"
        raise Refused(msg)
    return {str(name): value for name, value in document.items()}


def _checked(document: dict[str, str], members: tuple[str, ...]) -> dict[str, str]:
    """Raise Refused as the functions would refuse it: something is missing, or does not fit a header."""
    from renewal.adapters.scm.credential import credential_from
    from renewal.domain.errors import CredentialMissing

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
        tags = [{"Key": "certmandate:delegation", "Value": delegation}]
        description = f"SCM credential of the delegation {delegation}"
        client.create_secret(Name=name, SecretString=text, Description=description, Tags=tags)
        did = "stored"
    else:
        if "DeletedDate" in described:
            client.restore_secret(SecretId=name)
        client.put_secret_value(SecretId=name, SecretString=text)
        did = "stored anew, its deletion called off" if "DeletedDate" in described else "replaced"
    return {"secret": name, "did": did, **_rotation(deployment, delegation, document, rotate_days)}


def _rotation(
    deployment: Deployment, delegation: str, document: Mapping[str, str], rotate_days: int | None
) -> dict[str, Any]:
    """Have the password replaced by itself, where the stack can; a client's secret is SCM's to change."""
    if "password" not in document:
        _stop_rotation(deployment.client("secretsmanager"), deployment.secret_name(delegation))
        return {
            "rotation_days": None,
            "rotation_text": "An OAuth2 client has no password that expires: nothing to rotate.",
        }
    days = schedule_rotation(deployment, delegation, rotate_days)
    if days is None:
        text = "This stack does not rotate passwords: change it before it expires; `certmandate status` says when."
        return {"rotation_days": None, "rotation_text": text}
    text = (
        f"It is changed every {days} days from now on; SCM sends a notice then, and the findings tell the RAO a week "
        "before. `certmandate check` says when that is too late for the password's life: then give --rotate-days."
    )
    return {"rotation_days": days, "rotation_text": text}


def _stop_rotation(client: Any, name: str) -> None:
    if client.describe_secret(SecretId=name).get("RotationEnabled"):
        client.cancel_rotate_secret(SecretId=name)


# ---- Replacing it now ------------------------------------------------------------------------------------------------


def _require_alone(*, oauth: bool, stdin: bool) -> None:
    if oauth or stdin:
        msg = "--rotate stores nothing: SCM and Secrets Manager get a new password; leave --oauth and --stdin out"
        raise Refused(msg)


def _rotate(deployment: Deployment, delegation: str, days: int | None, *, yes: bool, as_json: bool) -> None:
    rao = deployment.book.delegation(delegation).delegation.rao_email or "the RAO"
    require_rotatable(deployment, delegation)
    console = printer(to_stderr=as_json)
    console.print(f"SCM sends a notice of the change: tell {rao} beforehand that it is yours.", soft_wrap=True)
    confirm(f"Replace the password of {delegation} now?", yes=yes)
    done = rotate_now(deployment, delegation, days, console)
    if as_json:
        told = {"secret": done.secret, "did": "rotated", "rotation_days": done.every_days}
        printing.print_json({"delegation": delegation, **told, "next_rotation": done.next_until})
        return
    console.print(f"{done.secret}: the password is replaced, and the new one logs in.", soft_wrap=True)
    until = f", by {done.next_until}" if done.next_until else ""
    console.print(f"The next time in {done.every_days} days{until}.", soft_wrap=True)
    console.print(f"Next: certmandate check {delegation}", soft_wrap=True)
