"""The own account and its password (SCM reference §9)."""

from typing import Any

import httpx
import pytest

from scm_simulator import Simulator
from tests.simulator.material import ClientMaker, Clock, refusal

NEW = "Another-Secret-7"


def test_an_account_finds_itself_and_nobody_else(scm: httpx.Client):
    """So a bot can compare its privileges with those it needs."""
    listed = scm.get("/admin/v1", params={"login": "drao"})
    shown = scm.get(f"/admin/v1/{listed.json()[0]['id']}").json()

    assert [one["login"] for one in listed.json()] == ["drao"]
    assert listed.headers["x-total-count"] == "1"
    assert shown["credentials"] == [{"role": "DRAO_SSL", "orgId": 2001}]
    assert "sslRequest" in shown["privileges"]
    assert (shown["passwordState"], shown["passwordExpiryDate"]) == ("ALIVE", "2026-08-19")


def test_those_above_see_those_below(connect: ClientMaker):
    """Filters are anded, as everywhere."""
    above = connect("rao")

    def listed(**query: Any) -> set[str]:
        return {one["login"] for one in above.get("/admin/v1", params=query).json()}

    assert listed() == {"drao", "other-drao", "rao", "weak"}
    assert listed(orgId=2002) == {"other-drao"}
    assert listed(role="RAO_SSL") == {"rao"}
    assert listed(type="STANDARD") == listed(activeState="SUSPENDED") == listed(email="nobody") == set()


def test_others_are_not_found(simulator: Simulator, scm: httpx.Client, connect: ClientMaker):
    """An officer cannot look at its superior."""
    number = connect("rao").get("/admin/v1?role=RAO_SSL").json()[0]["id"]

    assert scm.get(f"/admin/v1/{number}").status_code == 404
    simulator.dials.foreign_id = "denied"
    assert refusal(scm.get(f"/admin/v1/{number}")) == (400, -37)


def test_failed_attempts_are_told(connect: ClientMaker):
    """A registration authority can see that a bot is knocking with a wrong password."""
    connect("drao", "wrong").get("/ssl/v1")
    above = connect("mrao")
    [entry] = above.get("/admin/v1?login=drao&orgId=2001").json()

    shown = above.get(f"/admin/v1/{entry['id']}").json()

    assert (shown["failedAttempts"], shown["failedDate"]) == (1, "2026-05-21")


@pytest.mark.parametrize(
    ("login", "state"),
    [("drao", {"expirationDate": "2026-08-19", "state": "ALIVE"}), ("mrao", {"state": "NEVER_EXPIRE"})],
)
def test_the_state_of_the_password_is_told(connect: ClientMaker, login: str, state: dict[str, str]):
    """The warning comes before the end, or not at all."""
    assert connect(login).get("/admin/v1/password").json() == state


def test_a_changed_password_starts_a_new_life(scm: httpx.Client, connect: ClientMaker, clock: Clock):
    """The old one is refused from that moment on."""
    clock.forward(days=80)

    assert scm.post("/admin/v1/changepassword", json={"newPassword": NEW}).status_code == 204

    assert refusal(scm.get("/admin/v1/password")) == (401, -16)
    assert connect("drao", NEW).get("/admin/v1/password").json()["expirationDate"] == "2026-11-07"


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("new", -7306),
        ("alllowercase1", -7306),
        ("ALLUPPERCASE1", -7306),
        ("NoDigitsHere", -7306),
        ("Secret-1", -220),
        ("My-drao-Secret-1", -982),
        ("Aa1" * 11, -976),
        ("", -1001),
        (7, -1002),
    ],
)
def test_a_password_against_the_policy_is_refused(scm: httpx.Client, new: Any, code: int):
    """The old one stays in force."""
    assert refusal(scm.post("/admin/v1/changepassword", json={"newPassword": new})) == (400, code)
    assert scm.get("/ssl/v1").is_success


@pytest.mark.parametrize(("dial", "status"), [(False, 401), (True, 204)])
def test_whether_an_expired_password_can_still_be_changed_is_a_dial(
    simulator: Simulator, scm: httpx.Client, clock: Clock, dial: bool, status: int
):
    """It is not documented: rotate early."""
    simulator.dials.expired_may_change = dial
    clock.forward(days=91)

    answer = scm.post("/admin/v1/changepassword", json={"newPassword": NEW})

    assert answer.status_code == status
    assert scm.get("/ssl/v1").status_code == 401


def test_a_locked_account_is_refused_until_its_password_is_set_anew(
    simulator: Simulator, scm: httpx.Client, connect: ClientMaker
):
    """Only a person above can help."""
    simulator.lock("drao")

    assert refusal(scm.get("/ssl/v1")) == (401, -16)
    simulator.set_password("drao", NEW)
    assert connect("drao", NEW).get("/ssl/v1").is_success
