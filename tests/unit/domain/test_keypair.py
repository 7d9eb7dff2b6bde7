"""Keys and signing requests."""

from __future__ import annotations

from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair, key_type_of, public_key_bytes, requested_key

TYPES = list(KeyType)


@cache
def pair(key_type: KeyType) -> KeyPair:
    """One of each is enough: RSA keys take their time."""
    return KeyPair.generate(key_type)


@pytest.mark.parametrize(
    ("key_type", "algorithm", "size"),
    [
        (KeyType.RSA_2048, "RSA", "2048"),
        (KeyType.RSA_3072, "RSA", "3072"),
        (KeyType.RSA_4096, "RSA", "4096"),
        (KeyType.P_256, "EC", "P-256"),
        (KeyType.P_384, "EC", "P-384"),
    ],
)
def test_a_generated_key_has_the_algorithm_and_size_of_its_type(key_type: KeyType, algorithm: str, size: str) -> None:
    """In the words of SCM's profiles."""
    key = pair(key_type).private_key

    assert (key_type.algorithm, key_type.size) == (algorithm, size)
    assert key_type_of(key) is key_type
    assert key_type_of(key.public_key()) is key_type
    if isinstance(key, rsa.RSAPrivateKey):
        assert (key.key_size, key.private_numbers().public_numbers.e) == (int(size), 65537)
    else:
        assert key.curve.name == {"P-256": "secp256r1", "P-384": "secp384r1"}[size]


def test_two_keys_are_never_the_same() -> None:
    """A new key for every order."""
    assert KeyPair.generate(KeyType.P_256).der() != KeyPair.generate(KeyType.P_256).der()


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505  # that is the point
        ed25519.Ed25519PrivateKey.generate(),
        "P-256",
    ],
    ids=["P-521", "RSA-1024", "Ed25519", "text"],
)
def test_other_keys_have_no_type(key: object) -> None:
    """They are neither ordered nor read back."""
    assert key_type_of(key) is None


@pytest.mark.parametrize("key_type", TYPES)
def test_a_signing_request_has_the_names_and_the_key(key_type: KeyType) -> None:
    """SCM reads names from its own fields; an operator who opens the request reads the same."""
    names = ["*.apps.univ.example", "xn--universit-j4a.example"]

    text = pair(key_type).signing_request(names)
    request = x509.load_pem_x509_csr(text.encode())

    assert request.is_signature_valid
    assert [request_.value for request_ in request.subject] == ["*.apps.univ.example"]
    san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert san.value.get_values_for_type(x509.DNSName) == names
    assert not san.critical
    assert isinstance(request.signature_hash_algorithm, hashes.SHA384 if key_type is KeyType.P_384 else hashes.SHA256)
    assert requested_key(text) == public_key_bytes(pair(key_type).private_key.public_key())


def test_the_common_name_is_the_first_name_that_fits() -> None:
    """64 characters (RFC 5280); a request without a common name is a good request."""
    long = f"{'a' * 60}.univ.example"

    request_ = x509.load_pem_x509_csr(pair(KeyType.P_256).signing_request([long, "idp.univ.example"]).encode())
    none = x509.load_pem_x509_csr(pair(KeyType.P_256).signing_request([long]).encode())

    assert request_.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "idp.univ.example"
    assert not list(none.subject)


@pytest.mark.parametrize("key_type", TYPES)
def test_a_key_survives_sealing_as_pkcs8(key_type: KeyType) -> None:
    """What is sealed is DER; it fits into the 4,096 bytes that KMS encrypts at once."""
    der = pair(key_type).der()

    again = KeyPair.from_der(der)

    assert len(der) < 4_096
    assert again.key_type is key_type
    assert again.der() == der
    assert again.pem().decode().startswith("-----BEGIN " + "PRIVATE KEY-----")


def test_what_is_no_key_is_refused_without_a_word_of_it() -> None:
    """The text of an error goes into the history of executions."""
    with pytest.raises(ValueError, match=r"^not an unencrypted PKCS#8 private key$"):
        KeyPair.from_der(b"hunter2hunter2")
    encrypted = pair(KeyType.P_256).private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"hunter2")
    )
    with pytest.raises(ValueError, match=r"^not an unencrypted PKCS#8 private key$"):
        KeyPair.from_der(encrypted)


@pytest.mark.parametrize("key", [dsa.generate_private_key(1024), ec.generate_private_key(ec.SECP521R1())])  # noqa: S505
def test_a_key_of_a_type_that_is_not_ordered_is_refused(key: dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    """It can't be one that was sealed here."""
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    with pytest.raises(ValueError, match=r"^a private key of a type that is not ordered$"):
        KeyPair.from_der(der)


def test_the_repr_shows_the_type_only() -> None:
    """Logs and tracebacks print reprs."""
    assert repr(pair(KeyType.P_256)) == "KeyPair(key_type=<KeyType.P_256: 'P-256'>)"
