from __future__ import annotations

from collections.abc import Callable

import pytest

from renewal.adapters.scm.accounts import ScmAccounts
from renewal.adapters.scm.client import ScmClient
from scm_simulator.in_process import InProcess
from scm_simulator.simulator import Simulator
from tests.adapters.scm.stage import NOW, SIMULATED_CLIENT, SIMULATED_LOGIN, Vault, accounts, vault
from tests.fakes import HandClock


@pytest.fixture
def clock() -> HandClock:
    """The one clock of client and simulator."""
    return HandClock(NOW)


@pytest.fixture
def simulator(clock: HandClock) -> Simulator:
    """SCM, played, with its example world."""
    return Simulator(clock=clock)


@pytest.fixture
def credentials() -> Vault:
    """What is stored for the delegation `univ`: the example account's login."""
    return vault(SIMULATED_LOGIN)


@pytest.fixture
def connected(simulator: Simulator, clock: HandClock) -> Callable[[Vault], ScmAccounts]:
    """Return what makes real accounts that speak HTTP to the simulator."""
    return lambda source: accounts(InProcess(simulator), source, clock)


@pytest.fixture(params=["header login", "OAuth2"])
def authority(request: pytest.FixtureRequest, connected: Callable[[Vault], ScmAccounts]) -> ScmClient:
    """SCM as it is shown to the example account, by each way to log in."""
    source = vault(SIMULATED_LOGIN if request.param == "header login" else SIMULATED_CLIENT)
    return connected(source).authority("univ")
