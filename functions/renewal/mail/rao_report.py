"""The RAO's report on one month: orders in the organisation's name, refusals, the next renewals, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from renewal.domain.audit.hash_chain import ChainHead
from renewal.domain.audit.seal import Seal
from renewal.domain.due import Cause
from renewal.domain.errors import Actor
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.judgement.obstacle import is_shut_out
from renewal.domain.judgement.order_wait import awaits_approval
from renewal.domain.judgement.problem import OUTAGES
from renewal.domain.notices.month import Month
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import Acknowledgement, ForeignOrderList
from renewal.domain.setup.inspection import DelegationRecord
from renewal.mail.findings_mail import Otherwise


class Waits(StrEnum):
    """For what the next renewal of a certificate waits."""

    DAY = "day"
    """On which it is due, or on which a refused order is placed again."""
    RUN = "run"
    """The next daily run, which orders it or tries again."""
    ISSUANCE = "issuance"
    """It is ordered; SCM or the CA has to issue it."""
    RAO = "rao"
    OPERATOR = "operator"
    MANDATE = "mandate"
    """Nothing: the mandate may have ended by then."""


@dataclass(frozen=True, slots=True)
class NextOrder:
    """What happens next with a managed certificate, as `status` has it."""

    certificate: ManagedCertificate
    waits_for: Waits
    renewal: date | None
    """Its day; today for one that is due. None: no day is known."""

    @classmethod
    def of(cls, judgement: Judgement, today: date) -> Self:
        """Return what happens next with the certificate of *judgement*, which is of *today*."""
        waits_for, certificate = _waits(judgement), judgement.certificate
        day = {Waits.RUN: today, Waits.DAY: _day(judgement)}.get(waits_for)
        return cls(certificate, waits_for, day)

    @property
    def urgency(self) -> tuple[bool, date, str]:
        """Sort key: what waits for an action or SCM first, last what the mandate does not cover."""
        return self.waits_for is Waits.MANDATE, self.renewal or date.min, self.certificate.spec.name


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
    retired_at: datetime | None = None
    """When the delegation was ended; None: it was not."""
    foreign: ForeignOrderList = field(default_factory=ForeignOrderList)
    """The orders at SCM that the order book did not have at the last inspection."""
    revoked: frozenset[str] = frozenset()
    """Serials that SCM has shown as revoked."""

    @property
    def is_over(self) -> bool:
        """Whether the month was over when the report was made."""
        return self.made_at >= self.month.ends


def rao_report(
    record: DelegationRecord,
    judged: Iterable[Judgement],
    history: Iterable[FinishedOrder],
    month: Month,
    now: datetime,
    *,
    acknowledged: Iterable[Acknowledgement] = (),
    proof: Proof | None = None,
) -> RaoReport:
    """Return the report of *month*.

    *judged*: the delegation's certificates at *now*; *history*: its audit rows, oldest first; *proof*: of their chain.
    """
    judgements, every = tuple(judged), tuple(history)
    managed = [each.certificate for each in judgements]
    rows = [row for row in every if month.has(row.ended_at)]
    return RaoReport(
        record=record,
        month=month,
        made_at=now,
        orders=tuple(row for row in rows if row.status == OrderStatus.STORED),
        refusals=tuple(row for row in rows if row.status != OrderStatus.STORED),
        under_way=tuple(each for each in managed if each.order and each.order.opened_at < month.ends),
        nexts=_nexts(judgements, now.date()),
        acknowledged=tuple(row for row in acknowledged if month.has(row.at)),
        proof=proof,
        revoked=_revoked(record, every),
    )


def _revoked(record: DelegationRecord, history: Iterable[FinishedOrder]) -> frozenset[str]:
    replaced = frozenset(row.previous_serial for row in history if Cause.REVOKED in row.causes)
    return replaced | record.inspection.all_revoked if record.inspection else replaced


def _nexts(judgements: Iterable[Judgement], today: date) -> tuple[NextOrder, ...]:
    return tuple(sorted((NextOrder.of(each, today) for each in judgements), key=lambda order: order.urgency))


def _waits(judgement: Judgement) -> Waits:
    order = judgement.certificate.order
    if order is None and judgement.mandate_ends:
        return Waits.MANDATE
    if actor := _awaited(judgement):
        return Waits(actor)
    if order is not None:
        return Waits.ISSUANCE
    return Waits.RUN if judgement.decision.is_due else Waits.DAY


def _awaited(judgement: Judgement) -> Actor | None:
    """Return who must act before the certificate is renewed; None: no action is needed."""
    order, blocked, problem = judgement.certificate.order, judgement.obstacle, judgement.problem
    if order is not None:
        is_unstored = bool(order.storing_error) and order.storing_error not in OUTAGES
        is_stopped = is_unstored or awaits_approval(order) or (blocked and is_shut_out(blocked, order))
        return problem.actor if is_stopped and problem else None
    if not judgement.decision.causes:
        return None
    if blocked:
        return blocked.actor
    failed = judgement.last_failure
    if failed is None or failed.actor == "rao":
        return "rao" if failed else None
    # A run orders again after a failed order, and tries again after an outage; nothing else ends automatically.
    is_automatic = failed.is_outage or failed.code == judgement.certificate.last_error
    return None if is_automatic else failed.actor


def _day(judgement: Judgement) -> date | None:
    """Return when it is due, or until when no order follows a refused one."""
    until = judgement.certificate.hold_until if judgement.decision.is_held else judgement.renew_at
    return until.date() if until else None
