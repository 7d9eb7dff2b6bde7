"""How far the work for a replacement rule has come, and when it will end at this rate."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from renewal.domain.delegation import CertificatePath
from renewal.domain.endpoint.observation import ServiceState
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.service.state import service_state

_HOUR = timedelta(hours=1)
FIRST_HOURS = 2.0
"""In which no rate is known: what one hourly run orders is collected and counted by the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementProgress:
    """The work for one rule at a given time; numbers of certificates."""

    reason: str
    issuer: str = ""
    issued_before: datetime
    deadline: datetime | None = None
    began_at: datetime | None = None
    """When the rule came into force; None in reports of earlier versions."""
    covered: int | None = None
    """How many it covered when it was stored; None for a rule of an earlier version."""
    done: int | None = None
    """How many of them are stored."""
    in_flight: int
    """How many of what it covers have an open order that SCM has."""
    unconfirmed: int = 0
    """How many have one of which it is not known whether SCM has it, because the answer was lost."""
    earlier_orders: int = 0
    """How many others have an order that began before the rule: it may cover what that leads to."""
    failed: int
    """How many have a failed order: held, or with a certificate that was not stored."""
    waiting: int
    """How many are not ordered."""
    not_served: int
    """How many certificates that were stored since, and declare endpoints, are not served by all of them."""
    rate: float | None = None
    """Certificates stored in an hour; None in the first hours."""
    ends_at: datetime | None = None
    """When all will be stored, at this rate or as planned; None: not known."""
    is_late: bool = False
    """Whether that is after the deadline, or the deadline is over and something is left."""
    delegations: tuple[str, ...] = ()
    """Of the rule; empty = all."""
    ended_at: datetime | None = None
    """When a run found the work complete; None while the rule is in force."""
    paused: tuple[str, ...] = ()
    """The delegations for which the run ordered nothing because SCM was not available."""
    is_listed: bool = True
    """Whether there is a list of what the rule may cover. Without one no run ends it: the index, by which everything
    is found then, may have lost a certificate."""

    @property
    def left(self) -> int:
        """How many are not stored."""
        return self.in_flight + self.unconfirmed + self.earlier_orders + self.failed + self.waiting

    def paused_in(self, delegations: tuple[str, ...]) -> Self:
        """Return it with those of *delegations* that the rule covers, while work is left; SCM was not available."""
        mine = tuple(name for name in delegations if not self.delegations or name in self.delegations)
        return replace(self, paused=mine) if self.left else self

    @property
    def is_complete(self) -> bool:
        """Whether all are stored, and served where that is verified."""
        return not self.left and not self.not_served


@dataclass(slots=True)
class ReplacementTally:
    """Counts the certificates of one rule one by one, so that none of them is kept."""

    rule: ReplacementRule
    now: datetime
    listed: Collection[CertificatePath] | None = None
    """What is listed with the rule; what is not was issued after it. None: nothing is listed."""
    _covered: int = 0
    _in_flight: int = 0
    _unconfirmed: int = 0
    _earlier_orders: int = 0
    _failed: int = 0
    _waiting: int = 0
    _not_served: int = 0

    def add(self, certificate: ManagedCertificate) -> None:
        """Count *certificate*, if the rule covers or covered it; nothing for a rule that has ended."""
        if not self.rule.is_in_force or not self._is_mine(certificate):
            return
        is_covered = self.rule.covers(certificate)
        self._covered += is_covered
        self._not_served += _is_not_served(certificate, self.rule, self.now)
        if is_covered:
            self._count(certificate)
        else:
            self._earlier_orders += _is_undecided(certificate, self.rule)

    def _count(self, certificate: ManagedCertificate) -> None:
        if has_failed(certificate):
            self._failed += 1
        elif certificate.order is None:
            self._waiting += 1
        elif certificate.order.ssl_id is None:
            self._unconfirmed += 1
        else:
            self._in_flight += 1

    def _is_mine(self, certificate: ManagedCertificate) -> bool:
        if self.listed is not None and certificate.spec.record_key not in self.listed:
            return False
        return not self.rule.delegations or certificate.spec.delegation in self.rule.delegations

    def progress(self) -> ReplacementProgress:
        """Return how far the work has come."""
        rule, now = self.rule, self.now
        done = None if rule.certificates is None else max(rule.certificates - self._covered, 0)
        left = self._in_flight + self._unconfirmed + self._earlier_orders + self._failed + self._waiting
        rate, ends_at = _estimate(rule, done, left, now)
        return ReplacementProgress(
            reason=rule.reason,
            issuer=rule.issuer,
            issued_before=rule.issued_before,
            deadline=rule.deadline,
            began_at=rule.began_at,
            delegations=rule.delegations,
            covered=rule.certificates,
            done=done,
            in_flight=self._in_flight,
            unconfirmed=self._unconfirmed,
            earlier_orders=self._earlier_orders,
            failed=self._failed,
            waiting=self._waiting,
            not_served=self._not_served,
            rate=rate,
            ends_at=ends_at,
            ended_at=rule.ended_at,
            is_listed=self.listed is not None,
            is_late=_is_late(rule, left + self._not_served, rate, ends_at, now),
        )


def progress_of(
    rule: ReplacementRule,
    certificates: Iterable[ManagedCertificate],
    now: datetime,
    *,
    listed: Collection[CertificatePath] | None = None,
) -> ReplacementProgress:
    """Return how far the work for *rule* has come; *certificates*: all that it covers or covered, and any others.

    A rule that has ended counts as complete, whatever has become of its certificates since. An ordinary renewal since
    the rule began counts as not served, too, until its endpoints serve it.
    """
    tally = ReplacementTally(rule, now, listed)
    for certificate in certificates:
        tally.add(certificate)
    return tally.progress()


def _is_undecided(certificate: ManagedCertificate, rule: ReplacementRule) -> bool:
    """Return whether an order that began before the rule may lead to a certificate that it covers."""
    order = certificate.order
    return order is not None and order.opened_at <= rule.began_at and rule.may_cover_unissued


def has_failed(certificate: ManagedCertificate) -> bool:
    """Return whether its last order failed, or left a certificate that was not stored."""
    if certificate.order is not None:
        return bool(certificate.order.storing_error)
    return certificate.failures > 0


def _is_not_served(certificate: ManagedCertificate, rule: ReplacementRule, now: datetime) -> bool:
    stored = certificate.stored
    if stored is None or stored.stored_at < rule.began_at:
        return False
    return service_state(certificate, now) not in {ServiceState.SERVED, ServiceState.NOT_DECLARED}


def _estimate(
    rule: ReplacementRule, done: int | None, left: int, now: datetime
) -> tuple[float | None, datetime | None]:
    """Return certificates an hour, and when the last one is stored; in the first hours as planned."""
    if not left:
        return None, now
    hours = (now - rule.began_at) / _HOUR
    if done is None or not rule.certificates:
        return None, None
    if hours <= max(FIRST_HOURS, rule.planned_hours or 0.0) and not done:
        return None, None if rule.planned_hours is None else now + rule.planned_hours * _HOUR
    # The first run orders, the second collects: the hour between them is not part of the rate.
    rate = done / max(hours - 1, 1.0)
    return round(rate, 2), now + left / rate * _HOUR if rate else None


def _is_late(rule: ReplacementRule, left: int, rate: float | None, ends_at: datetime | None, now: datetime) -> bool:
    if rule.deadline is None or not left:
        return False
    is_stopped = rate == 0.0
    return now >= rule.deadline or is_stopped or (ends_at is not None and ends_at > rule.deadline)
