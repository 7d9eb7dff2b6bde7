"""What the simulator's tests are made of: constants, a clock, CSRs, and readers of answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

BASE_URL = "http://scm.test/api"
NAME = "service.example.edu"
OTHER_NAME = "a.service.example.edu"
DEPARTMENT = 2001
FOREIGN_DEPARTMENT = 2002
PROFILE = 3001
RSA_PROFILE = 3002
EV_PROFILE = 3003
TERM = 199
APPROVER = "rao"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Request = dict[str, object]
RequestMaker = Callable[..., Request]
ClientMaker = Callable[..., httpx.Client]
Enroll = Callable[..., int]


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = field(default_factory=lambda: datetime(2026, 5, 21, 12, 34, 56, 789000, tzinfo=UTC))

    def __call__(self) -> datetime:
        """Return the moment at which it stands."""
        return self.now

    def forward(self, **span: float) -> None:
        """Move on by a span, as timedelta takes it."""
        self.now += timedelta(**span)


def a_csr(key: Key, name: str = NAME, *, sans: tuple[str, ...] = ()) -> str:
    """Return a CSR in PEM for *name* ("" for an empty subject), perhaps with SANs of its own."""
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(s) for s in sans]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def refusal(answer: httpx.Response) -> tuple[int, int]:
    """Return HTTP status and code of a refusal."""
    return answer.status_code, answer.json()["code"]


def leaf_of(answer: httpx.Response) -> x509.Certificate:
    """Return the one certificate of an answer that is not a CA's."""
    certificates = x509.load_pem_x509_certificates(answer.content)
    [leaf] = [one for one in certificates if not one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca]
    return leaf


def names_in(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names of a certificate."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)
