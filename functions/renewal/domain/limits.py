"""Guards against a run that does too much: caps per delegation and per run, and the question "can this be true?"."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from renewal.domain.due import Cause, Decision
from renewal.domain.errors import TooManyDue
from renewal.domain.order import ManagedCertificate

FAR_FUTURE = datetime.max.replace(tzinfo=UTC)
SMALL_ESTATE = 20  # certificates; below, everything due at once is ordinary


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one run may order."""

    orders_per_delegation: int
    orders_per_run: int
    due_share: float
    """Share (0 to 1) of all certificates of the order book that may be due by age at once."""


@dataclass(frozen=True, slots=True)
class DueCertificate:
    """A certificate with the decision that it is due."""

    certificate: ManagedCertificate
    decision: Decision

    @property
    def resumes(self) -> bool:
        """Whether an order is open already, so that nothing new is ordered."""
        return Cause.ORDER_OPEN in self.decision.causes

    @property
    def expires(self) -> datetime:
        """When what is served expires; a new certificate comes after all that can expire."""
        served = self.certificate.served
        return served.not_after if served else FAR_FUTURE


def select(due: Iterable[DueCertificate], limits: Limits) -> tuple[list[DueCertificate], list[DueCertificate]]:
    """Split *due* into what this run does and what it leaves for the next: open orders first, then nearest expiry.

    Open orders have at most half of a share while others wait: orders that never end must not hold renewals up.
    """
    urgent = sorted(due, key=lambda one: (not one.resumes, one.expires, one.certificate.spec.path))
    of_delegation: dict[str, list[DueCertificate]] = {}
    for one in urgent:
        of_delegation.setdefault(one.certificate.spec.delegation, []).append(one)
    shares = [_share(mine, limits.orders_per_delegation) for mine in of_delegation.values()]
    chosen = {one.certificate.spec.path for share in shares for one in share}
    taken = _share([one for one in urgent if one.certificate.spec.path in chosen], limits.orders_per_run)
    chosen = {one.certificate.spec.path for one in taken}
    return taken, [one for one in urgent if one.certificate.spec.path not in chosen]


def _share(urgent: Sequence[DueCertificate], most: int) -> list[DueCertificate]:
    opened, others = [one for one in urgent if one.resumes], [one for one in urgent if not one.resumes]
    room = max(most - len(others), (most + 1) // 2)
    return [*opened[:room], *others][:most]


def allot(room: int, delegations: Sequence[str], run_id: str) -> dict[str, int]:
    """Share *room*, what a run's cap leaves over, out among *delegations*: what only SCM knows is added within it.

    Where there are more delegations than room, every run prefers others.
    """
    if not delegations:
        return {}
    each, rest = divmod(max(room, 0), len(delegations))
    drawn = sorted(delegations, key=lambda name: hashlib.sha256(f"{run_id}/{name}".encode()).digest())
    return {name: each + (place < rest) for place, name in enumerate(drawn)}


def require_plausible(due: Sequence[DueCertificate], estate_size: int, limits: Limits) -> None:
    """Raise TooManyDue when more of the estate is due by age than a right clock and policy can make it.

    Renewals are spread over months; that most of *estate_size* certificates are due on one day means a wrong clock, a
    wrong policy, or a first run after a long outage. Which of them it is, a person says (with a reason).
    """
    by_age = [one for one in due if {Cause.AGE, Cause.LAST_RESORT} & set(one.decision.causes)]
    if estate_size < SMALL_ESTATE or len(by_age) <= estate_size * limits.due_share:
        return
    msg = (
        f"{len(by_age)} of {estate_size} certificates are due by age at once: is the clock right, "
        "was a policy changed? Nothing was ordered. To go on, start an execution with a reason "
        "and the field all_due_is_right: true"
    )
    raise TooManyDue(msg)
