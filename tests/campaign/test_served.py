"""What verify_served records, compared with an auditor that connects itself; `python -m campaign.served` plays more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from campaign.harness import Harness
from campaign.served.play import play
from renewal.adapters.endpoints import prober
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import EndpointState
from renewal.domain.order import ManagedCertificate, StoredCertificate
from renewal.domain.service import comparison
from renewal.steps import verify_served

SEED, RUNS = 1, 10
PARTLY_STORED = 16
"""A history that begins while ACM refuses: a first certificate is in S3 only."""


def _first_address(made: prober.TlsProber, endpoint: Endpoint) -> Sequence[prober.Address]:
    return made.resolve(endpoint.host, endpoint.port)[:1]


def _of_all_stores(certificate: ManagedCertificate) -> StoredCertificate | None:
    return certificate.stored


def test_the_auditor_agrees_with_everything_that_is_recorded(harness: Harness) -> None:
    """The product's own comparison, wrong in one place, would confirm itself."""
    played = play(harness, SEED, RUNS)

    assert played.violations == []
    assert set(played.states) == set(EndpointState) - {EndpointState.UNREPORTED}
    assert played.states[EndpointState.SERVED] > 20


@pytest.mark.parametrize(
    ("owner", "member", "wrong", "violation", "seed"),
    [
        (comparison.Expected, "is_met_by", lambda *_: True, "is called served, and a client does not meet it", SEED),
        (comparison, "_chain_fault", lambda *_: "", "is called served, and a client does not meet it", SEED),
        (comparison, "is_for", lambda *_: True, "is called served, and a client does not meet it", SEED),
        (comparison, "_fault", lambda *_: "refused", "is called broken, and a client meets it", SEED),
        (prober.TlsProber, "_addresses", _first_address, "was not verified", SEED),
        (comparison, "expected_certificate", _of_all_stores, "is called served, and a client does not", SEED),
        (verify_served, "expected_certificate", _of_all_stores, "was not verified", PARTLY_STORED),
    ],
)
def test_a_wrong_comparison_is_detected(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, owner: Any, member: str, wrong: Any, violation: str, seed: int
) -> None:
    """An auditor that cannot disagree proves nothing."""
    monkeypatch.setattr(owner, member, wrong)

    assert violation in "\n".join(play(harness, seed, RUNS).violations)
