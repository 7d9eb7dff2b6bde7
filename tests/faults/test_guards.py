"""Runaway guards: caps, and an estate that is suddenly due."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from campaign.evidence import gather
from campaign.harness import Harness
from campaign.order_book_invariants import orders_of
from campaign.scenarios import DELEGATION, PROFILE, credential, specification, world
from renewal.domain.delegation import S3, CertificateSpec
from scm_simulator import Dials

CAP = 3
ALL = 20  # certificates: from this size on, all due at once needs a confirmation


def begin(harness: Harness, count: int) -> None:
    """An estate of one delegation with *count* certificates."""
    specs = tuple(CertificateSpec(DELEGATION, f"n{i}", (f"n{i}.idp.univ.example",), PROFILE) for i in range(count))
    whole = replace(specification((S3,)), certificates=specs)
    harness.begin(world(), [whole], {DELEGATION: credential()}, Dials(issuance_polls=0))


def test_certificates_over_the_cap_are_deferred_and_reported(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cap bounds the run's duration; the next run orders the others."""
    assert os.environ["ORDERS_PER_DELEGATION"] == "30", "as in docs/operator.md and the template's parameter"
    monkeypatch.setenv("ORDERS_PER_DELEGATION", str(CAP))
    begin(harness, CAP + 2)

    first = harness.run()

    assert first.status == "SUCCEEDED"
    assert first.metrics["CertificatesDeferred"] == 2
    assert orders_of(gather(harness)) == CAP
    harness.daily_run()
    assert orders_of(gather(harness)) == CAP + 2


def test_an_estate_that_is_suddenly_due_needs_a_confirmation(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong clock must not spend a year's orders in a night; the operator may, with a reason."""
    begin(harness, ALL)
    harness.run()
    harness.time.pass_seconds(190 * 86_400)

    run = harness.run()

    assert (run.status, run.error) == ("FAILED", "RunNeedsPerson")
    assert {row["error"] for row in (run.document or {})["certificates"]} == {"TooManyDue"}, "the report names each"
    assert orders_of(gather(harness)) == ALL
    monkeypatch.setenv("ORDERS_PER_DELEGATION", str(CAP))  # more would prove no more
    harness.environments.forget()
    confirmed = harness.run(all_due_is_right=True, reason="the outage is over")
    assert orders_of(gather(harness)) == ALL + CAP
    assert (confirmed.status, confirmed.error) == ("FAILED", "RunNeedsPerson"), "those over the cap have nine days left"
