"""The audit trails and their seals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from renewal.domain.audit.hash_chain import ChainHead
from renewal.domain.audit.seal import Seal


class AuditHeads(Protocol):
    """The last rows of the audit trails."""

    def head(self, delegation: str) -> ChainHead:
        """The last row of the delegation's chain; without a head that can be read, of the newest row."""


class AuditTrails(AuditHeads, Protocol):
    """The audit rows of all delegations, as they are stored."""

    def delegations(self) -> Iterator[str]:
        """The delegations that have audit rows, retired ones included."""

    def rows(self, delegation: str) -> Iterator[Mapping[str, Any]]:
        """The delegation's audit rows."""


class Seals(Protocol):
    """The sealed audit trails, which no one can change or delete."""

    def delegations(self) -> Iterator[str]:
        """The delegations that have a seal."""

    def last(self, delegation: str) -> ChainHead | None:
        """Return the head that was sealed last; None when none was."""

    def put(self, seal: Seal, rows: Iterable[Mapping[str, Any]]) -> None:
        """Store a seal with the rows that it is the first to cover, unless its head is sealed already."""


class Signer(Protocol):
    """The key that signs seals, and that no one can read."""

    def public_key(self) -> str:
        """As `Seal.public_key`."""

    def sign(self, message: bytes) -> str:
        """As `Seal.signature`. *message*: at most 4,096 bytes."""


class SealAnnouncer(Protocol):
    """Where others learn of a seal."""

    def announce_seal(self, seal: Seal) -> None:
        """Announce a seal, at least once."""
