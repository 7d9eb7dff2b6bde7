"""What an operator does leaves a row in the audit trail: every command is named here, so that none is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from certmandate.audit.trail import AuditTrail, faults
from certmandate.cli import COMMANDS, command
from certmandate.commands import drill
from certmandate.files.operator_action import WHOLE_ESTATE
from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from tests.certmandate.audit.operations import rows_in, unrecorded
from tests.certmandate.commands.test_check import order_with
from tests.certmandate.conftest import Sit
from tests.certmandate.desk import CANARY, OPEN_ORDER, Desk

ESTATE = ("idp:20", "www:30")
WHY = ("--reason", "ticket 12")
RULE = ("replace", "--issuer", "intermediate", "--issued-before", "2026-11-20", "--reason", "incident", "--yes")
REVOKED = ("revoke", "univ/idp", "--reason-code", "superseded", "--no-replacement", "--yes")
FORCED = ("renew", "univ/idp", "--force", "--yes", "--reason", "laptop stolen")

READS: dict[str, tuple[str, ...]] = {
    "plan": ("plan", "{folder}"),
    "status": ("status",),
    "show": ("show", "univ/idp"),
    "calendar": ("calendar",),
    "export": ("export", "--openmetrics"),
    "findings": ("findings", "univ"),
    "report": ("report", "univ", "--month", "2026-11", "--json"),
    "audit export": ("audit", "export", "univ"),
    "audit verify": ("audit", "verify"),
}
"""Commands that change nothing, and how they are run."""

WITHOUT_STACK = {"onboard", "local run", "local up"}
"""Commands that use no stack, or one on this machine only."""


def _applied(desk: Desk) -> tuple[object, ...]:
    desk.rewrite("names: [idp.univ.example]", "names: [idp.univ.example, sso.univ.example]")
    return "apply", desk.folder, "--yes", *WHY


def _adopted(desk: Desk) -> tuple[object, ...]:
    desk.forget("www", keeps_trail=True)
    return "adopt", "univ/www", "--yes", *WHY


def _acknowledged(desk: Desk) -> tuple[object, ...]:
    ssl_id = order_with(desk.secret(), desk.system.simulator)
    desk.run("check", "univ")
    return "acknowledge", "univ", ssl_id, "--reason", "the library's", "--yes"


def _withdrawn(desk: Desk) -> tuple[object, ...]:
    desk.system.ask("univ", "idp")
    return "renew", "univ/idp", "--withdraw", "--reason", "by mistake", "--yes"


def _undone(desk: Desk) -> tuple[object, ...]:
    desk.run("retire", "univ", "--yes")
    return "retire", "univ", "--undo", "--yes", *WHY


def _pruned(desk: Desk) -> tuple[object, ...]:
    desk.rewrite("delegation: univ", "delegation: other")
    return "apply", desk.folder, "--prune", "--yes", *WHY


def _cancelled(desk: Desk) -> tuple[object, ...]:
    desk.run(*RULE)
    return "replace", "--cancel", "--yes", "--reason", "incident"


def _unprotected(desk: Desk) -> tuple[object, ...]:
    desk.system.aws.client("secretsmanager").delete_resource_policy(SecretId="certmandate/univ")
    return "credential", "univ", "--protect", *WHY


Begin = Callable[[Desk], tuple[object, ...]]

CHANGES: dict[str, tuple[str, tuple[object, ...] | Begin]] = {
    "acknowledge": ("acknowledged", _acknowledged),
    "adopt": ("adopted", _adopted),
    "apply": ("applied", _applied),
    "apply --prune": ("removed", _pruned),
    "check": ("run-started", ("check", "univ")),
    "check --from-here": ("login-tested", ("check", "univ", "--from-here", "--yes")),
    "close-order": ("failed", ("close-order", "univ/idp", "--reason", "declined", "--yes")),
    "credential": ("credential-stored", ("credential", "univ", "--stdin", *WHY)),
    "credential --protect": ("credential-protected", _unprotected),
    "drill": ("alarms-tested", ("drill", "--alarm", "RunFailed", "--yes", *WHY)),
    "renew": ("run-started", ("renew", "univ/idp", "--yes", *WHY)),
    "renew --all-due": ("run-started", ("renew", "--all-due", "--yes")),
    "renew --force": ("renewal-requested", FORCED),
    "renew --withdraw": ("request-withdrawn", _withdrawn),
    "replace": ("replacement-rule-added", RULE),
    "replace --cancel": ("replacement-rule-withdrawn", _cancelled),
    "retire": ("retired", ("retire", "univ", "--yes", *WHY)),
    "retire --undo": ("reinstated", _undone),
    "revoke": ("revocation-requested", REVOKED),
}
"""Commands that change something, with the row that they leave, and how they are run."""


@pytest.fixture(autouse=True)
def alarms_have_a_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of moto cannot be read."""
    monkeypatch.setattr(drill, "_notice", lambda *_: "Successfully executed action")


def every_command() -> Iterator[str]:
    """Every command, those of groups as `audit export`."""
    for commands in COMMANDS.values():
        for name, (module, _) in commands.items():
            parts = getattr(command(name, module), "commands", None)
            yield from [f"{name} {part}" for part in parts] if parts else [name]


def test_every_command_reads_or_leaves_a_row() -> None:
    """A new command belongs into one of the tables above: whether it changes something is decided, not forgotten."""
    changing = {name.partition(" --")[0] for name in CHANGES}

    assert set(every_command()) == {*READS, *WITHOUT_STACK, *changing}
    assert not changing & set(READS)


