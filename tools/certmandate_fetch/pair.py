"""Whether a client would accept a pair.

OpenSSL decides, by a TLS handshake in memory between a server with the files and a client with the trusted roots: that
covers the key, the path to a root, the dates, the purpose and the names at once, as for real clients.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from certmandate_fetch.errors import PairInvalid

_END = "-----END CERTIFICATE-----"
_ROUNDS = 4
"""Of a handshake in memory; a side that has nothing to read waits for the other."""


@dataclass(frozen=True)
class Leaf:
    """The facts of a certificate. Dates: UTC; serial and SHA-256 hashes: upper-case hexadecimal."""

    serial: str
    not_before: datetime
    not_after: datetime
    sha256: str
    public_key_sha256: str

    @classmethod
    def of_pem(cls, pem: bytes) -> Leaf:
        """Read the first certificate. Raises PairInvalid."""
        try:
            return cls.of_der(ssl.PEM_cert_to_DER_cert(f"{_first(pem)}\n"))
        except ValueError:
            msg = "cert.pem holds no certificate that can be read"
            raise PairInvalid(msg) from None

    @classmethod
    def of_der(cls, der: bytes) -> Leaf:
        """Raises ValueError."""
        certificate = x509.load_der_x509_certificate(der)
        spki = certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(
            f"{certificate.serial_number:X}",
            _utc(certificate, "not_valid_before"),
            _utc(certificate, "not_valid_after"),
            hashlib.sha256(der).hexdigest().upper(),
            hashlib.sha256(spki).hexdigest().upper(),
        )


def trusting(roots: str) -> ssl.SSLContext:
    """Return a client's context that trusts the file *roots*, or the system's roots when it is empty."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if roots:
        context.load_verify_locations(roots)
    else:
        context.load_default_certs()
    return context


def require_pair(folder: Path, names: Iterable[str], client: ssl.SSLContext) -> None:
    """Require that *client* accepts the pair in *folder* for each of the *names*. Raises PairInvalid."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A password, because OpenSSL would ask for one on the terminal if the key had one.
        server.load_cert_chain(str(folder / "fullchain.pem"), str(folder / "privkey.pem"), password="-")  # noqa: S106
    except (ssl.SSLError, ValueError) as error:
        msg = f"privkey.pem and fullchain.pem are no pair ({_reason(error)})"
        raise PairInvalid(msg) from None
    leaf, issuers = _certificates(folder / "cert.pem"), _certificates(folder / "chain.pem")
    if len(leaf) != 1 or leaf + issuers != _certificates(folder / "fullchain.pem"):
        msg = "fullchain.pem is not cert.pem and chain.pem, one after the other"
        raise PairInvalid(msg)
    for name in names:
        _require_accepted(server, client, name)


def _require_accepted(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server, server_hostname=name.replace("*", "any")),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    try:
        for side in sides * _ROUNDS:
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLError as error:
        msg = f"a client would refuse the certificate for {name}: {_reason(error)}"
        raise PairInvalid(msg) from None


def _reason(error: Exception) -> str:
    """OpenSSL's reason without numbers of its source."""
    return str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or type(error).__name__)


def _certificates(path: Path) -> list[bytes]:
    """The certificates (DER) in a file that holds nothing else. Raises PairInvalid."""
    *blocks, rest = path.read_text("ascii", "replace").split(_END)
    try:
        found = [ssl.PEM_cert_to_DER_cert(f"{block.strip()}{_END}\n") for block in blocks]
    except ValueError:
        found, rest = [], "not base64"
    if rest.strip():
        msg = f"{path.name} holds something other than certificates"
        raise PairInvalid(msg)
    return found


def _first(pem: bytes) -> str:
    head, mark, _ = pem.decode("ascii", "replace").partition(_END)
    return head.strip() + mark


def _utc(certificate: x509.Certificate, attribute: str) -> datetime:
    """Aware dates exist since version 42 of cryptography, which deprecates the others."""
    aware: datetime | None = getattr(certificate, f"{attribute}_utc", None)
    return aware or getattr(certificate, attribute).replace(tzinfo=timezone.utc)
