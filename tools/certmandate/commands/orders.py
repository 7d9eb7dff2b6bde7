"""`certmandate revoke` and `close-order`: what a person decides about one certificate or one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from certmandate.certificate_state import CLOSED, Standing
from certmandate.commands.status import judged
from certmandate.deployment import Deployment, deployed
from certmandate.execution import start
from certmandate.exit import NEEDS_ATTENTION, Refused, Stopped
from certmandate.options import CertificateArgument, JsonOption, YesOption, confirm, split
from certmandate.views import printing
from certmandate.views.language import languages
from certmandate.views.printing import printer
from renewal.domain.run_report import Outcome

if TYPE_CHECKING:
    from renewal.domain.order import Order
    from renewal.domain.setup.inspection import DelegationRecord

WHERE = "SCM: Certificates → SSL Certificates → the SSL ID → Revoke"


class ReasonCode(StrEnum):
    """Reasons that SCM takes (SCM reference §5.12), in the words of RFC 5280 §5.3.1."""

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
    """The certificate that is to be revoked."""

    path: str
    names: tuple[str, ...]
    ssl_id: int
    """0 when it was adopted and SCM's number was not given."""
    serial: str
    is_served: bool

    def __str__(self) -> str:
        """As a sentence names it."""
        number = f"SSL ID {self.ssl_id}, " if self.ssl_id else ""
        return f"{self.path} ({number}serial {self.serial}) for {', '.join(self.names)}"


# ---- revoke ----------------------------------------------------------------------------------------------------------


