from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from renewal.adapters.events import EventBridgeAnnouncer
from renewal.domain.errors import StoreRefused, StoreUnavailable

from .conftest import client
from .records import a_served, an_order
from .wire import changed, counted, refused

ARN = "arn:aws:acm:eu-west-3:123456789012:certificate/1"
SERVED = a_served(stores=("s3", "acm:eu-west-3"), arns={"eu-west-3": ARN})


def test_a_renewal_is_announced_with_identifiers_only():
    """EventBridge copies events to every subscriber: enough to deploy by, and no secret."""
    events = client("events")
    with counted(events, "PutEvents") as calls:
        EventBridgeAnnouncer(events, "default").renewed(an_order(), SERVED, a_served(serial="99"))

    (entry,) = calls[0]["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("certmandate", "Certificate Renewed")
    assert json.loads(entry["Detail"]) == {
        "delegation": "univ",
        "certificate": "idp",
        "token": "token-1",
        "ssl_id": 77,
        "serial": "AB12",
        "previous_serial": "99",
        "not_before": "2026-11-23T08:00:00Z",
        "not_after": "2027-06-10T08:00:00Z",
        "names": ["idp.univ.example"],
        "stores": ["s3", "acm:eu-west-3"],
        "arns": {"eu-west-3": ARN},
    }
    assert entry["Resources"] == [ARN]


def test_a_region_that_lacks_the_certificate_is_not_announced():
    """Its ARN still holds the previous one: a consumer would load that."""
    events = client("events")
    with counted(events, "PutEvents") as calls:
        EventBridgeAnnouncer(events, "default").renewed(an_order(), replace(SERVED, stores=("s3",)), None)

    (entry,) = calls[0]["Entries"]
    detail = json.loads(entry["Detail"])
    assert (detail["stores"], detail["arns"], entry["Resources"]) == (["s3"], {}, [])


def test_an_event_that_was_not_taken_is_announced_again():
    """PutEvents answers 200 and counts what it did not take."""
    events = client("events")

    def not_taken(parsed: dict[str, Any], **_: Any) -> None:
        parsed.update(FailedEntryCount=1, Entries=[{"ErrorCode": "InternalFailure", "ErrorMessage": "text"}])

    with changed(events, "PutEvents", not_taken), pytest.raises(StoreUnavailable, match="InternalFailure"):
        EventBridgeAnnouncer(events, "default").renewed(an_order(), a_served(), None)


def test_a_bus_that_refuses_is_named():
    """The function's role was made for another bus."""
    events = client("events")
    with (
        refused(events, "PutEvents", "AccessDeniedException"),
        pytest.raises(StoreRefused, match="events:PutEvents"),
    ):
        EventBridgeAnnouncer(events, "default").renewed(an_order(), a_served(), None)
