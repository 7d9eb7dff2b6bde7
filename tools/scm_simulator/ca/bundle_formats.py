"""The bundle formats of collect (SCM reference §5.10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from scm_simulator.ca.authority import CertificateAuthority
from scm_simulator.world.dials import Dials, Direction, documented_order

_FORMATS = ("x509", "x509CO", "x509IO", "x509IOR", "x509R", "base64", "bin", "pem", "pemco", "pemia")
_BY_LOWER_CASE = {name.lower(): name for name in _FORMATS}
Chain = Sequence[x509.Certificate]


def bundle_format_named(text: str) -> str | None:
    """Return the format that *text* names, in any case; None when there is none."""
    return _BY_LOWER_CASE.get(text.lower())


def bundle(name: str, leaf: x509.Certificate, authority: CertificateAuthority, dials: Dials, random: Random) -> bytes:
    """Return *leaf* and the issuers of the format *name*, in the order of the dials."""
    chain = _issuers(leaf, authority, dials)
    if name == "bin":
        return pkcs7.serialize_certificates([leaf, *chain], Encoding.DER)
    if name == "base64":
        return _text(pkcs7.serialize_certificates([leaf, *chain], Encoding.PEM), dials)
    direction = (documented_order() | dials.chain_order).get(name, "leaf-first")
    certificates = _ordered(_parts(name, leaf, chain), direction, random)
    return _text(b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates), dials)


def _issuers(leaf: x509.Certificate, authority: CertificateAuthority, dials: Dials) -> Chain:
    """Return the issuers sent with *leaf*, nearest first."""
    choices: dict[str, Callable[[], Chain]] = {
        "own": lambda: authority.issuers_of(leaf),
        "other": authority.unrelated_issuers,
        "cross-signed": lambda: authority.cross_signed(leaf),
        "leaf-only": tuple,
    }
    return choices[dials.chain]()


def _parts(name: str, leaf: x509.Certificate, chain: Chain) -> Chain:
    if name in ("x509CO", "pemco"):
        return [leaf]
    if name in ("x509IO", "x509IOR"):
        return chain
    if name == "pemia":
        return [leaf, *chain[:1]]
    return [leaf, *chain]


def _ordered(certificates: Chain, direction: Direction, random: Random) -> Chain:
    if direction == "root-first":
        return list(reversed(certificates))
    if direction == "shuffled":
        return random.sample(list(certificates), len(certificates))
    return certificates


def _text(pem: bytes, dials: Dials) -> bytes:
    text = pem if dials.final_newline else pem.rstrip(b"\n")
    return text.replace(b"\n", b"\r\n") if dials.crlf else text
