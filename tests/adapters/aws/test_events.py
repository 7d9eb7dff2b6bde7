from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from renewal.adapters.events import EventBridgeAnnouncer, SnsAlerts
from renewal.adapters.mail import SesMailer
from renewal.domain.alerts.alert import Alert
from renewal.domain.endpoint.observation import EndpointState, Observation, ServiceRecord, ServiceState
from renewal.domain.errors import (
    MailRefused,
    OrderConflict,
    RecordUnreadable,
    StoreRefused,
    StoreUnavailable,
    UnknownDelegation,
)
from renewal.domain.notices.escalation import Topic, claimed
from renewal.domain.notices.notice import Notice, NoticeKind, Notices
from renewal.domain.order import ManagedCertificate
from renewal.mail.mail import Mail

from .conftest import TABLE, Book, client
from .records import LATER, NOW, SPEC, a_specification, a_stored, an_order
from .wire import changed, counted, meanwhile, refused

ARN = "arn:aws:acm:eu-west-3:123456789012:certificate/1"
ALERT = Alert("[certmandate] OrderPending: univ/idp", "Stack certmandate\n- univ/idp")
SERVED = a_stored(stores=("s3", "acm:eu-west-3"), arns={"eu-west-3": ARN})


def test_a_renewal_is_announced_with_identifiers_only():
    """EventBridge copies events to every subscriber: enough to deploy by, and no secret."""
    events = client("events")
    with counted(events, "PutEvents") as calls:
        EventBridgeAnnouncer(events, "default").announce_renewal(an_order(), SERVED, a_stored(serial="99"))

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
        EventBridgeAnnouncer(events, "default").announce_renewal(an_order(), replace(SERVED, stores=("s3",)), None)

    (entry,) = calls[0]["Entries"]
    detail = json.loads(entry["Detail"])
    assert (detail["stores"], detail["arns"], entry["Resources"]) == (["s3"], {}, [])


