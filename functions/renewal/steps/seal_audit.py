"""Seals the audit trails: signs the head of each, and stores it with the rows since the last seal."""

from __future__ import annotations

from dataclasses import dataclass

from renewal.deadline import Deadline
from renewal.domain.audit.hash_chain import ChainHead, beginning, number_of
from renewal.domain.audit.seal import Seal, SealStatement
from renewal.domain.errors import AuditTrailTampered, RenewalError, StoreUnavailable, error_of
from renewal.domain.run.turns import in_turn
from renewal.domain.run.unforeseen import unforeseen
from renewal.ports.audit import AuditTrails, SealAnnouncer, Seals, Signer
from renewal.ports.environment import Clock

LEAST_SECONDS = 60.0
"""Before a trail is begun. It takes seconds, unless AWS is slow; if it is interrupted, the trail is sealed again."""


@dataclass(frozen=True, slots=True)
class SealAudit:
    """Runs once a day; what it could not seal, the next day seals, beginning with another trail."""

    trails: AuditTrails
    seals: Seals
    signer: Signer
    announcer: SealAnnouncer
    clock: Clock
    deadline: Deadline
    """When Lambda kills the function."""

    def __call__(self) -> tuple[str, ...]:
        """Return the delegations whose trail was sealed. Raises the errors of the others when all have been tried.

        StoreUnavailable of those for which no time was left.
        """
        sealed: list[str] = []
        failures: dict[str, RenewalError] = {}
        every = sorted({*self.trails.delegations(), *self.seals.delegations()})
        for delegation in in_turn(every, self.clock().toordinal()):
            try:
                self._require_time()
                if self._seal(delegation):
                    sealed.append(delegation)
            except RenewalError as error:
                failures[delegation] = error
            except Exception as error:  # noqa: BLE001 - a bug costs the trail that leads to it
                failures[delegation] = unforeseen(error, delegation)
        if failures:
            raise error_of(failures)
        return tuple(sealed)

    def _require_time(self) -> None:
        if self.deadline.seconds_left() < LEAST_SECONDS:
            msg = "no time was left to seal it; the next day seals it, and begins with another trail"
            raise StoreUnavailable(msg)

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
        self.announcer.announce_seal(seal)  # first, because a stored seal is not announced again
        self.seals.put(seal, added if last else (*unnumbered, *added))
        return True
