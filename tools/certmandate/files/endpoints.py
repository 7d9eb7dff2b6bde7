"""The endpoints of a certificate, as `served_at` declares them. Each reader raises ValueError with what is wrong."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from certmandate.files import fields
from renewal.domain.endpoint.declaration import PORTS, Endpoint, StartTls

MOST_ENDPOINTS = 50
"""Of a certificate: what each address presented is kept in its record, an item of at most 400 KB."""
BLOCKED_PORT = 25
_FIELDS = frozenset({"host", "port", "starttls", "address"})
_REPORTED = frozenset({"reported_by"})
grace_hours = fields.whole(range(721), "a whole number of hours, 0 to 720")
_port_of_tls = fields.whole(
    PORTS, f"one of {', '.join(map(str, sorted(PORTS)))}: connections are made to no other port"
)
_starttls = fields.one_of(StartTls)
_FORM = "must be host:port, {host: …, port: …} with starttls and address where needed, or {reported_by: …}"


def _require_no_address(value: Any) -> None:
    """Raise ValueError for an IP address in place of a host: the name is needed for SNI and for the comparison."""
    try:
        address = ipaddress.ip_address(str(value).strip("[]"))
    except ValueError:
        return
    msg = f'{address} is an address: write {{host: a.univ.example, port: 443, address: "{address}"}}'
    raise ValueError(msg)


def _port(value: Any) -> int:
    if value == BLOCKED_PORT:
        msg = f"AWS blocks connections to port {BLOCKED_PORT}: declare 587 or 465, or `reported_by`"
        raise ValueError(msg)
    return _port_of_tls(value)


def endpoint(value: Any) -> Endpoint:
    """An endpoint, in one of the three forms."""
    if isinstance(value, str):
        host, colon, port = value.rpartition(":")
        for text in (value, host):
            _require_no_address(text)
        if colon and port.isascii() and port.isdigit():
            return Endpoint(_host(host), _port(int(port)))
    elif isinstance(value, Mapping) and "reported_by" in value:
        _require_known(value, _REPORTED)
        return Endpoint(reported_by=_of("reported_by", fields.delegation_or_certificate, value["reported_by"]))
    elif isinstance(value, Mapping):
        _require_known(value, _FIELDS)
        return _contacted(value)
    raise ValueError(_FORM)


def _contacted(source: Mapping[str, Any]) -> Endpoint:
    if missing := {"host", "port"} - source.keys():
        msg = f"{' and '.join(sorted(missing))} must be given: it {_FORM}"
        raise ValueError(msg)
    _of("host", _require_no_address, source["host"])
    return Endpoint(
        _of("host", _host, source["host"]),
        _of("port", _port, source["port"]),
        _of("starttls", _starttls, source["starttls"]) if "starttls" in source else None,
        _of("address", _address, source["address"]) if "address" in source else "",
    )


def _of(field: str, read: Any, value: Any) -> Any:
    try:
        return read(value)
    except ValueError as error:
        msg = f"{field}: {error}"
        raise ValueError(msg) from None


def _require_known(source: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(map(str, source.keys() - known)):
        msg = f"unknown field {', '.join(unknown)}; known here: {', '.join(sorted(known))}"
        raise ValueError(msg)


def _host(value: Any) -> str:
    name: str = fields.domain_name(value)
    if name.startswith("*."):
        msg = f"'{name}' is no host; name one that the wildcard covers"
        raise ValueError(msg)
    return name


def _address(value: Any) -> str:
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        msg = "must be one IPv4 or IPv6 address, as in 203.0.113.7"
        raise ValueError(msg) from None
