from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from renewal.adapters.secrets import ScheduledRotations, SecretsManagerCredentials
from renewal.domain.errors import CredentialMissing, StoreRefused, StoreUnavailable

from .conftest import client
from .wire import counted, refused

LOGIN = {"login": "drao", "password": "first", "customerUri": "univ"}


@pytest.fixture
def secretsmanager() -> Any:
    """Secrets Manager with one delegation's credential."""
    secretsmanager = client("secretsmanager")
    secretsmanager.create_secret(Name="certmandate/univ", SecretString=json.dumps(LOGIN))
    return secretsmanager


@pytest.fixture
def credentials(secretsmanager: Any) -> SecretsManagerCredentials:
    """The adapter, as it is made for one invocation."""
    return SecretsManagerCredentials(secretsmanager, "certmandate")


def store(secretsmanager: Any, text: str) -> None:
    """Rotate the credential."""
    secretsmanager.put_secret_value(SecretId="certmandate/univ", SecretString=text)


def test_a_credential_is_read_once_in_an_invocation(secretsmanager: Any, credentials: SecretsManagerCredentials):
    """An inspection asks for it before each of its parts."""
    with counted(secretsmanager, "GetSecretValue") as calls:
        first = credentials.current("univ")
        assert credentials.current("univ") is first

    assert first.members == LOGIN
    assert len(calls) == 1


def test_a_rotated_credential_is_found_past_the_cache(secretsmanager: Any, credentials: SecretsManagerCredentials):
    """Refused, because it was rotated a minute ago: the new one is tried, with its own version."""
    old = credentials.current("univ")
    store(secretsmanager, json.dumps({**LOGIN, "password": "second"}))

    new = credentials.latest("univ")

    assert new.version != old.version
    assert new.members["password"] == "second"
    assert credentials.current("univ") == new


@pytest.mark.parametrize(
    "text", ["drao:canary-7", '["canary-7"]', '{"password": {"canary-7": 1}}', '"canary-7"', "{", "[" * 10_000]
)
def test_a_secret_of_another_form_is_named_and_not_quoted(
    secretsmanager: Any, credentials: SecretsManagerCredentials, text: str
):
    """The operator must learn which secret it is; the log must not learn what is in it."""
    store(secretsmanager, text)

    with pytest.raises(CredentialMissing, match="certmandate/univ") as missing:
        credentials.current("univ")

    assert "canary" not in str(missing.value)


def test_a_binary_secret_is_of_another_form(secretsmanager: Any, credentials: SecretsManagerCredentials):
    """The console never makes one; `aws secretsmanager --secret-binary` does."""
    secretsmanager.put_secret_value(SecretId="certmandate/univ", SecretBinary=b"x")

    with pytest.raises(CredentialMissing):
        credentials.current("univ")


def test_a_missing_secret_is_named_with_what_to_store(credentials: SecretsManagerCredentials):
    """The usual first error of a new delegation."""
    with pytest.raises(CredentialMissing, match=r"'certmandate/other'.*store"):
        credentials.current("other")


def test_a_secret_scheduled_for_deletion_is_missing(secretsmanager: Any, credentials: SecretsManagerCredentials):
    """It can be restored for a week; until then it can't be read."""
    secretsmanager.delete_secret(SecretId="certmandate/univ")

    with pytest.raises(CredentialMissing, match="InvalidRequestException"):
        credentials.latest("univ")


def test_a_failed_reading_drops_what_was_cached(secretsmanager: Any, credentials: SecretsManagerCredentials):
    """`latest` was asked because the cached one is doubted."""
    credentials.current("univ")
    busy = refused(secretsmanager, "GetSecretValue", "InternalServiceError", status=500)
    with busy, pytest.raises(StoreUnavailable):
        credentials.latest("univ")
    with refused(secretsmanager, "GetSecretValue", "AccessDeniedException"), pytest.raises(StoreRefused):
        credentials.current("univ")


def test_the_rotation_day_is_read_from_secrets_manager(secretsmanager: Any):
    """A stored copy of the interval would be wrong after a change in Secrets Manager."""
    rotations = ScheduledRotations(secretsmanager, "certmandate")
    assert rotations("univ") is None
    secretsmanager.rotate_secret(SecretId="certmandate/univ", RotationRules={"AutomaticallyAfterDays": 45})

    day = rotations("univ")

    assert day
    assert abs(day - datetime.now(UTC).date() - timedelta(days=45)) <= timedelta(days=1)


def test_a_rotation_that_is_switched_off_has_no_day(secretsmanager: Any):
    """Secrets Manager keeps the day of before."""
    secretsmanager.rotate_secret(SecretId="certmandate/univ", RotationRules={"AutomaticallyAfterDays": 45})
    switched_off = "after-call.secrets-manager.DescribeSecret"
    secretsmanager.meta.events.register(switched_off, lambda parsed, **_: parsed.update(RotationEnabled=False))

    assert ScheduledRotations(secretsmanager, "certmandate")("univ") is None


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException", "ThrottlingException"])
def test_not_knowing_when_a_password_rotates_stops_nothing(secretsmanager: Any, code: str):
    """It serves a warning; renewals are what matters."""
    with refused(secretsmanager, "DescribeSecret", code):
        assert ScheduledRotations(secretsmanager, "certmandate")("univ") is None
