"""Lists of certificates, profiles and custom fields (SCM reference §5.1, §5.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from scm_simulator.backend.issuance import advanced_orders
from scm_simulator.backend.order import Order, format_serial, parse_serial
from scm_simulator.http.messages import Response, pretty_json
from scm_simulator.http.routing import Call, route, total
from scm_simulator.refusals import refuse
from scm_simulator.routes.certificate_view import (
    VENDOR,
    common_name,
    extended_key_usages,
    key_usages,
    other_names,
    profile_json,
    signature_algorithm,
    with_missing,
)
from scm_simulator.world.dials import Dials

_Values = Callable[[Order], Iterable[str]]


def _certificate_values(read: Callable[[x509.Certificate], Iterable[str]]) -> _Values:
    return lambda order: read(order.certificate) if order.certificate else ()


def _fingerprint(algorithm: hashes.HashAlgorithm) -> _Values:
    return lambda order: [order.fingerprint(algorithm)]


def _key_part(index: int) -> _Values:
    return lambda order: [order.csr.key_type.split(" - ")[index]]


_EXACT: Mapping[str, _Values] = {
    "status": lambda order: [order.status],
    "sslTypeId": lambda order: [str(order.profile_id)],
    "orgId": lambda order: [str(order.department_id)],
    "signatureAlgorithm": _certificate_values(lambda certificate: [signature_algorithm(certificate)]),
    "keyAlgorithm": _key_part(0),
    "keySize": _key_part(1),
    "keyParam": _key_part(1),
    "sha1Hash": _fingerprint(hashes.SHA1()),  # noqa: S303  # SCM's filter
    "md5Hash": _fingerprint(hashes.MD5()),  # noqa: S303  # SCM's filter
    "sha256Hash": _fingerprint(hashes.SHA256()),
    "keyUsage": _certificate_values(key_usages),
    "extendedKeyUsage": _certificate_values(extended_key_usages),
    "installStatus": lambda _: ["none", "not configured"],
    "renewalStatus": lambda order: [str(order.auto_renew["state"])],
    "requestedVia": lambda order: [order.via, order.via.removesuffix(" API")],
    "discoveryStatus": lambda _: ["NotDeployed"],
}
"""Filters by query parameter that match one of the values; each part of `a,b` must match."""

_NAMES: Mapping[str, Callable[[Order, Dials], Iterable[str]]] = {
    "commonName": lambda order, dials: [common_name(order, dials)],
    "subjectAlternativeName": other_names,
    "vendor": lambda *_: [VENDOR],
    "issuer": lambda order, _: [order.certificate.issuer.rfc4514_string()] if order.certificate else [],
    "requester": lambda order, _: [order.requester],
    "externalRequester": lambda order, _: [order.external_requester],
}
"""Filters that match a part of a value, or all of it by the dial name_filter."""


def _matches(order: Order, name: str, text: str, dials: Dials) -> bool:
    """Return whether *order* matches a filter; an empty or unknown filter matches."""
    if not text:
        return True
    if name == "serialNumber":
        return parse_serial(text) is not None and parse_serial(text) == order.serial_number
    if name in _NAMES:
        values, wanted = [value.lower() for value in _NAMES[name](order, dials)], text.lower()
        if dials.name_filter == "none":
            return False
        return any(wanted in value for value in values) if dials.name_filter == "substring" else wanted in values
    if name == "orgId" and dials.department_filter == "organisation":
        return False
    if name in _EXACT:
        return {_blankless(part) for part in text.split(",")} <= {_blankless(value) for value in _EXACT[name](order)}
    return True


def _blankless(text: str) -> str:
    return text.replace(" ", "").replace("_", "").lower()


@route("GET", "/api/ssl/v1")
def certificates(call: Call) -> Response:
    """List certificates: ids, names and serial numbers, without status and dates."""
    found = _found(call)
    items = [_item(order, call.state.dials_for(order.names)) for order in call.page(found)]
    return pretty_json(items, headers=[total(found)])


@route("HEAD", "/api/ssl/v1")
def count(call: Call) -> Response:
    """Count certificates in a header; what GET refuses is refused here, too."""
    found = _found(call)
    call.page(found)
    return Response(200, b"", (total(found),))


def _found(call: Call) -> list[Order]:
    orders = filter(call.state.lists, advanced_orders(call.state, call.state.orders_of(call.admin)))
    for name in ("orgId", "sslTypeId"):
        call.request.number(name, low=1)
    filters, dials = call.request.query.items(), call.state.dials
    return [order for order in orders if all(_matches(order, name, text, dials) for name, text in filters)]


def _item(order: Order, dials: Dials) -> dict[str, Any]:
    members = {
        "sslId": order.ssl_id,
        "commonName": common_name(order, dials),
        "subjectAlternativeNames": other_names(order, dials) or None,
        "serialNumber": format_serial(order.serial_number, dials.serial_format) or None,
    }
    return with_missing(members, dials)


@route("GET", "/api/ssl/v1/types")
def types(call: Call) -> Response:
    """List certificate profiles: of an organisation or department, or of all that the account manages."""
    place = call.request.number("organizationId", low=1)
    if place is not None and not call.manages(place):
        raise call.foreign(refuse(-1023, place))
    places = call.state.managed_ids(call.admin) if place is None else [place]
    profiles = {profile.id: profile for place in places for profile in call.state.profiles_of(place)}
    return pretty_json([profile_json(profiles[number]) for number in sorted(profiles)])


@route("GET", "/api/ssl/v1/customFields")
def custom_fields(call: Call) -> Response:
    """List the custom fields."""
    known = {field.name: field.mandatory for field in call.state.world.custom_fields}
    by_dial = call.state.dials.mandatory_custom_field
    known |= {by_dial: True} if by_dial else {}
    return pretty_json([{"id": i, "name": name, "mandatory": known[name]} for i, name in enumerate(known, 51)])
