"""How status is written down: what is served, and the open order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from renewal.adapters.order_book.items import (
    Item,
    certificate_spec_from,
    known_moment,
    legible,
    moment,
    name_in,
    order_key,
    present,
    stamp,
)
from renewal.domain.keypair import KeyType
from renewal.domain.order import ManagedCertificate, Order, OrderStatus, Served


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate's record, and which of its states it is: writes that rest on it name the revision."""

    certificate: ManagedCertificate
    revision: int


@legible
def stored_certificate(item: Item, order: Item | None) -> StoredCertificate:
    """Read a certificate's item and that of its open order."""
    served = item.get("served")
    certificate = ManagedCertificate(
        spec=certificate_spec_from(item),
        served=_served_from(served) if served else None,
        order=order_from(order) if order else None,
        asked=item.get("asked", ""),
        hold_until=moment(item.get("hold_until")),
        failures=int(item.get("failures", 0)),
        last_error=item.get("last_error", ""),
    )
    return StoredCertificate(certificate, int(item["revision"]))


def served_map(served: Served) -> dict[str, Any]:
    """Map `served` of a certificate."""
    return present(
        {
            "ssl_id": served.ssl_id,
            "serial": served.serial,
            "not_before": stamp(served.not_before),
            "not_after": stamp(served.not_after),
            "names": list(served.names),
            "profile_id": served.profile_id,
            "key_type": served.key_type.value,
            "issuer": served.issuer,
            "stores": list(served.stores),
            "token": served.token,
            "stored_at": stamp(served.stored_at),
            "arns": dict(served.arns),
            "sealed_key": served.sealed_key or None,
        }
    )


def _served_from(served: Item) -> Served:
    return Served(
        ssl_id=int(served["ssl_id"]),
        serial=served["serial"],
        not_before=known_moment(served["not_before"]),
        not_after=known_moment(served["not_after"]),
        names=tuple(served["names"]),
        profile_id=int(served["profile_id"]),
        key_type=KeyType(served["key_type"]),
        issuer=served["issuer"],
        stores=tuple(served["stores"]),
        token=served["token"],
        stored_at=known_moment(served["stored_at"]),
        arns=dict(served["arns"]),
        sealed_key=bytes(served.get("sealed_key", b"")),
    )


def order_item(order: Order) -> dict[str, Any]:
    """Item of an open order."""
    delegation, item = order_key(order.delegation, order.certificate)
    return present(
        {
            "delegation": delegation,
            "item": item,
            "token": order.token,
            "status": order.status.value,
            "department_id": order.department_id,
            "names": list(order.names),
            "profile_id": order.profile_id,
            "key_type": order.key_type.value,
            "term_days": order.term_days,
            "csr": order.csr,
            "sealed_key": order.sealed_key,
            "causes": list(order.causes),
            "run_id": order.run_id,
            "reason": order.reason or None,
            "opened_at": stamp(order.opened_at),
            "posted_at": stamp(order.posted_at),
            "posts": order.posts,
            "ssl_id": order.ssl_id,
            "looked_at": stamp(order.looked_at) if order.looked_at else None,
            "confirmed_at": stamp(order.confirmed_at) if order.confirmed_at else None,
            "trouble": order.trouble or None,
            "chain": order.chain or None,
            "arns": dict(order.arns),
            "importing": {region: stamp(claimed) for region, claimed in order.importing.items()},
        }
    )


@legible
def order_from(item: Item) -> Order:
    """Read the item of an open order."""
    return Order(
        delegation=item["delegation"],
        certificate=name_in(item),
        token=item["token"],
        status=OrderStatus(item["status"]),
        department_id=int(item["department_id"]),
        names=tuple(item["names"]),
        profile_id=int(item["profile_id"]),
        key_type=KeyType(item["key_type"]),
        term_days=int(item["term_days"]),
        csr=item["csr"],
        sealed_key=bytes(item["sealed_key"]),
        causes=tuple(item["causes"]),
        run_id=item["run_id"],
        reason=item.get("reason", ""),
        opened_at=known_moment(item["opened_at"]),
        posted_at=known_moment(item["posted_at"]),
        posts=int(item["posts"]),
        ssl_id=int(item["ssl_id"]) if "ssl_id" in item else None,
        looked_at=moment(item.get("looked_at")),
        confirmed_at=moment(item.get("confirmed_at")),
        trouble=item.get("trouble", ""),
        chain=item.get("chain", ""),
        arns=dict(item["arns"]),
        importing={region: known_moment(claimed) for region, claimed in item["importing"].items()},
    )
