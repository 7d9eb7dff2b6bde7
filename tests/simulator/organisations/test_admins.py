"""The own account and its password (SCM reference §9)."""

from typing import Any

import pytest

from tests.simulator.driver import Scm, refusal

NEW = "Another-Secret-7"


def test_an_account_finds_only_itself(scm: Scm):
    """A client can compare its privileges with those that it needs."""
    listed = scm.get("/admin/v1", params={"login": "drao"})
    details = scm.get(f"/admin/v1/{listed.json()[0]['id']}").json()

    assert [admin["login"] for admin in listed.json()] == ["drao"]
    assert listed.headers["x-total-count"] == "1"
    assert details["credentials"] == [{"role": "DRAO_SSL", "orgId": 2001}]
    assert "sslRequest" in details["privileges"]
    assert (details["passwordState"], details["passwordExpiryDate"]) == ("ALIVE", "2026-08-19")


@pytest.mark.parametrize(
    ("query", "logins"),
    [
        ({}, {"drao", "other-drao", "rao", "weak"}),
        ({"orgId": 2002}, {"other-drao"}),
        ({"role": "RAO_SSL"}, {"rao"}),
        ({"type": "STANDARD"}, set()),
        ({"activeState": "SUSPENDED"}, set()),
        ({"email": "unknown"}, set()),
    ],
)
def test_a_rao_lists_the_accounts_below_it(scm: Scm, query: dict[str, Any], logins: set[str]):
    """Filters select among the accounts that manage no more than the caller."""
    assert {admin["login"] for admin in scm.get("/admin/v1", by="rao", params=query).json()} == logins


def test_failed_attempts_are_in_the_details(scm: Scm):
    """A registration authority can see that a client uses a wrong password."""
    scm.get("/ssl/v1", headers={"password": "wrong"})
    [entry] = scm.get("/admin/v1?login=drao&orgId=2001", by="mrao").json()

    details = scm.get(f"/admin/v1/{entry['id']}", by="mrao").json()

    assert (details["failedAttempts"], details["failedDate"]) == (1, "2026-05-21")


@pytest.mark.parametrize(
    ("login", "state"),
    [("drao", {"expirationDate": "2026-08-19", "state": "ALIVE"}), ("mrao", {"state": "NEVER_EXPIRE"})],
)
def test_the_expiry_of_the_password_is_known(scm: Scm, login: str, state: dict[str, str]):
    """A client must rotate its password before it expires."""
    assert scm.get("/admin/v1/password", by=login).json() == state


def test_a_new_password_has_its_own_expiry_and_ends_the_old(scm: Scm):
    """A rotation must use the new password from the next call."""
    scm.clock.forward(days=80)

    assert scm.post("/admin/v1/changepassword", json={"newPassword": NEW}).status_code == 204

    assert refusal(scm.get("/admin/v1/password")) == (401, -16)
    assert scm.get("/admin/v1/password", headers={"password": NEW}).json()["expirationDate"] == "2026-11-07"


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
def test_a_password_against_the_policy_is_refused(scm: Scm, new: Any, code: int):
    """The old password stays valid."""
    assert refusal(scm.post("/admin/v1/changepassword", json={"newPassword": new})) == (400, code)
    assert scm.get("/ssl/v1").is_success
