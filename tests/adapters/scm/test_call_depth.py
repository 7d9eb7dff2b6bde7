from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from cryptography import x509

from renewal.adapters.egress import EchoedAddress
from renewal.adapters.http import new_http_client
from renewal.domain.certificate.chain import TrustedRoots
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.errors import OrderUnconfirmed
from scm_simulator.in_process import InProcess
from scm_simulator.simulator import Simulator
from scm_simulator.world.fault import Fault
from tests.adapters.scm.stage import SIMULATED_CLIENT, SIMULATED_LOGIN, accounts, vault
from tests.call_depth import DepthMeter, handled
from tests.fakes import HandClock, ample
from tests.unit.system import NOW, System

DELEGATION = Delegation("univ", "Example University", 2001, ("portal.example.edu",))
SPEC = CertificateSpec("univ", "portal", ("portal.example.edu",), 3001)
ORDERS = {
    "POST /api/ssl/v1/enroll",
    "GET /api/ssl/v1",
    "GET /api/ssl/v1/1",
    "GET /api/ssl/v1/collect/1",
    "POST /api/ssl/v1/renew/manual/1",
}
SETUP = {
    "GET /api/organization/v1/2001",
    "GET /api/domain/v1",
    "GET /api/organization/v2/2001/validations",
    "GET /api/ssl/v1/types",
    "POST /api/report/v1/ssl-certificates",
    "GET /",  # the egress echo
}
BY_LOGIN = {"GET /api/admin/v1/password", "GET /api/admin/v1"}
BY_CLIENT = {"POST /auth/realms/apiclients/protocol/openid-connect/token"}


class Network(httpx.BaseTransport):
    """SCM, and the service that echoes an address."""

    def __init__(self, simulator: Simulator) -> None:
        self._scm = InProcess(simulator)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer for either host."""
        return (
            httpx.Response(200, text="192.0.2.7")
            if request.url.host == "echo.test"
            else self._scm.handle_request(request)
        )


class Handlers:
    """The handlers over fakes, with the real SCM client over a meter."""

    def __init__(self, credential: Mapping[str, str]) -> None:
        self.system = System(clock=HandClock(NOW))
        self.system.add(SPEC, delegation=DELEGATION)
        self.simulator = Simulator(clock=self.system.clock)
        self.meter = DepthMeter(Network(self.simulator))
        self.accounts = accounts(self.meter, vault(credential), self.system.clock)

    def inspect(self) -> Any:
        deadline = ample(self.system.clock)
        echo = EchoedAddress(new_http_client(transport=self.meter), "https://echo.test/", deadline)
        step = self.system.inspect_step(accounts=self.accounts, egress=echo)
        return handled("inspect_delegation", step, self.system.item().payload())

    def enroll(self, run_id: str) -> Any:
        task = self.system.asked_task(SPEC, run_id=run_id)
        return handled("enroll", self.system.enroll_step(accounts=self.accounts), task.payload())

    def collect(self, progress: dict[str, Any]) -> Any:
        roots = TrustedRoots(tuple(x509.load_pem_x509_certificates(self.simulator.root_pem.encode())))
        return handled("collect", self.system.collect_step(accounts=self.accounts, roots=roots), progress)


@pytest.mark.parametrize(
    ("credential", "login"),
    [(SIMULATED_LOGIN, BY_LOGIN), (SIMULATED_CLIENT, BY_CLIENT)],
    ids=["header login", "OAuth2"],
)
def test_six_functions_at_most_lead_from_a_handler_to_http(credential, login):
    """A newcomer follows a request from the handler to the network without getting lost."""
    handlers = Handlers(credential)
    handlers.inspect()
    handlers.simulator.dials.faults = [Fault("reset_after", "POST /api/ssl/v1/enroll")]
    with pytest.raises(OrderUnconfirmed):
        handlers.enroll("run without an inspection")
    first = handlers.enroll("run without an inspection")
    assert handlers.collect(first)["status"] == "pending"
    handlers.collect(first)
    handlers.simulator.dials.issuance_polls = 0
    handlers.system.clock.advance(days=30)
    handlers.collect(handlers.enroll("the next run"))

    made = {request for request, _ in handlers.meter.stacks}
    assert {path.replace(str(first["ssl_id"]), "1") for path in made} >= ORDERS | SETUP | login
    assert handlers.meter.too_deep() == []
