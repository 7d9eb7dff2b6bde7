"""The deploy hook: an EventBridge event for every renewed certificate."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from renewal.adapters.aws import translated
from renewal.domain.errors import StoreUnavailable
from renewal.domain.order import Order, Served

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient

SOURCE = "certmandate"
DETAIL_TYPE = "Certificate Renewed"


class EventBridgeAnnouncer:
    """Publishes on one event bus, at least once: consumers recognise repetitions by token and stores."""

    def __init__(self, client: EventBridgeClient, bus: str) -> None:
        self._client = client
        self._bus = bus

    @translated("events:PutEvents")
    def renewed(self, order: Order, served: Served, previous: Served | None) -> None:
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._bus,
                    "Source": SOURCE,
                    "DetailType": DETAIL_TYPE,
                    "Detail": json.dumps(_detail(order, served, previous)),
                    "Resources": sorted(served.held_arns.values()),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            code = answer["Entries"][0].get("ErrorCode", "Unknown")
            msg = f"events:PutEvents did not accept the event for {order.path}: {code}"
            raise StoreUnavailable(msg)


def _detail(order: Order, served: Served, previous: Served | None) -> dict[str, Any]:
    return {
        "delegation": order.delegation,
        "certificate": order.certificate,
        "token": served.token,
        "ssl_id": served.ssl_id,
        "serial": served.serial,
        "previous_serial": previous.serial if previous else None,
        "not_before": _iso(served.not_before),
        "not_after": _iso(served.not_after),
        "names": list(served.names),
        "stores": list(served.stores),
        "arns": served.held_arns,
    }


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
