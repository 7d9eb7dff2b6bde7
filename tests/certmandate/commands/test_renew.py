from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.certmandate.desk import Desk, seated


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An estate in which each test has certificates of its own."""
    with seated(tmp_path_factory.mktemp("renew"), "fresh:20", "young:5", "due:160", "forced:30", "dry", "later") as one:
        yield one


def test_what_is_named_and_due_is_renewed_before_ones_eyes(desk: Desk):
    """The run is followed to its end, and its report is the same page as every morning's."""
    before = desk.certificate("due").served
    result = desk.run("renew", "univ/due")

    after = desk.certificate("due").served
    assert result.exit_code == 0
    assert "ordered (SSL ID" in result.stdout
    assert before
    assert after
    assert before.serial != after.serial


def test_what_is_not_due_is_left_alone_and_said_so(desk: Desk):
    """A certificate costs money and quota; nobody orders one by a careless command."""
    posted = desk.system.orders_posted()

    result = desk.run("renew", "univ/fresh")

    assert result.exit_code == 0
    assert "--force --reason" in result.stdout
    assert desk.system.orders_posted() == posted


def test_force_renews_with_its_reason_in_the_audit_trail(desk: Desk):
    """Who asks next year finds why."""
    assert desk.run("renew", "univ/forced", "--force").exit_code == 2

    found = desk.document("renew", "univ/forced", "--force", "--reason", "the key was mailed around")

    assert found["status"] == "SUCCEEDED"
    assert found["report"]["reason"] == "the key was mailed around"
    last = desk.book.history("univ", "forced")[-1]
    assert (last.causes, last.reason) == (("asked",), "the key was mailed around")
    shown = desk.document("show", "univ/forced")["history"][-1]
    assert shown["reason"] == "the key was mailed around"
    assert "asked: the key was mailed around" in " ".join(desk.run("show", "univ/forced").stdout.split())


def test_a_dry_run_orders_nothing(desk: Desk):
    """It logs in and decides: the rehearsal of everything but the order."""
    posted = desk.system.orders_posted()

    found = desk.document("renew", "univ/dry", "--dry-run")

    assert [row["outcome"] for row in found["report"]["certificates"]] == ["planned"]
    assert desk.system.orders_posted() == posted


def test_a_run_need_not_be_followed(desk: Desk):
    """A pipeline starts it and goes home; the alarm says when it fails."""
    found = desk.document("renew", "univ/later", "--no-follow")

    assert found["run_id"].startswith("renew-")
    desk.system.end(found["arn"])
    assert desk.certificate("later").served


WRONG = {
    "nothing named": ((), "name what to renew"),
    "everything and something": (("univ/fresh", "--all-due"), "pass either it or names"),
    "an unknown certificate": (("univ/typo",), "univ/typo"),
    "an unknown delegation": (("--delegation", "typo"), "typo"),
    "a path that is none": (("fresh",), "fresh"),
    "a standing order without a reason": (("--issuer", "X", "--issued-before", "2026-01-01"), "--reason"),
    "a standing order without an issuer": (("--issued-before", "2026-01-01", "--reason", "x"), "--issuer"),
    "a standing order for the future": (
        ("--issuer", "", "--issued-before", "2999-01-01", "--reason", "x"),
        "in the future",
    ),
    "a standing order with names": (("univ/fresh", "--issuer", "X", "--issued-before", "2026-01-01"), "without names"),
    "a withdrawal of nothing": (
        ("--issuer", "X", "--issued-before", "2026-01-01", "--cancel"),
        "no such replacement rule",
    ),
}


@pytest.mark.parametrize(("arguments", "told"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_starts_nothing(desk: Desk, arguments: tuple[str, ...], told: str):
    """An execution that fails on its input pages whoever is on call."""
    before = desk.document("status")["runs"]

    result = desk.run("renew", *arguments, "--yes")

    assert (result.exit_code, told in result.stderr) == (2, True), result.output
    assert desk.document("status")["runs"] == before


def test_a_standing_order_covers_stands_and_is_withdrawn(desk: Desk):
    """A mass revocation is announced: everything of that issuer goes, and a mistake can be stopped."""
    moment = datetime.now(UTC) - timedelta(days=10)
    order = ("renew", "--issuer", "intermediate", "--issued-before", f"{moment:%Y-%m-%d}")

    found = desk.document(*order, "--reason", "mis-issuance", "--yes")

    assert "univ/fresh" in found["covers"]
    assert "univ/young" not in found["covers"]
    assert {one["name"]: one["causes"] for one in desk.document("status")["certificates"]}["fresh"] == ["replacement"]
    assert desk.run(*order, "--cancel").exit_code == 0
    assert desk.book.replacements() == ()
