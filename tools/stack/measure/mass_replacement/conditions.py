"""What a run meets: how fast SCM, the CA, ACM and administrators are, and how often they fail. All are assumptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from certmandate.replacement_planning.capacity import PlanningLimits

_RETRY_SECONDS = 20.0
"""Before the first retry of a step after ScmUnavailable, with full jitter (infra/renewal.asl.yaml)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Of one scenario."""

    limits: PlanningLimits = field(default_factory=PlanningLimits)
    too_many_requests: float = 0.0
    """Share of the requests to SCM that are answered with 429."""
    declined: float = 0.0
    """Share of the orders that SCM declines."""
    servers_minutes: float = 15.0
    """From the store to the endpoints. With the shipped timer, certmandate-fetch takes up to seven hours; this assumes
    that renewals start it."""


@dataclass(slots=True)
class VirtualServices:
    """SCM and ACM in virtual time, and chance."""

    conditions: Conditions
    random: Random
    requests: int = 0
    _import_at: float = 0.0

    def after_requests(self, count: int, now: float) -> float:
        """Return when *count* requests to SCM, one after the other, are answered; each takes 0.5 to 1.5 of the mean."""
        for _ in range(count):
            now += self._request()
            while self.random.random() < self.conditions.too_many_requests:
                now += self.random.uniform(0, _RETRY_SECONDS) + self._request()
        return now

    def _request(self) -> float:
        self.requests += 1
        return self.random.uniform(0.5, 1.5) * self.conditions.limits.scm_seconds

    def after_import(self, now: float) -> float:
        """Return when ACM has a certificate that is sent to it at *now*; one region."""
        began = max(now, self._import_at)
        self._import_at = began + 1 / self.conditions.limits.imports_a_second
        return self._import_at