def revoke_command(
    context: typer.Context,
    certificate: CertificateArgument,
    reason_code: Annotated[ReasonCode, typer.Option("--reason-code", help="Why it is revoked (RFC 5280).")],
    reason: Annotated[str, typer.Option("--reason", help="The same in words, for the audit trail.")] = "",
    serial: Annotated[
        str | None,
        typer.Option(help="An earlier certificate, by its serial in `certmandate show`; default: the served one."),
    ] = None,
    no_replacement: Annotated[
        bool, typer.Option("--no-replacement", help="Order none; implied by cessationOfOperation.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Have a certificate revoked: its replacement is ordered, and the RAO is told what to revoke in SCM.

    The replacement is stored first, unless the key is compromised. Revoking itself is the RAO's: the delegation's
    account may order and nothing else, and only from the registered address. Exits 1, as somebody still has to act.
    """
    delegation, name = split(certificate)
    with deployed(context) as deployment:
        record, one = judged(deployment, delegation, name, datetime.now(UTC))
        target = _target(deployment, one, serial)
        replace = target.is_served and not no_replacement and reason_code is not ReasonCode.CESSATION_OF_OPERATION
        console = printer(to_stderr=as_json)
        console.print(Text(f"To be revoked: {target}.", style="bold"), soft_wrap=True)
        confirm(f"Have {', '.join(target.names)} revoked for {reason_code.value}?", yes=yes)
        words = f"revoke: {reason_code.value}" + (f", {reason}" if reason else "")
        urgent = reason_code is ReasonCode.KEY_COMPROMISE
        if replace and not urgent:
            _replaced(deployment, target, words, as_json=as_json)
        elif replace:
            # Nobody waits for it: a compromised key is revoked whether its replacement is stored or not.
            deployment.editor.ask(delegation, name, words[:200], datetime.now(UTC))
            start(deployment, {"certificates": [target.path], "force": True, "reason": words[:200]}, "revoke")
    told = _told(record, target, reason_code, words, replaced=replace, urgent=urgent)
    if as_json:
        printing.print_json(told)
    else:
        printing.show(printer(), *_lines(told))
    raise typer.Exit(NEEDS_ATTENTION)


def _target(deployment: Deployment, one: Standing, serial: str | None) -> Target:
    from renewal.domain.certificate import normalised_serial

    spec, served = one.certificate.spec, one.certificate.served
    if serial is None or (served and served.serial == normalised_serial(serial)):
        if served is None:
            msg = f"{spec.path} serves nothing that could be revoked"
            raise Refused(msg)
        return Target(spec.path, served.names, served.ssl_id, served.serial, is_served=True)
    for row in deployment.book.history(spec.delegation, spec.name):
        if row.serial and row.serial == normalised_serial(serial):
            return Target(spec.path, row.names, row.ssl_id or 0, row.serial, is_served=False)
    msg = f"{spec.path} never had serial {serial}; `certmandate show {spec.path}` lists those that it had"
    raise Refused(msg)


def _replaced(deployment: Deployment, target: Target, words: str, *, as_json: bool) -> None:
    """Raise Stopped unless the new certificate is stored: until then revoking would take the service down."""
    console = printer(to_stderr=as_json)
    request = {"certificates": [target.path], "force": True, "reason": words[:200]}
    ended = start(deployment, request, "revoke").follow(console)
    rows = ended.report.certificates if ended.report else ()
    row = next((row for row in rows if row.path == target.path), None)
    if row is None or row.outcome is not Outcome.RENEWED:
        became = f"{row.outcome} {row.error}".strip() if row else ended.error or ended.status
        msg = (
            f"the replacement of {target.path} is not stored yet ({became}). Revoking now would take the service down: "
            f"look at `certmandate show {target.path}`, and once the new one is served, revoke with "
            f"--serial {target.serial}"
        )
        raise Stopped(msg)


def _told(
    record: DelegationRecord, target: Target, code: ReasonCode, words: str, *, replaced: bool, urgent: bool
) -> dict[str, Any]:
    delegation = record.delegation
    return {
        "certificate": target.path,
        "names": list(target.names),
        "ssl_id": target.ssl_id or None,
        "serial": target.serial,
        "reason_code": code.value,
        "reason_number": NUMBERS[code],
        "reason": words,
        "replacement": "none" if not replaced else "ordered" if urgent else "stored",
        "revoked": False,
        "who": f"the RAO of {delegation.organisation}" + (f", {delegation.rao_email}" if delegation.rao_email else ""),
        "where": WHERE,
        "urgent": urgent,
        "rao": _for_rao(target, code, "urgent" if urgent else "replaced" if replaced else "ended"),
    }


def _for_rao(target: Target, code: ReasonCode, when: str) -> dict[str, str]:
    """What to send to the RAO, by language."""
    values = {"ssl_id": target.ssl_id, "serial": target.serial}
    found = {}
    for one in languages():
        which = one.text("revocation.ssl_id" if target.ssl_id else "revocation.serial", **values)
        item = one.text("revocation.item", which=which, names=", ".join(target.names), reason_code=code.value)
        found[one.code] = f"{one.text(f'revocation.{when}')} {item}"
    return found


def _lines(told: dict[str, Any]) -> Iterator[Text]:
    replacement = {
        "none": "No replacement was ordered; the next run orders one unless the delegation file has it no more.",
        "ordered": "A replacement was ordered at once; `certmandate show` says when it is stored.",
        "stored": "The replacement is stored; see that every server has loaded it before the old one is revoked.",
    }
    number = f"SSL ID {told['ssl_id']}" if told["ssl_id"] else "look it up by its serial"
    when = "NOW, by telephone as well: the key is compromised" if told["urgent"] else "now that it is replaced"
    if told["replacement"] == "none":
        when = "when the service has ended"
    yield Text(replacement[told["replacement"]])
    yield Text(f"\nTo be done by {told['who']}, {when}:", style="bold")
    yield Text(f"  {told['where']}")
    yield Text(f"  {number}, serial {told['serial']}, {', '.join(told['names'])}")
    yield Text(f"  reason {told['reason_code']} ({told['reason_number']}): {told['reason']}")
    yield Text("\nFor the RAO, ready to be sent:", style="bold")
    for text in told["rao"].values():
        yield Text(f"  {text}")


# ---- close-order -----------------------------------------------------------------------------------------------------


def close_order_command(
    context: typer.Context,
    certificate: CertificateArgument,
    reason: Annotated[str, typer.Option("--reason", help="What was found; it stands in the audit row.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """End an open order that a person has looked at in SCM: its key is erased, the next run may order anew."""
    delegation, name = split(certificate)
    with deployed(context) as deployment:
        order = deployment.book.certificate(delegation, name).order
        if order is None:
            msg = f"{certificate} has no open order; `certmandate show {certificate}` tells how its last one ended"
            raise Refused(msg)
        if not reason.strip():
            msg = "--reason is empty: say what was found in SCM, it stands in the audit row"
            raise Refused(msg)
        warning = _warning(order)
        printer(to_stderr=True).print(Text(warning, style="bold red"), soft_wrap=True)
        confirm(f"Close the order of {certificate} and erase its key?", yes=yes)
        _close(deployment, order, reason.strip())
    if as_json:
        printing.print_json(
            {
                "certificate": certificate,
                "token": order.token,
                "ssl_id": order.ssl_id,
                "was": order.status.value,
                "warning": warning,
            }
        )
    else:
        printer().print(
            f"Order {order.token} is closed. The next run orders anew if {certificate} is due.", soft_wrap=True
        )


def _warning(order: Order) -> str:
    """What SCM may still do with the order, and what closing it therefore costs."""
    if order.status.value == "issued":
        return (
            f"SCM has certified this order's key (SSL ID {order.ssl_id}): the certificate is good, and has only to be "
            "stored. Closing it throws the certificate away; have it revoked in SCM then."
        )
    if order.ssl_id:
        return (
            f"SCM has this order as SSL ID {order.ssl_id} and may issue it yet. Have it declined there first (revoked, "
            "if it is issued): its key is erased here, and the certificate would be of no use to anybody."
        )
    return (
        f"SCM's answer to this order was lost, so it may exist there. Look in SCM for {order.names[0]} with the token "
        f"{order.token} in its comments; have it declined first if it is there."
    )


def _close(deployment: Deployment, order: Order, reason: str) -> None:
    """Raises OrderConflict when a run has moved the order meanwhile."""
    from renewal.adapters.order_book.transitions import DynamoDbOrderBook

    book = DynamoDbOrderBook(deployment.client("dynamodb"), deployment.fact("OrdersTable"))
    book.fail(order, CLOSED, reason[:500], datetime.now(UTC), hold_until=None)
