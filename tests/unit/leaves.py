"""Certificates for `idp.univ.example` from the throw-away authority, with one key for each type."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509

from renewal.domain.certificate.chain import Delivery
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair, public_key_bytes
from tests.throwaway_ca import SERVER, Issuer, hierarchy
from tests.unit.system import NOW

NAMES = ("idp.univ.example", "www.univ.example")


@cache
def key(key_type: KeyType) -> KeyPair:
    return KeyPair.generate(key_type)


def leaf(
    issuer: Issuer | None = None,
    *,
    names: Sequence[str] = NAMES,
    starts: datetime = NOW - timedelta(hours=8),
    days: float = 199,
    usages: Sequence[x509.ObjectIdentifier] = SERVER,
    key_type: KeyType = KeyType.P_256,
    others: Sequence[x509.ExtensionType] = (),
) -> x509.Certificate:
    public = key(key_type).private_key.public_key()
    return (issuer or hierarchy().issuer_for(public)).issue(
        public, names, not_before=starts, days=days, usages=usages, others=others
    )


def delivered(text: str, key_type: KeyType = KeyType.P_256) -> Delivery:
    return Delivery.parse(text, public_key_bytes(key(key_type).private_key.public_key()))
