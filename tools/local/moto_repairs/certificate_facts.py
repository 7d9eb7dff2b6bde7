"""Key algorithm, serial and usages of a certificate, with ACM's names."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

_CURVES = {"secp256r1": "prime256v1", "secp384r1": "secp384r1", "secp521r1": "secp521r1"}
_KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign",
)  # fmt: skip
_ACM_KEY_USAGES = {
    "content_commitment": "NON_REPUDIATION",
    "key_cert_sign": "CERTIFICATE_SIGNING",
    "crl_sign": "CRL_SIGNING",
}
_EXTENDED_KEY_USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "TLS_WEB_SERVER_AUTHENTICATION",
    ExtendedKeyUsageOID.CLIENT_AUTH: "TLS_WEB_CLIENT_AUTHENTICATION",
    ExtendedKeyUsageOID.CODE_SIGNING: "CODE_SIGNING",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "EMAIL_PROTECTION",
    ExtendedKeyUsageOID.TIME_STAMPING: "TIME_STAMPING",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSP_SIGNING",
}
_CLIENT_AUTHENTICATION = "TLS_WEB_CLIENT_AUTHENTICATION"


def key_algorithm(certificate: x509.Certificate) -> str:
    """Return the member of ACM's enumeration KeyAlgorithm, such as `RSA_2048` or `EC_prime256v1`."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA_{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC_{_CURVES.get(key.curve.name, key.curve.name)}"
    return type(key).__name__


def serial(certificate: x509.Certificate) -> str:
    """Return the serial number as ACM writes it: lower-case hexadecimal octets with colons."""
    digits = f"{certificate.serial_number:x}"
    return bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2)).hex(":")


def key_usages(certificate: x509.Certificate) -> list[str]:
    """Return the key usages with ACM's names; empty without the extension."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return []
    return [_ACM_KEY_USAGES.get(name, name.upper()) for name in _KEY_USAGES if getattr(usage, name)]


def extended_key_usages(certificate: x509.Certificate) -> dict[str, str]:
    """Return the extended key usages with ACM's names, each with its OID; empty without the extension."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return {}
    return {_EXTENDED_KEY_USAGES.get(oid, "CUSTOM"): oid.dotted_string for oid in usages}


def dropped_usages(held: x509.Certificate, replacement: x509.Certificate) -> list[str]:
    """Return the usages that a re-import would remove although ACM requires them.

    ACM allows two to be removed: clientAuth, and keyEncipherment of an elliptic-curve certificate (RFC 5480).
    """
    allowed = {_CLIENT_AUTHENTICATION}
    if isinstance(held.public_key(), ec.EllipticCurvePublicKey):
        allowed.add("KEY_ENCIPHERMENT")
    before = [*key_usages(held), *extended_key_usages(held)]
    after = {*key_usages(replacement), *extended_key_usages(replacement)}
    return [usage for usage in before if usage not in after | allowed]
