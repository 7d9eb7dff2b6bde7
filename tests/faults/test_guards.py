"""Run-away guards: caps that are told, and an estate that is suddenly due."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from campaign.evidence import gather
from campaign.invariants import orders_of
from campaign.scenarios import DELEGATION, PROFILE, credential, specification, world
from campaign.stage import Stage
from renewal.domain.delegation import S3, CertificateSpec
from scm_simulator import Dials

CAP = 3
ALL = 20  # certificates: the size from which everything due at once is not ordinary any more

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


def begin(stage: Stage, count: int) -> None:
    """An estate of one delegation with so many certificates."""
    specs = tuple(CertificateSpec(DELEGATION, f"n{i}", (f"n{i}.idp.univ.example",), PROFILE) for i in range(count))
    whole = replace(specification((S3,)), certificates=specs)
    stage.begin(world(), [whole], {DELEGATION: credential()}, Dials(issuance_polls=0))


def test_what_is_over_the_cap_is_deferred_and_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run's time rests on it; the rest has its turn tomorrow."""
    assert os.environ["ORDERS_PER_DELEGATION"] == "30", "what docs/operator.md and the template's parameter say"
    monkeypatch.setenv("ORDERS_PER_DELEGATION", str(CAP))
    begin(stage, CAP + 2)

    first = stage.run()

    assert first.status == "SUCCEEDED"
    assert first.metrics["CertificatesDeferred"] == 2
    assert orders_of(gather(stage)) == CAP
    stage.daily_run()
    assert orders_of(gather(stage)) == CAP + 2


def test_an_estate_that_is_suddenly_due_stops_and_asks(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong clock must not spend a year's orders in a night; a person with a reason may."""
    begin(stage, ALL)
    stage.run()
    stage.time.pass_seconds(190 * 86_400)

    run = stage.run()

    assert (run.status, run.error) == ("FAILED", "TooManyDue")
    assert orders_of(gather(stage)) == ALL
    monkeypatch.setenv("ORDERS_PER_DELEGATION", str(CAP))  # more would prove no more
    stage.environments.forget()
    answered = stage.run(all_due_is_right=True, reason="the outage is over")
    assert answered.status == "SUCCEEDED"
    assert orders_of(gather(stage)) == ALL + CAP
