"""Reading a document field by field: every fault is collected with its place, not only the first.

A reader of a value takes it as it is in the file and returns it in our form, or raises ValueError with what the value
must be.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from certmandate.files.yaml_document import Place, place_text
from renewal.domain.certificate.chain_form import ChainForm
from renewal.domain.delegation import LANGUAGES, S3
from renewal.domain.key_type import KeyType
from renewal.domain.names import normalised
from renewal.domain.run.request import NAME

Value = TypeVar("Value", bound=str)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_FOR_DOCUMENTATION = tuple(map(ipaddress.IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))
MOST_ENTRIES = 2_000
"""Of a list, before it is read: certificates have a thousand names at most."""
EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"*]+\.[^@\s,;<>\"*]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file: *place* is the path of keys and indexes to the value."""

    place: Place
    text: str

    def __str__(self) -> str:
        """`certificates[0].names[2]: …`."""
        return f"{place_text(self.place) or 'file'}: {self.text}"


@dataclass(slots=True)
class Reader:
    """Reads values out of nested mappings and collects faults on the way."""

    faults: list[Fault] = field(default_factory=list)

    def fault(self, place: Place, text: str) -> None:
        """Note that the value at *place* is wrong."""
        self.faults.append(Fault(place, text))

    def is_clean(self, place: Place) -> bool:
        """Whether nothing at *place* or below has a fault: a fault that follows from another is not reported."""
        return all(fault.place[: len(place)] != place for fault in self.faults)

    def mapping(self, value: Any, place: Place, known: frozenset[str]) -> Mapping[str, Any]:
        """Return *value* as a mapping, empty when it is none; keys other than *known* are faults."""
        if not isinstance(value, Mapping):
            self.fault(place, f"must be a mapping with {', '.join(sorted(known))}")
            return {}
        for key in value:
            if key not in known:
                self.fault((*place, str(key)), f"unknown field; known here: {', '.join(sorted(known))}")
        return value

    def value(
        self,
        source: Mapping[str, Any],
        key: str,
        place: Place,
        read: Callable[[Any], Any],
        *,
        default: Any = ...,
    ) -> Any:
        """Read a field; on a fault, collect it and return the default (or None)."""
        if source.get(key) is None:
            if default is ...:
                self.fault((*place, key), "is missing")
                return None
            return default
        try:
            return read(source[key])
        except ValueError as error:
            self.fault((*place, key), str(error))
            return None if default is ... else default

    def items(self, source: Mapping[str, Any], key: str, place: Place, read: Callable[[Any], Any]) -> list[Any]:
        """Read a list field entry by entry; duplicates are faults."""
        values = source.get(key)
        if not isinstance(values, list):
            self.fault((*place, key), "must be a list" if key in source else "is missing")
            return []
        if len(values) > MOST_ENTRIES:  # aliases make a small file a large one
            self.fault((*place, key), f"has {len(values)} entries; {MOST_ENTRIES} at most")
            return []
        return self._entries(values, (*place, key), read)

    def _entries(self, values: list[Any], place: Place, read: Callable[[Any], Any]) -> list[Any]:
        entries: dict[Any, None] = {}
        for index, value in enumerate(values):
            try:
                entry = read(value)
            except ValueError as error:
                self.fault((*place, index), str(error))
                continue
            if entry in entries:
                self.fault((*place, index), f"'{entry}' is listed twice")
            else:
                entries[entry] = None
        return list(entries)


def text(value: Any) -> str:
    """1 to 200 characters, without the blanks around them."""
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or "\n" in value.strip():
        hint = "; put NO, yes and numbers in quotes" if isinstance(value, int | float) else ""
        msg = f"must be a text of 1 to 200 characters in one line{hint}"
        raise ValueError(msg)
    return value.strip()


