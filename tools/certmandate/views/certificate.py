"""One certificate as `certmandate show` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from certmandate.files.operator_action import OperatorAction
from certmandate.judged_estate import JudgedEstate
from certmandate.views import json_records, printing
from certmandate.views.notices import notice_documents, notice_lines
from certmandate.views.problems import next_step, problem_lines
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.judgement.certificate_state import CertificateState
from renewal.domain.judgement.order_wait import failure_text
from renewal.domain.order import CLOSED, FinishedOrder, ManagedCertificate
from renewal.domain.service.state import current_service
from renewal.domain.setup.domain_checks import some
from renewal.domain.setup.inspection import DelegationRecord
from renewal.ports.order_book import Listing
from renewal.records import to_json

SHOWN = 10
"""Actions that are printed; --json has all."""


@dataclass(frozen=True, slots=True)
class AuditRows:
    """What the audit trail has about a certificate."""

    orders: Listing[FinishedOrder]
    actions: Listing[OperatorAction]

    def newest_actions(self) -> list[OperatorAction]:
        """What operators have done, newest first."""
        return list(reversed(self.actions))


def page(record: DelegationRecord, state: Judgement, judged: JudgedEstate, history: AuditRows) -> list[RenderableType]:
    """Return the page: what the file asks for and what is stored, what is open or wrong, and what was done so far."""
    certificate, spec = state.certificate, state.certificate.spec
    problems = judged.problems_for(spec)
    listed = {problem.code for problem in problems if problem.certificate}
    term = f", {spec.term_days} days" if spec.term_days else ""
    requested = [
        ("organisation", f"{record.delegation.organisation}, department {record.delegation.department_id}"),
        ("names", ", ".join(spec.names)),
        ("profile, key", f"{spec.profile_id}, {spec.key_type}{term}"),
        ("stores", ", ".join(spec.stores)),
        ("custom fields", ", ".join(f"{name}: {value}" for name, value in spec.custom_fields.items())),
        ("external requester", spec.external_requester),
        ("applied by", certificate.applied_by),
        ("next", next_step(state)),
        (
            "requested",
            certificate.asked_reason
            and f"{certificate.asked_reason} ({certificate.asked_by or 'operator not recorded'})",
        ),
        ("last error", "" if certificate.last_error in listed else _last_error(certificate)),
        ("inspected", _inspected(record)),
    ]
    title = Text(f"{state.path}  ", style="bold").append(
        printing.state_text(state.state.label, state.severity, normal="green")
    )
    return [
        title,
        printing.facts(requested),
        *_stored_part(state),
        *_endpoints_part(state),
        *_order_part(state),
        *printing.bullets("Findings", problem_lines(problems, judged.at.date())),
        *printing.bullets("Notices to the RAO, newest first", notice_lines(record)),
        *printing.bullets("Actions of operators, newest first", map(_action_line, history.newest_actions()[:SHOWN])),
        *_history_part(history.orders),
    ]


def _last_error(certificate: ManagedCertificate) -> str:
    """The error that ended the last order, with its sentence when it is stored; empty: none."""
    return ": ".join(part for part in (certificate.last_error, failure_text(certificate)) if part)


def _inspected(record: DelegationRecord) -> str:
    last = record.inspection
    return printing.inspected(last, datetime.now(UTC)) if last else ""


def _stored_part(state: Judgement) -> list[RenderableType]:
    stored, spec = state.certificate.stored, state.certificate.spec
    if stored is None:
        return [printing.heading("Stored certificate"), Text("  no certificate")]
    left = "expired" if state.state is CertificateState.EXPIRED else f"{state.days_left} days left"
    valid = f"{printing.minute(stored.not_before)} to {printing.minute(stored.not_after)}, {left}"
    pairs = [
        ("SSL ID", str(stored.ssl_id) if stored.ssl_id else "unknown (adopted)"),
        ("serial", printed_serial(stored.serial)),
        ("valid", valid),
        ("names", ", ".join(stored.names) if set(stored.names) != set(spec.names) else ""),
        ("issuer", stored.issuer),
        ("stored", f"{printing.minute(stored.stored_at)} in {', '.join(stored.stores)}"),
        ("ARNs", ", ".join(f"{region}: {arn}" for region, arn in stored.held_arns.items())),
    ]
    return [printing.heading("Stored certificate"), printing.facts(pairs)]


def _endpoints_part(state: Judgement) -> list[RenderableType]:
    certificate = state.certificate
    if not certificate.spec.served_at:
        return []
    heading = printing.heading(f"Endpoints: {state.service}")
    record = current_service(certificate)
    if record is None:
        endpoints = ", ".join(map(str, certificate.spec.served_at))
        return [heading, Text(f"  {endpoints}: not verified since this certificate was stored")]
    hours = "" if record.hours_to_served is None else f"{record.hours_to_served:.1f} hours after it was issued"
    is_stored = certificate.stored and certificate.stored.serial == record.serial
    pairs = [
        ("expected", "" if is_stored else f"serial {printed_serial(record.serial)}, of the open order"),
        ("verified", printing.minute(record.observed_at)),
        ("first served", hours),
    ]
    addresses = (f"{each}, since {printing.minute(each.since)}" for each in record.observations)
    return [heading, printing.facts(pairs), *printing.bullets("Addresses", addresses)]


def _order_part(state: Judgement) -> list[RenderableType]:
    order = state.certificate.order
    if order is None:
        return []
    pairs = [
        ("status", order.status.value),
        ("SSL ID", str(order.ssl_id) if order.ssl_id else "not confirmed by SCM"),
        ("trouble", order.storing_error),
        ("in SCM", state.waits_for),
        ("stored in", ", ".join(order.held_in)),
        ("token", f"{order.token} (in the order's comments in SCM)"),
        ("cause", printing.cause(order.causes, order.reason)),
        ("opened", f"{printing.minute(order.opened_at)} by run {order.run_id}"),
        ("lost answer", order.lost_answer),
        ("sent", f"{printing.counted(order.posts, 'time')}, last {printing.minute(order.posted_at)}"),
    ]
    return [printing.heading("Open order"), printing.facts(pairs)]


def _history_part(history: tuple[FinishedOrder, ...]) -> list[RenderableType]:
    if not history:
        return [printing.heading("Orders so far"), Text("  none")]
    rows = [
        (
            printing.minute(order.ended_at),
            order.status,
            printing.cause(order.causes, order.reason),
            str(order.ssl_id or ""),
            printed_serial(order.serial) or _failure(order),
            printing.day(order.not_after),
        )
        for order in reversed(history)
    ]
    columns = ["ended", "outcome", "cause", "SSL ID#", "serial, or error", "valid until"]
    return [printing.heading("Orders so far, newest first"), printing.table(columns, rows)]


def _failure(order: FinishedOrder) -> str:
    """The error; of an order that an operator has closed, also who it was."""
    who = f" ({order.identity})" if order.error == CLOSED and order.identity else ""
    return f"{order.error}: {order.text}{who}" if order.error else ""


def _action_line(action: OperatorAction) -> str:
    """`2026-11-30 09:12Z: run-started (dry_run), run check-univ-…, by arn:aws:…: laptop stolen`."""
    removed = [f"removed {some(action.removed)}"] if action.removed else []
    details = f" ({', '.join((*action.details, *removed))})" if action.details or removed else ""
    run = f", run {action.run_id}" if action.run_id else ""
    why = f": {action.reason}" if action.reason else ""
    return f"{printing.minute(action.at)}: {action.action}{details}{run}, by {action.identity or 'unknown'}{why}"


def document(record: DelegationRecord, state: Judgement, judged: JudgedEstate, history: AuditRows) -> dict[str, Any]:
    """Return the certificate as JSON has it."""
    certificate, spec = state.certificate, state.certificate.spec
    return {
        **json_records.certificate_document(state),
        "organisation": record.delegation.organisation,
        "names": list(spec.names),
        "profile_id": spec.profile_id,
        "key": str(spec.key_type),
        "term_days": spec.term_days,
        "stores": list(spec.stores),
        "custom_fields": dict(spec.custom_fields),
        "external_requester": spec.external_requester,
        "applied_by": certificate.applied_by or None,
        "served": json_records.stored_document(certificate.stored) if certificate.stored else None,
        "findings": [to_json(problem) for problem in judged.problems_for(spec)],
        "notices": notice_documents(record),
        "actions": [json_records.action_document(action) for action in history.newest_actions()],
        "history": [json_records.finished_document(order) for order in history.orders],
    }
