"""An issued certificate on its way into several stores: what is served meanwhile, and which error is reported."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from renewal.domain.certificate import Chain
from renewal.domain.due import renewal_point
from renewal.domain.errors import RenewalError, Retryable
from renewal.domain.order import ManagedCertificate, Order, Served


def served_by(order: Order, certificate: ManagedCertificate, stores: Collection[str], now: datetime) -> Served:
    """Return what is served when *stores* hold the certificate of the issued *order*.

    A region without it keeps its earlier ARN, because the next certificate is to be imported into the same one.
    """
    leaf, previous, spec = Chain.parse(order.chain).leaf, certificate.served, certificate.spec
    earlier = previous.arns if previous and previous.key_type is order.key_type else {}
    return Served(
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
        arns={region: arn for region, arn in earlier.items() if region in spec.acm_regions} | dict(order.arns),
        sealed_key=order.sealed_key,
    )


def is_due_by_age(served: Served, certificate: ManagedCertificate) -> bool:
    """Return whether *served* was due for renewal when it was stored."""
    spec = certificate.spec
    return served.stored_at >= renewal_point(spec.path, served.not_before, served.not_after, spec.policy)


def error_of(failures: Mapping[str, RenewalError], stored: Collection[str] = ()) -> RenewalError:
    """Return the one error that a run reports for *failures*, by store; *stored*: the stores that succeeded.

    An error that a retry can resolve comes first, so that the step is repeated for all stores that failed.
    """
    first = next((error for error in failures.values() if isinstance(error, Retryable)), next(iter(failures.values())))
    if len(failures) == 1 and not stored:
        return first
    done = [f"stored in {', '.join(stored)}"] if stored else []
    return type(first)(
        "; ".join([*done, *(f"{where}: {type(error).__name__}: {error}" for where, error in failures.items())])
    )
