"""Guards against a run that does too much: caps per delegation and per run, and the question "can this be true?"."""

from __future__ import annotations

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
    """Share (0 to 1) of the certificates that hold a certificate already and may be due by age at once."""


@dataclass(frozen=True, slots=True)
class Due:
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


def within(due: Iterable[Due], limits: Limits) -> tuple[list[Due], list[Due]]:
    """Split *due* into what this run does and what it leaves for the next: open orders first, then nearest expiry."""
    taken: list[Due] = []
    deferred: list[Due] = []
    orders: dict[str, int] = {}
    for one in sorted(due, key=lambda item: (not item.resumes, item.expires, item.certificate.spec.path)):
        delegation = one.certificate.spec.delegation
        counted = orders.get(delegation, 0)
        if counted >= limits.orders_per_delegation or sum(orders.values()) >= limits.orders_per_run:
            deferred.append(one)
            continue
        orders[delegation] = counted + 1
        taken.append(one)
    return taken, deferred


def require_plausible(due: Sequence[Due], estate_size: int, limits: Limits) -> None:
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
