"""The driver of the simulator's tests: a simulator with its clock, requests of its accounts, readers of responses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from scm_simulator import Order, Simulator, World
from scm_simulator.conformance import Conformance

BASE_URL = "http://scm.test/api"
NAME = "service.example.edu"
OTHER_NAME = "a.service.example.edu"
DEPARTMENT = 2001
FOREIGN_DEPARTMENT = 2002
PROFILE = 3001
RSA_PROFILE = 3002
TERM = 199
HEADERS = {"login": "drao", "password": "Secret-1", "customerUri": "example"}
"""The login of our department's officer."""

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Clock:
    """A clock that tests move."""

    now: datetime = field(default_factory=lambda: datetime(2026, 5, 21, 12, 34, 56, 789000, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        """Advance by a span, as timedelta takes it."""
        self.now += timedelta(**span)


class Scm:
    """A simulator and requests to it; every response is checked against the schemas."""

    def __init__(self, world: World) -> None:
        self.clock = Clock()
        self.simulator = Simulator(world, clock=self.clock, seed=1)
        self.dials = self.simulator.dials
        self.dials.issuance_polls = 0

    def request(self, method: str, path: str, *, by: str = "drao", headers: Any = None, **more: Any) -> httpx.Response:
        """Send a request as the account *by*; a header that is None is left out."""
        [password] = [account.password for account in self.simulator.world.accounts if account.login == by]
        login = HEADERS | {"login": by, "password": password} | (headers or {})
        transport = httpx.WSGITransport(app=Conformance(self.simulator))
        with httpx.Client(transport=transport, base_url=BASE_URL) as client:
            sent = {name: value for name, value in login.items() if value is not None}
            return client.request(method, path, headers=sent, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    def put(self, path: str, **more: Any) -> httpx.Response:
        return self.request("PUT", path, **more)

    def delete(self, path: str, **more: Any) -> httpx.Response:
        return self.request("DELETE", path, **more)

    def enroll(self, name: str = NAME, *, key: Key | None = None, **changes: Any) -> int:
        """Enroll as the officer; return the ssl_id."""
        response = self.post("/ssl/v1/enroll", json=enrollment(name, key=key, **changes))
        assert response.status_code == 200, response.text
        return int(response.json()["sslId"])

    def refused(self, name: str = NAME, *, by: str = "drao", key: Key | None = None, **changes: Any) -> tuple[int, int]:
        """Enroll as *by*; return status and code of the refusal."""
        return refusal(self.post("/ssl/v1/enroll", by=by, json=enrollment(name, key=key, **changes)))

    def collect(self, ssl_id: int, name: str = "x509CO") -> httpx.Response:
        """Collect an order in a bundle format."""
        return self.get(f"/ssl/v1/collect/{ssl_id}", params={"format": name})

    def order(self, ssl_id: int) -> Order:
        return self.simulator.order(ssl_id)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return the same P-256 key in all tests."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """Return the same RSA key in all tests, because it takes long to generate."""
    return rsa.generate_private_key(65537, 2048)


def a_csr(key: Any, name: str = NAME, *, sans: tuple[str, ...] = ()) -> str:
    """Return a CSR in PEM for *name* ("" for an empty subject), optionally with SANs."""
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(s) for s in sans]), critical=False)
    algorithm = hashes.SHA256() if isinstance(key, Key) else None
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


def enrollment(name: str = NAME, *, key: Key | None = None, **changes: Any) -> dict[str, Any]:
    """Return the body of an enrollment: `enrollment(subjAltNames="a.example.org", term=90)`."""
    body = {"orgId": DEPARTMENT, "subjAltNames": "", "certType": PROFILE, "term": TERM, "comments": "token"}
    return body | {"csr": a_csr(key or ec_key(), name)} | changes


def refusal(response: httpx.Response) -> tuple[int, int]:
    """Return HTTP status and code of a refusal."""
    return response.status_code, response.json()["code"]


def certificates_of(response: httpx.Response) -> list[x509.Certificate]:
    """Return the certificates of a response, in its order."""
    assert response.is_success, response.text
    return x509.load_pem_x509_certificates(response.content)


def is_ca(certificate: x509.Certificate) -> bool:
    return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)


def leaf_of(response: httpx.Response) -> x509.Certificate:
    """Return the only certificate of a response that is not a CA's."""
    [leaf] = [certificate for certificate in certificates_of(response) if not is_ca(certificate)]
    return leaf


def names_in(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names of a certificate."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)
