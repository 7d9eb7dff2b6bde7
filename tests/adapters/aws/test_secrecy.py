"""Private keys go through four adapters: none of them may put one into an exception or a log."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from typing import Any

import pytest

from renewal.adapters.acm import Acm
from renewal.adapters.keys import KmsOpener, KmsSealer
from renewal.adapters.objects import S3Certificates
from renewal.domain.errors import RenewalError
from renewal.domain.keypair import KeyPair
from tests.adapters.exceptions import everything_in

from .conftest import BUCKET, REGION, client
from .records import a_pair
from .wire import refused

ORDER = {"delegation": "univ", "certificate": "idp", "token": "token-1"}


def spellings(key: KeyPair) -> list[str]:
    """The middle of the key in every form in which it travels."""
    lines = key.pem().decode().splitlines()
    der = key.der()
    return [
        lines[2],
        base64.b64encode(der).decode()[20:60],
        base64.b64encode(key.pem()).decode()[60:100],
        repr(der)[20:60],
    ]


def seal(key: KeyPair) -> None:
    """Encrypt."""
    KmsSealer(client("kms"), "key").seal(key, **ORDER)


def open_damaged(key: KeyPair) -> None:
    """Decrypt what was never encrypted."""
    KmsOpener(client("kms"), "key").open(key.der(), **ORDER)


def import_into_acm(key: KeyPair) -> None:
    """Import."""
    Acm(lambda _region: client("acm")).put(a_pair(key=key), REGION, None)


def put_into_s3(key: KeyPair) -> None:
    """Store."""
    S3Certificates(client("s3"), BUCKET).put(a_pair(key=key))


@pytest.mark.parametrize(
    ("service", "operation", "act"),
    [
        ("kms", "Encrypt", seal),
        ("kms", "Decrypt", open_damaged),
        ("acm", "ImportCertificate", import_into_acm),
        ("s3", "PutObject", put_into_s3),
    ],
)
@pytest.mark.parametrize(
    "code", ["ValidationException", "AccessDeniedException", "InvalidCiphertextException", "SlowDown"]
)
@pytest.mark.parametrize("form", ["pem", "der"])
def test_no_key_is_in_an_error_even_when_aws_echoes_it(
    s3: Any, service: str, operation: str, act: Callable[[KeyPair], None], code: str, form: str
):
    """Step Functions keeps error texts for 90 days, EventBridge copies them."""
    key = a_pair().key
    echo = key.pem().decode() if form == "pem" else base64.b64encode(key.der()).decode()

    with refused(client(service), operation, code, f"cannot use {echo} here"), pytest.raises(RenewalError) as error:
        act(key)

    text = everything_in(error.value)
    assert [spelling for spelling in spellings(key) if spelling in text] == []


@pytest.mark.usefixtures("acm_rules")
def test_no_key_is_in_a_log_at_its_loudest(s3: Any, caplog: pytest.LogCaptureFixture):
    """`ApplicationLogLevel: DEBUG` sets the root logger; botocore would then print request bodies."""
    caplog.set_level(logging.DEBUG)
    key = a_pair().key

    kms_key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    sealed = KmsSealer(client("kms"), kms_key).seal(key, **ORDER)
    KmsOpener(client("kms"), kms_key).open(sealed, **ORDER)
    import_into_acm(key)
    put_into_s3(key)

    assert [spelling for spelling in spellings(key) if spelling in caplog.text] == []


@pytest.mark.parametrize("form", ["pem", "der", "pem in base64"])
def test_this_search_would_find_a_key(form: str):
    """A search that finds nothing proves nothing unless it can find something."""
    key = a_pair().key
    pem, der = key.pem(), key.der()
    echo = {"pem": pem, "der": base64.b64encode(der), "pem in base64": base64.b64encode(pem)}[form].decode()
    error = RuntimeError("outer")
    error.__context__ = ValueError(echo)

    assert any(spelling in everything_in(error) for spelling in spellings(key))
