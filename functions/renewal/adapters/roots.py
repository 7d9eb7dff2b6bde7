"""The public roots: those of certifi, which are Mozilla's, and those of httpx."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import certifi
from cryptography import x509

_END = b"-----END CERTIFICATE-----\n"


def public_roots() -> tuple[x509.Certificate, ...]:
    """Return every root of the installed certifi that cryptography can read."""
    return tuple(_readable(Path(certifi.where()).read_bytes()))


def _readable(bundle: bytes) -> Iterator[x509.Certificate]:
    with warnings.catch_warnings():
        # One has a serial number of zero, which a later release of cryptography refuses.
        warnings.simplefilter("ignore")
        for block in bundle.split(_END)[:-1]:
            try:
                yield x509.load_pem_x509_certificate(block + _END)
            except ValueError:
                continue
