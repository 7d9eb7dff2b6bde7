"""Records of the order book as JSON: without keys, CSRs and chains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certmandate.files.operator_action import OperatorAction
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.endpoint.observation import Observation
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.judgement.problem import Problem
from renewal.domain.order import FinishedOrder, Order, StoredCertificate
from renewal.domain.service.state import current_service
from renewal.records import to_json

Document = dict[str, Any]


def certificate_document(state: Judgement) -> Document:
    """Return a certificate with its state."""
    certificate, served = state.certificate, state.certificate.served
    return {
        "delegation": certificate.spec.delegation,
        "name": certificate.spec.name,
        "state": state.state.label,
        "needs_person": state.needs_attention,
        "problem": to_json(state.problem) if state.problem else None,
        "days_left": state.days_left,
        "not_after": served.not_after if served else None,
        "renew_at": None if state.mandate_ends else state.renew_at,
        "causes": list(state.decision.causes),
        "held_until": certificate.hold_until,
        "failures": certificate.failures,
        "last_error": certificate.last_error,
        "last_error_text": certificate.last_error_text,
        "failed_at": certificate.failed_at,
        "asked": certificate.asked,
        "service": service_document(state),
        "next": state.next_step(),
        "order": order_document(certificate.order) if certificate.order else None,
    }


def order_document(order: Order) -> Document:
    """Return an open order."""
    return {
        "token": order.token,
        "status": order.status.value,
        "ssl_id": order.ssl_id,
        "names": list(order.names),
        "causes": list(order.causes),
        "reason": order.reason,
        "opened_at": order.opened_at,
        "posted_at": order.posted_at,
        "posts": order.posts,
        "run_id": order.run_id,
        "trouble": order.trouble,
        "scm_status": order.scm_status,
        "stores": list(order.held_in),
    }


def service_document(state: Judgement) -> Document:
    """Return what the declared endpoints of a certificate presented."""
    certificate = state.certificate
    record = current_service(certificate)
    return {
        "state": state.service,
        "declared": [str(endpoint) for endpoint in certificate.spec.served_at],
        "verified_at": record.observed_at if record else None,
        "hours_to_served": record.hours if record else None,
        "unserved_since": record.unserved_since if record else None,
        "observations": [_observation(each) for each in record.observations] if record else [],
    }


def _observation(observation: Observation) -> Document:
    return {
        "endpoint": observation.endpoint,
        "address": observation.address,
        "state": observation.state,
        "since": observation.since,
        "serial": printed_serial(observation.serial) if observation.serial else "",
        "text": observation.text,
    }


def served_document(served: StoredCertificate) -> Document:
    """Return the certificate that the stores hold."""
    return {
        "ssl_id": served.ssl_id or None,
        "serial": printed_serial(served.serial),
        "not_before": served.not_before,
        "not_after": served.not_after,
        "names": list(served.names),
        "issuer": served.issuer,
        "key": str(served.key_type),
        "profile_id": served.profile_id,
        "stores": list(served.stores),
        "arns": served.held_arns,
        "client_auth": served.client_auth,
        "issued_at": served.issued_at,
        "stored_at": served.stored_at,
        "adopted": not served.token,
    }


def finished_document(row: FinishedOrder) -> Document:
    """Return an audit row."""
    return {
        "status": row.status,
        "opened_at": row.opened_at,
        "ended_at": row.ended_at,
        "causes": list(row.causes),
        "reason": row.reason,
        "ssl_id": row.ssl_id,
        "serial": printed_serial(row.serial),
        "previous_serial": printed_serial(row.previous_serial),
        "not_after": row.not_after,
        "error": row.error,
        "text": row.text,
        "run_id": row.run_id,
        "token": row.token,
        "posts": row.posts,
        "identity": row.identity,
    }


def action_document(action: OperatorAction) -> Document:
    """Return what an operator did."""
    return {
        "at": action.at,
        "action": action.action.value,
        "identity": action.identity,
        "certificates": list(action.certificates),
        "removed": list(action.removed),
        "reason": action.reason,
        "run_id": action.run_id,
        "details": list(action.details),
        "delegation": action.delegation,
        "sequence": action.sequence,
    }


def problem_document(problem: Problem) -> Document:
    """Return a problem."""
    return to_json(problem)


def run_document(execution: Mapping[str, Any]) -> Document:
    """Return an execution of Step Functions' list."""
    return {
        "run_id": execution["name"],
        "status": execution["status"],
        "started_at": execution["startDate"],
        "stopped_at": execution.get("stopDate"),
    }
