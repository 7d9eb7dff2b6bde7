"""KMS: private keys, sealed for one order so that they cannot be used for another one; and signatures."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING

from renewal.adapters.aws import translated
from renewal.domain.errors import KeyLost

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient

    from renewal.domain.keypair import KeyPair


class KmsSealer:
    """Seals; needs `kms:Encrypt` only. The largest key, RSA-4096, has 2.4 KB; KMS encrypts 4 KB at once."""

    def __init__(self, client: KMSClient, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    @translated("kms:Encrypt")
    def seal(self, key: KeyPair, *, delegation: str, certificate: str, token: str) -> bytes:
        answer = self._client.encrypt(
            KeyId=self._key_id, Plaintext=key.der(), EncryptionContext=_context(delegation, certificate, token)
        )
        return answer["CiphertextBlob"]


class KmsOpener:
    """Opens; needs `kms:Decrypt` only."""

    def __init__(self, client: KMSClient, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def open(self, sealed: bytes, *, delegation: str, certificate: str, token: str) -> KeyPair:
        key = None
        if sealed:
            with contextlib.suppress(KeyLost):
                key = _readable(self._decrypt(sealed, _context(delegation, certificate, token)))
        if key is None:
            msg = (
                f"the private key of {delegation}/{certificate}, order {token}, cannot be opened: it is "
                "damaged, or was sealed for another order or with another KMS key"
            )
            raise KeyLost(msg)
        return key

    @translated("kms:Decrypt", {"InvalidCiphertextException": KeyLost, "IncorrectKeyException": KeyLost})
    def _decrypt(self, sealed: bytes, context: dict[str, str]) -> bytes:
        answer = self._client.decrypt(KeyId=self._key_id, CiphertextBlob=sealed, EncryptionContext=context)
        return answer["Plaintext"]


class KmsSigner:
    """Signs seals of audit trails; needs `kms:Sign` and `kms:GetPublicKey`."""

    def __init__(self, client: KMSClient, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    @translated("kms:GetPublicKey")
    def public_key(self) -> str:
        return base64.b64encode(self._client.get_public_key(KeyId=self._key_id)["PublicKey"]).decode()

    @translated("kms:Sign")
    def sign(self, message: bytes) -> str:
        answer = self._client.sign(
            KeyId=self._key_id, Message=message, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
        )
        return base64.b64encode(answer["Signature"]).decode()


def _context(delegation: str, certificate: str, token: str) -> dict[str, str]:
    """The encryption context; CloudTrail shows it, so that every use of a key names its order."""
    return {"delegation": delegation, "certificate": certificate, "order": token}


def _readable(der: bytes) -> KeyPair | None:
    from renewal.domain.keypair import KeyPair  # noqa: PLC0415 - imports cryptography

    try:
        return KeyPair.from_der(der)
    except ValueError:
        return None
