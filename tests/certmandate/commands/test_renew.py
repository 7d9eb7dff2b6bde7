from __future__ import annotations

import pytest

from tests.certmandate.desk import Desk

OTHERS = ("--force", "--order-again", "--dry-run")
ESTATE = ("recent:20", "young:5", "due:160", "forced:30", "later", "waiting:160")


def test_a_named_due_certificate_is_renewed_and_followed(desk: Desk):
    """The command prints the progress and the report of the run."""
    before = desk.stored("due")

    result = desk.run("renew", "univ/due", "--yes")

    assert (result.exit_code, "ordered (SSL ID" in result.stdout) == (0, True)
    assert desk.stored("due").serial != before.serial


def test_a_certificate_that_is_not_due_is_not_renewed(desk: Desk):
    """A certificate costs money and quota; the output names --force."""
    posted = desk.system.orders_posted()

    result = desk.run("renew", "univ/recent", "--yes")

    assert result.exit_code == 0
    assert "--force --reason" in result.stdout
    assert desk.system.orders_posted() == posted


def test_force_renews_and_stores_its_reason(desk: Desk):
    """The reason must be found a year later."""
    found = desk.document("renew", "univ/forced", "--force", "--reason", "the key was mailed around", "--yes")

    assert found["status"] == "SUCCEEDED"
    assert found["report"]["reason"] == "the key was mailed around"
    last = desk.book.history("univ", "forced")[-1]
    assert (last.causes, last.reason) == (("asked",), "the key was mailed around")
    shown = desk.document("show", "univ/forced")["history"][-1]
    assert shown["reason"] == "the key was mailed around"
    assert "asked: the key was mailed around" in " ".join(desk.run("show", "univ/forced").stdout.split())


def test_no_follow_returns_after_the_start(desk: Desk):
    """A pipeline starts a run and does not wait; an alarm reports a failure."""
    found = desk.document("renew", "univ/later", "--no-follow", "--yes")

    assert found["run_id"].startswith("renew-")
    desk.system.end(found["arn"])
    assert desk.certificate("later").stored


def test_a_forced_renewal_is_withdrawn_before_a_run_has_taken_it(desk: Desk):
    """A run that could not order leaves the request, and the next run would order what was requested by mistake."""
    desk.system.ask("univ", "recent")
    withdraw = ("renew", "univ/recent", "--withdraw", "--reason", "the wrong certificate")
    assert "Nothing was changed" in desk.refused(*withdraw)

    result = desk.run(*withdraw, "--yes")

    assert (result.exit_code, desk.certificate("recent").asked_reason) == (0, "")
    posted = desk.system.orders_posted()
    desk.run("renew", "univ/recent", "--yes")
    assert desk.system.orders_posted() == posted
    assert "univ/recent: no request is stored" in desk.refused(*withdraw, "--yes")


@pytest.mark.parametrize(
    "line",
    [("univ/later",), ("--all-due", "--reason", "x"), *(("univ/later", "--reason", "x", other) for other in OTHERS)],
)
def test_withdraw_is_refused_with_what_starts_a_run(desk: Desk, line: tuple[str, ...]):
    """`renew --withdraw --force` cannot mean both."""
    assert "--withdraw needs certificates and a --reason" in desk.refused("renew", "--withdraw", *line)


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        (("univ/waiting",), ("univ/waiting (age)", "Start a run that orders 1 certificate?")),
        (("univ/recent",), ("Start a run? It is expected to order nothing.",)),
        (("--delegation", "univ"), ("univ/waiting (age)", "Start a run that orders")),
        (("--all-due",), ("univ/waiting (age)", "Start a run that orders")),
        (("univ/young", "--force", "--reason", "x"), ("univ/young (not due)", "orders 1 certificate?")),
    ],
)
def test_renew_prints_what_it_would_order_and_asks(desk: Desk, line: tuple[str, ...], listed: tuple[str, ...]):
    """`renew --delegation univ </dev/null` ordered three certificates; `--yes` was without effect."""
    posted = desk.system.orders_posted()

    refused = desk.refused("renew", *line)

    assert all(text in refused for text in (*listed, "Nothing was changed: not confirmed"))
    assert (desk.system.orders_posted(), desk.certificate("young").asked_reason) == (posted, "")
