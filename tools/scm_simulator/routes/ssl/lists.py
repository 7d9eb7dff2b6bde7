"""Lists of certificates, profiles and custom fields (SCM reference §5.1, §5.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes

from scm_simulator.backend.issuance import advanced_orders
from scm_simulator.backend.order import Order, format_serial, parse_serial
from scm_simulator.http.messages import Response, pretty_json
from scm_simulator.http.routing import Call, route, total
from scm_simulator.refusals import refuse
from scm_simulator.routes.certificate_view import (
    VENDOR,
    extended_key_usages,
    key_usages,
    other_names,
    profile_json,
    signature_algorithm,
    with_missing,
)
from scm_simulator.world.dials import Dials

_Test = Callable[[Order, str, Dials], bool]


def _blankless(text: str) -> str:
    return text.replace(" ", "").replace("_", "").lower()


def _same(value: str, wanted: str) -> bool:
    return _blankless(value) == _blankless(wanted)


def _like(value: str, wanted: str, dials: Dials) -> bool:
    """Return whether a name filter matches; whether by substring is not documented, so it is a dial."""
    return wanted.lower() in value.lower() if dials.name_filter == "substring" else wanted.lower() == value.lower()


def _within(values: Sequence[str], wanted: str) -> bool:
    return all(any(_same(value, part) for value in values) for part in wanted.split(","))


def _key_parameter(order: Order) -> str:
    return order.csr.key_type.partition(" - ")[2]


def _issuer(order: Order) -> str:
    return order.certificate.issuer.rfc4514_string() if order.certificate else ""


FILTERS: Mapping[str, _Test] = {
    "commonName": lambda order, text, dials: _like(order.common_name, text, dials),
    "subjectAlternativeName": lambda order, text, dials: any(
        _like(name, text, dials) for name in other_names(order, dials)
    ),
    "status": lambda order, text, _: _same(order.status, text),
    "sslTypeId": lambda order, text, _: str(order.profile_id) == text,
    "orgId": lambda order, text, _: str(order.department_id) == text,
    "vendor": lambda _, text, dials: _like(VENDOR, text, dials),
    "issuer": lambda order, text, dials: _like(_issuer(order), text, dials),
    "serialNumber": lambda order, text, _: parse_serial(text) is not None and parse_serial(text) == order.serial_number,
    "requester": lambda order, text, dials: _like(order.requester, text, dials),
    "externalRequester": lambda order, text, dials: _like(order.external_requester, text, dials),
    "signatureAlgorithm": lambda order, text, _: (
        order.certificate is not None and _same(signature_algorithm(order.certificate), text)
    ),
    "keyAlgorithm": lambda order, text, _: _same(order.csr.key_type.partition(" - ")[0], text),
    "keySize": lambda order, text, _: _key_parameter(order) == text,
    "keyParam": lambda order, text, _: _same(_key_parameter(order), text),
    "sha1Hash": lambda order, text, _: order.fingerprint(hashes.SHA1()) == text.upper(),  # noqa: S303  # SCM's filter
    "md5Hash": lambda order, text, _: order.fingerprint(hashes.MD5()) == text.upper(),  # noqa: S303  # SCM's filter
    "sha256Hash": lambda order, text, _: order.fingerprint(hashes.SHA256()) == text.upper(),
    "keyUsage": lambda order, text, _: order.certificate is not None and _within(key_usages(order.certificate), text),
    "extendedKeyUsage": lambda order, text, _: (
        order.certificate is not None and _within(extended_key_usages(order.certificate), text)
    ),
    "installStatus": lambda _, text, __: _blankless(text) in ("none", "notconfigured"),
    "renewalStatus": lambda order, text, _: _same(str(order.auto_renew["state"]), text),
    "requestedVia": lambda order, text, _: _same(order.via, text) or _same(order.via, f"{text} API"),
    "discoveryStatus": lambda _, text, __: _same(text, "NotDeployed"),
}
"""Every filter of the list, by its query parameter. Filters are ANDed; an empty filter matches."""


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
    orders = advanced_orders(call.state, call.state.orders_of(call.admin))
    wanted = [(FILTERS[name], text) for name, text in call.request.query.items() if name in FILTERS and text]
    for name in ("orgId", "sslTypeId"):
        call.request.number(name, low=1)
    dials = call.state.dials
    return [order for order in orders if all(test(order, text, dials) for test, text in wanted)]


def _item(order: Order, dials: Dials) -> dict[str, Any]:
    members = {
        "sslId": order.ssl_id,
        "commonName": order.common_name,
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
