"""The RAO's report on one month: orders in the organisation's name, refusals, and the next renewals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from certmandate.refused_orders import findings_with_orders
from certmandate.views.findings_mail import detail_in, finding_values, names_in
from certmandate.views.html_page import html
from certmandate.views.language import Language, languages
from renewal.domain.audit.chain import ChainHead
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.forecast import next_renewal
from renewal.domain.order import COMMENT_PREFIX, FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.snapshot import dcv_of

REVOCATION = "revoke: "
"""Begins the reason of an order that `certmandate revoke` requested; a ReasonCode and the operator's text follow."""


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, UTC."""

    first: date

    @property
    def begins(self) -> datetime:
        """Its start."""
        return datetime(self.first.year, self.first.month, 1, tzinfo=UTC)

    @property
    def ends(self) -> datetime:
        """The start of the next month."""
        return (self.begins + timedelta(days=31)).replace(day=1)

    def has(self, at: datetime) -> bool:
        """Return whether *at* is in it."""
        return self.begins <= at < self.ends

    def __str__(self) -> str:
        """`2026-11`."""
        return f"{self.first:%Y-%m}"


def month_named(text: str) -> Month:
    """Return the month written as `2026-11`. Raises ValueError."""
    return Month(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date())


def month_before(now: datetime) -> Month:
    """Return the month before the one of *now*."""
    return Month((now.date().replace(day=1) - timedelta(days=1)).replace(day=1))


@dataclass(frozen=True, slots=True)
class NextOrder:
    """A managed certificate with the day of its next renewal; None: the mandate ends before."""

    certificate: ManagedCertificate
    renewal: date | None


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
    asks: tuple[Finding, ...]
    """Findings of the last inspection, and refused orders since, on which the RAO must act."""
    head: ChainHead
    """The last row of the audit trail when the report was made."""

    @property
    def is_over(self) -> bool:
        """Whether the month was over when the report was made."""
        return self.made_at >= self.month.ends


def rao_report(
    record: DelegationRecord,
    certificates: Iterable[ManagedCertificate],
    history: Iterable[FinishedOrder],
    acknowledged: Iterable[Acknowledgement],
    month: Month,
    now: datetime,
    head: ChainHead,
) -> RaoReport:
    """Return the report of *month*. *history*: the delegation's audit rows, oldest first; *head*: of their chain."""
    managed, every = tuple(certificates), tuple(history)
    rows = [row for row in every if month.has(row.ended_at)]
    findings = findings_with_orders(record.inspection, managed, every) if record.inspection else ()
    return RaoReport(
        record=record,
        month=month,
        made_at=now,
        orders=tuple(row for row in rows if row.status == OrderStatus.STORED),
        refusals=tuple(row for row in rows if row.status != OrderStatus.STORED),
        under_way=tuple(each for each in managed if each.order and each.order.opened_at < month.ends),
        nexts=_nexts(record, managed, now),
        acknowledged=_of_month(month, acknowledged),
        asks=tuple(finding for finding in findings if finding.actor == "rao"),
        head=head,
    )


def _of_month(month: Month, acknowledged: Iterable[Acknowledgement]) -> tuple[Acknowledgement, ...]:
    return tuple(row for row in acknowledged if month.has(row.at))


def _nexts(record: DelegationRecord, managed: Iterable[ManagedCertificate], now: datetime) -> tuple[NextOrder, ...]:
    delegated = record.inspection.delegated if record.inspection else ()
    ends = record.delegation.mandate_ends
    found = []
    for certificate in managed:
        day = next_renewal(certificate, dcv_of(delegated, certificate.spec.names, now), now).date()
        found.append(NextOrder(certificate, None if ends and ends < day else day))
    return tuple(sorted(found, key=lambda order: (order.renewal or date.max, order.certificate.spec.name)))


# ---- JSON ------------------------------------------------------------------------------------------------------------


