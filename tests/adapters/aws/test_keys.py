from __future__ import annotations

from typing import Any

import pytest

from renewal.adapters.keys import KmsOpener, KmsSealer
from renewal.domain.errors import KeyLost, StoreRefused, StoreUnavailable
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair

from .conftest import client
from .wire import counted, refused

ORDER = {"delegation": "univ", "certificate": "idp", "token": "token-1"}


@pytest.fixture
def kms() -> Any:
    """KMS."""
    return client("kms")


@pytest.fixture
def key_id(kms: Any) -> str:
    """The key that seals."""
    return str(kms.create_key()["KeyMetadata"]["KeyId"])


@pytest.mark.parametrize("key_type", [KeyType.P_256, KeyType.P_384, KeyType.RSA_2048, KeyType.RSA_4096])
def test_a_sealed_key_opens_again(kms: Any, key_id: str, key_type: KeyType):
    """Also the largest: KMS encrypts 4 KB at once."""
    key = KeyPair.generate(key_type)

    sealed = KmsSealer(kms, key_id).seal(key, **ORDER)
    opened = KmsOpener(kms, key_id).open(sealed, **ORDER)

    assert opened.pem() == key.pem()
    assert key.der() not in sealed


@pytest.mark.parametrize("other", [{"delegation": "other"}, {"certificate": "other"}, {"token": "other"}])
def test_a_sealed_key_opens_for_its_own_order_only(kms: Any, key_id: str, other: dict[str, str]):
    """A client that can write to the table must not pass one delegation's key off as another's."""
    sealed = KmsSealer(kms, key_id).seal(KeyPair.generate(KeyType.P_256), **ORDER)

    with pytest.raises(KeyLost, match="order"):
        KmsOpener(kms, key_id).open(sealed, **{**ORDER, **other})


def test_a_key_sealed_with_another_kms_key_is_lost(kms: Any, key_id: str):
    """KeyId is named on opening, so that KMS does not use whatever key the ciphertext names."""
    other = str(kms.create_key()["KeyMetadata"]["KeyId"])
    sealed = KmsSealer(kms, other).seal(KeyPair.generate(KeyType.P_256), **ORDER)

    with counted(kms, "Decrypt") as calls, refused(kms, "Decrypt", "IncorrectKeyException"), pytest.raises(KeyLost):
        KmsOpener(kms, key_id).open(sealed, **ORDER)

    assert calls[0]["KeyId"] == key_id


@pytest.mark.parametrize("sealed", [b"", b"damaged"])
def test_what_is_not_a_sealed_key_is_lost(kms: Any, key_id: str, sealed: bytes):
    """Adopted certificates have no sealed key at all; their next order has one."""
    with pytest.raises(KeyLost, match="univ/idp"):
        KmsOpener(kms, key_id).open(sealed, **ORDER)


def test_what_opens_but_is_no_key_is_lost(kms: Any, key_id: str):
    """A client with kms:Encrypt wrote other content there."""
    context = {"delegation": "univ", "certificate": "idp", "order": "token-1"}
    sealed = kms.encrypt(KeyId=key_id, Plaintext=b"not a key", EncryptionContext=context)["CiphertextBlob"]

    with pytest.raises(KeyLost):
        KmsOpener(kms, key_id).open(sealed, **ORDER)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AccessDeniedException", StoreRefused),
        ("DisabledException", StoreRefused),
        ("KMSInvalidStateException", StoreRefused),
        ("NotFoundException", StoreRefused),
        ("ThrottlingException", StoreUnavailable),
        ("DependencyTimeoutException", StoreUnavailable),
    ],
)
def test_a_refusal_of_kms_does_not_mean_that_a_key_is_lost(kms: Any, key_id: str, code: str, error: type[Exception]):
    """A disabled KMS key can be enabled again; KeyLost would end in a new order."""
    with refused(kms, "Decrypt", code), pytest.raises(error, match=code):
        KmsOpener(kms, key_id).open(b"sealed", **ORDER)
