"""What `plan`, `status`, `show` and `check` promise of the next daily run is what it does."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from certmandate.deployment import OUTPUTS_VARIABLE
from tests.certmandate.conftest import Sit
from tests.certmandate.desk import Desk

LIMIT = "a later daily run renews it: the next one reaches its limit OrdersPerDelegation=2"


@contextmanager
def deployed_with(**parameters: str) -> Iterator[None]:
    """The stack has other parameters."""
    facts = json.dumps({**json.loads(os.environ[OUTPUTS_VARIABLE]), **parameters})
    with patch.dict(os.environ, {OUTPUTS_VARIABLE: facts}):
        yield


def promised(desk: Desk) -> Mapping[str, tuple[str, ...]]:
    """What `plan` and `status` print of each certificate, and `show` of the first, as (state, next)."""
    found: dict[str, set[tuple[str, str]]] = {}
    listed = [*desk.document("plan", desk.folder)["next_run"], *desk.document("status")["certificates"]]
    for each in (*listed, desk.document("show", f"univ/{listed[0]['name']}")):
        found.setdefault(each["name"], set()).add((each["state"], each["next"]))
    assert all(len(promises) == 1 for promises in found.values()), found
    return {name: promises.pop() for name, promises in found.items()}


def test_what_is_due_all_at_once_is_refused_before_the_run_does(sit: Sit) -> None:
    """Every view promised twenty renewals, and the run refused them."""
    desk = sit(*(f"c{number}:160" for number in range(20)))

    before = promised(desk)
    status, plan, check = desk.run("status"), desk.run("plan", desk.folder), desk.run("check", "univ", "--yes")
    asked = desk.refused("renew", "--all-due")
    ended = desk.document("renew", "--all-due", "--yes")

    assert set(before.values()) == {("blocked", "no run renews it until this is resolved: TooManyDue")}
    assert (status.exit_code, plan.exit_code, check.exit_code) == (1, 0, 1)
    assert "Start a run? It is expected to order nothing." in asked
    for result in (status, plan, check):
        shown = " ".join(result.stdout.split())
        assert "20 of 20 certificates are due by age at once, so a daily run orders none of them" in shown
        assert "a run would order" not in shown
    assert {row["error"] for row in ended["report"]["certificates"]} == {"TooManyDue"}


def test_what_a_limit_defers_is_named_before_the_run(sit: Sit) -> None:
    """`plan` promised thirty orders more than a run makes of one delegation."""
    desk = sit("a:160", "b:170", "c:165", "d:20")
    with deployed_with(OrdersPerDelegation="2"):
        before = promised(desk)
        check = " ".join(desk.run("check", "univ", "--yes").stdout.split())

    assert {name: found for name, (_, found) in before.items() if name != "d"} == {
        "a": LIMIT,
        "b": "the next daily run renews it (age)",
        "c": "the next daily run renews it (age)",
    }
    assert f"univ/a: {LIMIT}" in check
    assert re.search(r"univ/b: a run would order", check)


def test_a_limit_is_of_all_delegations(sit: Sit) -> None:
    """`status --delegation` and `show` read a part of the order book; the caps are of all of it."""
    desk = sit("a:160", "b:170")
    text = desk.file.read_text(encoding="utf-8")
    desk.file.with_name("other.yaml").write_text(
        text.replace("delegation: univ", "delegation: other").replace("_id: 7", "_id: 8"), encoding="utf-8"
    )
    with deployed_with(OrdersPerRun="2"):
        desk.run("apply", desk.folder, "--yes")
        selected: Any = desk.document("status", "--delegation", "other")["certificates"]

    nexts = {each["next"] for each in selected}
    assert nexts == {"a later daily run orders it: the next one reaches its limit OrdersPerRun=2"}
