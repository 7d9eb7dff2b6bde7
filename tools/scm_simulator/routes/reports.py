"""The SSL certificates report (SCM reference §10.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes

from scm_simulator.body import Body
from scm_simulator.dates import ISO_HMS, moment_of, written
from scm_simulator.details import with_missing
from scm_simulator.dials import Dials
from scm_simulator.issuance import advance
from scm_simulator.order import Order, written_serial
from scm_simulator.refusals import refuse
from scm_simulator.routing import Call, route
from scm_simulator.wire import JSON_UTF8, Response, json_answer

_STATUS_CODES: dict[int, tuple[str, ...]] = {
    0: (),
    1: ("Requested", "Approved", "Applied"),
    2: ("Issued",),
    3: ("Revoked",),
    4: ("Expired",),
}
_SOURCES = {
    "Enrollment Form": 0,
    "Client Admin": 1,
    "Web API": 2,
    "Discovery": 3,
    "Imported": 4,
    "SCEP": 5,
    "MS Agent": 7,
    "Bulk Request": 9,
    "ACME": 10,
    "EST": 11,
    "REST API": 12,
}
_HEADERS = (
    ("Content-Disposition", 'attachment; filename="rest_api_ssl-certificates.json"'),
    ("Cache-Control", "must-revalidate"),
    ("Pragma", "public"),
)


@route("POST", "/api/report/v1/ssl-certificates")
def ssl_certificates(call: Call) -> Response:
    """Report certificates, one row each, all at once; statusCode 0 says that it worked."""
    body = Body(call.request.object() if call.request.body.strip() else {})
    failure = call.state.dials.report_status_code
    if failure:
        return _answer({"statusCode": failure, "message": "The report failed.", "reports": []})
    full = body.text("serialNumberFormat") == "HEXWithLeadingZeros"
    rows = [_row(call, order, full=full) for order in _found(call, body)]
    return _answer({"statusCode": 0, "reports": rows})


def _answer(value: dict[str, Any]) -> Response:
    return json_answer(value, media=JSON_UTF8, pretty=True, headers=_HEADERS)


def _found(call: Call, body: Body) -> list[Order]:
    code = body.number("certificateStatus", low=0) or 0
    if code not in _STATUS_CODES:
        raise refuse(-1601, "certificateStatus")
    source, places = body.number("certificateRequestSource", low=0), body.numbers("organizationIds")
    name, requester = (
        body.text("commonName", longest=256).lower(),
        body.text("externalRequester", longest=512),
    )
    attribute = body.number("certificateDateAttribute", low=0)
    start, end = _moment(body, "from"), _moment(body, "to")
    orders = call.state.orders_seen_by(call.admin)
    for order in orders:
        advance(call.state, order)
    return [
        order
        for order in orders
        if (not code or order.status in _STATUS_CODES[code])
        and (not places or order.department_id in places or _parent_id(call, order) in places)
        and (source is None or _SOURCES.get(order.via) == source)
        and name in order.common_name
        and requester.lower() in order.external_requester.lower()
        and _dated(order, attribute, start, end)
    ]


def _parent_id(call: Call, order: Order) -> int:
    return call.state.world.parents[order.department_id].id


def _moment(body: Body, name: str) -> datetime | None:
    text = body.text(name)
    moment = moment_of(text) if text else None
    if text and moment is None:
        raise refuse(-1601, name)
    return moment


def _dated(order: Order, attribute: int | None, start: datetime | None, end: datetime | None) -> bool:
    """Return whether the date that *attribute* names lies between *start* and *end* (open when None)."""
    if attribute is None or (start is None and end is None):
        return True
    dates = {2: order.revoked_at, 3: order.expires_at, 4: order.requested_at, 5: order.issued_at}
    if attribute not in dates:
        raise refuse(-1601, "certificateDateAttribute")
    moment = dates[attribute]
    return moment is not None and (start is None or start <= moment) and (end is None or moment <= end)


def _names(order: Order, dials: Dials) -> str:
    others = order.names if dials.cn_in_names else order.names[1:]
    if dials.report_names == "dnsname":
        return ", ".join(f"dNSName={name}" for name in others)
    return "; ".join(others)


def _row(call: Call, order: Order, *, full: bool) -> dict[str, Any]:
    dials, profile = call.state.dials_for(order.names), call.state.profile(order)
    algorithm, _, parameter = order.csr.key_type.partition(" - ")
    row = {
        "id": order.ssl_id,
        "type": profile.name,
        "typeId": profile.id,
        "orgId": order.department_id,
        "organizationName": call.state.world.parents[order.department_id].name,
        "commonName": order.common_name,
        "subjAltNames": _names(order, dials),
        "status": dials.status_text or order.status,
        "term": order.term_days,
        "requester": order.requester,
        "approver": order.approved_by or None,
        "externalRequester": order.external_requester or None,
        "comments": order.comments,
        "requestedVia": order.via,
        "publicKeyAlg": algorithm,
        "publicKeySize": parameter,
        "publicKeyType": order.csr.key_type,
        "customFields": [{"name": name, "value": value} for name, value in order.custom_fields],
    }
    return with_missing(row | _row_dates(order) | _row_certificate(order, dials, full=full), dials)


def _row_dates(order: Order) -> dict[str, Any]:
    moments = {
        "requested": order.requested_at,
        "approved": order.approved_at,
        "issued": order.issued_at,
        "declined": order.declined_at,
        "expires": order.expires_at,
        "revoked": order.revoked_at,
        "replaced": order.replaced_at,
    }
    return {name: written(moment, ISO_HMS) if moment else None for name, moment in moments.items()}


def _row_certificate(order: Order, dials: Dials, *, full: bool) -> dict[str, Any]:
    if order.certificate is None:
        return {"serialNumber": ""}
    number = order.ssl_id + 7_000_000
    return {
        "serialNumber": written_serial(order.serial_number, "colons" if full else dials.serial_format),
        "issuer": order.certificate.issuer.rfc4514_string(),
        "orderNumber": number,
        "backendCertId": str(number),
        "sha1": order.fingerprint(hashes.SHA1()),  # noqa: S303  # SCM shows it
        "md5": order.fingerprint(hashes.MD5()),  # noqa: S303  # SCM shows it
    }
