"""While a rotation is under way, the password that it is about to make current stands beside the one in use."""

from __future__ import annotations

import httpx
import pytest

from renewal.adapters.scm.accounts import ScmAccounts, StoredCredential
from renewal.domain.errors import CredentialRefused
from tests.adapters.scm.stage import LOGIN, PASSWORD, Vault, Wire, accounts, json_answer, refusal, vault

NEW = "the-one-of-the-rotation"


@pytest.fixture
def source() -> Vault:
    """The current credential, and a pending one."""
    full = vault()
    full.being_tried["univ"] = StoredCredential("2", {**LOGIN, "password": NEW})
    return full


def only(password: str) -> Wire:
    """SCM takes this password only."""

    def answer(request: httpx.Request) -> httpx.Response:
        return json_answer([]) if request.headers["password"] == password else refusal(-16, "Unknown user", 401)

    return Wire(answer)


def over(wire: Wire, source: Vault) -> ScmAccounts:
    """Accounts over *wire*."""
    return accounts(httpx.MockTransport(wire), source)


def shown(wire: Wire) -> list[str]:
    """The passwords that SCM was shown."""
    return [request.headers["password"] for request in wire.requests]


def test_the_current_password_is_used_while_it_works(source: Vault) -> None:
    """What is pending may never have been set."""
    wire = only(PASSWORD)
    over(wire, source).authority("univ").profiles(2001)

    assert shown(wire) == [PASSWORD]


def test_the_pending_password_is_tried_when_the_current_one_is_refused(source: Vault) -> None:
    """A rotation that ended after the change at SCM must not stop renewals."""
    wire = only(NEW)
    made = over(wire, source)

    for _ in range(3):
        made.authority("univ").profiles(2001)

    assert shown(wire) == [PASSWORD, NEW, NEW, NEW]


def test_both_passwords_are_refused_once_each(source: Vault) -> None:
    """SCM counts failed attempts."""
    wire = only("neither")
    made = over(wire, source)

    for _ in range(3):
        with pytest.raises(CredentialRefused):
            made.authority("univ").profiles(2001)

    assert shown(wire) == [PASSWORD, NEW]


def test_a_credential_stored_by_the_operator_precedes_the_pending_one(source: Vault) -> None:
    """An operator who stores the right one is believed."""
    wire = only("the-right-one")
    authority = over(wire, source).authority("univ")
    source.store("3", {**LOGIN, "password": "the-right-one"})

    authority.profiles(2001)

    assert shown(wire) == [PASSWORD, "the-right-one"]
