"""Which certificates are due, and why: a pure function of what is wanted, what is stored, and the time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType

from renewal.domain.delegation import CertificateSpec, RenewalPolicy
from renewal.domain.order import ManagedCertificate, Order, StoredCertificate
from renewal.domain.replacement_rule import ReplacementRule

SHORT_LIFETIME = timedelta(days=10)
SHORT_RATIO = 1 / 2
LAST_RESORT = 1 / 10
SPREAD = 1 / 5  # of the renewal window
DCV_MARGIN = timedelta(days=7)
"""How long before a domain validation expires a renewal is brought forward."""

EVERY_RUN = datetime(1970, 1, 1, tzinfo=UTC)
"""Next action of a certificate with an open order: in the past for every run, even if the clock of the run that opened
the order was ahead, and before every other one, so that it comes first."""
EVERY_VERIFICATION = EVERY_RUN + timedelta(hours=12)
"""Next action of a certificate with declared endpoints, after those of open orders: each run may verify what they
present."""
EVERY_DAILY_RUN = EVERY_RUN + timedelta(days=1)
"""Next action of a certificate that the next daily run must consider, also if the writer's clock was ahead. It is after
the two others, so that the hourly runs do not read what only a daily run orders."""


class Cause(StrEnum):
    """Why a certificate is due; the values are used in payloads, reports and audit rows."""

    NEW = "new"
    AGE = "age"
    LAST_RESORT = "last-resort"
    EXPIRED = "expired"
    NAMES_CHANGED = "names-changed"
    PROFILE_CHANGED = "profile-changed"
    KEY_TYPE_CHANGED = "key-type-changed"
    STORES_CHANGED = "stores-changed"
    REVOKED = "revoked"
    REPLACED_IN_SCM = "replaced-in-scm"
    ASKED = "asked"
    REPLACEMENT = "replacement"
    DCV_LAPSING = "dcv-lapsing"
    ORDER_OPEN = "order-open"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one certificate. `causes` empty = not due."""

    causes: tuple[Cause, ...]
    renew_at: datetime | None
    """When it becomes due by age; None without a stored certificate."""
    is_held: bool = False
    """Due, but not ordered until `ManagedCertificate.hold_until`, because an order failed."""

    @property
    def is_due(self) -> bool:
        """Whether anything is to be done now."""
        return bool(self.causes) and not self.is_held


def renewal_point(path: str, not_before: datetime, not_after: datetime, policy: RenewalPolicy) -> datetime:
    """Return the time from which the certificate is due by age.

    The window is the last `policy.ratio` of the lifetime (half of it for lifetimes under ten days), at least
    `policy.floor_days` but never more than half of the lifetime, so that no policy renews in a loop. The point is
    spread over the first fifth of the window by a hash of *path*, so that certificates issued on one day are not all
    renewed on one day. That fifth ends before the last tenth of the lifetime in any case.
    """
    lifetime = not_after - not_before
    ratio = SHORT_RATIO if lifetime < SHORT_LIFETIME else policy.ratio
    window = min(max(lifetime * ratio, timedelta(days=policy.floor_days)), lifetime / 2)
    spread = window * SPREAD
    begins = min(not_after - window, last_resort(not_before, not_after) - spread)
    return begins + spread * _fraction(path)


def due_by_age_at(spec: CertificateSpec, stored: StoredCertificate) -> datetime:
    """Return the `renewal_point` of *stored*."""
    return renewal_point(spec.path, stored.not_before, stored.not_after, spec.policy)


def last_resort(not_before: datetime, not_after: datetime) -> datetime:
    """Return the time from which a tenth of the lifetime is left: no hold delays a renewal after it."""
    return not_after - (not_after - not_before) * LAST_RESORT


def _fraction(path: str) -> float:
    """A number in [0, 1) that depends on *path* alone and is even over many paths."""
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:4], "big") / 2**32


