"""Certificate signing requests, as SCM reads them: the common name and the key, not the SAN extension."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from scm_simulator.ca.authority import PrivateKey, PublicKey
from scm_simulator.refusals import must_not_be_null, refuse

_MEMBER = "csr"
_ALPHABET = re.compile(r"[a-zA-Z0-9+=/\s-]+")
_LONGEST = 32767
_ARMOUR = re.compile(r"-----(BEGIN|END)[A-Z ]*-----")
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


@dataclass(frozen=True)
class SigningRequest:
    """A parsed CSR: its text, common name ("" when blank) and key. SANs in it are ignored."""

    pem: str
    common_name: str
    public_key: PublicKey

    @property
    def key_type(self) -> str:
        """The key as SCM writes it: `RSA - 2048`, `EC - P-256`."""
        return key_type_of(self.public_key)

    @property
    def spki(self) -> bytes:
        """The public key as DER SubjectPublicKeyInfo."""
        return self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_type_of(key: PublicKey) -> str:
    """Return `RSA - <bits>` or `EC - <curve>`."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA - {key.key_size}"
    return f"EC - {_CURVES.get(key.curve.name, key.curve.name)}"


def new_key(key_type: str) -> PrivateKey:
    """Return a new private key of *key_type* (`RSA - 2048`, `EC - P-256`)."""
    algorithm, _, parameter = key_type.partition(" - ")
    if algorithm == "RSA":
        return rsa.generate_private_key(65537, int(parameter))
    return ec.generate_private_key({"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}[parameter])


def read_csr(text: object) -> SigningRequest:
    """Parse *text*, PEM with or without its BEGIN and END lines; refuse -1001, -9, -10, -138 or -11."""
    if text is None or text == "":
        raise must_not_be_null(_MEMBER)
    if not isinstance(text, str):
        raise refuse(-1002)
    request = _decoded(text)
    try:
        key, is_signed = request.public_key(), request.is_signature_valid
    except (UnsupportedAlgorithm, ValueError):
        raise refuse(-11) from None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise refuse(-11)
    if not is_signed:
        raise refuse(-138)
    return SigningRequest(text, _common_name(request), key)


def _decoded(text: str) -> x509.CertificateSigningRequest:
    if not _ALPHABET.fullmatch(text) or len(text) > _LONGEST:
        raise refuse(-9)
    bare = "".join(_ARMOUR.sub("", text).split())
    try:
        return x509.load_der_x509_csr(base64.b64decode(bare, validate=True))
    except binascii.Error:
        raise refuse(-9) from None
    except ValueError:
        raise refuse(-10) from None


def _common_name(request: x509.CertificateSigningRequest) -> str:
    for attribute in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        return str(attribute.value).strip()
    return ""
