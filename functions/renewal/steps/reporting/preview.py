"""What a run would do about a certificate that is due, for the report of a dry run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from renewal.domain.errors import NeedsAttention
from renewal.domain.judgement.obstacle import obstacle
from renewal.domain.order import ManagedCertificate, Order, OrderStatus
from renewal.domain.orderable import require_orderable
from renewal.domain.setup.inspection import DelegationRecord, Inspection


def preview(
    certificate: ManagedCertificate, record: DelegationRecord, inspection: Inspection | None, now: datetime
) -> str:
    """Return for example `order profile 3001, P-256, 199 days, for s3`; empty without an inspection of this run.

    What only enroll queries (what ACM holds under an ARN) is not taken into account.
    """
    if inspection is None:
        return ""
    if certificate.order is not None:
        return _resumed(certificate.order, certificate.lacking_stores)
    if refusal := obstacle(certificate, record, now):
        return f"be refused: {refusal.code}"
    try:
        term_days = require_orderable(certificate, record, inspection, now)
    except NeedsAttention as error:
        return f"be refused: {type(error).__name__}"
    spec = certificate.spec
    what = f"order profile {spec.profile_id}, {spec.key_type}, {term_days} days, for {', '.join(spec.stores)}"
    return f"{what}, under a new ARN" if _gets_a_new_arn(certificate) else what


def _resumed(order: Order, lacking: Iterable[str]) -> str:
    if order.status is OrderStatus.ISSUED:
        return f"store the certificate of order {order.ssl_id} in {', '.join(lacking)} and order nothing"
    if order.ssl_id is None:
        return f"search SCM for the unconfirmed order of {order.posted_at:%Y-%m-%d}"
    return f"collect order {order.ssl_id} of {order.opened_at:%Y-%m-%d} and order nothing"


def _gets_a_new_arn(certificate: ManagedCertificate) -> bool:
    spec = certificate.spec
    return any(certificate.arn_in(region, spec.key_type) is None for region in spec.acm_regions)
