"""The stored certificate that an order leads to.

Apart from `order`, because it parses certificates: most functions do not, and import no cryptography.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from renewal.domain.certificate.chain import Chain
from renewal.domain.order import ManagedCertificate, Order, StoredCertificate


def stored_certificate(
    order: Order, certificate: ManagedCertificate, stores: Collection[str], now: datetime
) -> StoredCertificate:
    """Return what is stored when *stores* hold the certificate of the issued *order*.

    A region without it keeps its earlier ARN, because the next certificate is to be imported into the same one.
    """
    leaf, previous, spec = Chain.parse(order.chain).leaf, certificate.stored, certificate.spec
    earlier = previous.arns if previous and previous.key_type is order.key_type else {}
    arns = {region: arn for region, arn in earlier.items() if region in spec.acm_regions} | dict(order.arns)
    return StoredCertificate(
        ssl_id=order.ssl_id or 0,
        serial=leaf.serial,
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        names=order.names,
        profile_id=order.profile_id,
        key_type=order.key_type,
        issuer=leaf.issuer,
        stores=tuple(store for store in spec.stores if store in stores),
        token=order.token,
        stored_at=now,
        arns=arns,
        client_auth=leaf.is_for_clients,
        key_fingerprint=leaf.key_fingerprint,
        fingerprint=leaf.fingerprint(),
        ordered_at=order.opened_at,
        issued_at=order.issued_at,
        former_arns=former_arns(previous, arns.values(), now),
    )


def former_arns(previous: StoredCertificate | None, arns: Collection[str], now: datetime) -> Mapping[str, datetime]:
    """Return the `former_arns` of what takes the place of *previous* in *arns*, without those that have expired."""
    if previous is None:
        return {}
    known = {**previous.former_arns, **dict.fromkeys(previous.arns.values(), previous.not_after)}
    return {arn: expires for arn, expires in known.items() if arn not in arns and expires > now}
