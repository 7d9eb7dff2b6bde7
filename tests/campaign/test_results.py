"""The tables of results are what campaigns have written."""

import json
from pathlib import Path

import pytest

from campaign.fault_injection import Mode
from campaign.results import main


def campaign(scenario: str, cases: int, violated: int) -> dict[str, object]:
    """What a campaign of one scenario writes, with one operation."""
    row = {Mode.KILLED_BEFORE.value: {"cases": cases, "violated": violated}}
    return {
        "versions": {"commit": "0a1b2c3"},
        "boundaries_by_scenario": {scenario: 7},
        "boundaries": 7,
        "cases": cases,
        "cases_of_recovery": 2,
        "not_reached": [],
        "violations": violated,
        "table": {"kms:Encrypt": row},
    }


def test_campaigns_are_added_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The nine scenarios can be played one by one; a violation is shown in every sum."""
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    for file, document in zip(files, (campaign("s3", 1000, 0), campaign("acm", 234, 1)), strict=True):
        file.write_text(json.dumps(document), encoding="utf-8")

    assert main(list(map(str, files))) == 0

    printed = capsys.readouterr().out
    assert "| s3 | `0a1b2c3` | 7 | 1,000 | 2 | 0 | 0 |" in printed
    assert "| **all** |  | 14 | 1,234 | 4 | 0 | 1 |" in printed
    assert "kms:Encrypt1/1234" in printed.replace(" ", "")


def test_without_a_file_there_is_nothing_to_print(capsys: pytest.CaptureFixture[str]):
    """The command names what it needs."""
    assert main([]) == 2
    assert "--output FILE" in capsys.readouterr().err