def decide(
    certificate: ManagedCertificate,
    now: datetime,
    *,
    withdrawn: Mapping[str, Cause] = MappingProxyType({}),
    replacements: Iterable[ReplacementRule] = (),
    dcv_expires: date | None = None,
) -> Decision:
    """Decide whether *certificate* is due at *now*.

    *withdrawn*: serials of what SCM reports as revoked or replaced. *replacements*: replacement rules. A hold after
    a failed order is overridden by an operator's request and by the last tenth of the lifetime.
    """
    stored = certificate.stored
    renew_at = due_by_age_at(certificate.spec, stored) if stored else None
    if certificate.order is not None:
        return Decision((Cause.ORDER_OPEN,), renew_at)
    causes = [Cause.ASKED] if certificate.asked_reason else []
    causes += [Cause.NEW] if stored is None else _by_age(stored, renew_at, now)
    causes += [Cause.DCV_LAPSING] if not causes and brought_forward_to(certificate, dcv_expires, now) == now else []
    in_force = [rule for rule in replacements if rule.issued_before <= now]
    causes += [] if stored is None else _by_change(certificate, stored, withdrawn.get(stored.serial), in_force)
    urgent = {Cause.ASKED, Cause.LAST_RESORT, Cause.EXPIRED} & set(causes)
    on_hold = certificate.hold_until is not None and now < certificate.hold_until
    return Decision(tuple(causes), renew_at, is_held=bool(causes) and on_hold and not urgent)


def with_stored(certificate: ManagedCertificate, order: Order, stored: StoredCertificate) -> ManagedCertificate:
    """Return the record of *certificate* once *order* has become *stored*.

    A request of the operator that came after the order was opened stays: the order's key was made before it.
    """
    asked_reason = "" if Cause.ASKED in order.causes else certificate.asked_reason
    return ManagedCertificate(certificate.spec, stored, asked_reason=asked_reason, revocations=certificate.revocations)


def _by_age(stored: StoredCertificate, renew_at: datetime | None, now: datetime) -> list[Cause]:
    if now >= stored.not_after:
        return [Cause.EXPIRED]
    if now >= last_resort(stored.not_before, stored.not_after):
        return [Cause.LAST_RESORT]
    return [Cause.AGE] if renew_at is not None and now >= renew_at else []


def _by_change(
    certificate: ManagedCertificate,
    stored: StoredCertificate,
    withdrawn: Cause | None,
    replacements: Iterable[ReplacementRule],
) -> list[Cause]:
    spec = certificate.spec
    changes = {
        Cause.NAMES_CHANGED: set(spec.names) != set(stored.names),
        Cause.PROFILE_CHANGED: spec.profile_id != stored.profile_id,
        Cause.KEY_TYPE_CHANGED: spec.key_type != stored.key_type,
        Cause.STORES_CHANGED: bool(set(spec.stores) - set(stored.stores)),
        Cause.REVOKED: withdrawn is Cause.REVOKED,
        Cause.REPLACED_IN_SCM: withdrawn is Cause.REPLACED_IN_SCM,
        Cause.REPLACEMENT: any(rule.covers(certificate) for rule in replacements),
    }
    return [cause for cause, applies in changes.items() if applies]


def brought_forward_to(certificate: ManagedCertificate, dcv_expires: date | None, now: datetime) -> datetime | None:
    """Return when to renew, from *now* on, because a domain validation expires before the renewal by age; None if not.

    Never in the first half of the lifetime, and never twice because of one expiry: what was stored within the margin
    before it stays. So where validations last for days only (BR §4.2.1, from 2029) nothing is renewed in a loop.
    """
    stored = certificate.stored
    if stored is None or dcv_expires is None:
        return None
    expiry = datetime.combine(dcv_expires, time(), UTC)
    half = stored.not_before + (stored.not_after - stored.not_before) / 2
    earliest = expiry - DCV_MARGIN
    day = max(half, earliest, now)
    is_sooner = day < expiry <= due_by_age_at(certificate.spec, stored)
    return day if is_sooner and stored.stored_at < earliest else None


def next_action(certificate: ManagedCertificate, now: datetime) -> datetime:
    """Return when a run must consider *certificate* again: the key of the order book's index.

    With declared endpoints that is each run, because each may verify what they present.
    """
    if certificate.order is not None:
        return EVERY_RUN
    if certificate.spec.served_at:
        return EVERY_VERIFICATION
    decision = decide(certificate, now)
    due_at = EVERY_DAILY_RUN if decision.causes or decision.renew_at is None else decision.renew_at
    return due_at if decision.is_due else max(due_at, _hold_ends(certificate) or due_at)


def _hold_ends(certificate: ManagedCertificate) -> datetime | None:
    """The last tenth overrides a hold, so the index must name its beginning."""
    stored, until = certificate.stored, certificate.hold_until
    if stored is None or until is None:
        return until
    return min(until, last_resort(stored.not_before, stored.not_after))
