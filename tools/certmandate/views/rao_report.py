"""The RAO's report on one month as a page and as JSON (`renewal.mail.rao_report`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from certmandate.views.html_page import html
from certmandate.views.language import languages, what_is_wrong
from renewal.domain.audit.seal import Seal
from renewal.domain.certificate.chain import leaf_serial
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.judgement.order_wait import awaits_approval
from renewal.domain.order import COMMENT_PREFIX, FinishedOrder, ManagedCertificate
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import ForeignOrder, ForeignOrderList
from renewal.mail.findings_mail import certificates_in, detail_in, finding_values, names_in, order_details
from renewal.mail.language import Language
from renewal.mail.rao_report import NextOrder, RaoReport
from renewal.mail.report_mail import renewal_text

REVOCATION = "revoke: "
"""Begins the reason of an order that `certmandate revoke` requested; a ReasonCode and the operator's text follow."""


# ---- JSON ------------------------------------------------------------------------------------------------------------


def document(report: RaoReport) -> dict[str, Any]:
    """Return the report as JSON has it; times as RFC 3339 in UTC, days as `2026-11-23`."""
    delegation, inspection = report.record.delegation, report.record.inspection
    return {
        "delegation": delegation.name,
        "organisation": delegation.organisation,
        "department_id": delegation.department_id,
        "month": str(report.month),
        "month_is_over": report.is_over,
        "made_at": report.made_at.isoformat(),
        "retired_at": _iso(report.retired_at),
        "inspected_at": _iso(inspection.at if inspection else None),
        "inspected_in_full_at": _iso(inspection.full_at if inspection else None),
        "orders": [_order(row) for row in report.orders],
        "refusals": [_refusal(row) for row in report.refusals],
        "under_way": [_under_way(certificate) for certificate in report.under_way],
        "next": [_next(order) for order in report.nexts],
        "acknowledged": [
            {"order": row.key, "reason": row.reason, "acknowledged_at": row.at.isoformat()}
            for row in report.acknowledged
        ],
        "revoked": sorted(map(printed_serial, report.revoked)),
        "asks": [finding_document(finding) for finding in report.asks],
        **foreign_documents(report.foreign),
        "audit_head": str(report.proof.head) if report.proof else None,
        "audit_sealed": _seal(report.proof.seal) if report.proof else None,
    }


def _seal(seal: Seal | None) -> dict[str, Any] | None:
    if seal is None:
        return None
    statement = seal.statement
    return {"head": str(statement.head), "sealed_at": statement.sealed_at.isoformat(), "key": seal.fingerprint}


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


def foreign_documents(listed: ForeignOrderList) -> dict[str, list[dict[str, Any]]]:
    """Return the members of a document that list the foreign orders."""
    return {
        "orders_not_ours": [_foreign(order) for order in listed.orders],
        "orders_before": [_foreign(order) for order in listed.before],
    }


def _foreign(order: ForeignOrder) -> dict[str, Any]:
    return {
        "order": order.key,
        "ssl_id": order.ssl_id,
        "names": list(order.names),
        "requester": order.requester or None,
        "ordered_at": _iso(order.at),
        "status": order.status or None,
        "certificate": order.certificate or None,
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
        "serial": printed_serial(row.serial) or None,
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
        "serial": printed_serial(leaf_serial(order.chain)) or None if order else None,
        "trouble": order.storing_error or None if order else None,
    }


def _next(order: NextOrder) -> dict[str, Any]:
    spec, stored = order.certificate.spec, order.certificate.stored
    return {
        "certificate": spec.name,
        "names": list(spec.names),
        "serial": printed_serial(stored.serial) if stored else None,
        "not_after": _iso(stored.not_after if stored else None),
        "renewal": order.renewal.isoformat() if order.renewal else None,
        "waits_for": order.waits_for.value,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


# ---- The page --------------------------------------------------------------------------------------------------------


def page(report: RaoReport, third_party: str = "") -> str:
    """Return the report of *third_party* as one self-contained HTML page, French and English."""
    day = report.made_at.date()
    return html(
        "report.html.j2",
        report=report,
        values={language.code: _values(report, language, third_party) for language in languages()},
        finding_texts={language.code: language.texts["findings"] for language in languages()},
        what=what_is_wrong,
        names_in=names_in,
        certificates_in=certificates_in,
        detail_in=detail_in,
        order_details=order_details,
        reason_in=_reason_in,
        awaits_approval=awaits_approval,
        renewal_text=renewal_text,
        leaf_serial=leaf_serial,
        printed_serial=printed_serial,
        otherwise={
            language.code: {finding: each.line(day, language) for finding, each in report.asks.items()}
            for language in languages()
        },
    )


def _reason_in(language: Language, reason: str) -> str:
    """Return the reason of an order; the one that `certmandate revoke` writes is translated."""
    code, _, text = reason.removeprefix(REVOCATION).partition(", ")
    meanings = language.at("revocation.meanings")
    if not reason.startswith(REVOCATION) or code not in meanings:
        return reason
    return language.text("revocation.reason", meaning=meanings[code]) + (f", {text}" if text else "")


def _values(report: RaoReport, language: Language, third_party: str) -> Mapping[str, object]:
    delegation, inspection = report.record.delegation, report.record.inspection
    full_at = inspection.full_at if inspection else None
    return {
        "organisation": delegation.organisation,
        "delegation": delegation.name,
        "department": delegation.department_id,
        "month": language.month(report.month.first),
        "day": language.day(report.made_at.date()),
        "retired": language.day(report.retired_at.date()) if report.retired_at else "",
        "inspected": language.day(inspection.at.date()) if inspection else "",
        "inspected_in_full": language.day(full_at.date()) if full_at else "",
        "prefix": COMMENT_PREFIX.strip(),
        "contact": third_party or language.text("report.proof.contact"),
        "third_party": third_party or language.text("report.proof.contact"),
    } | finding_values(report.record, language)
