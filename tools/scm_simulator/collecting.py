"""Collecting: the forms in which a certificate is handed out (SCM reference §5.10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from .ca import CertificateAuthority
from .dials import Dials, Direction

FORMATS = ("x509", "x509CO", "x509IO", "x509IOR", "x509R", "base64", "bin", "pem", "pemco", "pemia")
_BY_LOWER_CASE = {name.lower(): name for name in FORMATS}
Chain = Sequence[x509.Certificate]


def format_named(text: str) -> str | None:
    """Return the collect format that *text* names, in any case; None when there is none."""
    return _BY_LOWER_CASE.get(text.lower())


def rendered(form: str, leaf: x509.Certificate, authority: CertificateAuthority, dials: Dials, random: Random) -> bytes:
    """Return *leaf* with what *form* (one of FORMATS) adds, in the order and with the faults of the dials."""
    chain = _issuers(leaf, authority, dials)
    if form == "bin":
        return pkcs7.serialize_certificates([leaf, *chain], Encoding.DER)
    if form == "base64":
        return _text(pkcs7.serialize_certificates([leaf, *chain], Encoding.PEM), dials)
    wanted = _parts(form, leaf, chain)
    direction = dials.chain_order.get(form, "leaf-first")
    return _text(b"".join(_pem(one) for one in _ordered(wanted, direction, random)), dials)


def _issuers(leaf: x509.Certificate, authority: CertificateAuthority, dials: Dials) -> Chain:
    """Return the issuers that go with *leaf*, nearest first."""
    choices: dict[str, Callable[[], Chain]] = {
        "own": lambda: authority.issuers_of(leaf),
        "other": authority.strangers,
        "cross-signed": lambda: authority.cross_signed(leaf),
        "leaf-only": tuple,
    }
    return choices[dials.chain]()


def _parts(form: str, leaf: x509.Certificate, chain: Chain) -> Chain:
    if form in ("x509CO", "pemco"):
        return [leaf]
    if form in ("x509IO", "x509IOR"):
        return chain
    if form == "pemia":
        return [leaf, *chain[:1]]
    return [leaf, *chain]


def _ordered(certificates: Chain, direction: Direction, random: Random) -> Chain:
    if direction == "root-first":
        return list(reversed(certificates))
    if direction == "shuffled":
        return random.sample(list(certificates), len(certificates))
    return certificates


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _text(pem: bytes, dials: Dials) -> bytes:
    text = pem if dials.final_newline else pem.rstrip(b"\n")
    return text.replace(b"\n", b"\r\n") if dials.crlf else text
