"""examples/: what the commands show after a run is what the run reported, for every certificate."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from renewal.domain.run.report import RunReport
from tests.certmandate.desk import Desk, operated
from tests.workflow.system import started

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

Keys = list[tuple[str, str, str, str]]


@pytest.fixture(scope="module", params=["campus", "troubled"])
def after_a_run(request: pytest.FixtureRequest) -> Iterator[tuple[Desk, RunReport]]:
    """An example after its run, and the run's report."""
    folder = EXAMPLES / request.param
    with started(folder) as system, operated(system, folder / "delegations") as desk:
        report = system.run().report
        assert report
        yield desk, report


def reported(report: RunReport, delegation: str) -> Keys:
    """What the run reported of a delegation, without texts, which name the run where only it knows them."""
    mine = (each for each in report.problems if each.delegation == delegation)
    return sorted((each.certificate, each.code, each.severity, each.actor) for each in mine)


def shown(problems: Iterable[Mapping[str, Any]]) -> Keys:
    """The same of what a command prints."""
    return sorted((each["certificate"], each["code"], each["severity"], each["actor"]) for each in problems)


def test_status_has_the_states_and_problems_of_the_run(after_a_run: tuple[Desk, RunReport]) -> None:
    """N2: a run failed because a store did not answer, and `status` called the certificate pending."""
    desk, report = after_a_run

    status = desk.document("status")

    rows = {row.path: (row.state, row.needs_attention) for row in report.certificates}
    found = {
        f"{row['delegation']}/{row['name']}": (row["state"], row["needs_person"]) for row in status["certificates"]
    }
    assert {path: found[path] for path in rows} == rows
    assert {found[path] for path in found.keys() - rows} <= {("fine", False)}  # what needs nothing has no row
    for delegation in status["delegations"]:
        name = delegation["delegation"]
        assert shown(delegation["findings"]) == reported(report, name)
    assert status["needs_person"] is report.needs_attention


def test_the_table_has_the_states_of_the_run(after_a_run: tuple[Desk, RunReport]) -> None:
    """A spreadsheet is sorted by it."""
    desk, report = after_a_run

    rows = csv.DictReader(io.StringIO(desk.run("status", "--csv").stdout))

    found = {f"{row['delegation']}/{row['name']}": row["state"] for row in rows}
    states = {row.path: row.state for row in report.certificates}
    assert found == {**dict.fromkeys(found, "fine"), **states}


def test_show_has_the_state_and_problems_of_the_run(after_a_run: tuple[Desk, RunReport]) -> None:
    """It judges one certificate, without its neighbours."""
    desk, report = after_a_run
    for row in report.certificates:
        certificate = desk.document("show", row.path)

        assert certificate["state"] == row.state, row.path
        known = [key for key in reported(report, row.delegation) if key[0] in {"", row.name}]
        assert shown(certificate["findings"]) == known, row.path


def test_a_failure_that_only_the_run_knows_names_the_run(after_a_run: tuple[Desk, RunReport]) -> None:
    """The operator opens that run's report; the order book has no word of it."""
    desk, report = after_a_run
    failed = [row for row in report.certificates if row.error in {"StoreUnavailable", "ScmUnavailable"}]
    for row in failed:
        (problem,) = (each for each in desk.document("show", row.path)["findings"] if each["code"] == row.error)

        assert f"(run of {report.finished_at:%Y-%m-%d %H:%M} UTC, {report.run_id})" in problem["text"]
