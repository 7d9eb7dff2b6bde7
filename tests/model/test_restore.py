"""The orders table put back to what it was before a write of a run; `python -m campaign --restores` plays all."""

from __future__ import annotations

from campaign.harness import Harness
from campaign.histories.restores import explore

EACH = 4
"""Of fifty writes every fourth."""


def test_a_table_restored_to_a_write_leads_to_no_second_order(harness: Harness) -> None:
    """Point-in-time recovery restores any second of the last 35 days, also one in the middle of a run (O10)."""
    outcomes = list(explore(harness, EACH, jobs=2, seed=1))

    assert len(outcomes) > 8
    assert not any(outcomes), "\n".join(filter(None, outcomes))
