"""The documents of runs in which every outcome occurs, as the first version of report.json wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from renewal.steps.report import Report
from tests.unit.estate import System
from tests.unit.steps.report_estates import RUN, daily_run, dry_run, refused_run

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("played", [daily_run, dry_run, refused_run])
def test_a_report_has_the_members_and_values_of_its_golden_document(played: Callable[[], System]) -> None:
    """Operators' scripts read report.json by its members."""
    system, golden = played(), GOLDEN[played.__name__]

    summary = Report(system.book, system.archive, system.clock)(RUN)

    assert system.archive.read(RUN, "report") == golden["report"]
    assert summary == golden["summary"]
