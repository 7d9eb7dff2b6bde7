"""Certificate files in every form in which people have them."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7, pkcs12

from certmandate.files.certificate_files import certificates_in
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from tests.throwaway_ca import FOUNDED, hierarchy, pem

KEY = KeyPair.generate(KeyType.P_256).private_key
LEAF = hierarchy().ec.issue(KEY.public_key(), ["idp.univ.example"], not_before=FOUNDED, days=199)
NO_ENCRYPTION, PASSWORD = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"secret")

READABLE = {
    "PEM": pem(LEAF).encode(),
    "PEM with a mark": b"\xef\xbb\xbf" + pem(LEAF).encode(),
    "PEM as UTF-16": pem(LEAF).encode("utf-16"),
    "DER": LEAF.public_bytes(Encoding.DER),
    "PKCS #7": pkcs7.serialize_certificates([LEAF], Encoding.PEM),
    "PKCS #7 as DER": pkcs7.serialize_certificates([LEAF], Encoding.DER),
}
OTHERS = {
    "nothing": (b" \n", "is empty"),
    "text": (b"hello", "no readable certificate in PEM, DER or PKCS #7"),
    "a private key": (
        KEY.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, NO_ENCRYPTION),
        "never its key",
    ),
    "a request": (
        x509.CertificateSigningRequestBuilder(LEAF.subject).sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM),
        "is a signing request",
    ),
    "PKCS #12": (pkcs12.serialize_key_and_certificates(None, KEY, LEAF, None, NO_ENCRYPTION), "openssl pkcs12 -nokeys"),
    "PKCS #12 with a password": (
        pkcs12.serialize_key_and_certificates(None, KEY, LEAF, None, PASSWORD),
        "openssl pkcs12 -nokeys",
    ),
}


@pytest.mark.parametrize("content", READABLE.values(), ids=READABLE)
def test_a_certificate_is_read_in_every_usual_form(content: bytes):
    """N9: Windows exports PKCS #7 and DER, and its editors save UTF-16."""
    assert certificates_in(content) == [LEAF]


@pytest.mark.parametrize(("content", "expected"), OTHERS.values(), ids=OTHERS)
def test_another_file_is_refused_with_what_it_is(content: bytes, expected: str):
    """N9: a file that is refused without a reason is passed again, with its key."""
    with pytest.raises(ValueError, match=expected):
        certificates_in(content)
