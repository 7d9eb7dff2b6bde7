"""The certificates of a scenario: records as the order book has them, and what SCM and the servers have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from renewal.domain.delegation import CertificateSpec
from renewal.domain.due import decide
from renewal.domain.key_type import KeyType
from renewal.domain.limits import DueCertificate
from renewal.domain.order import ManagedCertificate, Order, OrderStatus, StoredCertificate
from renewal.domain.replacement_rule import ReplacementRule

BEGIN = datetime(2026, 11, 30, 8, tzinfo=UTC)
"""Second 0 of the virtual time."""
ISSUER = "CN=The CA that has to revoke"
_HOLD = timedelta(days=1)
"""After a first declined order (renewal.steps.collect)."""
_TOKEN = "t"  # noqa: S105 - of an order


def at(seconds: float) -> datetime:
    """Return a time of the virtual clock."""
    return BEGIN + timedelta(seconds=seconds)


@dataclass(slots=True)
class VirtualCertificate:
    """One certificate."""

    record: ManagedCertificate
    has_acm: bool
    needs_approval: bool
    orders: int = 0
    declines: int = 0
    issued_at: float = 0.0
    """Of the open order."""
    is_declined: bool = False
    is_polled: bool = False
    """Whether the open order was polled before."""
    stored_at: float | None = None
    served_at: float | None = None
    """When a run has verified that its endpoints serve it."""

    def order(self, issued_at: float, *, is_declined: bool) -> None:
        """Open an order."""
        self.orders += 1
        self.issued_at, self.is_declined, self.is_polled = issued_at, is_declined, False
        self.record = replace(self.record, order=_open_order(self.record.spec))

    def fail(self, now: float) -> None:
        """End the order: SCM has declined it."""
        self.declines += 1
        self.record = replace(self.record, order=None, failures=1, hold_until=at(now) + _HOLD)

    def store(self, now: float, days: int) -> None:
        """End the order: the stores have the certificate, valid for *days*."""
        self.stored_at = now
        stored = _stored(self.record.spec, at(now), days)
        self.record = ManagedCertificate(self.record.spec, stored)


@dataclass(slots=True)
class VirtualEstate:
    """All certificates, by delegation."""

    certificates: Sequence[VirtualCertificate]
    days: int = 46
    """Lifetime of what is issued."""
    by_path: dict[str, VirtualCertificate] = field(init=False)

    def __post_init__(self) -> None:
        self.by_path = {each.record.spec.path: each for each in self.certificates}

    @classmethod
    def of(
        cls, delegations: int, each: int, *, days: int = 46, age_days: float | None = None, acm: bool = False,
        approvals: float = 0.0,
    ) -> VirtualEstate:  # fmt: skip
        """Return *delegations* with *each* certificates, issued *age_days* before, or evenly over their lifetime.

        *approvals*: the share of the delegations whose orders an administrator approves.
        """
        certificates = []
        for number in range(delegations):
            needs_approval = number < approvals * delegations
            for index in range(each):
                spec = CertificateSpec(f"d{number}", f"c{index}", (f"c{index}.d{number}.example",), 1)
                place = (number * each + index) / (delegations * each)
                age = place * days * 2 / 3 if age_days is None else age_days
                stored = _stored(spec, BEGIN - timedelta(days=age), days)
                certificates.append(VirtualCertificate(ManagedCertificate(spec, stored), acm, needs_approval))
        return cls(certificates, days)

    def due(self, now: float, rules: Sequence[ReplacementRule]) -> Iterator[DueCertificate]:
        """Yield what the shipped functions find due."""
        for each in self.certificates:
            decision = decide(each.record, at(now), replacements=rules)
            if decision.causes and not decision.is_held:
                covering = tuple(rule for rule in rules if rule.covers(each.record))
                yield DueCertificate.of(each.record, decision, covering)


def _stored(spec: CertificateSpec, not_before: datetime, days: int) -> StoredCertificate:
    return StoredCertificate(
        ssl_id=1, serial="1", not_before=not_before, not_after=not_before + timedelta(days=days), names=spec.names,
        profile_id=spec.profile_id, key_type=spec.key_type, issuer=ISSUER, stores=spec.stores, token=_TOKEN,
        stored_at=not_before,
    )  # fmt: skip


def _open_order(spec: CertificateSpec) -> Order:
    return Order(
        delegation=spec.delegation, certificate=spec.name, token=_TOKEN, status=OrderStatus.ORDERED, department_id=1,
        names=spec.names, profile_id=1, key_type=KeyType.P_256, term_days=46, csr="", sealed_key=b"",
        causes=("replacement",), run_id="", opened_at=BEGIN, posted_at=BEGIN, ssl_id=1,
    )  # fmt: skip
