"""How records are written down: what a newcomer reads in DynamoDB's console, and back.

One table. Partition key `delegation`, sort key `item`:

    univ-example   delegation                         the delegation: spec, inspection, refusal
    univ-example   certificate#idp                    a certificate: spec, served, asked, hold_until, …
    univ-example   order#idp                          its open order, if there is one, with the sealed key
    univ-example   finished#idp#2026-11-23…#<token>   audit row of an order that has ended; never changed
    #estate        replacement#<before>#<issuer>      a standing order to replace

The index `next-action` is made of `action` and `next_action_at`, which delegations and certificates have.
Moments are text in UTC, always with microseconds, so that they sort as they follow each other. Absent means
None or empty. Specs are written down here, status in `order_book_status.py`, the rest in
`order_book_audit.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ParamSpec, TypeVar

from renewal.domain.delegation import CertificateSpec, Delegation, RenewalPolicy
from renewal.domain.errors import StoreRefused
from renewal.domain.keypair import KeyType
from renewal.domain.order import Replacement

P = ParamSpec("P")
T = TypeVar("T")

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


def legible(read: Callable[P, T]) -> Callable[P, T]:
    """Decorate what reads an item, its first argument: StoreRefused names the item that can't be read."""

    @functools.wraps(read)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            item: Any = args[0]
            msg = (
                f"the order book's item '{item.get('item')}' of '{item.get('delegation')}' is not as "
                f"certmandate writes it ({type(error).__name__}); was it edited? Restore it from a backup"
            )
            raise StoreRefused(msg) from None

    return wrapper


def present(attributes: Item) -> dict[str, Any]:
    """Leave out what is None."""
    return {name: value for name, value in attributes.items() if value is not None}


# ---- Spec: written by `OrderBookEditor` only -----------------------------------------------------------


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


def certificate_spec_from(item: Item) -> CertificateSpec:
    """Read the spec in a certificate's item."""
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
