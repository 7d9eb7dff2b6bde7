"""The SSL certificates report (SCM reference §10.1)."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import hashes

from scm_simulator.backend.issuance import advanced_orders
from scm_simulator.backend.order import EXPIRED, ISSUED, OPEN, REVOKED, Order, format_serial
from scm_simulator.dates import ISO_HMS
from scm_simulator.http.messages import Response, pretty_json
from scm_simulator.http.request_body import Body
from scm_simulator.http.routing import Call, route
from scm_simulator.refusals import refuse
from scm_simulator.routes.certificate_view import (
    comments,
    common_name,
    custom_fields_json,
    dates_json,
    other_names,
    with_missing,
)
from scm_simulator.world.dials import Dials

_STATUS_CODES: dict[int, tuple[str, ...]] = {0: (), 1: OPEN, 2: (ISSUED,), 3: (REVOKED,), 4: (EXPIRED,)}
_HEADERS = (
    ("Content-Disposition", 'attachment; filename="rest_api_ssl-certificates.json"'),
    ("Cache-Control", "must-revalidate"),
    ("Pragma", "public"),
)


@route("POST", "/api/report/v1/ssl-certificates")
def ssl_certificates(call: Call) -> Response:
    """Report every certificate in a row, without paging; statusCode 0 means success."""
    body, failure = call.body(optional=True), call.state.dials.report_status_code
    if failure:
        report = {"statusCode": failure, "message": "The report failed.", "reports": []}
        return pretty_json(report, headers=_HEADERS)
    full = body.text("serialNumberFormat") == "HEXWithLeadingZeros"
    rows = [_row(call, order, full=full) for order in _found(call, body)]
    return pretty_json({"statusCode": 0, "reports": rows}, headers=_HEADERS)


def _found(call: Call, body: Body) -> list[Order]:
    code = body.number("certificateStatus", low=0) or 0
    if code not in _STATUS_CODES:
        raise refuse(-1601, "certificateStatus")
    places = body.numbers("organizationIds")
    name, requester = body.text("commonName", longest=256), body.text("externalRequester", longest=512)
    return [
        order
        for order in advanced_orders(call.state, call.state.orders_of(call.admin))
        if call.state.lists(order)
        and (not code or order.status in _STATUS_CODES[code])
        and (not places or order.department_id in places or _parent_id(call, order) in places)
        and name.lower() in order.common_name
        and requester.lower() in order.external_requester.lower()
    ]


def _parent_id(call: Call, order: Order) -> int:
    return call.state.world.parents[order.department_id].id


def _names(order: Order, dials: Dials) -> str:
    if dials.report_names == "dnsname":
        return ", ".join(f"dNSName={name}" for name in other_names(order, dials))
    return "; ".join(other_names(order, dials))


def _row(call: Call, order: Order, *, full: bool) -> dict[str, Any]:
    dials, profile = call.state.dials_for(order.names), call.state.profile(order)
    algorithm, _, parameter = order.csr.key_type.partition(" - ")
    row = {
        "id": order.ssl_id,
        "type": profile.name,
        "typeId": profile.id,
        "orgId": order.department_id,
        "organizationName": call.state.world.parents[order.department_id].name,
        "commonName": common_name(order, dials),
        "subjAltNames": _names(order, dials),
        "status": dials.status_text or order.status,
        "term": order.term_days,
        "requester": order.requester,
        "approver": order.approved_by or None,
        "externalRequester": order.external_requester or None,
        "comments": comments(order, dials),
        "requestedVia": order.via,
        "publicKeyAlg": algorithm,
        "publicKeySize": parameter,
        "publicKeyType": order.csr.key_type,
        "customFields": custom_fields_json(order),
    }
    return with_missing(row | dates_json(order, ISO_HMS) | _certificate(order, dials, full=full), dials)


def _certificate(order: Order, dials: Dials, *, full: bool) -> dict[str, Any]:
    if order.certificate is None:
        return {"serialNumber": ""}
    return {
        "serialNumber": format_serial(order.serial_number, "colons" if full else dials.serial_format),
        "issuer": order.certificate.issuer.rfc4514_string(),
        "orderNumber": order.order_number,
        "backendCertId": str(order.order_number),
        "sha1": order.fingerprint(hashes.SHA1()),  # noqa: S303  # SCM shows it
        "md5": order.fingerprint(hashes.MD5()),  # noqa: S303  # SCM shows it
    }
