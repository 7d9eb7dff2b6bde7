"""What must be true of a certificate and of a system, whatever happened: named assertions for all suites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from renewal.domain.keypair import public_key_bytes


def assert_pair(certificate_pem: str, key_pem: str) -> None:
    """The private key is the certificate's."""
    key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    assert public_key_bytes(key.public_key()) == public_key_bytes(certificate.public_key())


def assert_leaf_first(chain_pem: str) -> None:
    """Each certificate is signed by the next, and no root is at the end."""
    chain = x509.load_pem_x509_certificates(chain_pem.encode())
    for below, above in pairwise(chain):
        below.verify_directly_issued_by(above)
    assert chain[-1].issuer != chain[-1].subject, "a root is in the chain"


def assert_whole_store(files: Mapping[str, str], current: Mapping[tuple[str, str], str]) -> None:
    """What every pointer points to is a whole pair with its chain."""
    for (delegation, certificate), serial in current.items():
        folder = f"{delegation}/{certificate}/{serial}"
        assert_pair(files[f"{folder}/cert.pem"], files[f"{folder}/privkey.pem"])
        assert_leaf_first(files[f"{folder}/fullchain.pem"])


def assert_ordered_once(comments: Iterable[str]) -> None:
    """No two orders in SCM carry the same token."""
    found = list(comments)
    assert len(found) == len(set(found)), f"ordered twice: {found}"
