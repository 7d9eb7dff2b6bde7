"""A rotation that is killed at any call locks no account."""

from __future__ import annotations

import uuid

import pytest

from tests.fakes import Killed

from .conftest import LOGIN, Boundaries, Rotation

TOKEN = "11111111-2222-3333-4444-555555555555"  # of Secrets Manager, no secret
CALLS = 18
"""Calls of a healthy rotation; a test counts them."""
KILLS = [(number, time) for number in range(CALLS) for time in ("before", "after")]


def test_a_healthy_rotation_is_so_many_calls(rotation: Rotation) -> None:
    """The campaign below has to reach them all; and SCM gets three requests."""
    boundaries = Boundaries()

    rotation.attempt(TOKEN, boundaries)

    assert len(boundaries.names) == CALLS
    assert [call.path for call in rotation.simulator.calls] == [
        "/api/admin/v1/password",
        "/api/admin/v1/changepassword",
        "/api/admin/v1/password",
    ]
    assert not rotation.failed_logins()


@pytest.mark.parametrize("kill_at", KILLS)
def test_a_rotation_that_is_killed_is_finished_by_the_next_attempt(
    rotation: Rotation, kill_at: tuple[int, str]
) -> None:
    """Secrets Manager calls the steps again with the same token."""
    with pytest.raises(Killed):
        rotation.attempt(TOKEN, Boundaries(kill_at))

    assert rotation.ends(TOKEN) == ""

    assert rotation.stored()["password"] == rotation.passwords() != LOGIN["password"]
    assert sum(rotation.failed_logins().values()) <= 1
    assert not rotation.is_locked()


@pytest.mark.parametrize("kill_at", KILLS)
def test_renewals_go_on_while_a_rotation_is_interrupted(rotation: Rotation, kill_at: tuple[int, str]) -> None:
    """Whatever state it was left in, the functions log in: with the current password, or else with the pending one."""
    with pytest.raises(Killed):
        rotation.attempt(TOKEN, Boundaries(kill_at))

    assert rotation.functions().authority("univ").profiles(2001)

    assert sum(rotation.failed_logins().values()) <= 1
    assert not rotation.is_locked()


@pytest.mark.parametrize("kill_at", KILLS)
def test_an_interrupted_rotation_does_not_block_the_next_one(rotation: Rotation, kill_at: tuple[int, str]) -> None:
    """Even with another token: what is pending may be the password in force, so it is proved before it is replaced."""
    with pytest.raises(Killed):
        rotation.attempt(TOKEN, Boundaries(kill_at))

    for _ in range(2):
        assert rotation.ends(str(uuid.uuid4())) == ""

    assert rotation.stored()["password"] == rotation.passwords()
    assert sum(rotation.failed_logins().values()) <= 1


@pytest.mark.parametrize("kill_at", [(number, time) for number in range(CALLS + 4) for time in ("before", "after")])
def test_a_kill_while_the_policy_refuses_a_password_locks_no_one_out(
    rotation: Rotation, kill_at: tuple[int, str]
) -> None:
    """The other one is stored under an id of its own, before it is tried."""
    rotation.policy(-7306, "Password policy violated.", takes=20)
    with pytest.raises(Killed):
        rotation.attempt(TOKEN, Boundaries(kill_at))

    assert rotation.functions().authority("univ").profiles(2001)
    assert rotation.ends(TOKEN) == ""

    assert rotation.stored()["password"] == rotation.passwords()
    assert sum(rotation.failed_logins().values()) <= 2  # one login of the functions, one of the next attempt
