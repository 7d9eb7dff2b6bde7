"""What is published: events on EventBridge (renewals, notices to RAOs, seals of audit trails), and alerts by SNS."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from renewal import records
from renewal.adapters.aws import translated
from renewal.domain.endpoint.observation import ServiceRecord, ServiceState
from renewal.domain.errors import StoreUnavailable
from renewal.domain.notices.notice import Notice
from renewal.domain.order import ManagedCertificate, Order, StoredCertificate
from renewal.records import timestamp_in_seconds

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_sns.client import SNSClient

    from renewal.domain.alerts.alert import Alert
    from renewal.domain.audit.seal import Seal

SOURCE = "certmandate"
RENEWED = "Certificate Renewed"
DETAIL_TYPES = {ServiceState.SERVED: "Certificate Served", ServiceState.NOT_SERVED: "Certificate Not Served"}
NOTICE = "RAO Notice"
SEALED = "Audit Trail Sealed"


class EventBridgeAnnouncer:
    """Publishes on one event bus, at least once: consumers recognise repetitions by token and stores."""

    def __init__(self, client: EventBridgeClient, bus: str) -> None:
        self._client = client
        self._bus = bus

    def announce_renewal(self, order: Order, stored: StoredCertificate, previous: StoredCertificate | None) -> None:
        self._publish(RENEWED, _renewed(order, stored, previous), order.path, stored.held_arns.values())

    def announce_service(self, certificate: ManagedCertificate, record: ServiceRecord, state: ServiceState) -> None:
        self._publish(DETAIL_TYPES[state], _serviced(certificate, record), certificate.spec.path)

    def announce_seal(self, seal: Seal) -> None:
        statement = seal.statement
        head = {"number": statement.head.sequence, "hash": statement.head.hash}
        self._publish(SEALED, {"delegation": statement.delegation, **head}, statement.delegation)

    def announce_notice(self, delegation: str, notice: Notice) -> None:
        self._publish(NOTICE, {"delegation": delegation, **records.to_json(notice)}, delegation)

    @translated("events:PutEvents")
    def _publish(self, detail_type: str, detail: Mapping[str, Any], of: str, arns: Iterable[str] = ()) -> None:
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._bus,
                    "Source": SOURCE,
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail),
                    "Resources": sorted(arns),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            code = answer["Entries"][0].get("ErrorCode", "Unknown")
            msg = f"events:PutEvents did not accept the event for {of}: {code}"
            raise StoreUnavailable(msg)


class SnsAlerts:
    """Notifies the operator by one topic, at least once: an alert whose answer was lost is published again."""

    def __init__(self, client: SNSClient, topic: str) -> None:
        self._client = client
        self._topic = topic

    @translated("sns:Publish")
    def publish(self, alert: Alert) -> None:
        self._client.publish(TopicArn=self._topic, Subject=alert.subject, Message=alert.text)


def _renewed(order: Order, stored: StoredCertificate, previous: StoredCertificate | None) -> dict[str, Any]:
    return {
        "delegation": order.delegation,
        "certificate": order.certificate,
        "token": stored.token,
        "ssl_id": stored.ssl_id,
        "serial": stored.serial,
        "previous_serial": previous.serial if previous else None,
        "not_before": timestamp_in_seconds(stored.not_before),
        "not_after": timestamp_in_seconds(stored.not_after),
        "names": list(stored.names),
        "stores": list(stored.stores),
        "arns": stored.held_arns,
    }


def _serviced(certificate: ManagedCertificate, record: ServiceRecord) -> dict[str, Any]:
    return {
        "delegation": certificate.spec.delegation,
        "certificate": certificate.spec.name,
        "serial": record.serial,
        "hours": record.hours_to_served,
        "endpoints": [
            {
                "endpoint": each.endpoint,
                "address": each.address,
                "state": each.state,
                "since": timestamp_in_seconds(each.since),
            }
            for each in record.observations
        ],
    }
