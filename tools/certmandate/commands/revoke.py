"""`certmandate revoke`: orders the replacement of a certificate and prints what the RAO revokes in SCM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from certmandate.commands.status import read_judgement
from certmandate.deployment import Deployment, to_change
from certmandate.execution import start
from certmandate.exit import NEEDS_ATTENTION, Refused, Stopped
from certmandate.options import CertificateArgument, JsonOption, YesOption, asked_serial, confirm, split
from certmandate.views import printing
from certmandate.views.language import languages
from certmandate.views.printing import printer
from certmandate.views.rao_report import REVOCATION
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.certificate.serial import normalised_serial, printed_serial
from renewal.domain.delegation import CertificatePath
from renewal.domain.endpoint.observation import EndpointState
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.run.report import Outcome
from renewal.domain.setup.inspection import DelegationRecord

WHERE = "SCM: Certificates → SSL Certificates → the SSL ID → Revoke"


class ReasonCode(StrEnum):
    """Reasons that SCM accepts (SCM reference §5.12), named as in RFC 5280 §5.3.1."""

    KEY_COMPROMISE = "keyCompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    UNSPECIFIED = "unspecified"


NUMBERS = {
    ReasonCode.UNSPECIFIED: 0,
    ReasonCode.KEY_COMPROMISE: 1,
    ReasonCode.AFFILIATION_CHANGED: 3,
    ReasonCode.SUPERSEDED: 4,
    ReasonCode.CESSATION_OF_OPERATION: 5,
}


@dataclass(frozen=True, slots=True)
class Target:
    """The certificate to revoke."""

    path: str
    names: tuple[str, ...]
    ssl_id: int
    """0 when it was adopted without its SSL ID."""
    serial: str
    is_served: bool
    not_after: datetime | None

    def __str__(self) -> str:
        """Return it as it is named in a sentence."""
        number = f"SSL ID {self.ssl_id}, " if self.ssl_id else ""
        return f"{self.path} ({number}serial {self.serial}) for {', '.join(self.names)}"


def revoke_command(
    context: typer.Context,
    certificate: CertificateArgument,
    reason_code: Annotated[ReasonCode, typer.Option("--reason-code", help="The reason code of RFC 5280.")],
    reason: Annotated[str, typer.Option("--reason", help="The reason as text, for the audit rows.")] = "",
    serial: Annotated[
        str | None,
        typer.Option(help="Serial of an earlier certificate, from `certmandate show`. Default: the stored one."),
    ] = None,
    no_replacement: Annotated[
        bool, typer.Option("--no-replacement", help="Order no replacement; implied by cessationOfOperation.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Replace a certificate and print what the RAO must revoke.

    The replacement is stored before the RAO is asked, unless the key is compromised. The RAO revokes in SCM, because
    the delegation's account may only order. Exits 1, because the RAO still has to act: `status` lists it until SCM
    shows the revocation, and so do the RAO's mails, as soon as nothing that is known uses the certificate.
    """
    delegation, name = split(certificate)
    with to_change(context) as deployment:
        record, state, _ = read_judgement(deployment, delegation, name, datetime.now(UTC))
        target = _target(deployment, state, serial)
        replace = target.is_served and not no_replacement and reason_code is not ReasonCode.CESSATION_OF_OPERATION
        printing.print_line(f"To be revoked: {target}.", style="bold", to_stderr=as_json)
        confirm(_question(target, reason_code, replace=replace), yes=yes)
        why = (f"{REVOCATION}{reason_code.value}" + (f", {reason}" if reason else ""))[:200]
        order = {"certificates": [target.path], "reason": why}
        urgent = reason_code is ReasonCode.KEY_COMPROMISE
        if replace and (urgent or state.certificate.order is None):  # the key of an open order is a new one
            deployment.editor.ask(delegation, name, why)
        if replace:
            _replace(deployment, target, order, urgent=urgent, as_json=as_json)
        if not urgent:
            _require_unpresented(deployment, target, yes=yes)
        deployment.editor.request_revocation(delegation, name, _remembered(target, reason_code))
        unverified = _unverified(deployment, target) if replace else []
    request = _request(record, target, reason_code, reason, replaced=replace, urgent=urgent)
    request["not_verified"] = unverified
    if as_json:
        printing.print_json(request)
    else:
        printing.show(printer(), *_lines(request))
    raise typer.Exit(NEEDS_ATTENTION)


def _question(target: Target, code: ReasonCode, *, replace: bool) -> str:
    if replace:
        return f"Replace {target.path}, and ask the RAO to revoke it for {code.value}?"
    return f"Ask the RAO to revoke {target.path} for {code.value}?"


def _remembered(target: Target, reason_code: ReasonCode) -> RevocationRequest:
    return RevocationRequest(
        serial=normalised_serial(target.serial),
        ssl_id=target.ssl_id,
        names=target.names,
        reason_code=reason_code.value,
        requested_at=datetime.now(UTC),
        not_after=target.not_after,
    )


def _target(deployment: Deployment, state: Judgement, serial: str | None) -> Target:
    spec, stored = state.certificate.spec, state.certificate.stored
    asked = None if serial is None else asked_serial(serial)
    if asked is None or (stored and stored.serial == asked):
        if stored is None:
            msg = f"{spec.path} has no stored certificate to revoke"
            raise Refused(msg)
        return Target(spec.path, stored.names, stored.ssl_id, printed_serial(stored.serial), True, stored.not_after)
    for row in deployment.book.history(spec.delegation, spec.name):
        if row.serial == asked:
            return Target(spec.path, row.names, row.ssl_id or 0, printed_serial(row.serial), False, row.not_after)
    msg = f"{spec.path} never had serial {serial}; `certmandate show {spec.path}` lists its serials"
    raise Refused(msg)


