"""The RAO's report on one month: orders in the organisation's name, refusals, the next renewals, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

from renewal.domain.audit.hash_chain import ChainHead
from renewal.domain.audit.seal import Seal
from renewal.domain.forecast import NextRenewal
from renewal.domain.notices.month import Month
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.domain.setup.inspection import DelegationRecord
from renewal.mail.findings_mail import Otherwise


@dataclass(frozen=True, slots=True)
class NextOrder:
    """A managed certificate with the day of its next renewal; None: the mandate may have ended by then."""

    certificate: ManagedCertificate
    renewal: date | None


@dataclass(frozen=True, slots=True)
class Proof:
    """With what the audit trail can be verified later."""

    head: ChainHead
    """Its last row when the report was made."""
    seal: Seal | None = None
    """Its last seal; None when nothing was sealed."""


@dataclass(frozen=True, slots=True)
class RaoReport:
    """One month, from the order book at `made_at`."""

    record: DelegationRecord
    month: Month
    made_at: datetime
    orders: tuple[FinishedOrder, ...]
    """Stored within the month, oldest first."""
    refusals: tuple[FinishedOrder, ...]
    """Ended without a certificate within the month, oldest first."""
    under_way: tuple[ManagedCertificate, ...]
    """Certificates with an order that was opened before the end of the month and is open now."""
    nexts: tuple[NextOrder, ...]
    acknowledged: tuple[Acknowledgement, ...]
    """Orders that the operator recorded within the month as the organisation's own."""
    proof: Proof | None
    """None when the audit trail was not read."""
    asks: Mapping[Finding, Otherwise] = field(default_factory=lambda: MappingProxyType({}))
    """What the RAO must do, most urgent first, and what happens otherwise (`renewal.mail.asks`)."""

    @property
    def is_over(self) -> bool:
        """Whether the month was over when the report was made."""
        return self.made_at >= self.month.ends


def rao_report(
    record: DelegationRecord,
    certificates: Iterable[ManagedCertificate],
    history: Iterable[FinishedOrder],
    month: Month,
    now: datetime,
    *,
    acknowledged: Iterable[Acknowledgement] = (),
    proof: Proof | None = None,
) -> RaoReport:
    """Return the report of *month*. *history*: the delegation's audit rows, oldest first; *proof*: of their chain."""
    managed = tuple(certificates)
    rows = [row for row in history if month.has(row.ended_at)]
    return RaoReport(
        record=record,
        month=month,
        made_at=now,
        orders=tuple(row for row in rows if row.status == OrderStatus.STORED),
        refusals=tuple(row for row in rows if row.status != OrderStatus.STORED),
        under_way=tuple(each for each in managed if each.order and each.order.opened_at < month.ends),
        nexts=_nexts(record, managed, now),
        acknowledged=tuple(row for row in acknowledged if month.has(row.at)),
        proof=proof,
    )


def _nexts(record: DelegationRecord, managed: Iterable[ManagedCertificate], now: datetime) -> tuple[NextOrder, ...]:
    ends = record.delegation.mandate_ends
    orders = []
    for certificate in managed:
        following = NextRenewal.of(certificate, record, now)
        day = max(following.at or now, now).date()
        is_late = following.is_after_the_mandate or (ends and ends < day)
        orders.append(NextOrder(certificate, None if is_late else day))
    return tuple(sorted(orders, key=lambda order: (order.renewal or date.max, order.certificate.spec.name)))
