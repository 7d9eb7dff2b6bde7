"""How the rest is written down: a delegation's status, audit rows of orders, standing orders to replace."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from renewal.adapters.order_book.inspection import inspection_from
from renewal.adapters.order_book.items import (
    Item,
    delegation_from,
    known_moment,
    legible,
    moment,
    present,
    replacement_key,
    stamp,
)
from renewal.domain.order import FinishedOrder, Order, OrderStatus, Replacement, Served
from renewal.domain.setup.inspection import DelegationRecord

FINISHED = "finished#"


@legible
def delegation_record(item: Item) -> DelegationRecord:
    """Read a delegation's item with its status."""
    inspection, refusal = item.get("inspection"), item.get("refusal", {})
    return DelegationRecord(
        delegation=delegation_from(item),
        inspection=inspection_from(inspection) if inspection else None,
        refused_version=refusal.get("version", ""),
        refused_run=refusal.get("run_id", ""),
    )


# ---- Orders that have ended ----------------------------------------------------------------------------


def finished_prefix(certificate: str) -> str:
    """What the sort keys of a certificate's audit rows begin with; of all certificates' when it is empty."""
    return f"{FINISHED}{certificate}#" if certificate else FINISHED


def stored_order(order: Order, served: Served, previous: Served | None, text: str) -> FinishedOrder:
    """Return the audit row of an order that was stored; *text*: what to know of its certificate."""
    return FinishedOrder(
        **_asked(order),
        status=OrderStatus.STORED.value,
        ended_at=served.stored_at,
        ssl_id=served.ssl_id,
        serial=served.serial,
        previous_serial=previous.serial if previous else "",
        not_before=served.not_before,
        not_after=served.not_after,
        stores=served.stores,
        arns=served.arns,
        text=text,
    )


def failed_order(order: Order, error: str, text: str, now: datetime) -> FinishedOrder:
    """Return the audit row of an order that failed."""
    return FinishedOrder(
        **_asked(order),
        status=OrderStatus.FAILED.value,
        ended_at=now,
        ssl_id=order.ssl_id,
        arns=order.arns,
        error=error,
        text=text,
    )


def _asked(order: Order) -> dict[str, Any]:
    names = ("delegation", "certificate", "token", "opened_at", "names", "causes", "run_id", "reason", "posts")
    return {name: getattr(order, name) for name in names}


def finished_item(row: FinishedOrder) -> dict[str, Any]:
    """Item of an audit row."""
    return present(
        {
            "delegation": row.delegation,
            "item": f"{finished_prefix(row.certificate)}{stamp(row.ended_at)}#{row.token}",
            "certificate": row.certificate,
            "token": row.token,
            "status": row.status,
            "ended_at": stamp(row.ended_at),
            "opened_at": stamp(row.opened_at),
            "names": list(row.names),
            "causes": list(row.causes),
            "run_id": row.run_id,
            "reason": row.reason or None,
            "ssl_id": row.ssl_id,
            "serial": row.serial or None,
            "previous_serial": row.previous_serial or None,
            "not_before": stamp(row.not_before) if row.not_before else None,
            "not_after": stamp(row.not_after) if row.not_after else None,
            "stores": list(row.stores),
            "arns": dict(row.arns),
            "error": row.error or None,
            "text": row.text or None,
            "posts": row.posts,
        }
    )


@legible
def finished_from(item: Item) -> FinishedOrder:
    """Read an audit row."""
    return FinishedOrder(
        delegation=item["delegation"],
        certificate=item["certificate"],
        token=item["token"],
        status=item["status"],
        ended_at=known_moment(item["ended_at"]),
        opened_at=known_moment(item["opened_at"]),
        names=tuple(item["names"]),
        causes=tuple(item["causes"]),
        run_id=item["run_id"],
        reason=item.get("reason", ""),
        ssl_id=int(item["ssl_id"]) if "ssl_id" in item else None,
        serial=item.get("serial", ""),
        previous_serial=item.get("previous_serial", ""),
        not_before=moment(item.get("not_before")),
        not_after=moment(item.get("not_after")),
        stores=tuple(item["stores"]),
        arns=dict(item["arns"]),
        error=item.get("error", ""),
        text=item.get("text", ""),
        posts=int(item["posts"]),
    )


# ---- Standing orders -----------------------------------------------------------------------------------


def replacement_item(replacement: Replacement) -> dict[str, Any]:
    """Item of a standing order to replace."""
    delegation, item = replacement_key(replacement)
    return {
        "delegation": delegation,
        "item": item,
        "issued_before": stamp(replacement.issued_before),
        "issuer": replacement.issuer,
        "reason": replacement.reason,
    }


@legible
def replacement_from(item: Item) -> Replacement:
    """Read a standing order to replace."""
    return Replacement(known_moment(item["issued_before"]), item["issuer"], item["reason"])
