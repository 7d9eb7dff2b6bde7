"""A login that SCM refuses in the middle of a run, where two certificates of one delegation are worked on at a time."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from campaign.evidence import gather
from campaign.invariants import ALWAYS, AT_REST, one_refusal_a_credential, violations
from campaign.scenarios import DELEGATION, ENROLL, PROFILE, credential, specification, world
from campaign.stage import Run, Stage
from campaign.strikes import Mode, ModeStrike
from campaign.wire import Boundary, Crossing
from renewal.domain.delegation import S3, CertificateSpec
from scm_simulator import Dials

AT_WORK = 2  # MaxConcurrency of the Map in infra/renewal.asl.yaml
BUT_FOR_REFUSALS = [one for one in ALWAYS if one is not one_refusal_a_credential]
MEETING_SECONDS = 3.0  # of real time, and only when the other function does not come

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


@pytest.fixture(scope="module")
def boundaries(stage: Stage) -> list[Boundary]:
    """What a healthy run asks of SCM."""
    begin(stage)
    run = stage.run()
    assert run.status == "SUCCEEDED"
    return [one for one in stage.wire.crossed[run.run_id] if one.service == "scm"]


@dataclass(slots=True)
class BothAtOnce(ModeStrike):
    """Holds the first function at its call until the other one has come to its own: nobody can have noted a refusal."""

    meeting: threading.Barrier = field(default_factory=lambda: threading.Barrier(AT_WORK))

    def hit(self, crossing: Crossing) -> Any:
        """Wait for the other, as long as that may still come; then refuse."""
        ModeStrike.hit(self, crossing)
        with contextlib.suppress(threading.BrokenBarrierError):
            self.meeting.wait(MEETING_SECONDS)
        return ModeStrike.hit(self, crossing)


def begin(stage: Stage) -> None:
    """A delegation with two certificates, both of which are due."""
    specs = tuple(CertificateSpec(DELEGATION, n, (f"{n}.idp.univ.example",), PROFILE) for n in ("one", "two"))
    whole = replace(specification((S3,)), certificates=specs)
    stage.begin(world(), [whole], {DELEGATION: credential()}, Dials(issuance_polls=1))


def refused_from(stage: Stage, place: Boundary, kind: type[ModeStrike] = ModeStrike) -> Run:
    """A run whose login is refused from there on."""
    begin(stage)
    run_id = stage.next_run_id()
    stage.wire.strike = kind(Mode.REFUSED, place, run_id, lambda: None, stage.time)
    run = stage.run(run_id)
    stage.wire.strike = None
    return run


def test_a_login_refused_in_the_middle_is_told_and_costs_no_order(stage: Stage, boundaries: list[Boundary]) -> None:
    """Shown once by the inspection, or once by each certificate at work; all is well when it is right again.

    From the first and from the last call of each function on; the calls between them change nothing.
    """
    first, last = ({one.function: one for one in order} for order in (reversed(boundaries), boundaries))
    for place in dict.fromkeys([*first.values(), *last.values()]):
        run = refused_from(stage, place)

        assert (run.status, run.error) == ("FAILED", "RunNeedsPerson"), place
        most = 1 if place.function == "inspect_delegation" else AT_WORK
        assert 1 <= len(stage.played.refusals) <= most, place
        assert violations(gather(stage), BUT_FOR_REFUSALS) == [], place
        stage.daily_run()
        if violations(gather(stage), AT_REST):
            stage.daily_run()
        assert violations(gather(stage), [*BUT_FOR_REFUSALS, *AT_REST]) == [], place


@pytest.mark.parametrize("operation", [ENROLL, "GET /api/ssl/v1/collect/<id>"])
def test_a_login_refused_to_both_at_once_is_shown_twice_at_the_most(
    stage: Stage, boundaries: list[Boundary], operation: str
) -> None:
    """Not once: two certificates are worked on at a time (docs/reliability.md). SCM locks after several."""
    place = next(one for one in boundaries if one.operation == operation)

    refused_from(stage, place, BothAtOnce)

    assert len(stage.played.refusals) == 2
