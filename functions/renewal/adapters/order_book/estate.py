"""What the order book remembers of the whole estate besides standing orders: retirements, and an apply under way.

#estate   apply#unfinished      an apply of more than one transaction that has begun and not ended
#estate   retired#<delegation>  a mandate that has ended, and what of it stays valid until when
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from renewal.adapters.order_book.items import ESTATE, Item, Key, known_moment, legible, present, stamp
from renewal.domain.delegation import Delegation
from renewal.domain.order import ManagedCertificate

UNFINISHED_APPLY: Key = (ESTATE, "apply#unfinished")
RETIRED_PREFIX = "retired#"


@dataclass(frozen=True, slots=True)
class StillValid:
    """A certificate that outlives its delegation."""

    certificate: str
    ssl_id: int
    """0 when it was adopted and SCM's number was not given."""
    serial: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Retired:
    """A delegation that was ended."""

    delegation: str
    organisation: str
    department_id: int
    retired_at: datetime
    certificates: tuple[StillValid, ...] = ()


def retired_key(delegation: str) -> Key:
    """Key of a retirement."""
    return ESTATE, f"{RETIRED_PREFIX}{delegation}"


def retirement(delegation: Delegation, certificates: Iterable[ManagedCertificate], now: datetime) -> Retired:
    """Return what is remembered of *delegation*: those of its certificates that are valid after *now*."""
    valid = tuple(
        StillValid(one.spec.name, one.served.ssl_id, one.served.serial, one.served.not_after)
        for one in certificates
        if one.served and one.served.not_after > now
    )
    return Retired(delegation.name, delegation.organisation, delegation.department_id, now, valid)


def retired_map(retired: Retired) -> dict[str, Any]:
    """Map of a retirement."""
    return {
        "organisation": retired.organisation,
        "department_id": retired.department_id,
        "retired_at": stamp(retired.retired_at),
        "certificates": [
            present(
                {
                    "name": one.certificate,
                    "ssl_id": one.ssl_id or None,
                    "serial": one.serial,
                    "not_after": stamp(one.not_after),
                }
            )
            for one in retired.certificates
        ],
    }


@legible
def retired_from(item: Item) -> Retired:
    """Read a retirement."""
    return Retired(
        delegation=item["item"].removeprefix(RETIRED_PREFIX),
        organisation=item["retired"]["organisation"],
        department_id=int(item["retired"]["department_id"]),
        retired_at=known_moment(item["retired"]["retired_at"]),
        certificates=tuple(
            StillValid(one["name"], int(one.get("ssl_id", 0)), one["serial"], known_moment(one["not_after"]))
            for one in item["retired"]["certificates"]
        ),
    )


@legible
def begun_at(item: Item) -> datetime:
    """Return when the unfinished apply began."""
    return known_moment(item["begun_at"])
