"""Sealing and opening private keys."""

from __future__ import annotations

from typing import Protocol

from renewal.domain.keypair import KeyPair


class KeySealer(Protocol):
    """Seals private keys; cannot open them."""

    def seal(self, key: KeyPair, *, delegation: str, certificate: str, token: str) -> bytes:
        """Return the key encrypted for exactly this order."""


class KeyOpener(Protocol):
    """Opens sealed keys; cannot seal."""

    def open(self, sealed: bytes, *, delegation: str, certificate: str, token: str) -> KeyPair:
        """Return the key of exactly this order. Raises KeyLost."""
