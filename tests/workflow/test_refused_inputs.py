"""Invalid execution inputs: the run fails with a named error before any call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workflow.conftest import write_estate
from tests.workflow.system import System, started


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system on which every run must end before it does anything."""
    with started(write_estate(tmp_path_factory.mktemp("idle") / "estate", "idp")) as system:
        yield system


@pytest.mark.parametrize(
    ("request_", "reported"),
    [
        ({"delegation": ["univ"]}, "unknown field 'delegation'"),
        ({"certificates": "univ/idp"}, "'certificates' must be a list"),
        ({"dry_run": "yes"}, "'dry_run' must be true or false"),
        ({"force": True, "reason": "because"}, "'force' needs 'delegations' or 'certificates'"),
        ({"certificates": ["univ/idp"], "force": True}, "need a 'reason'"),
        (["univ"], "must be a JSON object"),
    ],
)
def test_an_invalid_input_ends_the_run_before_any_call(idle: System, request_: object, reported: str) -> None:
    """A misspelt field that is ignored would renew everything instead of one certificate."""
    before = len(idle.simulator.calls)

    ended = idle.run(request_)

    assert (ended.status, ended.execution["error"]) == ("FAILED", "InvalidRequest")
    assert reported in ended.execution["cause"]
    assert ended.report is None
    assert len(idle.simulator.calls) == before


def test_an_unknown_certificate_ends_the_run(idle: System) -> None:
    """A run that did nothing must not report success."""
    ended = idle.run({"certificates": ["univ/idq"]})

    assert ended.execution["error"] == "UnknownDelegation"
    assert "univ/idq" in ended.execution["cause"]