@pytest.mark.parametrize(
    ("state", "detail_type"),
    [(ServiceState.SERVED, "Certificate Served"), (ServiceState.NOT_SERVED, "Certificate Not Served")],
)
def test_whether_clients_meet_a_certificate_is_announced(state: ServiceState, detail_type: str):
    """Consumers wait for it before they revoke the former certificate."""
    events = client("events")
    certificate = ManagedCertificate(SPEC, SERVED)
    observation = Observation("idp.univ.example:443", EndpointState.OLD, NOW, "192.0.2.1", "it is old", "99")
    with counted(events, "PutEvents") as calls:
        EventBridgeAnnouncer(events, "default").announce_service(
            certificate, ServiceRecord("AB12", NOW, (observation,)), state
        )

    (entry,) = calls[0]["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("certmandate", detail_type)
    place = {
        "endpoint": "idp.univ.example:443",
        "address": "192.0.2.1",
        "state": "old",
        "since": "2026-11-23T08:00:00Z",
    }
    assert json.loads(entry["Detail"]) == {
        "delegation": "univ", "certificate": "idp", "serial": "AB12", "hours": None, "endpoints": [place]
    }  # fmt: skip


def test_an_event_that_was_not_taken_is_announced_again():
    """PutEvents answers 200 and counts what it did not take."""
    events = client("events")

    def not_taken(parsed: dict[str, Any], **_: Any) -> None:
        parsed.update(FailedEntryCount=1, Entries=[{"ErrorCode": "InternalFailure", "ErrorMessage": "text"}])

    with changed(events, "PutEvents", not_taken), pytest.raises(StoreUnavailable, match="InternalFailure"):
        EventBridgeAnnouncer(events, "default").announce_renewal(an_order(), a_stored(), None)


def test_a_bus_that_refuses_is_named():
    """The function's role was made for another bus."""
    events = client("events")
    with refused(events, "PutEvents", "AccessDeniedException"), pytest.raises(StoreRefused, match="events:PutEvents"):
        EventBridgeAnnouncer(events, "default").announce_renewal(an_order(), a_stored(), None)


# ---- Notices: the claim in DynamoDB, and one request to SES ----------------------------------------

MAIL = Mail("rao@univ.example", "Délégation", "Bonjour,\n")
TOPIC = Topic("univ: DcvLapsing", "DcvLapsing", "warning", NOW.date())


def claim(notices: Notices, now: Any = NOW) -> Notices:
    return claimed(notices, [TOPIC], Notice(f"at {now}", now, NoticeKind.PROBLEMS, MAIL.to))


def mailer() -> SesMailer:
    client("sesv2").create_email_identity(EmailIdentity="host.example")
    return SesMailer(client("sesv2"), "pki@host.example", "Hébergeur", "certmandate-rao")


def test_of_two_functions_one_claims_a_notice(book: Book, dynamodb: Any) -> None:
    """The claim is conditional: the other finds it, and sends nothing."""
    book.apply(a_specification(), NOW)
    with meanwhile(dynamodb, "UpdateItem", lambda: book.change_notices("univ", lambda before: claim(before, LATER))):
        after = book.change_notices("univ", claim)

    assert [notice.at for notice in after.sent] == [LATER]
    assert book.delegation("univ").notices == after


def test_an_unchanged_record_is_not_written(book: Book, dynamodb: Any) -> None:
    """Most days have no notice."""
    book.apply(a_specification(), NOW)
    book.change_notices("univ", claim)
    with counted(dynamodb, "UpdateItem") as calls:
        book.change_notices("univ", claim)

    assert not calls


def test_notices_that_cannot_be_read_are_not_repeated(book: Book, dynamodb: Any) -> None:
    """As an empty record they would all be sent again; renewals go on, because the delegation can be read."""
    book.apply(a_specification(), NOW)
    dynamodb.update_item(
        TableName=TABLE,
        Key={"delegation": {"S": "univ"}, "item": {"S": "delegation"}},
        UpdateExpression="SET notices = :n",
        ExpressionAttributeValues={":n": {"M": {"sent": {"S": "x"}}}},
    )

    with pytest.raises(RecordUnreadable, match="'sent'"):
        book.change_notices("univ", claim)
    assert book.delegation("univ").notices is None


def test_a_record_that_keeps_changing_is_a_conflict(book: Book, dynamodb: Any) -> None:
    """An endless loop would use up the function's time."""
    book.apply(a_specification(), NOW)
    with refused(dynamodb, "UpdateItem", "ConditionalCheckFailedException"), pytest.raises(OrderConflict):
        book.change_notices("univ", claim)
    with pytest.raises(UnknownDelegation, match="nowhere"):
        book.change_notices("nowhere", claim)


def test_a_mail_is_one_request_with_the_delegation_as_tag() -> None:
    """The tag comes back with a bounce; the header keeps absence notices away (RFC 3834)."""
    with counted(client("sesv2"), "SendEmail") as calls:
        message_id = mailer().send(MAIL, {"delegation": "univ"})

    assert message_id
    (call,) = calls
    assert call["FromEmailAddress"] == "=?utf-8?q?H=C3=A9bergeur?= <pki@host.example>"
    assert call["Destination"] == {"ToAddresses": ["rao@univ.example"]}
    assert call["ConfigurationSetName"] == "certmandate-rao"
    assert call["EmailTags"] == [{"Name": "delegation", "Value": "univ"}]
    assert call["Content"]["Simple"]["Subject"]["Data"] == "Délégation"
    assert {"Name": "Auto-Submitted", "Value": "auto-generated"} in call["Content"]["Simple"]["Headers"]


def test_a_refusal_of_ses_is_a_refused_mail_with_its_reason() -> None:
    """The sandbox refuses every address that is not verified."""
    with (
        refused(client("sesv2"), "SendEmail", "MessageRejected", "Email address is not verified."),
        pytest.raises(MailRefused, match="not verified"),
    ):
        mailer().send(MAIL, {})


def test_a_lost_answer_is_not_repeated_by_botocore() -> None:
    """Its second request would be a second mail."""
    with (
        counted(client("sesv2"), "SendEmail") as calls,
        refused(client("sesv2"), "SendEmail", "InternalFailure", status=500),
        pytest.raises(StoreUnavailable),
    ):
        mailer().send(MAIL, {})
    assert len(calls) == 1


# ---- Alerts ------------------------------------------------------------------------------------------------------


@pytest.fixture
def topic() -> str:
    return str(client("sns").create_topic(Name="alerts")["TopicArn"])


def test_an_alert_has_its_subject_and_its_text(topic: str):
    """The subject is all that a pager shows."""
    sns = client("sns")
    with counted(sns, "Publish") as calls:
        SnsAlerts(sns, topic).publish(ALERT)

    assert calls == [{"TopicArn": topic, "Subject": ALERT.subject, "Message": ALERT.text}]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AuthorizationError", 403, StoreRefused),
        ("KMSDisabled", 400, StoreRefused),
        ("KMSThrottling", 400, StoreUnavailable),
        ("Throttled", 429, StoreUnavailable),
        ("InternalError", 500, StoreUnavailable),
    ],
)
def test_an_alert_that_was_not_accepted_is_an_error(topic: str, code: str, status: int, error: Any):
    """The run fails visibly, or tries again: nothing is remembered as notified."""
    sns = client("sns")
    with refused(sns, "Publish", code, status=status), pytest.raises(error, match="sns:Publish"):
        SnsAlerts(sns, topic).publish(ALERT)
