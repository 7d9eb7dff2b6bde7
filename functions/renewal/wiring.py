"""Builds the steps with their adapters: once for an execution environment, or for each invocation if it has a deadline.

Each function imports what it builds from, so that a cold start imports nothing that its step does not need.

What is cached has no state that time makes wrong: settings, the clients of AWS, the order book's among them, roots, and
an HTTP client that keeps no connection. Credentials, and the versions that SCM refused, last for one invocation.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol

from renewal.adapters import aws
from renewal.deadline import Deadline
from renewal.settings import OFF, ON, Settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import httpx

    from renewal.adapters.acm import Acm
    from renewal.adapters.mail import SesMailer
    from renewal.adapters.order_book.reader import DynamoDbOrderReader
    from renewal.adapters.order_book.table import OrderTables
    from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions
    from renewal.adapters.runs import S3RunArchive
    from renewal.adapters.scm.accounts import ScmAccounts
    from renewal.domain.certificate.chain import TrustedRoots
    from renewal.domain.judgement.acting_times import ActingTimes
    from renewal.ports.environment import EgressAddress, TxtRecords
    from renewal.ports.runs import RunsInProgress
    from renewal.steps.check_expiry import CheckExpiry
    from renewal.steps.collect import Collect
    from renewal.steps.enroll import Enroll
    from renewal.steps.inspect_delegation import InspectDelegation
    from renewal.steps.notify import Notify
    from renewal.steps.plan_collection import PlanCollection
    from renewal.steps.report import Report
    from renewal.steps.rotate_password import RotatePassword
    from renewal.steps.seal_audit import SealAudit
    from renewal.steps.verify_served import VerifyServed

RECORD_SECONDS = 30.0
"""Kept for recording what the last request to SCM led to: a call of AWS lasts 24 s at most (`adapters.aws`)."""
INSPECTION_RECORD_SECONDS = 55.0
"""After the requests to SCM: the egress address (5 s), the day of the rotation and the record (24 s each). A recording
of the answers, which only the operator asks for, and the list of foreign orders have no time of their own."""
RUN_RECORD_SECONDS, RUN_READ_SECONDS = 100.0, 50.0
"""Kept by check_expiry and report: for what they write, after the last read of the order book (24 s each); and before
that for the last reads, after the last certificates of a plan or the results of a run."""
COLLECTION_RECORD_SECONDS = 55.0
"""After the last results are begun: these, and the list of what is polled (24 s each)."""
VERIFICATION_RECORD_SECONDS = 60.0
"""After the last contact: a chain is validated, and a record written, in milliseconds each."""


class LambdaContext(Protocol):
    """Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda kills the function."""


def utc_now() -> datetime:
    """The current time."""
    return datetime.now(UTC)


new_token = partial(secrets.token_hex, 16)
"""Makes a random token of an order or a notice: 32 hexadecimal digits, 128 bits."""


@cache
def settings() -> Settings:
    """The settings of this execution environment."""
    return Settings.from_environment()


def _tables(reads_end: Deadline | None = None) -> OrderTables:
    from renewal.adapters.order_book.table import OrderTables

    return OrderTables.of(aws.client("dynamodb"), settings().orders_table, settings().audit_table, reads_end)


def _book(reads_end: Deadline | None = None) -> DynamoDbOrderReader:
    from renewal.adapters.order_book.reader import DynamoDbOrderReader

    return DynamoDbOrderReader(_tables(reads_end))


@cache
def _transitions(function: str) -> DynamoDbOrderTransitions:
    from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions

    return DynamoDbOrderTransitions(_tables(), function)


def _archive(reads_end: Deadline | None = None) -> S3RunArchive:
    from renewal.adapters.runs import S3RunArchive

    return S3RunArchive(aws.client("s3"), settings().store_bucket, reads_end)


@cache
def _roots() -> TrustedRoots:
    from renewal.adapters.roots import public_roots
    from renewal.domain.certificate.chain import TrustedRoots

    return TrustedRoots(public_roots(), settings().private_fingerprints)


@cache
def _http() -> httpx.Client:
    from renewal.adapters.http import new_http_client

    return new_http_client()


def _deadline(context: LambdaContext, kept_seconds: float = RECORD_SECONDS) -> Deadline:
    """The time by which every request to SCM ends: *kept_seconds* before Lambda kills the function."""
    left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    return Deadline(utc_now() + left, utc_now).before(kept_seconds)


def _accounts(deadline: Deadline) -> ScmAccounts:
    from renewal.adapters.scm.accounts import ScmAccounts
    from renewal.adapters.secrets import SecretsManagerCredentials

    return ScmAccounts(
        SecretsManagerCredentials(aws.client("secretsmanager"), settings().secret_prefix),
        _http(),
        base_url=settings().scm_url,
        oauth_base_url=settings().scm_oauth_url,
        token_url=settings().scm_token_url,
        deadline=deadline,
    )


def _recording(run_id: str, delegation: str) -> AbstractContextManager[None]:
    from renewal.adapters.scm.recording import ScmRecorder

    base_urls = settings().scm_url, settings().scm_oauth_url
    recorder = ScmRecorder(_http(), base_urls=base_urls, token_url=settings().scm_token_url)
    return recorder.recording(partial(_archive().write_recording, run_id, delegation))


def _egress(deadline: Deadline) -> EgressAddress:
    from renewal.adapters.egress import EchoedAddress, unknown_address

    url = settings().egress_echo_url
    return unknown_address if url == OFF else EchoedAddress(_http(), url, deadline)


def _txt_records() -> TxtRecords:
    if settings().dns_queries == OFF:
        return lambda _name, _deadline: None
    return lambda name, deadline: _dns()(name, deadline)  # noqa: PLW0108  # the first query imports, not the wiring


@cache
def _dns() -> TxtRecords:
    from renewal.adapters.txt_records import DnsTxtRecords

    return DnsTxtRecords()


def _runs_in_progress() -> RunsInProgress:
    from renewal.adapters.runs import RunningExecutions

    return RunningExecutions(aws.client("stepfunctions"))


def _acm() -> Acm:
    from renewal.adapters.acm import Acm

    return Acm(lambda region: aws.client("acm", region))


def check_expiry(context: LambdaContext) -> CheckExpiry:
    """The step of `check_expiry.py`."""
    from renewal.adapters.order_book.rule_ends import DynamoDbRuleEnds
    from renewal.steps.check_expiry import CheckExpiry

    rule_ends, reads_end = DynamoDbRuleEnds(_tables()), _deadline(context, RUN_RECORD_SECONDS)
    until = reads_end.before(RUN_READ_SECONDS)
    return CheckExpiry(_book(reads_end), rule_ends, _archive(), _runs_in_progress(), settings().limits, utc_now, until)


def inspect_delegation(context: LambdaContext) -> InspectDelegation:
    """The step of `inspect_delegation.py`."""
    from renewal.adapters.objects import S3Certificates
    from renewal.adapters.secrets import ScheduledRotations
    from renewal.steps.inspect_delegation import InspectDelegation
    from renewal.steps.stores.drift import StoreComparison

    s3, deadline = aws.client("s3"), _deadline(context, INSPECTION_RECORD_SECONDS)
    return InspectDelegation(
        _book(),
        _transitions("inspect_delegation"),
        _accounts(deadline),
        _egress(_deadline(context)),
        ScheduledRotations(aws.client("secretsmanager"), settings().secret_prefix),
        _recording,
        _archive().write_foreign_orders,
        settings().orders_per_delegation,
        utc_now,
        deadline,
        _txt_records(),
        StoreComparison(_book(), _acm(), S3Certificates(s3, settings().store_bucket), utc_now, deadline),
        _times(),
        settings().registered,
    )


def enroll(context: LambdaContext) -> Enroll:
    """The step of `enroll.py`."""
    from renewal.adapters.keys import KmsSealer
    from renewal.steps.enroll import Enroll

    sealer, deadline = KmsSealer(aws.client("kms"), settings().order_key_id), _deadline(context)
    accounts, quiet, most = _accounts(deadline), settings().quiet_period, settings().orders_per_delegation
    return Enroll(_book(), _transitions("enroll"), accounts, sealer, _acm(), utc_now, new_token, quiet, deadline, most)


def collect(context: LambdaContext) -> Collect:
    """The step of `collect.py`."""
    from renewal.adapters.events import EventBridgeAnnouncer
    from renewal.adapters.keys import KmsOpener
    from renewal.adapters.objects import S3Certificates
    from renewal.steps.collect import Collect
    from renewal.steps.stores.storing import Stores

    stores = Stores(
        _transitions("collect"),
        KmsOpener(aws.client("kms"), settings().order_key_id),
        _acm(),
        S3Certificates(aws.client("s3"), settings().store_bucket),
        EventBridgeAnnouncer(aws.client("events"), settings().event_bus),
        utc_now,
        _deadline(context, 0),
    )
    return Collect(_book(), _transitions("collect"), _accounts(_deadline(context)), stores, _roots(), utc_now)


def plan_collection(context: LambdaContext) -> PlanCollection:
    """The step of `plan_collection.py`."""
    from renewal.steps.plan_collection import PlanCollection

    return PlanCollection(_archive(_deadline(context, COLLECTION_RECORD_SECONDS)))


def verify_served(context: LambdaContext) -> VerifyServed:
    """The step of `verify_served.py`."""
    from renewal.adapters.endpoints.host_reports import S3HostReports
    from renewal.adapters.endpoints.prober import TlsProber
    from renewal.adapters.events import EventBridgeAnnouncer
    from renewal.steps.verify_served import VerifyServed

    return VerifyServed(
        _book(),
        _transitions("verify_served"),
        TlsProber(permits_private=settings().private_endpoints == ON),
        S3HostReports(aws.client("s3"), settings().store_bucket),
        EventBridgeAnnouncer(aws.client("events"), settings().event_bus),
        _roots(),
        utc_now,
        _deadline(context, VERIFICATION_RECORD_SECONDS),
        _deadline(context),
    )


def report(context: LambdaContext) -> Report:
    """The step of `report.py`."""
    from renewal.adapters.events import SnsAlerts
    from renewal.domain.alerts.crossings import Thresholds
    from renewal.steps.report import Report
    from renewal.steps.reporting.alert_sender import AlertSender
    from renewal.steps.reporting.reader import ReportReader

    expiry, pending = timedelta(days=settings().expiry_alarm_days), timedelta(hours=settings().pending_alarm_hours)
    thresholds = Thresholds(expiry, pending, password=timedelta(days=settings().password_alarm_days))
    alerts = SnsAlerts(aws.client("sns"), settings().alerts_topic)
    reads_end = _deadline(context, RUN_RECORD_SECONDS)
    book, archive = _book(reads_end), _archive(reads_end.before(RUN_READ_SECONDS))
    sender = AlertSender(archive, alerts, thresholds, settings().powertools_service_name)
    return Report(book, archive, utc_now, _times(), ReportReader(book, thresholds.password, reads_end), sender)


def _times() -> ActingTimes:
    from renewal.domain.judgement.acting_times import ActingTimes

    return ActingTimes(settings().operator_working_days, settings().rao_working_days)


def notify(context: LambdaContext) -> Notify:
    """The step of `notify.py`."""
    from renewal.adapters.events import EventBridgeAnnouncer
    from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
    from renewal.steps.notify import Notify

    announcer = EventBridgeAnnouncer(aws.client("events"), settings().event_bus)
    book, trails, notices = _book(), DynamoDbAuditTrails(_tables().audit), _transitions("notify")
    mailer, who, limits, left = _mailer(), settings().signature, settings().limits, _deadline(context, 0)
    return Notify(book, trails, _archive(), notices, announcer, mailer, who, utc_now, new_token, _times(), limits, left)


def _mailer() -> SesMailer | None:
    if (own := settings()).mail_sender == OFF:
        return None
    from renewal.adapters.mail import SesMailer

    return SesMailer(aws.client("sesv2"), own.mail_sender, own.signature, own.mail_configuration_set)


def seal_audit(context: LambdaContext) -> SealAudit:
    """The step of `seal_audit.py`."""
    from renewal.adapters.events import EventBridgeAnnouncer
    from renewal.adapters.keys import KmsSigner
    from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
    from renewal.adapters.order_book.seals import S3Seals
    from renewal.steps.seal_audit import SealAudit

    return SealAudit(
        DynamoDbAuditTrails(_tables().audit),
        S3Seals(aws.client("s3"), settings().audit_bucket),
        KmsSigner(aws.client("kms"), settings().audit_key_id),
        EventBridgeAnnouncer(aws.client("events"), settings().event_bus),
        utc_now,
        _deadline(context, 0),
    )


def rotate_password(context: LambdaContext) -> RotatePassword:
    """The step of `rotate_password.py`."""
    from random import SystemRandom

    from renewal.adapters.scm.accounts import PinnedScmAccounts
    from renewal.adapters.secrets import SecretsManagerVault
    from renewal.steps.rotate_password import RotatePassword

    vault = SecretsManagerVault(aws.client("secretsmanager"), settings().secret_prefix)
    accounts = PinnedScmAccounts(_http(), base_url=settings().scm_url, deadline=_deadline(context))
    return RotatePassword(
        vault, accounts, _book(), _transitions("rotate_password"), utc_now, SystemRandom(), lambda: str(uuid.uuid4())
    )
