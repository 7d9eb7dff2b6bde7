"""What a run that is no dry run would do about a certificate that is due, in a few words for a person."""

from __future__ import annotations

from datetime import datetime

from renewal.domain.errors import DcvLapsed, NeedsPerson
from renewal.domain.order import ManagedCertificate, Order
from renewal.domain.orderable import require_orderable
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import dcv_of


def preview(
    certificate: ManagedCertificate, record: DelegationRecord, inspection: Inspection | None, now: datetime
) -> str:
    """Return it, for example `order profile 3001, P-256, 199 days, for s3`; empty without an inspection of this run.

    What only enroll asks (what ACM holds under an ARN) is not foreseen here.
    """
    if inspection is None:
        return ""
    if certificate.order is not None:
        return _resumed(certificate.order)
    try:
        term_days = require_orderable(certificate, record, inspection, now)
    except NeedsPerson as error:
        return f"be refused: {type(error).__name__}"
    lapses = dcv_of(inspection.delegated, certificate.spec.names)
    if lapses is not None and lapses < now.date():
        return f"be refused: {DcvLapsed.__name__}"
    spec = certificate.spec
    what = f"order profile {spec.profile_id}, {spec.key_type}, {term_days} days, for {', '.join(spec.stores)}"
    return f"{what}, under a new ARN" if _gets_a_new_arn(certificate) else what


def _resumed(order: Order) -> str:
    if order.ssl_id is None:
        return f"look for the order of {order.posted_at:%Y-%m-%d}, whose answer was lost, before it orders"
    return f"collect order {order.ssl_id} of {order.opened_at:%Y-%m-%d}, order nothing"


def _gets_a_new_arn(certificate: ManagedCertificate) -> bool:
    spec = certificate.spec
    return any(certificate.arn_in(region, spec.key_type) is None for region in spec.acm_regions)
