"""The documents of runs in which every outcome occurs, as the first version of report.json wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from renewal.domain.run.report import RunReport
from tests.unit.report_estates import RUN, daily_run, dry_run, refused_run
from tests.unit.system import System

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("played", [daily_run, dry_run, refused_run])
def test_a_report_has_the_members_and_values_of_its_golden_document(played: Callable[[], System]) -> None:
    """Operators' scripts read report.json by its members."""
    system, golden = played(), GOLDEN[played.__name__]

    summary = system.report_step()(RUN)

    assert system.archive.read(RUN, "report") == golden["report"]
    assert summary == golden["summary"]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_document_that_is_read_and_written_is_the_same(name: str) -> None:
    """`certmandate local run` writes what it has read."""
    document = GOLDEN[name]["report"]

    assert RunReport.parse(document).document() == document


def test_a_report_of_a_newer_version_is_read_as_far_as_known() -> None:
    """The operator's tool may be older than the stack."""
    document = GOLDEN["daily_run"]["report"]
    newer = {**document, "schema": 3, "new": {"a": 1}}
    for rows in ("delegations", "certificates"):
        newer[rows] = [{**row, "new": "text"} for row in document[rows]]

    report = RunReport.parse(newer)

    assert report.schema == 3
    assert replace(report, schema=2) == RunReport.parse(document)


def test_a_report_of_an_older_version_is_read() -> None:
    """Reports are kept for a year; the first ones name no schema, and nothing that was added since."""
    document = GOLDEN["daily_run"]["report"]
    added = {"would", "renew_at", "remarks", "service", "hours_to_served"}
    rows = [{name: value for name, value in row.items() if name not in added} for row in document["certificates"]]
    older = {name: value for name, value in document.items() if name != "schema"} | {"certificates": rows}

    report = RunReport.parse(older)

    assert [row.outcome for row in report.certificates] == [row["outcome"] for row in rows]
