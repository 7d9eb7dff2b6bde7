"""Certificates in the forms in which people have them: PEM, DER and PKCS #7, also as Windows saves them."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
WITHOUT_KEY = "openssl pkcs12 -nokeys -in FILE -out certificates.pem"


def certificates_in(content: bytes) -> list[Certificate]:
    """Return all certificates of a file. Raises ValueError with what the file is instead."""
    content = _without_mark(content)
    if not content.strip():
        msg = "is empty"
        raise ValueError(msg)
    for read in _readers(content):
        try:
            return list(read(content))
        except ValueError:
            continue
    raise ValueError(_what_it_is(content))


def _without_mark(content: bytes) -> bytes:
    """Windows saves text as UTF-16, or as UTF-8 with a mark at the beginning."""
    if content.startswith(_UTF_16):
        return content.decode("utf-16", errors="replace").encode()
    return content.removeprefix(codecs.BOM_UTF8)


def _readers(content: bytes) -> tuple[Callable[[bytes], Sequence[Certificate]], ...]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs7

    if b"-----BEGIN " in content:
        return x509.load_pem_x509_certificates, pkcs7.load_pem_pkcs7_certificates
    return (lambda der: [x509.load_der_x509_certificate(der)]), pkcs7.load_der_pkcs7_certificates


def _what_it_is(content: bytes) -> str:
    from cryptography.hazmat.primitives.serialization import pkcs12

    if b"PRIVATE KEY-----" in content:
        return "has a private key and no certificate: pass the certificate only, never its key"
    if b"CERTIFICATE REQUEST-----" in content:
        return "is a signing request, not the certificate that was issued for it"
    try:
        pkcs12.load_pkcs12(content, None)
    except ValueError as error:
        is_encrypted = "password" in str(error).lower()
    else:
        is_encrypted = True
    if is_encrypted:
        return f"is a PKCS #12 file, which holds the private key too: extract the certificate with `{WITHOUT_KEY}`"
    return "has no readable certificate in PEM, DER or PKCS #7"
