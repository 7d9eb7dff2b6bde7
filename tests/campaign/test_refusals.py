"""A login that SCM starts to refuse during a run, in which two certificates are renewed in parallel."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from campaign.auditor.invariants import one_refusal_a_credential, two_calls_at_a_time
from campaign.evidence import gather
from campaign.fault_injection import FaultInjection, Mode
from campaign.harness import Harness
from campaign.interception.calls import Boundary, Call
from campaign.order_book_invariants import ALWAYS, AT_REST, violations
from campaign.run import Run
from campaign.scenarios import DELEGATION, ENROLL, PROFILE, credential, specification, world
from renewal.domain.delegation import S3, CertificateSpec
from scm_simulator import Dials

IN_PARALLEL = 2  # MaxConcurrency of the Map in infra/renewal.asl.yaml
BUT_FOR_REFUSALS = [invariant for invariant in ALWAYS if invariant is not one_refusal_a_credential]
MEETING_SECONDS = 3.0  # of real time, and only when the second function does not call


@pytest.fixture(scope="module")
def boundaries(harness: Harness) -> list[Boundary]:
    """The calls of a healthy run to SCM."""
    begin(harness)
    run = harness.run()
    assert run.status == "SUCCEEDED"
    return [found for found in harness.interception.boundaries[run.run_id] if found.service == "scm"]


@dataclass(slots=True)
class BothAtOnce(FaultInjection):
    """Holds the first function until the second makes the same call: neither can have recorded a refusal."""

    meeting: threading.Barrier = field(default_factory=lambda: threading.Barrier(IN_PARALLEL))

    def apply(self, call: Call) -> Any:
        """Wait for the second function, then refuse."""
        FaultInjection.apply(self, call)
        with contextlib.suppress(threading.BrokenBarrierError):
            self.meeting.wait(MEETING_SECONDS)
        return FaultInjection.apply(self, call)


def begin(harness: Harness, *names: str) -> None:
    """A delegation with certificates that are due; without *names* two."""
    specs = tuple(CertificateSpec(DELEGATION, n, (f"{n}.idp.univ.example",), PROFILE) for n in names or ("one", "two"))
    whole = replace(specification((S3,)), certificates=specs)
    harness.begin(world(), [whole], {DELEGATION: credential()}, Dials(issuance_polls=1))


def refused_from(harness: Harness, place: Boundary, kind: type[FaultInjection] = FaultInjection) -> Run:
    """A run whose login is refused from that call on."""
    begin(harness)
    return harness.run_with(kind(harness, Mode.REFUSED, place))


def test_a_login_refused_during_a_run_costs_no_order(harness: Harness, boundaries: list[Boundary]) -> None:
    """Tried once by the inspection, or once for each certificate; a later run renews.

    Refused from the first and from the last call of each function on; the calls between them write nothing.
    """
    first, last = ({call.function: call for call in order} for order in (reversed(boundaries), boundaries))
    for place in dict.fromkeys([*first.values(), *last.values()]):
        run = refused_from(harness, place)

        assert (run.status, run.error) == ("FAILED", "RunNeedsPerson"), place
        most = 1 if place.function == "inspect_delegation" else IN_PARALLEL
        assert 1 <= len(harness.played.refusals) <= most, place
        assert violations(gather(harness), BUT_FOR_REFUSALS) == [], place
        harness.daily_run()
        if violations(gather(harness), AT_REST):
            harness.daily_run()
        assert violations(gather(harness), [*BUT_FOR_REFUSALS, *AT_REST]) == [], place


@pytest.mark.parametrize("operation", [ENROLL, "GET /api/ssl/v1/collect/<id>"])
def test_a_login_refused_in_parallel_is_tried_at_most_twice(
    harness: Harness, boundaries: list[Boundary], operation: str
) -> None:
    """Two certificates are renewed in parallel (docs/reliability.md); SCM locks the account after more attempts."""
    place = next(found for found in boundaries if found.operation == operation)

    refused_from(harness, place, BothAtOnce)

    assert len(harness.played.refusals) == 2


@dataclass(slots=True)
class AllAtOnce:
    """Holds every POST until three wait."""

    run_id: str = ""
    meeting: threading.Barrier = field(default_factory=lambda: threading.Barrier(IN_PARALLEL + 1))

    def is_due(self, call: Call) -> bool:
        """Return whether it is a POST of an order."""
        return call.boundary.operation == ENROLL

    def apply(self, call: Call) -> Any:
        """Wait for the others."""
        with contextlib.suppress(threading.BrokenBarrierError):
            self.meeting.wait(MEETING_SECONDS)
        return call.answers.effect()


@pytest.mark.parametrize("in_parallel", [IN_PARALLEL, IN_PARALLEL + 1])
def test_more_than_two_calls_at_a_time_are_detected(harness: Harness, in_parallel: int) -> None:
    """Only the state machine limits them; here it is changed."""
    states, machine = harness.aws.client("stepfunctions"), harness.aws.outputs["StateMachineArn"]
    shipped = states.describe_state_machine(stateMachineArn=machine)["definition"]
    changed = json.loads(shipped)
    child = changed["States"]["OrderCertificates"]["ItemProcessor"]["States"]
    child["EnrollEach"]["MaxConcurrency"] = in_parallel
    begin(harness, "one", "two", "three")
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(changed))
    try:
        harness.run_with(AllAtOnce())
    finally:
        states.update_state_machine(stateMachineArn=machine, definition=shipped)

    assert bool(violations(gather(harness), [two_calls_at_a_time])) is (in_parallel > IN_PARALLEL)
