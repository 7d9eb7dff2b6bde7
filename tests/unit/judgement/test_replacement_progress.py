"""How far a replacement has come, and whether it will make its deadline."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.judgement.replacement_progress import ReplacementProgress, progress_of
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from tests.unit.orders import an_order
from tests.unit.system import IDP, NOW, stored_by

RULE = ReplacementRule(
    NOW, "", "incident", deadline=NOW + timedelta(hours=24), certificates=100, planned_hours=4, asked_at=NOW
)
"""It covers 100 certificates, in four hours as planned."""


def left(count: int) -> list[ManagedCertificate]:
    """Certificates that are still to be replaced."""
    return [ManagedCertificate(replace(IDP, name=f"c{n}"), stored_by(IDP, age=20)) for n in range(count)]


def replaced() -> ManagedCertificate:
    """A certificate that was replaced."""
    stored_at = NOW + timedelta(hours=1)
    return ManagedCertificate(IDP, replace(stored_by(IDP, not_before=stored_at), stored_at=stored_at))


def after(hours: float, certificates: list[ManagedCertificate], rule: ReplacementRule = RULE) -> ReplacementProgress:
    """The progress *hours* after the rule was stored."""
    return progress_of(rule, certificates, NOW + timedelta(hours=hours))


def test_each_certificate_is_counted_once() -> None:
    """The numbers add up to what the rule covered."""
    waiting, ordered, lost, stuck, failing = left(5)
    ordered = replace(ordered, order=an_order(ssl_id=4711))
    lost = replace(lost, order=an_order(ssl_id=None))
    stuck = replace(stuck, order=an_order(storing_error="KeyLost"))
    failing = replace(failing, failures=1)

    found = after(1, [waiting, ordered, lost, stuck, failing, replaced()])

    assert (found.done, found.in_flight, found.unconfirmed, found.failed, found.waiting) == (95, 1, 1, 2, 1)
    assert found.left == 5


@pytest.mark.parametrize(("unknown", "earlier"), [(frozenset(), 0), (frozenset({"0BAD"}), 1)], ids=["known", "unknown"])
def test_a_rule_by_serials_counts_no_other_orders_as_its_own(unknown: frozenset[str], earlier: int) -> None:
    """Ordinary renewals were in flight; one matters while a serial is unknown: its certificate may have it."""
    covered, other = left(2)
    other = replace(other, stored=replace(stored_by(IDP, age=20), serial="0FF"), order=an_order(ssl_id=4711))
    assert covered.stored
    rule = replace(RULE, serials=unknown | {covered.stored.serial}, certificates=1)

    found = after(1, [covered, other], rule)

    assert (found.in_flight, found.earlier_orders, found.waiting) == (0, earlier, 1)
    assert rule.may_cover(other) is bool(earlier)


def test_what_is_stored_and_not_served_is_not_complete() -> None:
    """Clients still meet the certificate that the CA revokes."""
    spec = replace(IDP, served_at=(Endpoint("idp.univ.example"),))
    stored = replace(replaced(), spec=spec)

    found = after(2, [stored])

    assert (found.left, found.not_served, found.is_complete) == (0, 1, False)
    assert after(25, [stored]).is_late
    assert after(2, [replaced()]).is_complete


@pytest.mark.parametrize(
    ("hours", "remaining", "is_late"),
    [
        (1, 100, False),  # the first run has ordered; the plan counts
        (5, 60, False),  # 40 in four hours: 6 more hours
        (11, 90, True),  # 10 in ten hours
        (23, 4, False),  # 96 in 22 hours: within the hour
        (24, 1, True),  # the deadline
        (5, 100, True),  # nothing was replaced in the time that was planned for all
    ],
)
def test_the_estimated_end_is_compared_with_the_deadline(hours: float, remaining: int, *, is_late: bool) -> None:
    """An alarm that is late, or that goes off in the first hour of every incident, is ignored."""
    assert after(hours, left(remaining)).is_late is is_late


def test_a_rule_of_an_earlier_version_has_no_estimate() -> None:
    """It is not known how many it covered; nothing is invented."""
    found = after(30, left(3), ReplacementRule(NOW, "", "earlier"))

    assert (found.done, found.ends_at, found.rate, found.is_late) == (None, None, None, False)
