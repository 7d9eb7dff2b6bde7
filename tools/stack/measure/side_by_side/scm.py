"""The simulated SCM of the comparison: the simulator over HTTPS, where each request takes 50 ms more.

    python -m stack.measure.side_by_side.scm DELEGATIONS

It prints its address, the CA of its connections and that of its certificates; then it answers rounds with the requests
since the last one and the processor time. Several processes serve one estate, and each delegation keeps to one of them:
so SCM has as many processors as the client.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from scm_simulator.server import Server
from scm_simulator.simulator import Simulator
from scm_simulator.world.dials import Dials
from scm_simulator.world.world import Account, Department, Domain, Organisation, Profile, World
from stack.measure.side_by_side.rounds import serve_rounds

SECONDS = 0.05
"""Added to each request."""
AT_A_TIME = 2
"""Calls for one delegation, and so for one account: `MaxConcurrency` of EnrollEach and CollectEach."""
LOGIN, PASSWORD, CUSTOMER = "drao", "Example-password-1", "Example"
PROFILE, PROFILE_NAME, TERM_DAYS = 1, "OV", 199


class DistantScm:
    """A simulator that answers later."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._counted = 0

    @property
    def dials(self) -> Dials:
        """Those of the simulator."""
        return self.simulator.dials

    @property
    def root_pem(self) -> str:
        """Those of the simulator."""
        return self.simulator.root_pem

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse, /) -> Iterable[bytes]:
        """Wait, then let the simulator answer."""
        time.sleep(SECONDS)
        return self.simulator(environ, start_response)

    def round(self) -> dict[str, Any]:
        """The requests since the last round, by operation, and the processor time until now."""
        calls = self.simulator.calls[self._counted :]
        self._counted += len(calls)
        return {"requests": Counter(call.operation for call in calls), "cpu": time.process_time()}


def world(delegations: int) -> World:
    """Departments 1 to *delegations*, each with `*.d<number>.example`, and one account for all of them."""
    numbers = range(1, delegations + 1)
    departments = tuple(Department(number, f"D{number}", (Domain(f"*.d{number}.example"),)) for number in numbers)
    account = Account(LOGIN, PASSWORD, CUSTOMER, departments=tuple(numbers))
    profile = Profile(PROFILE, PROFILE_NAME, terms=(TERM_DAYS,))
    return World((Organisation(1000, "Example", departments=departments),), (account,), profiles=(profile,))


def main(delegations: int) -> None:
    """Serve until the input ends."""
    scm = DistantScm(Simulator(world(delegations), dials=Dials(issuance_polls=0)))
    with Server(scm) as server:
        serve_rounds({"url": server.base_url, "ca": str(server.ca_file), "roots": str(server.roots_file)}, scm.round)


if __name__ == "__main__":
    main(int(sys.argv[1]))
