"""What a report does not read would change nothing in it: random estates, reported with and without reading all."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from renewal.domain.limits import Limits
from tests.unit.random_estate import CountingBook, add, result_of
from tests.unit.system import System


def played(seed: int, *, reads_all: bool) -> tuple[Any, Mapping[str, float], int]:
    """The report and the metrics of a daily run over random delegations, and how many certificates it has read."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    system = System(book=(book := CountingBook()), limits=Limits(2, 500, 0.5))
    for number in range(6):
        add(system, chance, f"d{number}")
    system.check_expiry("run", all_due_is_right=True, reason="a test")
    results = [result for name in sorted(system.book.records) if (result := result_of(system, chance, name))]
    for result in results if reads_all else ():
        result["Output"] = result["Output"].replace('"is_quiet": true', '"is_quiet": false')
    system.archive.write_results("run", [*results])
    book.read = 0
    summary = system.report_step()("run")
    return system.archive.read("run", "report"), summary["metrics"], book.read


@pytest.mark.parametrize("seed", range(100))
def test_what_a_report_does_not_read_would_change_nothing(seed: int) -> None:
    """A problem that is not looked for is a run that falls silent; and no number may depend on what was read."""
    *reported, read = played(seed, reads_all=False)
    *in_full, all_read = played(seed, reads_all=True)

    assert reported == in_full
    assert read <= all_read
