"""Records of the order book as JSON: without keys, CSRs and chains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certmandate.files.operator_action import OperatorAction
from certmandate.views.problems import next_step
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.endpoint.observation import Observation
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.order import FinishedOrder, Order, StoredCertificate
from renewal.domain.service.state import current_service
from renewal.records import to_json

Document = dict[str, Any]


def _members(record: object, *names: str) -> Document:
    """Return members of a record under their own names, which are a contract with operators' scripts."""
    return {name: getattr(record, name) for name in names}


def certificate_document(state: Judgement) -> Document:
    """Return a certificate with its state."""
    certificate, stored = state.certificate, state.certificate.stored
    return {
        "delegation": certificate.spec.delegation,
        "name": certificate.spec.name,
        "state": state.state.label,
        "needs_person": state.needs_attention,
        "problem": to_json(state.problem) if state.problem else None,
        "days_left": state.days_left,
        "not_after": stored.not_after if stored else None,
        "renew_at": None if state.mandate_ends else state.renew_at,
        "causes": list(state.decision.causes),
        "held_until": certificate.hold_until,
        "failures": certificate.failures,
        "last_error": certificate.last_error,
        "last_error_text": certificate.last_error_text,
        "failed_at": certificate.failed_at,
        "asked": certificate.asked_reason,
        "service": service_document(state),
        "next": next_step(state),
        "order": order_document(certificate.order) if certificate.order else None,
    }


def order_document(order: Order) -> Document:
    """Return an open order."""
    names = (
        "token", "status", "ssl_id", "names", "causes", "reason", "opened_at", "posted_at", "posts", "run_id",
        "scm_status",
    )  # fmt: skip
    return _members(order, *names) | {"trouble": order.storing_error, "stores": order.held_in}


def service_document(state: Judgement) -> Document:
    """Return what the declared endpoints of a certificate presented."""
    certificate = state.certificate
    record = current_service(certificate)
    return {
        "state": state.service,
        "declared": [str(endpoint) for endpoint in certificate.spec.served_at],
        "verified_at": record.observed_at if record else None,
        "hours_to_served": record.hours_to_served if record else None,
        "unserved_since": record.unserved_since if record else None,
        "observations": [_observation(each) for each in record.observations] if record else [],
    }


def _observation(observation: Observation) -> Document:
    return {
        **_members(observation, "endpoint", "address", "state", "since", "text"),
        "serial": printed_serial(observation.serial) if observation.serial else "",
    }


def stored_document(stored: StoredCertificate) -> Document:
    """Return the certificate that the stores hold."""
    names = (
        "not_before",
        "not_after",
        "names",
        "issuer",
        "profile_id",
        "stores",
        "client_auth",
        "issued_at",
        "stored_at",
    )
    return {
        "ssl_id": stored.ssl_id or None,
        "serial": printed_serial(stored.serial),
        "key": stored.key_type,
        **_members(stored, *names),
        "arns": stored.held_arns,
        "adopted": not stored.token,
    }


def finished_document(row: FinishedOrder) -> Document:
    """Return an audit row."""
    names = (
        "status", "opened_at", "ended_at", "causes", "reason", "ssl_id", "not_after", "error", "text", "run_id",
        "token", "posts", "identity",
    )  # fmt: skip
    serials = {"serial": printed_serial(row.serial), "previous_serial": printed_serial(row.previous_serial)}
    return _members(row, *names) | serials


def action_document(action: OperatorAction) -> Document:
    """Return what an operator did."""
    names = (
        "at", "action", "identity", "certificates", "removed", "reason", "run_id", "details", "delegation", "sequence",
    )  # fmt: skip
    return _members(action, *names)


def run_document(execution: Mapping[str, Any]) -> Document:
    """Return an execution of Step Functions' list; moto's has no name when it was started without one."""
    return {
        "run_id": execution["executionArn"].rpartition(":")[2],
        "status": execution["status"],
        "started_at": execution["startDate"],
        "stopped_at": execution.get("stopDate"),
    }
