"""The end of a replacement rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.certmandate.desk import Desk

ESTATE = ("recent:20", "other:30")


def test_a_run_ends_the_rule_and_its_status_stays(desk: Desk) -> None:
    """The operator need not remember to delete it; the audit asks when the incident was over."""
    rule = ("replace", "--delegation", "univ", "--issued-before", f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}")
    desk.run(*rule, "--reason", "incident 16", "--yes")
    assert "is in force, or has ended" in desk.refused(*rule, "--reason", "second wave", "--yes")
    desk.system.end(desk.document("renew", "--all-due", "--no-follow", "--yes")["arn"])
    desk.system.end(desk.document("renew", "--all-due", "--no-follow", "--yes")["arn"])

    (*_, ended) = desk.document("replace", "status")["replacements"]
    assert (ended["reason"], ended["complete"], ended["began_at"] < ended["ended_at"]) == ("incident 16", True, True)
    page = " ".join(desk.run("replace", "status").stdout.split())
    assert f"{ended['covered']} certificates replaced and served" in page
    assert desk.book.replacement_rules() == ()
    desk.run("replace", "--cancel", "--yes", "--reason", "incident 16")
    assert "incident 16" not in desk.run("replace", "status").stdout
