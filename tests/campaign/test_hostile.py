"""Hostile input in short; `python -m campaign.hostile 2000` plays more."""

from __future__ import annotations

import pytest

from campaign.hostile import play as hostile

SEED = 20261130


def test_hostile_input_is_a_result_or_a_named_error() -> None:
    """S5: in bounded memory and time, whatever SCM, the bucket or a delegation file contains."""
    played = hostile.play(45, SEED)

    assert not played.failed
    assert {outcome.partition(":")[0] for outcome in played.outcomes} == set(hostile.KINDS)
    assert len(played.outcomes) > 6


def test_an_error_without_a_name_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign that cannot fail proves nothing."""
    monkeypatch.setattr(hostile, "KINDS", {"answers": lambda dice: str(1 // (dice.random() < 0))})
    monkeypatch.setattr(hostile, "MOST_MEBIBYTES", 1)

    played = hostile.play_here(1, 7)

    assert [text.partition(":")[0] for text in played.failed] == ["hostile answers 7", "hostile input from 7"]