def document(report: RaoReport) -> dict[str, Any]:
    """Return the report as JSON has it; times as RFC 3339 in UTC, days as `2026-11-23`."""
    delegation = report.record.delegation
    return {
        "delegation": delegation.name,
        "organisation": delegation.organisation,
        "department_id": delegation.department_id,
        "month": str(report.month),
        "month_is_over": report.is_over,
        "made_at": report.made_at.isoformat(),
        "orders": [_order(row) for row in report.orders],
        "refusals": [_refusal(row) for row in report.refusals],
        "under_way": [_under_way(certificate) for certificate in report.under_way],
        "next": [_next(order) for order in report.nexts],
        "acknowledged": [
            {"order": row.key, "reason": row.reason, "acknowledged_at": row.at.isoformat()}
            for row in report.acknowledged
        ],
        "asks": [finding_document(finding) for finding in report.asks],
        "audit_head": str(report.head),
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON has it."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "actor": finding.actor,
        "certificate": finding.certificate or None,
        "due": finding.due.isoformat() if finding.due else None,
        "screen": finding.screen or None,
        "security": finding.is_security,
        "text": finding.text,
    }


def _order(row: FinishedOrder) -> dict[str, Any]:
    return {
        "certificate": row.certificate,
        "names": list(row.names),
        "ssl_id": row.ssl_id,
        "serial": printed_serial(row.serial),
        "previous_serial": printed_serial(row.previous_serial) or None,
        "ordered_at": row.opened_at.isoformat(),
        "stored_at": row.ended_at.isoformat(),
        "causes": list(row.causes),
        "reason": row.reason or None,
        "not_before": _iso(row.not_before),
        "not_after": _iso(row.not_after),
        "stores": list(row.stores),
        "run_id": row.run_id,
    }


def _refusal(row: FinishedOrder) -> dict[str, Any]:
    return {
        "certificate": row.certificate,
        "names": list(row.names),
        "ssl_id": row.ssl_id,
        "ordered_at": row.opened_at.isoformat(),
        "ended_at": row.ended_at.isoformat(),
        "error": row.error,
        "text": row.text,
        "run_id": row.run_id,
    }


def _under_way(certificate: ManagedCertificate) -> dict[str, Any]:
    order = certificate.order
    return {
        "certificate": certificate.spec.name,
        "names": list(order.names if order else ()),
        "ordered_at": _iso(order.opened_at if order else None),
        "ssl_id": order.ssl_id if order else None,
        "trouble": order.trouble or None if order else None,
    }


def _next(order: NextOrder) -> dict[str, Any]:
    spec, served = order.certificate.spec, order.certificate.served
    return {
        "certificate": spec.name,
        "names": list(spec.names),
        "serial": printed_serial(served.serial) if served else None,
        "not_after": _iso(served.not_after if served else None),
        "renewal": order.renewal.isoformat() if order.renewal else None,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


# ---- The page --------------------------------------------------------------------------------------------------------


def page(report: RaoReport) -> str:
    """Return the report as one self-contained HTML page, French and English."""
    return html(
        "report.html.j2",
        report=report,
        values={language.code: _values(report, language) for language in languages()},
        finding_texts={language.code: language.texts["findings"] for language in languages()},
        names_in=names_in,
        detail_in=detail_in,
        reason_in=_reason_in,
        today=report.made_at.date(),
    )


def _reason_in(language: Language, reason: str) -> str:
    """Return the reason of an order; the one that `certmandate revoke` writes is translated."""
    code, _, text = reason.removeprefix(REVOCATION).partition(", ")
    meanings = language.at("revocation.meanings")
    if not reason.startswith(REVOCATION) or code not in meanings:
        return reason
    return language.text("revocation.reason", meaning=meanings[code]) + (f", {text}" if text else "")


def _values(report: RaoReport, language: Language) -> Mapping[str, object]:
    delegation = report.record.delegation
    return {
        "organisation": delegation.organisation,
        "delegation": delegation.name,
        "department": delegation.department_id,
        "month": language.month(report.month.first),
        "day": language.day(report.made_at.date()),
        "prefix": COMMENT_PREFIX.strip(),
        "contact": language.text("report.proof.contact"),
    } | finding_values(report.record, language)
