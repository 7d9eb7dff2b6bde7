"""Limits of one run: caps per delegation and per run, and a plausibility check of what is due."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from renewal.domain.due import Cause, Decision, decide
from renewal.domain.errors import TooManyDue
from renewal.domain.order import ManagedCertificate, OrderStatus
from renewal.domain.replacement_rule import Caps, ReplacementRule

FAR_FUTURE = datetime.max.replace(tzinfo=UTC)
_OF_AGE = frozenset({Cause.AGE, Cause.LAST_RESORT, Cause.EXPIRED})
SMALL_ESTATE = 20  # certificates; with fewer, it is ordinary that all are due at once


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one run may order."""

    orders_per_delegation: int
    orders_per_run: int
    due_share: float
    """Share (0 to 1) of all certificates of the order book that may be due by age at once."""


@dataclass(frozen=True, slots=True)
class BegunOrder:
    """An order that a run has begun, open or ended: what the caps of a run need of it."""

    run_id: str
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DueCertificate:
    """The decision that a certificate is due, and what limits and plans need of it, so that no record is kept."""

    delegation: str
    name: str
    decision: Decision
    expires: datetime
    """When the stored certificate expires; FAR_FUTURE while nothing is stored."""
    failures: int
    is_issued: bool
    """Whether its certificate is in the order book and only has to be stored."""
    rules: tuple[ReplacementRule, ...] = ()
    """The replacement rules that cover it."""

    @classmethod
    def of(
        cls, certificate: ManagedCertificate, decision: Decision, rules: tuple[ReplacementRule, ...] = ()
    ) -> DueCertificate:
        """Return what is needed of a record."""
        spec, stored, order = certificate.spec, certificate.stored, certificate.order
        is_issued = order is not None and order.status is OrderStatus.ISSUED
        expires = stored.not_after if stored else FAR_FUTURE
        return cls(spec.delegation, spec.name, decision, expires, certificate.failures, is_issued, rules)

    @classmethod
    def at(cls, certificate: ManagedCertificate, rules: Iterable[ReplacementRule], now: datetime) -> DueCertificate:
        """Decide about a certificate as the plan of a run does, which makes no request to SCM; *rules*: all of them."""
        covering = tuple(rule for rule in rules if rule.covers(certificate))
        return cls.of(certificate, decide(certificate, now, replacements=covering), covering)

    @property
    def path(self) -> str:
        """`delegation/certificate`."""
        return f"{self.delegation}/{self.name}"

    @property
    def has_open_order(self) -> bool:
        """Whether an order is open already, so that nothing new is ordered."""
        return Cause.ORDER_OPEN in self.decision.causes

    @property
    def is_by_age_alone(self) -> bool:
        """Whether nothing but the time of a clock says that it is due."""
        return set(self.decision.causes) <= _OF_AGE

    @property
    def needed_by(self) -> datetime:
        """When the stored certificate stops being valid: it expires, or a rule's deadline is over."""
        return min(self.expires, *(rule.deadline or FAR_FUTURE for rule in self.rules), FAR_FUTURE)

    @property
    def has_deadline(self) -> bool:
        """Whether a rule with a deadline covers it, so that hourly runs order it too."""
        return any(rule.deadline for rule in self.rules)

    @property
    def caps(self) -> Caps | None:
        """The largest raised caps of its rules; None = it counts against the caps of the stack."""
        return max((rule.caps for rule in self.rules if rule.caps), default=None)


def select(
    due: Iterable[DueCertificate], limits: Limits, run_id: str
) -> tuple[list[DueCertificate], list[DueCertificate]]:
    """Split *due* into what this run does and what it leaves to the next: open orders first, then what ends first.

    Open orders get at most half of a cap while other certificates wait: orders that never end must not stop renewals.
    Of the open orders, those that are issued are first, and a hash of *run_id* decides the order of the others: where
    they exceed the cap, each run polls other ones.
    Raised caps hold for the certificates that their rule covers; all others stay within *limits*. What lower caps have
    permitted uses a part of higher ones.
    """
    urgent = sorted(due, key=lambda candidate: _place(candidate, run_id))
    chosen = {candidate.path for candidate in _chosen(urgent, limits)}
    selected = [candidate for candidate in urgent if candidate.path in chosen]
    return selected, [candidate for candidate in urgent if candidate.path not in chosen]


def limits_reached(
    taken: Iterable[DueCertificate], deferred: Iterable[DueCertificate], limits: Limits
) -> dict[str, str]:
    """Return which limit defers each of *deferred*, by its path, because of *taken*."""
    counts = Counter(candidate.delegation for candidate in taken)
    limit_of = {}
    for each in deferred:
        caps = _raised(limits, each.caps) if each.caps else limits
        is_own = counts[each.delegation] >= caps.orders_per_delegation
        own, whole = f"OrdersPerDelegation={caps.orders_per_delegation}", f"OrdersPerRun={caps.orders_per_run}"
        limit_of[each.path] = own if is_own else whole
    return limit_of