def test_commands_that_read_change_nothing(sit: Sit) -> None:
    """Operators who may only read run them."""
    desk = sit(*ESTATE)
    for name, line in READS.items():
        desk.run(*(part.format(folder=desk.folder) for part in line))

        assert desk.made, name
        assert (unrecorded(desk.made), rows_in(desk.made)) == ([], 0), name


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_command_changes_has_a_row(sit: Sit, name: str) -> None:
    """Who, what and when; before what is outside the order book, and in the transaction that changes it."""
    desk = sit("idp", scm=OPEN_ORDER) if name == "close-order" else sit(*ESTATE[: 1 + (name == "adopt")])
    kind, begin = CHANGES[name]
    line = begin if isinstance(begin, tuple) else begin(desk)

    result = desk.run(*line, stdin=f"drao-univ\n{CANARY}\nnren-a\n")

    assert result.exit_code in {0, 1}, result.output
    assert "AWS account" in result.stderr, "which stack is changed is printed"
    assert rows_in(desk.made) >= 1
    rows = [row for trail in ("univ", WHOLE_ESTATE) for row in rows_of(desk, trail)]
    *_, found = (row for row in rows if kind in {row.get("action"), row.get("status"), *_key_of(row)})
    assert WHY[1] not in line or str(found["reason"]).endswith(WHY[1])
    assert found["identity"] == desk.system.aws.client("sts").get_caller_identity()["Arn"]


@pytest.mark.parametrize("name", sorted({*CHANGES} - {"check", "credential", "credential --protect"}))
def test_a_command_that_changes_something_asks_first(sit: Sit, name: str) -> None:
    """In a script without --yes and without a terminal, nothing is changed.

    `check` is a dry run, `credential --stdin` is given what it stores, and `--protect` keeps it.
    """
    desk = sit("idp", scm=OPEN_ORDER) if name == "close-order" else sit(*ESTATE[: 1 + (name == "adopt")])
    begin = CHANGES[name][1]
    line = [argument for argument in (begin if isinstance(begin, tuple) else begin(desk)) if argument != "--yes"]

    assert "Nothing was changed" in desk.refused(*line)

    assert rows_in(desk.made) == 0


def rows_of(desk: Desk, delegation: str) -> list[Any]:
    """The rows of a trail; asserts that it has no fault."""
    trails = DynamoDbAuditTrails(desk.system.aws.tables.audit)
    trail = AuditTrail.of(delegation, trails.stored_head(delegation), list(trails.rows(delegation)))
    assert faults(trail) == ()
    return list(trail.rows)


def _key_of(row: Any) -> tuple[str, ...]:
    return ("acknowledged",) if str(row["item"]).startswith("acknowledged#") else ()


def test_an_order_that_was_placed_for_a_request_is_not_withdrawn(sit: Sit):
    """It is paid for; the operator reads that it is collected, and what ends it."""
    desk = sit("idp", scm=OPEN_ORDER)
    desk.system.ask("univ", "idp")

    found = desk.document("renew", "univ/idp", "--withdraw", "--reason", "by mistake", "--yes")

    assert found == {"withdrawn": ["univ/idp"], "open_orders": ["univ/idp"]}
    assert desk.certificate("idp").order
    desk.system.ask("univ", "idp")
    result = desk.run("renew", "univ/idp", "--withdraw", "--reason", "by mistake", "--yes")
    assert "univ/idp: an order is open" in result.stdout
    assert "close-order" in result.stdout


def test_show_has_what_operators_did(sit: Sit) -> None:
    """Two operators work on one estate: the second reads what the first has done, without an export."""
    desk, me = sit(*ESTATE), "arn:aws:"
    desk.run(*_withdrawn(desk))
    desk.run("credential", "univ", "--stdin", stdin=f"drao-univ\n{CANARY}\nnren-a\n")
    desk.run(*RULE)
    desk.run("renew", "univ/www", "--dry-run")

    lines = [line for line in desk.run("show", "univ/idp").stdout.splitlines() if f"by {me}" in line]
    found = desk.document("show", "univ/idp")["actions"]

    kinds = ["replacement-rule-added", "credential-stored", "request-withdrawn", "renewal-requested", "applied"]
    assert [action["action"] for action in found] == kinds
    assert all(kind in line for kind, line in zip(kinds[:3], lines, strict=False))
    assert ": by mistake" in lines[2]
    other = desk.document("show", "univ/www")["actions"]
    assert [(each["action"], each["details"]) for each in other[:1]] == [("run-started", ["dry_run"])]
    assert other[0]["run_id"].startswith("renew-")


def test_show_has_who_closed_an_order_and_whose_order_was_acknowledged(sit: Sit) -> None:
    """Both have rows of other kinds."""
    desk = sit("idp", scm=OPEN_ORDER)
    desk.run("close-order", "univ/idp", "--reason", "declined", "--yes")
    desk.run(*_acknowledged(desk))

    (closed,) = desk.document("show", "univ/idp")["history"]
    newest = desk.document("show", "univ/idp")["actions"][0]

    assert closed["identity"].startswith("arn:aws:")
    assert f"declined ({closed['identity']})" in " ".join(desk.run("show", "univ/idp").stdout.split())
    assert (newest["action"], newest["reason"]) == ("acknowledged", "the library's")
