"""A replacement rule under kill at random: nothing is ordered twice, or over its caps, and everything is replaced."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from campaign.fault_injection import Mode
from campaign.harness import Harness
from campaign.histories.history import History
from campaign.histories.tenants import NAMES
from certmandate.files.operator_records import OperatorReader
from renewal.domain.due import Cause

CAP = 1
"""Of a run, for a rule that covers three certificates of two delegations."""
SCHEDULES = 4
"""`make campaign` draws the same steps in histories of its own."""
_ORDERING = (15, 60)
_MODES = (Mode.KILLED_BEFORE, Mode.KILLED_AFTER, Mode.ANSWERS_LOST)


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_a_rule_survives_kills_at_random(harness: Harness, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """The CA revokes tomorrow, and Lambda dies twice: no order is lost, none is made twice."""
    chance = Random(seed)  # noqa: S311 - no secret
    history = History(harness)
    history.step("run")
    for name in ("ORDERS_PER_DELEGATION", "ORDERS_PER_RUN"):
        monkeypatch.setenv(name, str(CAP))
    harness.environments.forget()

    history.step("days", count=1)
    history.step("replace_everything", orders=CAP)
    for _ in range(2):
        mode, nth = chance.choice(_MODES), chance.randint(*_ORDERING)
        history.step("hourly_run_with_fault", mode=mode.value, nth=nth)
    for _ in range(2 * len(NAMES)):
        history.step("hourly_run")

    (rule,) = OperatorReader(harness.aws.tables).all_replacements()
    delegations = list(harness.reader.delegations())
    left = [each for name in delegations for each in harness.reader.certificates(name) if rule.covers(each)]
    rows = [row for name in delegations for row in harness.reader.history(name, "")]
    for_the_rule = Counter(row.run_id for row in rows if Cause.REPLACEMENT in row.causes)
    assert (left, rule.is_in_force) == ([], False)
    assert sum(for_the_rule.values()) == len(NAMES)
    assert max(for_the_rule.values()) <= CAP
