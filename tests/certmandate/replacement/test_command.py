"""Replacing many certificates by a deadline: the plan, the rule, and how it ends."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certmandate.order_book_editor import OrderBookEditor
from renewal.domain.replacement_rule import ReplacementRule
from tests.certmandate.desk import Desk

ESTATE = ("recent:20", "young:5", "other:30", "later")
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%MZ}"


def planned(desk: Desk, *arguments: str) -> dict[str, Any]:
    """The plan that the command prints, without a change."""
    found: dict[str, Any] = desk.document("replace", *arguments, "--reason", "incident 12", "--dry-run")
    return found


def test_a_dry_run_shows_the_plan_and_stores_nothing(desk: Desk) -> None:
    """The operator sees the size of the incident before anything is ordered."""
    before = f"{datetime.now(UTC) - timedelta(days=10):%Y-%m-%d}"

    found = planned(desk, "--issuer", "INTERMEDIATE", "--issued-before", before, "--deadline", TOMORROW)

    assert (found["stored"], found["delegations"], found["misses"]) == (False, 1, [])
    assert {"univ/recent", "univ/other"} <= set(found["certificates"])
    assert "univ/young" not in found["certificates"]
    assert found["limits"]["orders_per_run"] == 500
    assert found["bottleneck"]
    assert desk.book.replacement_rules() == ()


def test_the_rule_is_stored_with_who_asked_and_deleted_by_its_reason(desk: Desk) -> None:
    """The audit asks who raised the caps; a mistake can be undone."""
    order = ("replace", "--delegation", "univ", "--deadline", TOMORROW, "--reason", "incident 13")
    caps = ("--orders-per-delegation", "120", "--orders-per-run", "1000")

    shown = desk.run(*order, *caps, "--yes")

    assert "The replacement rule is stored" in shown.stdout
    (rule,) = desk.book.replacement_rules()
    assert rule.caps is not None
    assert (rule.delegations, rule.caps.orders_per_delegation, rule.reason) == (("univ",), 120, "incident 13")
    assert rule.asked_by.startswith("arn:aws:")
    assert rule.deadline is not None
    assert "a rule with this --reason is in force" in desk.refused(*order, *caps, "--yes"), (
        "`--cancel` deletes by reason"
    )
    causes = {certificate["name"]: certificate["causes"] for certificate in desk.document("status")["certificates"]}
    assert causes["recent"] == ["replacement"]
    deleted = desk.document("replace", "--cancel", "--yes", "--reason", "incident 13")
    assert [each["reason"] for each in deleted["deleted"]] == ["incident 13"]
    assert desk.book.replacement_rules() == ()


def test_serials_of_a_file_are_covered_however_they_are_written(desk: Desk) -> None:
    """CAs publish lists of serials with colons, in lower case, with leading zeros; one that is not ours is named."""
    serial = desk.stored("recent").serial
    file = desk.folder.parent / "serials.txt"
    file.write_text(f"# of the CA\n00:{serial.lower()}\n\nserial=DEADBEEF\n0x0a1b\n")

    found = planned(desk, "--serials", str(file))

    assert found["certificates"] == ["univ/recent"]
    assert found["serials_not_stored"] == ["0A1B", "DEADBEEF"]
    shown = desk.run("replace", "--serials", str(file), "--reason", "r", "--dry-run").stdout
    assert "Serials that are not stored" in shown
    assert "- DEADBEEF" in shown


def test_without_a_confirmation_no_rule_is_stored(desk: Desk) -> None:
    """An incident is no reason to order by accident."""
    text = desk.refused("replace", "--delegation", "univ", "--reason", "incident 14", stdin="n\n")

    assert "Nothing was changed" in text
    assert desk.book.replacement_rules() == ()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--reason", "r"), "name what is replaced"),
        (("--delegation", "univ"), "pass --reason"),
        (("--delegation", "univ", "--reason", "r", "--deadline", "2026-01-01"), "one in the future"),
        (("--delegation", "univ", "--reason", "r", "--orders-per-run", "20000"), "--orders-per-run 500 to 10000"),
        (("--serials", "missing.txt", "--reason", "r"), "missing.txt cannot be read (FileNotFoundError)"),
        (("--serials", os.devnull, "--reason", "r"), "has no serial; write one a line"),
        (("--issuer", "Nobody's CA", "--reason", "r"), "covers no certificate that is stored"),
        (("--cancel", "--reason", "unknown"), "no replacement rule with this --reason"),
    ],
)
def test_a_faulty_request_is_refused_with_what_to_pass(desk: Desk, arguments: tuple[str, ...], text: str) -> None:
    """In an incident the error text is the manual."""
    assert text in desk.refused("replace", *arguments)


def test_status_shows_how_far_each_rule_has_come(desk: Desk) -> None:
    """The operator watches it against the deadline, and so does a script."""
    desk.run("replace", "--delegation", "univ", "--deadline", TOMORROW, "--reason", "incident 15", "--yes")

    before = desk.document("replace", "status")["replacements"]
    status = " ".join(desk.run("status").stdout.split())
    assert "in univ" in status
    assert f"incident 15: {before[0]['left']} certificate" in status
    desk.system.end(desk.document("renew", "--all-due", "--no-follow", "--yes")["arn"])
    after = desk.document("replace", "status")["replacements"]

    assert [(each["done"], each["complete"]) for each in before] == [(0, False)]
    assert [(each["done"], each["left"], each["complete"]) for each in after] == [(after[0]["covered"], 0, True)]
    page = desk.run("replace", "status")
    assert (page.exit_code, "Complete. The next run ends the rule." in page.stdout) == (0, True)


def test_a_rule_without_a_list_is_ended_by_the_operator(desk: Desk) -> None:
    """A run finds through the index, which may lack one, what it covers; the status says what to do."""
    now = datetime.now(UTC)
    rule = ReplacementRule(now - timedelta(days=300), "", "incident 17", asked_at=now)
    OrderBookEditor(desk.system.aws.tables).add_replacement(rule)
    desk.system.end(desk.document("renew", "--all-due", "--no-follow", "--yes")["arn"])

    assert "No run ends a rule without a list: delete it with --cancel" in desk.run("replace", "status").stdout
    assert desk.book.replacement_rules() == (rule,)
    desk.run("replace", "--cancel", "--yes", "--reason", "incident 17")
    assert desk.book.replacement_rules() == ()
