"""A replacement rule: what is to be replaced because of an incident, by when, and how much a run may order for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from renewal.domain.order import ManagedCertificate, StoredCertificate

MOST_SERIALS = 8_000
"""Of one rule: an item of DynamoDB has at most 400 KB, and a serial 43 bytes (AWS: ServiceQuotas.html)."""
MOST_ORDERS_PER_DELEGATION = 150
"""Of a raised cap. Even if all fail, their errors (adapters/cause.py bounds each) are an output of at most 256 KiB
(AWS: step-functions/latest/dg/service-quotas.html)."""
MOST_ORDERS_PER_RUN = 10_000
"""Of a raised cap: as many orders as the figures of docs/scale.md cover."""

LONGEST_ORDERING = timedelta(hours=2)
"""After the start of a run, in which it begins orders for rules. When SCM is ill, retries take an order up to twelve
minutes: the run must end, and the next one finds at the login whether SCM is back."""


@dataclass(frozen=True, slots=True, order=True)
class Caps:
    """How many orders one run may begin."""

    orders_per_delegation: int
    orders_per_run: int


@dataclass(frozen=True, slots=True)
class ReplacementRule:
    """A replacement rule: replace what was issued before a time, as far as issuer, delegations and serials match."""

    issued_before: datetime
    issuer: str
    """Part of the issuer's name, any case; empty = every issuer."""
    reason: str
    deadline: datetime | None = None
    """When the CA revokes what is not replaced. With one, the hourly runs work on the rule too."""
    delegations: tuple[str, ...] = ()
    """Empty = every delegation."""
    serials: frozenset[str] = frozenset()
    """Upper-case hexadecimal without separators or leading zeros; empty = every serial."""
    caps: Caps | None = None
    """Raised caps that the operator has confirmed for this rule; None = those of the stack."""
    certificates: int | None = None
    """How many it covered when it was stored; None in rules of earlier versions."""
    planned_hours: float | None = None
    """How long the plan expected it to take, from `asked_at`; None = not planned."""
    asked_by: str = ""
    """ARN of the operator; empty in rules of earlier versions."""
    asked_at: datetime | None = None
    lists: int | None = None
    """How many items of the order book list the certificates that it may cover, so that no run reads all others; None
    in rules of earlier versions."""
    ended_at: datetime | None = None
    """When a run found everything replaced and served; None while it is in force."""

    def may_cover(self, certificate: ManagedCertificate) -> bool:
        """Return whether it covers what is stored, or may cover what the order leads to that is open now.

        What is ordered after the rule was asked for is issued later.
        """
        in_scope = not self.delegations or certificate.spec.delegation in self.delegations
        return self.covers(certificate) or (in_scope and certificate.order is not None and self.may_cover_unissued)

    def covers(self, certificate: ManagedCertificate) -> bool:
        """Return whether what is stored of *certificate* is to be replaced: never what was issued for the rule."""
        stored = certificate.stored
        if stored is None or (self.delegations and certificate.spec.delegation not in self.delegations):
            return False
        if self.serials:
            return stored.serial in self.serials
        return self._is_earlier(stored) and self.issuer.casefold() in stored.issuer.casefold()

    def _is_earlier(self, stored: StoredCertificate) -> bool:
        """Return whether *stored* was issued before the rule's time.

        CAs backdate certificates, some to the midnight before. Where `not_before` is less than a day before
        `issued_before`, the time of the order decides: what was ordered later was issued later, and would be replaced
        twice; what was ordered before may be stored long after it was issued. Where that time is not known, the time of
        storing decides.
        """
        if stored.not_before + timedelta(days=1) < self.issued_before:
            return True
        return max(stored.not_before, stored.ordered_at or stored.stored_at) < self.issued_before

    @property
    def may_cover_unissued(self) -> bool:
        """Whether it may cover what was not stored when it was: not when each of its serials was stored then."""
        return not self.serials or self.certificates is None or len(self.serials) > self.certificates

    @property
    def is_in_force(self) -> bool:
        """Whether runs work on it."""
        return self.ended_at is None

    @property
    def began_at(self) -> datetime:
        """When it came into force."""
        return self.asked_at or self.issued_before

    @property
    def identity(self) -> tuple[datetime, str, str]:
        """The same of two rules for the same certificates."""
        return self.issued_before, self.issuer.casefold(), self.scope

    @property
    def scope(self) -> str:
        """Tells rules of one time and issuer apart; empty for all delegations and serials, as in earlier versions."""
        if not self.delegations and not self.serials:
            return ""
        named = "\n".join((*sorted(self.delegations), "", *sorted(self.serials)))
        return hashlib.sha256(named.encode()).hexdigest()[:16]


def deadline_of(certificate: ManagedCertificate, rules: Iterable[ReplacementRule]) -> date | None:
    """Return the day on which the CA revokes what is stored of *certificate*, by the first deadline; None: no rule."""
    covering = (rule for rule in rules if rule.is_in_force and rule.covers(certificate))
    return min((rule.deadline.date() for rule in covering if rule.deadline), default=None)
