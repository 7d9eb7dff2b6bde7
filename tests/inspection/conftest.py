"""An inspection as it happens: the real step and SCM client, over the simulator with a world that a test describes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx

from renewal.adapters.egress import unknown_address
from renewal.adapters.http import new_http_client
from renewal.adapters.scm.accounts import ScmAccounts
from renewal.deadline import Deadline
from renewal.domain.credential import Credential
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.errors import CredentialMissing, NeedsAttention
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.run.payload import DelegationTask
from renewal.domain.setup.check_result import CheckResult, CheckStatus
from renewal.domain.setup.inspection import Inspection
from renewal.steps.inspect_delegation import InspectDelegation
from scm_simulator.in_process import InProcess
from scm_simulator.simulator import Simulator
from scm_simulator.world.world import Account, Department, Domain, Organisation, Profile, World
from tests.fakes import FakeDns, FakeOrderBook, HandClock, UnchangedStores
from tests.unit.system import NOW, stored_by

DEPARTMENT, ORGANISATION, NEIGHBOUR = 2001, 2000, 2002
NAMES = ("idp.univ.example", "*.apps.univ.example")
DELEGATION = Delegation("univ", "Université d'Exemple", DEPARTMENT, NAMES, address="192.0.2.7/32")
IDP = CertificateSpec("univ", "idp", ("idp.univ.example",), 31)
APPS = CertificateSpec("univ", "apps", ("*.apps.univ.example",), 31)
LOGIN = "draouniv"
PASSWORD = "An-example-password-1"  # public by design
REPORT = "/report/v1/ssl-certificates"
LISTED = {"id": 4000, "commonName": "idp.univ.example", "subjAltNames": "", "serialNumber": "ABC", "status": "Issued"}
"""The row of what `stored_by` describes, in the SSL report."""

Change = Callable[[str, Any], Any]
"""(path, JSON of an answer) → what SCM answers in a state for which the simulator's world has no words."""


@dataclass(slots=True)
class Mandate:
    """One delegation on both sides; every field may be made wrong before `inspect`."""

    delegation: Delegation = DELEGATION
    specs: tuple[CertificateSpec, ...] = (IDP, APPS)
    domains: tuple[Domain, ...] = tuple(Domain(name) for name in NAMES)
    department: Mapping[str, Any] = field(default_factory=dict)
    organisation: Mapping[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)
    dials: Mapping[str, Any] = field(default_factory=dict)
    address: str = "192.0.2.7"
    stored: Mapping[str, str] | None = field(
        default_factory=lambda: {"login": LOGIN, "password": PASSWORD, "customer_uri": "nren"}
    )
    change: Change = lambda _path, document: document
    """What SCM answers instead."""
    dns: FakeDns = field(default_factory=FakeDns)
    seconds_per_answer: float = 0
    seconds_left: float = 65
    """Before every request to SCM must have ended."""
    age: float = 20
    """Days since the certificates were issued, for 199 days."""
    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    book: FakeOrderBook = field(default_factory=FakeOrderBook)
    simulator: Simulator = field(init=False)
    error: NeedsAttention | None = None
    """What the inspection ended with."""

    def inspect(self, **plan: Any) -> Inspection:
        """Inspect it as a run does, with more of its *plan*; return the inspection in the order book."""
        self.simulator = Simulator(self._world(), clock=self.clock)
        for dial, value in self.dials.items():
            setattr(self.simulator.dials, dial, value)
        self.book.apply(self.delegation, *self.specs, now=self.clock())
        for spec in self.specs:
            self.book.adopt(spec.record_key, stored_by(spec, age=self.age), self.clock())
        deadline = Deadline(self.clock() + timedelta(seconds=self.seconds_left), self.clock)
        step = InspectDelegation(
            self.book,
            self.book,
            self._accounts(deadline),
            unknown_address,
            lambda _: None,
            lambda *_: nullcontext(),
            lambda *_: None,
            30,
            self.clock,
            deadline,
            self.dns,
            UnchangedStores(),  # type: ignore[arg-type]  # it only answers
            ActingTimes(),
        )
        name = self.delegation.name
        task = DelegationTask("run", self.clock(), name, dry_run=True, may_add=True, certificates=(), capacity=30)
        try:
            self.tasks = step(replace(task, **plan))
        except NeedsAttention as error:
            self.error = error
        return self.inspection

    @property
    def inspection(self) -> Inspection:
        """What the order book has of the last inspection."""
        found = self.book.delegation(self.delegation.name).inspection
        assert found is not None
        return found

    tasks: dict[str, Any] = field(default_factory=dict)
    """What the inspection answered."""

    def _world(self) -> World:
        neighbour = Department(NEIGHBOUR, "Somebody else's")
        department = Department(DEPARTMENT, "Delegated services", self.domains, **self.department)
        above = Organisation(ORGANISATION, "Université", departments=(department, neighbour), **self.organisation)
        account = Account(LOGIN, PASSWORD, "nren", departments=(DEPARTMENT,), allowed_addresses=("192.0.2.7/32",))
        profile = Profile(31, "OV", (46, 99, 199))
        return World((above,), (replace(account, **self.account),), (profile,))

    def _accounts(self, deadline: Deadline) -> ScmAccounts:
        wire = InProcess(self.simulator, peer=self.address)

        def answer(request: httpx.Request) -> httpx.Response:
            self.clock.advance(seconds=self.seconds_per_answer)
            real = wire.handle_request(request)
            real.read()
            if not real.is_success:
                return real
            path, document = request.url.path.removeprefix("/api"), json.loads(real.content)
            if path == REPORT:
                document["reports"].append(LISTED)
            document = self.change(path, document)
            if isinstance(document, httpx.Response):
                return httpx.Response(document.status_code, headers=document.headers, content=document.content)
            headers = {name: real.headers[name] for name in ("X-Total-Count",) if name in real.headers}
            return httpx.Response(real.status_code, json=document, headers=headers)

        url = "https://scm.test/api"
        http = new_http_client(transport=httpx.MockTransport(answer))
        return ScmAccounts(
            self,
            http,
            base_url=url,
            oauth_base_url=url,
            token_url=url,
            deadline=deadline,
        )

    # ---- Where the credential is stored ------------------------------------------------------------------

    def current(self, delegation: str) -> Credential:
        """The stored credential."""
        if self.stored is None:
            message = f"nothing is stored for {delegation}"
            raise CredentialMissing(message)
        return Credential("v1", self.stored)

    latest = current

    def pending(self, delegation: str) -> Credential | None:  # noqa: ARG002  # no rotation is under way
        """Nothing."""
        return None


def faults(inspection: Inspection) -> set[tuple[str, str]]:
    """(step, code) of everything that is wrong, may be wrong, or is warned of."""
    return {(result.step.value, result.code) for result in bad(inspection)}


def bad(inspection: Inspection) -> list[CheckResult]:
    """The remarks that are wrong, may be wrong, or warn."""
    return [
        result
        for result in inspection.check_results
        if result.status in {CheckStatus.FAILED, CheckStatus.SUSPECTED, CheckStatus.WARNING}
    ]
