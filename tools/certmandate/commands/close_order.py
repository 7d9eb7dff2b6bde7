"""`certmandate close-order`: ends an open order that the operator has checked in SCM."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from certmandate.deployment import Deployment, to_change
from certmandate.exit import Refused
from certmandate.options import CertificateArgument, JsonOption, YesOption, confirm, split
from certmandate.views import printing
from renewal.domain.order import CLOSED, ManagedCertificate, Order, OrderStatus


def close_order_command(
    context: typer.Context,
    certificate: CertificateArgument,
    reason: Annotated[str, typer.Option("--reason", help="What you found in SCM; it is stored in the audit row.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Close an open order that you have checked in SCM.

    Its key is erased, and the next daily run orders again if the certificate is due.
    """
    delegation, name = split(certificate)
    with to_change(context) as deployment:
        managed = deployment.book.certificate(delegation, name)
        order = managed.order
        if order is None:
            msg = f"{certificate} has no open order; `certmandate show {certificate}` shows how its last order ended"
            raise Refused(msg)
        if not reason.strip():
            msg = "--reason is empty: pass what you found in SCM, for the audit row"
            raise Refused(msg)
        if _is_only_unrecorded(deployment, order):
            msg = (
                "S3 has the certificate of this order already: a run was stopped before it could record that. "
                f"The next hourly run records and announces it; then `certmandate show {certificate}`"
            )
            raise Refused(msg)
        warning = _warning(order)
        printing.print_error(warning)
        confirm(f"Close the order of {certificate} and erase its key?", yes=yes)
        _close(deployment, managed, order, reason.strip())
    document = {"certificate": certificate, "token": order.token, "ssl_id": order.ssl_id, "was": order.status.value}
    text = f"Order {order.token} is closed. The next daily run orders again if {certificate} is due."
    printing.print_result({**document, "warning": warning}, text, as_json=as_json)


def _is_only_unrecorded(deployment: Deployment, order: Order) -> bool:
    """Return whether S3 has the order's certificate, and no run has met an error that keeps it from the record."""
    from renewal.adapters.objects import S3Certificates
    from renewal.domain.certificate.chain import Chain

    if order.held_in or order.storing_error or not order.chain:
        return False
    objects = S3Certificates(deployment.client("s3"), deployment.fact("StoreBucket"))
    return objects.stored_serial(order.delegation, order.certificate) == Chain.parse(order.chain).leaf.serial


def _warning(order: Order) -> str:
    """Return what SCM may still do with the order, and what is lost when it is closed."""
    if order.held_in:
        return (
            f"The certificate of this order is stored in {', '.join(order.held_in)}, and stays there after "
            "the order is closed; no other store gets it. The next daily run orders again for those that lack it."
        )
    if order.status is OrderStatus.ISSUED:
        return (
            f"SCM has issued a certificate for this order's key (SSL ID {order.ssl_id}), and it only has to be stored. "
            "Closing the order discards the certificate. A run that was killed may have stored it without a record: "
            "have it revoked in SCM only when neither `current.json` in S3 nor ACM has its serial."
        )
    if order.ssl_id:
        return (
            f"SCM has this order as SSL ID {order.ssl_id} and may still issue it. Have it declined in SCM first, or "
            "revoked if it is issued: its key is erased here, and without the key the certificate is useless."
        )
    return (
        f"SCM has not confirmed this order, so it may exist there. Search SCM for {order.names[0]} with the token "
        f"{order.token} in the comments. If it is there, have it declined first. If it is not, `certmandate renew "
        f"{order.path} --order-again` sends this order again instead."
    )


def _close(deployment: Deployment, certificate: ManagedCertificate, order: Order, reason: str) -> None:
    """Raises OrderConflict when a run has changed the order meanwhile."""
    from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions
    from renewal.domain.stored_certificate import stored_certificate

    transitions = DynamoDbOrderTransitions(deployment.tables, deployment.operator)
    now, text = datetime.now(UTC), reason[:500]
    if order.held_in:
        transitions.finish(order, stored_certificate(order, certificate, order.held_in, now), certificate.stored, text)
    else:
        transitions.fail(order, CLOSED, text, now, hold_until=None)
