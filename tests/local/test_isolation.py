from __future__ import annotations

import os

import boto3
import pytest

from local.isolation import isolate


@pytest.fixture(autouse=True)
def _kept_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in os.environ.items():
        monkeypatch.setenv(name, value)


def test_no_setting_of_a_real_account_survives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local run must never touch a real account, whatever the caller's environment contains."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")

    isolate("eu-west-3")

    assert "AWS_PROFILE" not in os.environ
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    assert os.environ["AWS_EC2_METADATA_DISABLED"] == "true"
    assert boto3.session.Session().get_credentials() is None


def test_loopback_is_never_proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a proxy is configured, boto3 would send it what is meant for this machine."""
    monkeypatch.setenv("NO_PROXY", "intranet.example.org")

    isolate("eu-west-3")

    assert os.environ["NO_PROXY"].split(",")[0] == "intranet.example.org"
    assert "127.0.0.1" in os.environ["NO_PROXY"]
