"""Whether a store would take a certificate, before it is ordered."""

from __future__ import annotations

from renewal.deadline import Deadline
from renewal.domain.delegation import ACM, S3
from renewal.domain.errors import RenewalError, error_of
from renewal.domain.order import ManagedCertificate
from renewal.ports.stores import AcmStore

ANSWER_SECONDS = 22.0
"""In which a call of ACM ends that is not answered (`adapters.aws`)."""


def require_store(certificate: ManagedCertificate, acm: AcmStore, deadline: Deadline) -> None:
    """Raise the refusals of all stores: one that takes the certificate does not wait for the others.

    S3 takes each certificate. A region that is not asked, because others took the time, may take it.
    """
    if S3 in certificate.spec.stores:
        return
    refusals: dict[str, RenewalError] = {}
    for region in certificate.spec.acm_regions:
        is_late = bool(refusals) and deadline.seconds_left() < ANSWER_SECONDS
        if is_late or not (refusal := acm.refusal(certificate, region)):
            return
        refusals[f"{ACM}{region}"] = refusal
    raise error_of(refusals)
