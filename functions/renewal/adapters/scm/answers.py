"""What SCM says, read by content and never by media type, unknown members ignored (SCM reference §12.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx

from renewal.adapters.scm.dates import day, moment
from renewal.domain.certificate import normalised_serial
from renewal.domain.delegation import Profile
from renewal.domain.order import OrderDetails
from renewal.domain.setup.snapshot import PasswordState, ReportedCertificate
from renewal.domain.status import normalised_status

Members = Mapping[str, Any]


def document(answer: httpx.Response) -> object:
    """Return the JSON value of the body; None when there is none, or only half of one."""
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        return None


def members(answer: httpx.Response) -> Members:
    """Return the JSON object of the body; {} when it is anything else."""
    value = document(answer)
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """Return *value* as text; absent and null are ""."""
    return "" if value is None else str(value).strip()


def whole(value: object) -> int | None:
    """Return *value* as a whole number, written as a number or as text; None when it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return int(value) if isinstance(value, int | str) else None
    except ValueError:
        return None


def objects(value: object) -> Iterator[Members]:
    """Yield the JSON objects among the items of *value*."""
    yield from (item for item in _items(value) if isinstance(item, dict))


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def ssl_id_of(row: Members) -> int | None:
    """Return an order's number: `sslId`, or `id` where a newer release or a report says only that."""
    found = whole(row.get("sslId"))
    return whole(row.get("id")) if found is None else found


def profiles_from(rows: Iterable[Members]) -> tuple[Profile, ...]:
    """Read `/types` (§5.3); rows without a number are skipped."""
    return tuple(
        Profile(number, text(row.get("name")), _terms(row.get("terms")), _key_types(row.get("keyTypes")))
        for row in rows
        if (number := whole(row.get("id"))) is not None
    )


def _terms(value: object) -> tuple[int, ...]:
    return tuple(sorted({term for item in _items(value) if (term := whole(item))}))


def _key_types(value: object) -> dict[str, tuple[str, ...]]:
    offered = value if isinstance(value, dict) else {}
    return {
        text(algorithm).upper(): tuple(text(size) for size in sizes)
        for algorithm, sizes in offered.items()
        if isinstance(sizes, list) and sizes
    }


def details_from(row: Members, ssl_id: int) -> OrderDetails:
    """Read an order's details (§5.2)."""
    return OrderDetails(
        ssl_id=ssl_id,
        status=normalised_status(text(row.get("status"))),
        comment=text(row.get("comments")),
        serial=_serial(row.get("serialNumber")),
    )


def _serial(value: object) -> str:
    written = text(value)
    return normalised_serial(written) if written else ""


def password_state_from(row: Members) -> PasswordState:
    """Read the state of the account's password (§9)."""
    return PasswordState(state=normalised_status(text(row.get("state"))), expires=day(row.get("expirationDate")))


def reported_from(rows: Iterable[Members]) -> tuple[ReportedCertificate, ...]:
    """Read the rows of an SSL report (§10.1); rows without a number are skipped."""
    return tuple(_reported(row, number) for row in rows if (number := ssl_id_of(row)) is not None)


def _reported(row: Members, ssl_id: int) -> ReportedCertificate:
    common_name = text(row.get("commonName")).lower()
    return ReportedCertificate(
        ssl_id=ssl_id,
        common_name=common_name,
        names=_names(common_name, row.get("subjAltNames")),
        status=normalised_status(text(row.get("status"))),
        comment=text(row.get("comments")),
        serial=_serial(row.get("serialNumber")),
        issued=moment(row.get("issued")),
        expires=moment(row.get("expires")),
    )


def _names(common_name: str, value: object) -> tuple[str, ...]:
    """`a; b`, `dNSName=a, dNSName=b` and lists are attested; the common name may be left out of them."""
    written = ",".join(map(text, value)) if isinstance(value, list) else text(value)
    parts = [part.strip().removeprefix("dNSName=").lower() for part in written.replace(";", ",").split(",")]
    return tuple(dict.fromkeys(name for name in (common_name, *parts) if name))
