"""SCM in bad shape: a named error or the right result, and nothing unverified is stored."""

from __future__ import annotations

import random
from typing import Any

import pytest

from campaign.cases import Case, play
from campaign.evidence import gather
from campaign.fault_injection import SCM_FAULTS, Mode
from campaign.fuzz import play as play_corrupted
from campaign.harness import Harness
from campaign.order_book_invariants import ALWAYS, violations
from campaign.run import Run
from campaign.scenarios import DELEGATION, PARIS, SCENARIOS, credential, specification, world
from renewal.domain.delegation import S3
from scm_simulator import Dials
from tests.recordings import recorded

SEED = 4711
SCENARIO = SCENARIOS[1]
BAD_CERTIFICATES: dict[str, tuple[dict[str, Any], str]] = {
    "wrong_key": ({"wrong_key": True}, "CertificateMismatch"),
    "missing_name": ({"missing_name": True}, "CertificateMismatch"),
    "much_too_early": ({"starts_in_days": 30}, "CertificateUnusable"),
    "longer_than_clients_accept": ({"validity_days": 400}, "CertificateUnusable"),
    "not_for_servers": ({"server_auth": False}, "CertificateMismatch"),
    "chain_of_another_ca": ({"chain": "other"}, "ChainBroken"),
    "no_chain": ({"chain": "leaf-only"}, "ChainBroken"),
}


@pytest.mark.parametrize("mode", [*SCM_FAULTS, Mode.ANSWERS_LOST], ids=lambda mode: mode.value)
def test_no_fault_of_scm_violates_an_invariant(harness: Harness, mode: Mode) -> None:
    """At one call chosen by the seed; `make campaign` plays every fault at every call."""
    calls = [call for call in recorded(harness, SCENARIO) if call.service == "scm"]
    place = random.Random(f"{SEED} {mode.value}").choice(calls)  # noqa: S311

    outcome = play(harness, Case(SCENARIO, place, mode))

    assert outcome.was_reached
    assert not outcome.violations, (str(place), outcome.violations)


@pytest.mark.parametrize("seed", range(SEED, SEED + 4))
def test_a_corrupted_answer_violates_nothing(harness: Harness, seed: int) -> None:
    """Bytes flipped, members dropped or of another type, certificates swapped."""
    scenario = SCENARIOS[seed % len(SCENARIOS)]

    what, found = play_corrupted(harness, scenario, seed, recorded(harness, scenario))

    assert not found, (what, found)


@pytest.mark.parametrize("bad", BAD_CERTIFICATES)
def test_a_certificate_other_than_requested_is_not_stored(harness: Harness, bad: str) -> None:
    """SCM delivers it with status 200. The order stays open, so nothing is ordered again."""
    dials, error = BAD_CERTIFICATES[bad]

    run = _run(harness, **dials)
    harness.daily_run()

    evidence = gather(harness)
    assert (run.status, run.certificate_errors) == ("FAILED", [error])
    assert not evidence.acm
    assert not list(evidence.folders())
    assert len(evidence.scm) == 1
    assert violations(evidence, ALWAYS) == []


def test_a_certificate_that_begins_in_three_days_is_stored_then(harness: Harness) -> None:
    """It is pending until then and raises no alarm; reporting a mismatch would have a good certificate revoked."""
    run = _run(harness, starts_in_days=3)
    early = gather(harness)
    for _ in range(3):
        harness.daily_run()

    evidence = gather(harness)
    assert (run.status, run.certificate_errors, early.acm) == ("SUCCEEDED", [""], ())
    assert len(evidence.scm) == 1
    assert evidence.acm
    assert violations(evidence, ALWAYS) == []


@pytest.mark.parametrize("outcome", ["declined", "rejected", "invalid"])
def test_an_order_that_scm_ends_is_closed_and_held(harness: Harness, outcome: str) -> None:
    """SCM answers as for a pending order; only the details differ. A hold delays the next order."""
    run = _run(harness, outcome=outcome)
    harness.run()

    evidence = gather(harness)
    assert run.status == "FAILED"
    assert [item["status"] for item in evidence.of_kind("finished")] == ["failed"]
    assert len(evidence.scm) == 1
    assert violations(evidence, ALWAYS) == []


def _run(harness: Harness, **dials: Any) -> Run:
    harness.begin(
        world(), [specification((S3, PARIS))], {DELEGATION: credential()}, Dials(**{"issuance_polls": 0, **dials})
    )
    return harness.run()
