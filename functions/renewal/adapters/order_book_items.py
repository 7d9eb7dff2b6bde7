"""How records are written down: what a newcomer reads in DynamoDB's console, and back.

One table. Partition key `delegation`, sort key `item`:

    univ-example   delegation                          the delegation: spec, inspection, refusal
    univ-example   certificate#idp                     a certificate: spec, served, asked, hold_until, failures, …
    univ-example   order#idp                           its open order, if there is one; the only place of its sealed key
    univ-example   finished#idp#2026-11-23T…Z#<token>  audit row of an order that has ended; never changed
    #estate        replacement#<before>#<issuer>       a standing order to replace

`action` and `next_action_at` are on delegations and certificates only; the index `next-action` is made of them.
Moments are text in UTC with microseconds, so that they sort as they follow each other. Absent = None or empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from renewal.domain.delegation import CertificateSpec, Delegation, RenewalPolicy
from renewal.domain.keypair import KeyType
from renewal.domain.order import ManagedCertificate, Order, OrderStatus, Replacement, Served

Item = Mapping[str, Any]
"""An item or a map in it, in Python's types."""

Key = tuple[str, str]
"""(delegation, item)."""

DELEGATION = "delegation"
CERTIFICATE = "certificate"
CERTIFICATE_PREFIX = "certificate#"
ORDER_PREFIX = "order#"
REPLACEMENT_PREFIX = "replacement#"
ESTATE = "#estate"
"""Partition of what concerns everything; no delegation can be called so (`renewal.domain.request.NAME`)."""


def delegation_key(name: str) -> Key:
    """Key of a delegation."""
    return name, DELEGATION


def certificate_key(delegation: str, name: str) -> Key:
    """Key of a certificate."""
    return delegation, f"{CERTIFICATE_PREFIX}{name}"


def order_key(delegation: str, certificate: str) -> Key:
    """Key of a certificate's open order; there is but one, so there can't be two orders."""
    return delegation, f"{ORDER_PREFIX}{certificate}"


def replacement_key(replacement: Replacement) -> Key:
    """Key of a standing order to replace; the same order twice is one."""
    return ESTATE, f"{REPLACEMENT_PREFIX}{stamp(replacement.issued_before)}#{replacement.issuer.casefold()}"


def name_in(item: Item) -> str:
    """Return the certificate's name in the sort key of its item or of its open order."""
    return str(item["item"]).partition("#")[2]


def stamp(moment: datetime) -> str:
    """`2026-11-23T08:00:00.000000Z`: always as long, so that text sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str | None) -> datetime | None:
    """Read back what `stamp` wrote."""
    return known_moment(text) if text else None


def known_moment(text: str) -> datetime:
    """Read back what `stamp` wrote where there always is something."""
    return datetime.fromisoformat(text).astimezone(UTC)


def present(attributes: Item) -> dict[str, Any]:
    """Leave out what is None."""
    return {name: value for name, value in attributes.items() if value is not None}


# ---- Spec: written by `OrderBookEditor` only ---------------------------------------------------------------------


def delegation_spec(delegation: Delegation) -> dict[str, Any]:
    """Map `spec` of a delegation."""
    ends = delegation.mandate_ends
    return present(
        {
            "organisation": delegation.organisation,
            "department_id": delegation.department_id,
            "delegated_names": list(delegation.delegated_names),
            "rao_email": delegation.rao_email or None,
            "mandate_ends": ends.isoformat() if ends else None,
            "address": delegation.address or None,
        }
    )


def delegation_from(item: Item) -> Delegation:
    """Read a delegation's item."""
    spec = item["spec"]
    ends = spec.get("mandate_ends")
    return Delegation(
        name=item["delegation"],
        organisation=spec["organisation"],
        department_id=int(spec["department_id"]),
        delegated_names=tuple(spec["delegated_names"]),
        rao_email=spec.get("rao_email", ""),
        mandate_ends=date.fromisoformat(ends) if ends else None,
        address=spec.get("address", ""),
    )


def certificate_spec(spec: CertificateSpec) -> dict[str, Any]:
    """Map `spec` of a certificate."""
    return present(
        {
            "names": list(spec.names),
            "profile_id": spec.profile_id,
            "key_type": spec.key_type.value,
            "term_days": spec.term_days,
            "stores": list(spec.stores),
            "arns": dict(spec.arns),
            "policy": {"ratio": Decimal(repr(spec.policy.ratio)), "floor_days": spec.policy.floor_days},
        }
    )


def _certificate_spec_from(item: Item) -> CertificateSpec:
    spec = item["spec"]
    return CertificateSpec(
        delegation=item["delegation"],
        name=name_in(item),
        names=tuple(spec["names"]),
        profile_id=int(spec["profile_id"]),
        key_type=KeyType(spec["key_type"]),
        term_days=int(spec["term_days"]) if "term_days" in spec else None,
        stores=tuple(spec["stores"]),
        arns=dict(spec["arns"]),
        policy=RenewalPolicy(float(spec["policy"]["ratio"]), int(spec["policy"]["floor_days"])),
    )


# ---- Status ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate's record, and which of its states it is: writes that rest on it name the revision."""

    certificate: ManagedCertificate
    revision: int


def stored_certificate(item: Item, order: Item | None) -> StoredCertificate:
    """Read a certificate's item and that of its open order."""
    served = item.get("served")
    certificate = ManagedCertificate(
        spec=_certificate_spec_from(item),
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
            "opened_at": stamp(order.opened_at),
            "posted_at": stamp(order.posted_at),
            "posts": order.posts,
            "ssl_id": order.ssl_id,
            "looked_at": stamp(order.looked_at) if order.looked_at else None,
            "confirmed_at": stamp(order.confirmed_at) if order.confirmed_at else None,
            "chain": order.chain or None,
            "arns": dict(order.arns),
        }
    )


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
        opened_at=known_moment(item["opened_at"]),
        posted_at=known_moment(item["posted_at"]),
        posts=int(item["posts"]),
        ssl_id=int(item["ssl_id"]) if "ssl_id" in item else None,
        looked_at=moment(item.get("looked_at")),
        confirmed_at=moment(item.get("confirmed_at")),
        chain=item.get("chain", ""),
        arns=dict(item["arns"]),
    )