def by_delegation(candidates: Iterable[DueCertificate]) -> dict[str, list[DueCertificate]]:
    """Return *candidates* by their delegation, in their order."""
    grouped: dict[str, list[DueCertificate]] = {}
    for candidate in candidates:
        grouped.setdefault(candidate.delegation, []).append(candidate)
    return grouped


def _chosen(urgent: Sequence[DueCertificate], limits: Limits) -> list[DueCertificate]:
    """Return what its own caps permit, the lowest caps first."""
    taken = _capped([candidate for candidate in urgent if candidate.caps is None], limits, ())
    for caps in sorted({candidate.caps for candidate in urgent if candidate.caps}):
        covered = [candidate for candidate in urgent if candidate.caps == caps]
        taken += _capped(covered, _raised(limits, caps), taken)
    return taken


def _place(candidate: DueCertificate, run_id: str) -> tuple[Any, ...]:
    if candidate.has_open_order:
        return 0, not candidate.is_issued, _draw(run_id, candidate.path)
    return 1, candidate.needed_by, candidate.path


def _draw(run_id: str, name: str) -> bytes:
    return hashlib.sha256(f"{run_id}/{name}".encode()).digest()


def _capped(
    urgent: Sequence[DueCertificate], limits: Limits, taken: Collection[DueCertificate]
) -> list[DueCertificate]:
    """Return the first of *urgent* within *limits*, of which *taken* have used a part."""
    used = Counter(candidate.delegation for candidate in taken)
    chosen = {
        candidate.path
        for name, candidates in by_delegation(urgent).items()
        for candidate in _share(candidates, limits.orders_per_delegation - used[name])
    }
    permitted = [candidate for candidate in urgent if candidate.path in chosen]
    return _share(permitted, limits.orders_per_run - len(taken))


def _raised(limits: Limits, caps: Caps) -> Limits:
    """Return *limits*, raised to *caps* where these are higher."""
    return replace(
        limits,
        orders_per_delegation=max(limits.orders_per_delegation, caps.orders_per_delegation),
        orders_per_run=max(limits.orders_per_run, caps.orders_per_run),
    )


def _share(urgent: Sequence[DueCertificate], cap: int) -> list[DueCertificate]:
    cap = max(cap, 0)
    resumed = [candidate for candidate in urgent if candidate.has_open_order]
    others = [candidate for candidate in urgent if not candidate.has_open_order]
    most_resumed = max(cap - len(others), (cap + 1) // 2)
    return [*resumed[:most_resumed], *others][:cap]


def allot(capacity: int, delegations: Sequence[str], run_id: str) -> dict[str, int]:
    """Divide *capacity*, what the plan leaves of a run's cap, among *delegations*: what an inspection may add.

    When there are more delegations than capacity, a hash of *run_id* decides, so that every run prefers other ones.
    """
    if not delegations:
        return {}
    each, rest = divmod(max(capacity, 0), len(delegations))
    drawn = sorted(delegations, key=lambda name: _draw(run_id, name))
    return {name: each + (place < rest) for place, name in enumerate(drawn)}


def too_many_due(due: Iterable[DueCertificate], count: Callable[[int], int], limits: Limits) -> TooManyDue | None:
    """Return an error when more of the estate is due by age than a correct clock and policy allow, else None.

    Renewals are spread over months. If most certificates are due on one day, the clock or a policy is wrong, or this is
    the first run after a long outage: the operator decides which, and gives a reason. *count* returns how many
    certificates the order book has, counted up to its argument.
    """
    causes = [set(candidate.decision.causes) for candidate in due]
    # Without what a replacement rule covers: the operator has confirmed how many that are.
    by_age = sum(bool(_OF_AGE & each) and Cause.REPLACEMENT not in each for each in causes)
    if not by_age:
        return None
    estate_size = count(max(SMALL_ESTATE, int(by_age / limits.due_share) + 1))
    if estate_size < SMALL_ESTATE or by_age <= estate_size * limits.due_share:
        return None
    return TooManyDue(
        f"{by_age} of {estate_size} certificates are due by age at once, so a daily run orders none of them: the "
        "clock or a renewal policy may be wrong. If they are right: `certmandate renew --all-due --all-due-is-right "
        "--reason …`"
    )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is due and not in the plan of a daily run at a given time, by `delegation/certificate`."""

    refused: Mapping[str, TooManyDue] = field(default_factory=lambda: MappingProxyType({}))
    deferred: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The limit that is reached. Open orders are not included, because which of them are polled depends on the run."""


NOTHING_LEFT_OUT = LeftOut()


def left_out(due: Collection[DueCertificate], count: Callable[[int], int], limits: Limits) -> LeftOut:
    """Return what a daily run's plan leaves out of *due*, all that is due; *count*: see `too_many_due`."""
    doubt = too_many_due(due, count, limits)
    refused = {each.path: doubt for each in due if doubt and each.is_by_age_alone and not each.decision.is_held}
    wanted = [each for each in due if each.path not in refused and not each.decision.is_held]
    taken, deferred = select(wanted, limits, "")
    reason = limits_reached(taken, deferred, limits)
    return LeftOut(refused, {each.path: reason[each.path] for each in deferred if not each.has_open_order})