def delegation_or_certificate(value: Any) -> str:
    """A name of ours: `renewal.domain.run.request.NAME`."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        msg = "must be 1 to 40 lower-case letters, digits and inner hyphens"
        raise ValueError(msg)
    return value


def domain_name(value: Any) -> str:
    """A domain name, normalised."""
    if not isinstance(value, str):
        msg = f"must be a domain name, not {type(value).__name__}"
        raise ValueError(msg)
    return normalised(value)


def one_of(values: Iterable[Value]) -> Callable[[Any], Value]:
    """Return the reader of one of the texts *values*."""
    known = tuple(values)

    def read(value: Any) -> Value:
        if value not in known:
            msg = f"must be one of {', '.join(known)}"
            raise ValueError(msg)
        return known[known.index(value)]

    return read


def whole(numbers: Container[int], described: str) -> Callable[[Any], int]:
    """Return the reader of one of the whole *numbers*."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value not in numbers:
            msg = f"must be {described}"
            raise ValueError(msg)
        return value

    return read


key_type = one_of(KeyType)
chain = one_of(ChainForm)
language = one_of(LANGUAGES)
positive = whole(range(1, sys.maxsize), "a whole number of 1 or more")
whole_days = whole(range(sys.maxsize), "a whole number of days, 0 or more")


def ratio(value: Any) -> float:
    """A share of the lifetime, 0.1 to 0.5."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= 0.5:
        msg = "must be a share of the lifetime between 0.1 and 0.5; more would renew in a loop"
        raise ValueError(msg)
    return float(value)


def store(value: Any) -> str:
    """`s3` or `acm:<region>`."""
    if value == S3 or (isinstance(value, str) and value.startswith("acm:") and _REGION.fullmatch(value[4:])):
        return str(value)
    msg = "must be s3 or acm:<region>, as in acm:eu-west-3"
    raise ValueError(msg)


def email(value: Any) -> str:
    """Text in the form of an e-mail address; its domain in A-labels, because Amazon SES takes ASCII only."""
    if not isinstance(value, str) or not EMAIL.fullmatch(value):
        msg = "must be an e-mail address"
        raise ValueError(msg)
    if not value.partition("@")[0].isascii():
        msg = "must have ASCII before the @: Amazon SES sends to no other address"
        raise ValueError(msg)
    return _with_a_labels(value)


def _with_a_labels(address: str) -> str:
    local, _, domain = address.partition("@")
    return address if domain.isascii() else f"{local}@{normalised(domain)}"


def external_requester(value: Any) -> str:
    """One e-mail address or several, at most 512 characters, separated by `, ` (SCM reference §5.4).

    Their domains in A-labels, as in `email`.
    """
    addresses = [part.strip() for part in value.split(",")] if isinstance(value, str) else [""]
    are_addresses = all(EMAIL.fullmatch(address) for address in addresses)
    written = ", ".join(map(_with_a_labels, addresses)) if are_addresses else ""
    if not 0 < len(written) <= 512:
        msg = "must be an e-mail address, or several with commas between them, of at most 512 characters"
        raise ValueError(msg)
    return written


def custom_field(value: Any) -> str:
    """Name or value of a custom field: 1 to 256 characters (SCM reference §5.4)."""
    if not isinstance(value, str) or not 0 < len(value.strip()) <= len(value) <= 256:
        msg = "must be a text of 1 to 256 characters, in quotes if it is a number or a date"
        raise ValueError(msg)
    return value.strip()


def day(value: Any) -> date:
    """A day, as YAML reads it or as ISO text."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        msg = "must be a day, as in 2028-12-31"
        raise ValueError(msg) from None


def address(value: Any) -> str:
    """One public IPv4 address as a /32; those for documentation pass, because examples have them (RFC 5737)."""
    try:
        network = ipaddress.ip_network(value if isinstance(value, str) else "", strict=True)
    except ValueError:
        msg = "must be the stack's Elastic IP as a /32, written as 51.15.20.30/32"
        raise ValueError(msg) from None
    if not isinstance(network, ipaddress.IPv4Network) or network.prefixlen != 32:
        msg = "must be one IPv4 address as a /32: a wider range admits others"
        raise ValueError(msg)
    if not any(network.subnet_of(range_) for range_ in _FOR_DOCUMENTATION):
        require_public(network)
    return str(network)


def require_public(network: ipaddress.IPv4Network) -> None:
    """Raise ValueError for an address that no request over the internet can come from."""
    if not network.is_global or network.is_multicast:
        msg = f"{network} is not a public address, so no request to SCM comes from it; give the stack's Elastic IP"
        raise ValueError(msg)
