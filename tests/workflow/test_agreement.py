"""The run, its alerts, the notices and every command show the same, for every certificate of an estate.

`test_more_agreement.py` compares them for the other example and for random estates.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workflow.after_run import AfterRun, after_a_run
from tests.workflow.views import VIEWS

TROUBLED = Path(__file__).resolve().parents[2] / "examples" / "troubled"


@pytest.fixture(scope="module")
def after() -> Iterator[AfterRun]:
    """The estate after its run."""
    with after_a_run(TROUBLED) as found:
        yield found


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_what_the_run_reported(after: AfterRun, view: str) -> None:
    """N2: `status` promised renewals that cannot happen, and `findings` listed 4 where the run's page had 9."""
    reported, found = VIEWS[view](after)

    assert found == reported


def test_a_failure_that_only_the_run_knows_names_the_run(after: AfterRun) -> None:
    """The operator opens that run's report; the order book has no word of it."""
    report = after.report
    for row in (row for row in report.certificates if row.error in {"StoreUnavailable", "ScmUnavailable"}):
        found = (each for each in after.desk.document("show", row.path)["findings"] if each["certificate"])
        texts = [each["text"] for each in found if each["code"] == row.error]

        assert f"(run of {report.finished_at:%Y-%m-%d %H:%M} UTC, {report.run_id})" in texts[0]
