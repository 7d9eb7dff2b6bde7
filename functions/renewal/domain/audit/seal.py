"""A seal: the head of a delegation's audit trail, signed, so that no row before it can be replaced unnoticed."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from renewal import records
from renewal.domain.audit.hash_chain import ChainHead, canonical


@dataclass(frozen=True, slots=True)
class SealStatement:
    """What is signed. By the chain, the head's hash covers every row up to it."""

    delegation: str
    head: ChainHead
    previous: ChainHead
    """The head of the seal before; of the first seal, where the chain begins."""
    sealed_at: datetime

    def signed_bytes(self) -> bytes:
        """Return the bytes that are signed."""
        return canonical(records.to_json(self))


@dataclass(frozen=True, slots=True)
class Seal:
    """A statement with its signature (ECDSA on P-256 with SHA-256)."""

    statement: SealStatement
    public_key: str
    """DER, SubjectPublicKeyInfo (RFC 5280), in base64."""
    signature: str
    """DER, ECDSA-Sig-Value (RFC 3279), in base64."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, in hexadecimal; empty when it is no base64."""
        try:
            return hashlib.sha256(base64.b64decode(self.public_key, validate=True)).hexdigest()
        except ValueError:
            return ""
