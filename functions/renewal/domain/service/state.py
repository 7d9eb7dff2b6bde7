"""Whether a certificate is served everywhere it is declared to be, since when, and whether the operator must act."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from renewal.domain.certificate.serial import printed_serial
from renewal.domain.endpoint.observation import EndpointState, Observation, ServiceRecord, ServiceState
from renewal.domain.errors import ChainBroken
from renewal.domain.order import ManagedCertificate, StoredCertificate
from renewal.domain.setup.finding import Finding, Severity

NOT_SERVED, NOT_VERIFIED = "NotServed", "NotVerified"
VERIFICATION_COUNTS = timedelta(days=2)
"""A daily run verifies every certificate; an endpoint that was not contacted for two days may present anything."""
_MOST_NAMED = 3
_MOST_TEXT = 40_000  # characters in a record: with 50 endpoints and 16 addresses each it still fits into the item
_DAILY = timedelta(days=1)  # within it, a daily run verifies what was stored or verified before


def service_state(certificate: ManagedCertificate, now: datetime) -> ServiceState:
    """Return whether clients meet *certificate*, as last observed; what was not observed is not served."""
    if not certificate.spec.served_at:
        return ServiceState.NOT_DECLARED
    if _is_outdated(certificate, now):
        return ServiceState.NOT_VERIFIED
    observed = current_service(certificate)
    states = {observation.state for observation in observed.observations} if observed else set()
    if EndpointState.SERVED not in states:
        return ServiceState.NOT_SERVED
    return ServiceState.SERVED if observed and _is_everywhere(certificate, observed) else ServiceState.PARTLY


def awaits_verification(certificate: ManagedCertificate, now: datetime) -> bool:
    """Return whether an hourly run verifies *certificate*: it is not served, or the daily run did not get to it."""
    try:
        record = current_service(certificate)
        is_late = record is not None and now - record.observed_at >= _DAILY
        return is_late or service_state(certificate, now) is not ServiceState.SERVED
    except Exception:  # noqa: BLE001 - a bug costs no renewal: the verification meets it again, and names it
        return True


def expected_certificate(certificate: ManagedCertificate) -> StoredCertificate | None:
    """Return the certificate that endpoints are to present, the latest that a store has; None before a store has one.

    It is that of the open order as soon as one store has it. What another store still has is a former certificate, for
    a client too; that this store fails is a problem of its own.
    """
    order, stored = certificate.order, certificate.stored
    if order is None or not order.held_in:
        return stored
    from renewal.domain.certificate.facts import LIBRARY_ERRORS  # noqa: PLC0415 - imports cryptography
    from renewal.domain.stored_certificate import stored_certificate  # noqa: PLC0415 - imports cryptography

    with suppress(ChainBroken, *LIBRARY_ERRORS):  # an item that was edited; collect reports it
        return stored_certificate(order, certificate, order.held_in, order.issued_at or order.posted_at)
    return stored


def expected_since(certificate: ManagedCertificate, expected: StoredCertificate, now: datetime) -> datetime:
    """Return when a store had *expected*, which is the expected certificate.

    Of an open order that time is not recorded, since the store may have refused it for days: it counts from the first
    verification after which an endpoint did not present it, or from *now*.
    """
    if expected is certificate.stored:
        return expected.stored_at
    record = current_service(certificate)
    return (record.unserved_since if record else None) or now


def current_service(certificate: ManagedCertificate) -> ServiceRecord | None:
    """Return the record, if it is about the certificate that endpoints are to present now."""
    record, expected = certificate.service, expected_certificate(certificate)
    return record if record and expected and record.serial == expected.serial else None


def service_after(certificate: ManagedCertificate, observations: Iterable[Observation], now: datetime) -> ServiceRecord:
    """Return the record of *certificate*, of which the stores have one, after *observations* of all its endpoints.

    An address that is as before keeps its `since`.
    """
    expected, before = expected_certificate(certificate), current_service(certificate)
    serial = expected.serial if expected else ""
    known = {observation.place: observation for observation in before.observations} if before else {}
    dated = [_dated(observation, known.get(observation.place)) for observation in observations]
    most = _MOST_TEXT // max(len(dated), 1)
    record = ServiceRecord(serial, now, tuple(replace(each, text=each.text[:most]) for each in dated))
    if _is_everywhere(certificate, record):
        hours = _hours(certificate, now) if _is_of_stored(record) else before.hours_to_served if before else None
        return replace(record, hours_to_served=hours, announced=before.announced if before else None)
    if before is None:
        return replace(record, unserved_since=expected_since(certificate, expected, now) if expected else now)
    return replace(
        record,
        unserved_since=before.unserved_since or now,
        hours_to_served=before.hours_to_served,
        announced=before.announced,
    )


def _is_of_stored(record: ServiceRecord) -> bool:
    """Whether clients meet what the record is about, and not that of an order which has not recorded its store."""
    return all(each.serial in {"", record.serial} for each in record.observations)


def to_announce(certificate: ManagedCertificate, record: ServiceRecord) -> ServiceState | None:
    """Return the state to publish: `served` at once, `not served` after the grace; None without a change."""
    if record.unserved_since is None:
        state = ServiceState.SERVED if _is_of_stored(record) else record.announced
    elif record.has_waited(_grace(certificate)):
        state = ServiceState.NOT_SERVED
    else:
        return None
    return state if state is not record.announced else None


def service_findings(certificates: Iterable[ManagedCertificate], now: datetime) -> Iterator[Finding]:
    """Yield what the operator must do about the endpoints of *certificates*."""
    for certificate in certificates:
        finding = _not_verified(certificate) if _is_outdated(certificate, now) else not_served(certificate)
        if finding:
            yield finding


def not_served(certificate: ManagedCertificate) -> Finding | None:
    """Return the finding about endpoints that have not served *certificate* for longer than its grace."""
    record = current_service(certificate)
    if not certificate.spec.served_at or record is None or not record.has_waited(_grace(certificate)):
        return None
    wrong = [each for each in record.observations if each.state is not EndpointState.SERVED]
    more = f"; and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
    named = "; ".join(map(str, wrong[:_MOST_NAMED]))
    commands = [each.reload for each in certificate.spec.served_at if str(each) in {place.endpoint for place in wrong}]
    act = f". On the server: `{'` or `'.join(dict.fromkeys(commands))}`" if commands else ""
    lacking = ", ".join(certificate.lacking_stores) if certificate.order else ""
    stores = f". {lacking} does not have this certificate, so that endpoints which use it cannot" if lacking else ""
    text = f"not every endpoint presents serial {printed_serial(record.serial)}: {named}{more}{stores}{act}"
    return Finding(NOT_SERVED, "error", "operator", text, certificate.spec.name)


def _not_verified(certificate: ManagedCertificate) -> Finding:
    """A warning where no run has verified it before: it may have been declared only now."""
    record, reason = current_service(certificate), "the report of each run has the reason (late or not_verified)"
    severity: Severity = "error"
    since = f" since {record.observed_at:%Y-%m-%d %H:%M}Z" if record else " since this certificate was stored"
    if certificate.service is None:
        since, severity, reason = "", "warning", "the next daily run does"
    text = f"no run has verified its endpoints{since}: {reason}"
    return Finding(NOT_VERIFIED, severity, "operator", text, certificate.spec.name)


def _is_outdated(certificate: ManagedCertificate, now: datetime) -> bool:
    expected, record = expected_certificate(certificate), current_service(certificate)
    if expected is None or not certificate.spec.served_at:
        return False
    if expected is not certificate.stored:  # when a store got it is not recorded
        record = record or certificate.service
    return now - (record.observed_at if record else expected.stored_at) > VERIFICATION_COUNTS


def _hours(certificate: ManagedCertificate, now: datetime) -> float | None:
    """Hours from issuing *certificate* until it was served everywhere, which it is *now*.

    None when they are unknown: no order of ours issued it, or it may have been served long before it was verified.
    """
    expected, before = expected_certificate(certificate), current_service(certificate)
    if before and before.hours_to_served is not None:
        return before.hours_to_served
    if expected is None or expected.issued_at is None:
        return None
    is_open = expected is not certificate.stored
    is_first = (is_open or _was_never_stored(before, expected)) if before else now - expected.stored_at < _DAILY
    return round((now - expected.issued_at) / timedelta(hours=1), 2) if is_first else None


def _was_never_stored(record: ServiceRecord, expected: StoredCertificate) -> bool:
    """A record that was begun before all stores had the certificate counts from an earlier time."""
    return record.unserved_since is not None and record.unserved_since <= expected.stored_at


def _grace(certificate: ManagedCertificate) -> timedelta:
    return timedelta(hours=certificate.spec.grace_hours)


def _is_everywhere(certificate: ManagedCertificate, record: ServiceRecord) -> bool:
    """Whether every declared endpoint was observed, and all of its addresses serve."""
    observed = {observation.endpoint for observation in record.observations}
    is_complete = observed >= set(map(str, certificate.spec.served_at))
    return is_complete and all(each.state is EndpointState.SERVED for each in record.observations)


def _dated(observation: Observation, before: Observation | None) -> Observation:
    is_same = before is not None and before.state is observation.state
    return replace(observation, since=before.since) if before and is_same else observation
