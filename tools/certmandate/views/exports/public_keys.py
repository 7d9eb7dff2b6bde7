"""The public keys of our orders, for a monitor of Certificate Transparency logs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from renewal.domain.certificate.serial import printed_serial
from renewal.domain.keypair import requested_key_fingerprint
from renewal.domain.order import FinishedOrder, ManagedCertificate


@dataclass(frozen=True, slots=True)
class OrderedKeys:
    """The keys of every certificate of ours that is valid, or may still be issued."""

    fingerprints: tuple[str, ...]
    """SHA-256 of each public key (SubjectPublicKeyInfo), lower-case hexadecimal, sorted."""
    unknown: tuple[str, ...]
    """What is valid, or may be issued, and has a key that the order book does not name."""

    @classmethod
    def of(cls, certificates: Iterable[ManagedCertificate], finished: Iterable[FinishedOrder], now: datetime) -> Self:
        """Collect the keys of open orders, of what is stored, and of orders that have ended.

        An order that failed counts for ever: SCM may issue what the operator has closed.
        """
        keys: dict[str, str] = {}
        for certificate in certificates:
            keys |= _keys_of(certificate)
        for row in finished:
            if row.not_after is None or row.not_after > now:
                _add(row, keys)
        known = {key.lower() for key in keys.values() if key}
        return cls(tuple(sorted(known)), tuple(subject for subject, key in keys.items() if not key))


def _keys_of(certificate: ManagedCertificate) -> dict[str, str]:
    """Return what the record names: subject to hash, empty when it is not known."""
    path, stored, order = certificate.spec.path, certificate.stored, certificate.order
    keys = {f"{path}, serial {printed_serial(stored.serial)}": stored.key_fingerprint} if stored else {}
    return keys | ({f"{path}, open order {order.token}": requested_key_fingerprint(order.csr)} if order else {})


def _add(row: FinishedOrder, keys: dict[str, str]) -> None:
    path = f"{row.delegation}/{row.certificate}"
    subject = f"{path}, serial {printed_serial(row.serial)}" if row.serial else f"{path}, order {row.token}"
    if row.key_fingerprint or (row.serial and not keys.get(subject)):
        keys[subject] = row.key_fingerprint
