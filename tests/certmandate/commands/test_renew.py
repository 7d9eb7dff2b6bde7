from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.certmandate.desk import Desk, seated


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An estate in which each test has certificates of its own."""
    with seated(tmp_path_factory.mktemp("renew"), "recent:20", "young:5", "due:160", "forced:30", "later") as running:
        yield running


def test_a_named_due_certificate_is_renewed_and_followed(desk: Desk):
    """The command prints the progress and the report of the run."""
    before = desk.certificate("due").served
    result = desk.run("renew", "univ/due")

    after = desk.certificate("due").served
    assert result.exit_code == 0
    assert "ordered (SSL ID" in result.stdout
    assert before
    assert after
    assert before.serial != after.serial


def test_a_certificate_that_is_not_due_is_not_renewed(desk: Desk):
    """A certificate costs money and quota; the output names --force."""
    posted = desk.system.orders_posted()

    result = desk.run("renew", "univ/recent")

    assert result.exit_code == 0
    assert "--force --reason" in result.stdout
    assert desk.system.orders_posted() == posted


def test_force_renews_and_stores_its_reason(desk: Desk):
    """The reason must be found a year later."""
    assert desk.run("renew", "univ/forced", "--force").exit_code == 2

    found = desk.document("renew", "univ/forced", "--force", "--reason", "the key was mailed around")

    assert found["status"] == "SUCCEEDED"
    assert found["report"]["reason"] == "the key was mailed around"
    last = desk.book.history("univ", "forced")[-1]
    assert (last.causes, last.reason) == (("asked",), "the key was mailed around")
    shown = desk.document("show", "univ/forced")["history"][-1]
    assert shown["reason"] == "the key was mailed around"
    assert "asked: the key was mailed around" in " ".join(desk.run("show", "univ/forced").stdout.split())


def test_no_follow_returns_after_the_start(desk: Desk):
    """A pipeline starts a run and does not wait; an alarm reports a failure."""
    found = desk.document("renew", "univ/later", "--no-follow")

    assert found["run_id"].startswith("renew-")
    desk.system.end(found["arn"])
    assert desk.certificate("later").served


WRONG = {
    "nothing named": ((), "name what to renew"),
    "--all-due and a name": (("univ/recent", "--all-due"), "pass either it or names"),
    "an unknown certificate": (("univ/typo",), "univ/typo"),
    "an unknown delegation": (("--delegation", "typo"), "typo"),
    "a malformed path": (("recent",), "recent"),
    "a rule without a reason": (("--issuer", "X", "--issued-before", "2026-01-01"), "--reason"),
    "a rule without an issuer": (("--issued-before", "2026-01-01", "--reason", "x"), "--issuer"),
    "a rule for the future": (
        ("--issuer", "", "--issued-before", "2999-01-01", "--reason", "x"),
        "in the future",
    ),
    "a rule with names": (("univ/recent", "--issuer", "X", "--issued-before", "2026-01-01"), "without names"),
    "deletion of an unknown rule": (
        ("--issuer", "X", "--issued-before", "2026-01-01", "--cancel"),
        "no such replacement rule",
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), WRONG.values(), ids=WRONG)
def test_contradictory_options_start_no_run(desk: Desk, arguments: tuple[str, ...], expected: str):
    """A run that fails on its input raises an alarm."""
    before = desk.document("status")["runs"]

    result = desk.run("renew", *arguments, "--yes")

    assert (result.exit_code, expected in result.stderr) == (2, True), result.output
    assert desk.document("status")["runs"] == before


def test_a_replacement_rule_is_stored_applied_and_deleted(desk: Desk):
    """Before a mass revocation all certificates of an issuer are replaced; a mistake can be undone."""
    at = datetime.now(UTC) - timedelta(days=10)
    order = ("renew", "--issuer", "intermediate", "--issued-before", f"{at:%Y-%m-%d}")

    found = desk.document(*order, "--reason", "mis-issuance", "--yes")

    assert "univ/recent" in found["covers"]
    assert "univ/young" not in found["covers"]
    assert {certificate["name"]: certificate["causes"] for certificate in desk.document("status")["certificates"]}[
        "recent"
    ] == ["replacement"]
    assert desk.run(*order, "--cancel").exit_code == 0
    assert desk.book.replacements() == ()
