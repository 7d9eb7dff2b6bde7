"""Builds the steps with their adapters, once per execution environment."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from functools import cache
from random import SystemRandom

from renewal.adapters import aws
from renewal.adapters.acm import Acm
from renewal.adapters.egress import EchoedAddress, unknown_address
from renewal.adapters.events import EventBridgeAnnouncer
from renewal.adapters.keys import KmsOpener, KmsSealer
from renewal.adapters.objects import S3Certificates
from renewal.adapters.order_book.reader import DynamoDbOrderReader
from renewal.adapters.order_book.table import Table
from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions
from renewal.adapters.rotation import ScheduledRotations, SecretsManagerVault
from renewal.adapters.runs import S3RunArchive
from renewal.adapters.scm.accounts import PinnedScmAccounts, ScmAccounts
from renewal.adapters.scm.connection import new_http_client
from renewal.adapters.secrets import SecretsManagerCredentials
from renewal.domain.limits import Limits
from renewal.ports import EgressAddress
from renewal.settings import OFF, Settings
from renewal.steps.check_expiry import CheckExpiry
from renewal.steps.collect import Collect
from renewal.steps.enroll import Enroll
from renewal.steps.inspect_delegation import InspectDelegation
from renewal.steps.report import Report
from renewal.steps.rotate_password import RotatePassword


def utc_now() -> datetime:
    """The current time."""
    return datetime.now(UTC)


def new_token() -> str:
    """A random order token: 32 hexadecimal digits, 128 bits."""
    return secrets.token_hex(16)


@cache
def settings() -> Settings:
    """The settings of this execution environment."""
    return Settings.from_environment()


@cache
def _orders() -> Table:
    return Table(aws.client("dynamodb"), settings().orders_table)


@cache
def _book() -> DynamoDbOrderReader:
    return DynamoDbOrderReader(_orders())


@cache
def _transitions() -> DynamoDbOrderTransitions:
    return DynamoDbOrderTransitions(_orders())


@cache
def _archive() -> S3RunArchive:
    return S3RunArchive(aws.client("s3"), settings().store_bucket)


@cache
def _accounts() -> ScmAccounts:
    return ScmAccounts(
        SecretsManagerCredentials(aws.client("secretsmanager"), settings().secret_prefix),
        new_http_client(),
        base_url=settings().scm_url,
        oauth_base_url=settings().scm_oauth_url,
        token_url=settings().scm_token_url,
        clock=utc_now,
    )


@cache
def _egress() -> EgressAddress:
    url = settings().egress_echo_url
    return unknown_address if url == OFF else EchoedAddress(new_http_client(), url)


def _acm() -> Acm:
    return Acm(lambda region: aws.client("acm", region))


@cache
def check_expiry() -> CheckExpiry:
    """The step of `check_expiry.py`."""
    limits = Limits(settings().orders_per_delegation, settings().orders_per_run, settings().due_share_percent / 100)
    return CheckExpiry(_book(), _archive(), limits, utc_now)


@cache
def inspect_delegation() -> InspectDelegation:
    """The step of `inspect_delegation.py`."""
    limit, registered = settings().orders_per_delegation, settings().registered
    rotations = ScheduledRotations(aws.client("secretsmanager"), settings().secret_prefix)
    return InspectDelegation(_book(), _transitions(), _accounts(), _egress(), rotations, limit, utc_now, registered)


@cache
def enroll() -> Enroll:
    """The step of `enroll.py`."""
    sealer = KmsSealer(aws.client("kms"), settings().order_key_id)
    return Enroll(_book(), _transitions(), _accounts(), sealer, _acm(), utc_now, new_token, settings().quiet)


@cache
def collect() -> Collect:
    """The step of `collect.py`."""
    return Collect(
        _book(),
        _transitions(),
        _accounts(),
        KmsOpener(aws.client("kms"), settings().order_key_id),
        _acm(),
        S3Certificates(aws.client("s3"), settings().store_bucket),
        EventBridgeAnnouncer(aws.client("events"), settings().event_bus),
        utc_now,
    )


@cache
def report() -> Report:
    """The step of `report.py`."""
    return Report(_book(), _archive(), utc_now)


@cache
def rotate_password() -> RotatePassword:
    """The step of `rotate_password.py`."""
    vault = SecretsManagerVault(aws.client("secretsmanager"), settings().secret_prefix)
    accounts = PinnedScmAccounts(new_http_client(), base_url=settings().scm_url)
    return RotatePassword(vault, accounts, _book(), _transitions(), utc_now, SystemRandom(), lambda: str(uuid.uuid4()))
