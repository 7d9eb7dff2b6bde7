"""A simulator with a clock that tests move; every answer of it is held against the shapes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scm_simulator import Account, Department, Domain, OAuthClient, Organisation, Profile, Simulator, World
from scm_simulator.conformance import Conformance
from scm_simulator.world.world import SSL_PRIVILEGES
from tests.simulator.material import (
    APPROVER,
    BASE_URL,
    DEPARTMENT,
    EV_PROFILE,
    FOREIGN_DEPARTMENT,
    NAME,
    PROFILE,
    RSA_PROFILE,
    TERM,
    ClientMaker,
    Clock,
    Enroll,
    Key,
    Request,
    RequestMaker,
    a_csr,
)


@pytest.fixture
def clock() -> Clock:
    """A clock at noon, in May 2026."""
    return Clock()


@pytest.fixture
def world() -> World:
    """Departments of one organisation, their officers, and the registration authority above."""
    ours = Department(
        DEPARTMENT,
        "Ours",
        domains=(
            Domain(NAME),
            Domain(f"*.{NAME}"),
            Domain("asked.example.edu", status="REQUESTED"),
            Domain("asleep.example.edu", state="SUSPENDED"),
            Domain("lapsed.example.edu", dcv_expires_in_days=-1),
        ),
        profiles=(PROFILE, RSA_PROFILE, EV_PROFILE),
    )
    theirs = Department(FOREIGN_DEPARTMENT, "Theirs", domains=(Domain("theirs.example.edu"),))
    closed = Department(2003, "Closed", domains=(Domain("closed.example.edu"),), web_api=False)
    officer = Account(
        "drao", "Secret-1", departments=(DEPARTMENT,), password_expires_in_days=90, privileges=SSL_PRIVILEGES
    )
    return World(
        organisations=(Organisation(2000, "Example University", departments=(ours, theirs, closed)),),
        accounts=(
            officer,
            Account("other-drao", "Secret-2", departments=(FOREIGN_DEPARTMENT,)),
            Account(
                APPROVER,
                "Secret-3",
                organisations=(2000,),
                privileges=(
                    "sslRequest",
                    "sslApprove",
                    "sslManage",
                    "allowDCV",
                    "allowManageDomains",
                    "approveDomainDelegation",
                ),
            ),
            Account("mrao", "Secret-4", mrao=True, password_expires_in_days=None),
            Account("weak", "Secret-5", departments=(DEPARTMENT,), privileges=()),
        ),
        oauth_clients=(OAuthClient("client", "client-secret", "drao"),),
        profiles=(
            Profile(PROFILE, "OV", terms=(90, TERM)),
            Profile(RSA_PROFILE, "RSA, not renewable", key_types={"RSA": ("2048", "4096")}, allows_renew=False),
            Profile(EV_PROFILE, "EV", validation_type="EV"),
            Profile(3009, "Elsewhere"),
        ),
    )


@pytest.fixture
def simulator(world: World, clock: Clock) -> Simulator:
    """A simulator that issues at once, for tests that are not about waiting."""
    simulator = Simulator(world, clock=clock, seed=1)
    simulator.dials.issuance_polls = 0
    return simulator


@pytest.fixture
def connect(simulator: Simulator) -> Iterator[ClientMaker]:
    """Make clients for an account; every answer they get is held against the shapes."""
    clients = []
    passwords = {account.login: account.password for account in simulator.world.accounts}

    def make(login: str = "drao", password: str | None = None, *, peer: str = "127.0.0.1") -> httpx.Client:
        transport = httpx.WSGITransport(app=Conformance(simulator), remote_addr=peer)
        headers = {"login": login, "password": password or passwords[login], "customerUri": "example"}
        clients.append(httpx.Client(transport=transport, base_url=BASE_URL, headers=headers))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def scm(connect: ClientMaker) -> httpx.Client:
    """The officer of our department, connected."""
    return connect()


@pytest.fixture(scope="session")
def ec_key() -> ec.EllipticCurvePrivateKey:
    """One P-256 key for the session."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    """One RSA key for the session: they take long to make."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def request_for(ec_key: ec.EllipticCurvePrivateKey) -> RequestMaker:
    """Make enrol bodies: `request_for(subjAltNames="a.example.org", term=90)`."""

    def make(name: str = NAME, *, key: Key | None = None, **changes: object) -> Request:
        body: Request = {
            "orgId": DEPARTMENT,
            "csr": a_csr(key or ec_key, name),
            "subjAltNames": "",
            "certType": PROFILE,
            "term": TERM,
            "comments": "token",
        }
        return body | changes

    return make


@pytest.fixture
def enroll(scm: httpx.Client, request_for: RequestMaker) -> Enroll:
    """Enrol as the officer and return the ssl_id."""

    def make(name: str = NAME, *, key: Key | None = None, **changes: object) -> int:
        answer = scm.post("/ssl/v1/enroll", json=request_for(name, key=key, **changes))
        assert answer.status_code == 200, answer.text
        return int(answer.json()["sslId"])

    return make
