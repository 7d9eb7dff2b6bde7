"""A simulator with a clock that tests move; every response is checked against the schemas."""

from __future__ import annotations

import pytest

from scm_simulator import Account, Department, Domain, OAuthClient, Organisation, Profile, Simulator, World
from scm_simulator.world.world import SSL_PRIVILEGES
from tests.simulator.driver import DEPARTMENT, FOREIGN_DEPARTMENT, NAME, PROFILE, RSA_PROFILE, TERM, Scm

RAO_PRIVILEGES = (
    "sslRequest",
    "sslApprove",
    "sslManage",
    "allowDCV",
    "allowManageDomains",
    "approveDomainDelegation",
)


@pytest.fixture
def world() -> World:
    """Departments of one organisation, their officers, and the registration authority above."""
    domains = (
        Domain(NAME),
        Domain(f"*.{NAME}"),
        Domain("requested.example.edu", status="REQUESTED"),
        Domain("suspended.example.edu", state="SUSPENDED"),
        Domain("expired.example.edu", dcv_expires_in_days=-1),
    )
    departments = (
        Department(DEPARTMENT, "Ours", domains=domains, profiles=(PROFILE, RSA_PROFILE)),
        Department(FOREIGN_DEPARTMENT, "Theirs", domains=(Domain("theirs.example.edu"),)),
        Department(2003, "Closed", domains=(Domain("closed.example.edu"),), web_api=False),
    )
    return World(
        organisations=(Organisation(2000, "Example University", departments=departments),),
        accounts=(
            Account("drao", "Secret-1", departments=(DEPARTMENT,), privileges=SSL_PRIVILEGES),
            Account("other-drao", "Secret-2", departments=(FOREIGN_DEPARTMENT,)),
            Account("rao", "Secret-3", organisations=(2000,), privileges=RAO_PRIVILEGES),
            Account("mrao", "Secret-4", mrao=True, password_expires_in_days=None),
            Account("weak", "Secret-5", departments=(DEPARTMENT,), privileges=()),
        ),
        oauth_clients=(OAuthClient("client", "client-secret", "drao"),),
        profiles=(
            Profile(PROFILE, "OV", terms=(90, TERM)),
            Profile(RSA_PROFILE, "RSA, not renewable", key_types={"RSA": ("2048", "4096")}, allows_renew=False),
            Profile(3009, "Elsewhere"),
        ),
    )


@pytest.fixture
def scm(world: World) -> Scm:
    """A simulator that issues at once, for tests that are not about waiting."""
    return Scm(world)


@pytest.fixture
def simulator(scm: Scm) -> Simulator:
    """The simulator without its driver."""
    return scm.simulator
