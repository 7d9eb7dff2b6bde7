"""Seals the audit trails: signs the head of each, and stores it with the rows since the last seal."""

from __future__ import annotations

from dataclasses import dataclass

from renewal.domain.audit.hash_chain import ChainHead, beginning, number_of
from renewal.domain.audit.seal import Seal, SealStatement
from renewal.domain.errors import AuditTrailTampered, RenewalError, error_of
from renewal.ports.audit import AuditTrails, SealAnnouncer, Seals, Signer
from renewal.ports.environment import Clock


@dataclass(frozen=True, slots=True)
class SealAudit:
    """Runs once a day; what it could not seal, the next day seals."""

    trails: AuditTrails
    seals: Seals
    signer: Signer
    announcer: SealAnnouncer
    clock: Clock

    def __call__(self) -> tuple[str, ...]:
        """Return the delegations whose trail was sealed. Raises the errors of the others when all have been tried."""
        sealed: list[str] = []
        failures: dict[str, RenewalError] = {}
        for delegation in sorted({*self.trails.delegations(), *self.seals.delegations()}):
            try:
                if self._seal(delegation):
                    sealed.append(delegation)
            except RenewalError as error:
                failures[delegation] = error
        if failures:
            raise error_of(failures)
        return tuple(sealed)

    def _seal(self, delegation: str) -> bool:
        """Return whether there was something to seal. Raises AuditTrailTampered."""
        head, last = self.trails.head(delegation), self.seals.last(delegation)
        if head == last:
            return False
        rows = list(self.trails.rows(delegation))
        unnumbered = [row for row in rows if not number_of(row)]
        begin = last or ChainHead(0, beginning(unnumbered))
        added = begin.followers(row for row in rows if number_of(row) <= head.sequence)
        if (ChainHead.at(added[-1]) if added else begin) != head:
            msg = (
                f"{delegation}: the audit trail ends with {head} and does not follow from the last seal, {begin}; "
                f"`certmandate audit verify {delegation}` names the rows"
            )
            raise AuditTrailTampered(msg)
        if head == begin and not unnumbered:
            return False
        statement = SealStatement(delegation, head, begin, self.clock())
        seal = Seal(statement, self.signer.public_key(), self.signer.sign(statement.signed_bytes()))
        self.announcer.sealed(seal)  # first, because a stored seal is not announced again
        self.seals.put(seal, added if last else (*unnumbered, *added))
        return True
