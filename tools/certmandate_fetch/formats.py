"""The files that some servers need in place of certbot's four."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from certmandate_fetch.configuration import Declaration, Keystore
from certmandate_fetch.errors import KeystorePasswordMissing, PairInvalid

_END = b"-----END CERTIFICATE-----"


def built(declared: Declaration, downloaded: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the declared files, made of the downloaded ones. Raises KeystorePasswordMissing."""
    made = {}
    if declared.haproxy:
        made["haproxy.pem"] = downloaded["fullchain.pem"].rstrip() + b"\n" + downloaded["privkey.pem"]
    if declared.keystore:
        made["keystore.p12"] = _keystore(declared.keystore, downloaded)
    return made


def _keystore(declared: Keystore, downloaded: Mapping[str, bytes]) -> bytes:
    encryption = serialization.BestAvailableEncryption(_password(declared.password_file))
    blocks = [block + _END for block in downloaded["fullchain.pem"].split(_END) if block.strip()]
    try:
        key: Any = serialization.load_pem_private_key(downloaded["privkey.pem"], password=None)
        leaf, *issuers = map(x509.load_pem_x509_certificate, blocks)
        return pkcs12.serialize_key_and_certificates(declared.alias.encode(), key, leaf, issuers, encryption)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        msg = "no keystore can be made of privkey.pem and fullchain.pem"
        raise PairInvalid(msg) from None


def _password(path: Path) -> bytes:
    """The first line of the file, in ASCII: Java opens no keystore with another password."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise KeystorePasswordMissing(msg) from None
    if not lines or not lines[0] or not lines[0].isascii():
        msg = f"{path}: the first line must be the keystore's password, in ASCII"
        raise KeystorePasswordMissing(msg)
    return lines[0]