def _replace(deployment: Deployment, target: Target, order: dict[str, Any], *, urgent: bool, as_json: bool) -> None:
    """Order the replacement. Raises Stopped unless it is stored: to revoke earlier would take the service down.

    *urgent*: a compromised key is revoked whether its replacement is stored or not.
    """
    execution = start(deployment, order, "revoke")
    if urgent:
        return
    ended = execution.follow(printer(to_stderr=as_json))
    rows = ended.report.certificates if ended.report else ()
    row = next((row for row in rows if row.path == target.path), None)
    if row is None or row.outcome is not Outcome.RENEWED:
        outcome = f"{row.outcome} {row.error}".strip() if row else ended.error or ended.status
        msg = (
            f"the replacement of {target.path} is not stored yet ({outcome}), and revoking now would take the service "
            f"down. Check `certmandate show {target.path}`; once the new certificate is served, run this command with "
            f"--serial {target.serial}"
        )
        raise Stopped(msg)


def _require_unpresented(deployment: Deployment, target: Target, *, yes: bool) -> None:
    """Ask before the RAO is asked to revoke what servers still present. Raises Refused."""
    certificate = deployment.book.certificate(*CertificatePath.parse(target.path))
    service = certificate.service
    if endpoints := service.presenting(normalised_serial(target.serial)) if service else ():
        text = f"{', '.join(endpoints)} still presented it when last verified: clients would refuse it there."
        printing.print_line(text, style="bold red", to_stderr=True)
        confirm("Have it revoked all the same?", yes=yes)


def _unverified(deployment: Deployment, target: Target) -> list[str]:
    """Return the declared endpoints of which it is not known that they present the stored certificate."""
    certificate = deployment.book.certificate(*CertificatePath.parse(target.path))
    stored, service = certificate.stored, certificate.service
    is_current = stored is not None and service is not None and service.serial == stored.serial
    observations = service.observations if service and is_current else ()
    states: dict[str, set[EndpointState]] = {}
    for each in observations:
        states.setdefault(each.endpoint, set()).add(each.state)
    declared = dict.fromkeys(map(str, certificate.spec.served_at))
    return [endpoint for endpoint in declared if states.get(endpoint) != {EndpointState.SERVED}]


def _request(
    record: DelegationRecord, target: Target, code: ReasonCode, reason: str, *, replaced: bool, urgent: bool
) -> dict[str, Any]:
    """Return what the RAO is asked to do, as JSON has it."""
    delegation = record.delegation
    return {
        "certificate": target.path,
        "names": list(target.names),
        "ssl_id": target.ssl_id or None,
        "serial": target.serial,
        "reason_code": code.value,
        "reason_number": NUMBERS[code],
        "reason": reason,
        "replacement": "none" if not replaced else "ordered" if urgent else "stored",
        "revoked": False,
        "who": f"the RAO of {delegation.organisation}" + (f", {delegation.rao_email}" if delegation.rao_email else ""),
        "where": WHERE,
        "urgent": urgent,
        "rao": _for_rao(target, code, "urgent" if urgent else "replaced" if replaced else "ended", delegation.language),
    }


def _for_rao(target: Target, code: ReasonCode, when: str, chosen: str) -> dict[str, str]:
    """The message to the RAO, in the delegation's language; where none is *chosen*, in all."""
    values = {"ssl_id": target.ssl_id, "serial": target.serial}
    texts = {}
    for language in (each for each in languages() if chosen in {"", each.code}):
        which = language.text("revocation.ssl_id" if target.ssl_id else "revocation.serial", **values)
        item = language.text("revocation.item", which=which, names=", ".join(target.names), reason_code=code.value)
        texts[language.code] = f"{language.text(f'revocation.{when}')} {item}"
    return texts


def _lines(request: dict[str, Any]) -> Iterator[RenderableType]:
    show = f"certmandate show {request['certificate']}"
    note = f"; note: {request['reason']}" if request["reason"] else ""
    replacement = {
        "none": "No replacement was ordered. The run that finds it revoked orders one, unless it has left its file.",
        "ordered": f"A run that replaces it was started; `{show}` shows when it is stored.",
        "stored": "The replacement is stored. Check that every server presents it before the old one is revoked.",
    }
    number = f"SSL ID {request['ssl_id']}" if request["ssl_id"] else "SSL ID unknown: search for the serial"
    when = send = "once every server presents the new certificate"
    if request["urgent"]:
        when, send = "NOW, by telephone as well: the key is compromised", "now"
    elif request["replacement"] == "none":
        when = send = "when the service has ended"
    yield Text(replacement[request["replacement"]])
    yield from printing.bullets("Not verified to present the new certificate", request["not_verified"])
    facts = (
        request["where"],
        f"{number}, serial {request['serial']}, {', '.join(request['names'])}",
        f"reason {request['reason_code']} ({request['reason_number']}){note}",
    )
    yield from printing.bullets(f"To do for {request['who']}, {when}", facts)
    mailed = "after its next daily run" if request["urgent"] else "when nothing stores or presents the certificate"
    heading = f"Send this to the RAO {send} (the stack mails the request {mailed})"
    yield from printing.bullets(heading, request["rao"].values())
