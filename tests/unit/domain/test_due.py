"""When is a certificate due, and why?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renewal.domain.delegation import RenewalPolicy
from renewal.domain.due import (
    EVERY_DAILY_RUN,
    EVERY_RUN,
    EVERY_VERIFICATION,
    Cause,
    decide,
    last_resort,
    next_action,
    renewal_point,
)
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.key_type import KeyType
from renewal.domain.replacement_rule import ReplacementRule
from tests.unit.orders import an_order
from tests.unit.system import IDP, NOW, managed, stored_by

LIFETIMES = [199, 99, 46, 6]
DAY = timedelta(days=1)
ISSUER = "sectigo"

ratios = st.floats(0.0, 1.0)
floors = st.integers(0, 100_000)
policies = st.builds(RenewalPolicy, ratios, floors)
lifetimes = st.timedeltas(min_value=timedelta(hours=1), max_value=timedelta(days=825))
paths = st.text("abcdefghijklmnopqrstuvwxyz-/", min_size=3, max_size=40)


def point(path: str, lifetime: timedelta, policy: RenewalPolicy) -> datetime:
    return renewal_point(path, NOW, NOW + lifetime, policy)


# ---- The renewal point ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", LIFETIMES)
def test_a_certificate_is_due_in_the_last_third_or_half_of_its_lifetime(days: int) -> None:
    """A ratio follows the lifetimes as they shrink; a number of days does not."""
    window = days * (1 / 2 if days < 10 else 1 / 3)

    at = renewal_point("univ/idp", NOW, NOW + days * DAY, RenewalPolicy())

    assert NOW + (days - window) * DAY <= at <= NOW + (days - window * 4 / 5) * DAY


@pytest.mark.parametrize("days", [199, 6])
@pytest.mark.parametrize("ratio", [0.1, 1 / 3])
def test_thousands_of_certificates_of_one_day_come_back_evenly(days: int, ratio: float) -> None:
    """An estate applied in an afternoon must not be an estate renewed in an afternoon, whatever its policy."""
    policy = RenewalPolicy(ratio=ratio)
    points = [renewal_point(f"univ-{n % 100}/c{n}", NOW, NOW + days * DAY, policy) for n in range(3_000)]
    spread = max(points) - min(points)

    buckets = Counter(int((at - min(points)) / (spread / 10)) for at in points)

    assert spread > days * DAY * 0.015
    assert max(buckets.values()) < 2 * 3_000 / 10


def test_the_busiest_day_of_an_ordinary_estate_is_below_twice_the_mean() -> None:
    """199 days and a third: the load of a bulk order is spread over nearly two weeks."""
    days = Counter((point(f"univ-{n % 100}/c{n}", 199 * DAY, RenewalPolicy()) - NOW).days for n in range(10_000))

    assert len(days) >= 13
    assert max(days.values()) < 2 * 10_000 / len(days)


@given(paths, lifetimes, policies)
def test_the_renewal_point_is_inside_the_lifetime_whatever_the_policy(
    path: str, lifetime: timedelta, policy: RenewalPolicy
) -> None:
    """At the earliest when half is over, so that nothing renews in a loop; at the latest with a tenth left."""
    at = point(path, lifetime, policy)
    slack = timedelta(microseconds=2)

    assert NOW + lifetime / 2 - slack <= at <= last_resort(NOW, NOW + lifetime) + slack


@given(paths, lifetimes, ratios, ratios, floors, floors)
def test_more_generous_policies_never_renew_later(
    path: str, lifetime: timedelta, first: float, other: float, few: int, many: int
) -> None:
    """Who raises the ratio or the floor gets at least as much time."""
    less = RenewalPolicy(min(first, other), min(few, many))
    more = RenewalPolicy(max(first, other), max(few, many))

    assert point(path, lifetime, more) <= point(path, lifetime, less) + timedelta(microseconds=2)


@given(paths, lifetimes, policies)
def test_the_point_does_not_move_while_one_waits(path: str, lifetime: timedelta, policy: RenewalPolicy) -> None:
    """Once due, always due: a missed day must not end renewals."""
    spec = replace(IDP, policy=policy)
    stored = stored_by(spec, age=0, days=lifetime / DAY)
    certificate = managed(spec=spec, stored=stored)
    at = decide(certificate, NOW).renew_at
    assert at is not None

    assert not decide(certificate, at - timedelta(seconds=1)).is_due
    assert all(decide(certificate, at + span).is_due for span in (timedelta(0), lifetime, 1000 * DAY))


@pytest.mark.parametrize("days", LIFETIMES)
@pytest.mark.parametrize("policy", [RenewalPolicy(0.5, 1000), RenewalPolicy(0.1), RenewalPolicy(1 / 3, 30)])
def test_a_year_of_daily_runs_renews_a_bounded_number_of_times(days: int, policy: RenewalPolicy) -> None:
    """The product of lifetime and policy is what an unwatched loop would be made of."""
    spec, renewals, now = replace(IDP, policy=policy), 0, NOW
    stored = stored_by(spec, days=days)
    for _ in range(365):
        now += DAY
        if decide(managed(spec=spec, stored=stored), now).is_due:
            renewals += 1
            stored = replace(stored, not_before=now, not_after=now + days * DAY)

    assert renewals <= 365 / (days / 2)


# ---- Causes --------------------------------------------------------------------------------------------------------

OLD_STANDING_ORDER = ReplacementRule(NOW - 5 * DAY, "SECTIGO public", "key ceremony went wrong")


@pytest.mark.parametrize(
    ("causes", "certificate", "more"),
    [
        ([], managed(age=1), {}),
        (["new"], managed(), {}),
        (["age"], managed(age=150), {}),
        (["last-resort"], managed(age=180), {}),
        (["expired"], managed(age=199), {}),
        (["expired"], managed(age=900), {}),
        (["names-changed"], managed(age=1, spec=replace(IDP, names=("idp.univ.example", "sp.univ.example"))), {}),
        (["profile-changed"], managed(age=1, spec=replace(IDP, profile_id=7)), {}),
        (["key-type-changed"], managed(age=1, spec=replace(IDP, key_type=KeyType.RSA_2048)), {}),
        (["stores-changed"], managed(age=1, spec=replace(IDP, stores=("s3", "acm:eu-west-3"))), {}),
        (["revoked"], managed(age=1), {"withdrawn": {"ABC": Cause.REVOKED}}),
        ([], managed(age=1), {"withdrawn": {"DEF": Cause.REVOKED}}),
        (["asked"], managed(age=1, asked_reason="moved to another rack"), {}),
        (["replacement"], managed(age=10), {"replacements": [OLD_STANDING_ORDER]}),
        (["order-open"], managed(order=an_order()), {}),
        (["order-open"], managed(age=180, asked_reason="again", order=an_order()), {}),
        (["replaced-in-scm"], managed(age=1), {"withdrawn": {"ABC": Cause.REPLACED_IN_SCM}}),
        (["asked", "age", "revoked"], managed(age=150, asked_reason="why not"), {"withdrawn": {"ABC": Cause.REVOKED}}),
    ],
)
def test_every_cause_has_its_name(causes: list[str], certificate: Any, more: dict[str, Any]) -> None:
    """Reports, audit rows and metrics use these words."""
    assert list(decide(certificate, NOW, **more).causes) == causes


@pytest.mark.parametrize("changes", [{"names": ("idp.univ.example",)}, {"stores": ("s3", "acm:eu-west-3")}])
def test_storing_more_than_is_wanted_is_no_reason_to_order(changes: dict[str, Any]) -> None:
    """A store that the spec does not name any more costs no certificate."""
    assert not decide(managed(stored=stored_by(IDP, age=1, **changes)), NOW).causes


def test_the_order_of_names_does_not_matter() -> None:
    """Names are a set: sorting a file must not order certificates."""
    names = ("a.apps.univ.example", "b.apps.univ.example")
    stored = stored_by(IDP, age=1, names=names[::-1])

    assert not decide(managed(spec=replace(IDP, names=names), stored=stored), NOW).causes


# ---- Standing orders to replace ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_covered", "issued_before", "issuer"),
    [
        (True, NOW - 9 * DAY, ""),
        (True, NOW - 9 * DAY, ISSUER),
        (False, NOW - 9 * DAY, "Harica"),
        (False, NOW - 11 * DAY, ISSUER),
    ],
)
def test_a_standing_order_covers_what_that_issuer_issued_before(
    is_covered: bool, issued_before: datetime, issuer: str
) -> None:
    """The certificate is ten days old."""
    causes = decide(managed(age=10), NOW, replacements=[ReplacementRule(issued_before, issuer, "r")]).causes

    assert (Cause.REPLACEMENT in causes) is is_covered


def test_a_certificate_that_is_dated_back_is_not_replaced_twice() -> None:
    """Sectigo's certificates begin at midnight: by that date alone each run of the day would order once more."""
    rules = [ReplacementRule(NOW, ISSUER, "mass revocation")]
    recent = stored_by(IDP, not_before=NOW.replace(hour=0), stored_at=NOW + timedelta(hours=1))
    stale = replace(recent, stored_at=NOW - timedelta(hours=1))

    assert not decide(managed(stored=recent), NOW + timedelta(hours=2), replacements=rules).causes
    assert decide(managed(stored=stale), NOW + timedelta(hours=2), replacements=rules).causes == ("replacement",)


def test_a_replacement_rule_of_the_future_is_not_in_force() -> None:
    """Every certificate is "issued before tomorrow": acting now would order again each day until then."""
    rules = [ReplacementRule(NOW + DAY, "", "announced")]

    assert not decide(managed(age=10), NOW, replacements=rules).causes
    assert decide(managed(age=10), NOW + DAY, replacements=rules).causes == ("replacement",)


@pytest.mark.parametrize(
    ("members", "is_covered"),
    [
        ({"delegations": ("univ",)}, True),
        ({"delegations": ("lab", "other")}, False),
        ({"serials": ("ABC",)}, True),
        ({"serials": ("DEF",)}, False),
        ({"serials": ("ABC",), "delegations": ("lab",)}, False),
    ],
)
def test_a_rule_can_name_delegations_or_serials(members: dict[str, tuple[str, ...]], *, is_covered: bool) -> None:
    """A CA lists serials; an organisation has lost its keys."""
    serving = managed(stored=replace(stored_by(IDP, age=10), serial="ABC"))
    rule = ReplacementRule(NOW, "", "incident", **members)  # type: ignore[arg-type]

    assert (Cause.REPLACEMENT in decide(serving, NOW, replacements=[rule]).causes) is is_covered


def test_an_adopted_certificate_is_covered_by_the_date_in_it() -> None:
    """It was stored here long after it was issued."""
    adopted = stored_by(IDP, age=100, stored_at=NOW)

    assert decide(managed(stored=adopted), NOW, replacements=[OLD_STANDING_ORDER]).causes == ("replacement",)


# ---- Holds ---------------------------------------------------------------------------------------------------------

LATER = NOW + 3 * DAY


@pytest.mark.parametrize(
    ("is_held", "certificate"),
    [
        (True, managed(hold_until=LATER)),
        (True, managed(age=150, hold_until=LATER)),
        (False, managed(age=150, hold_until=NOW)),
        (False, managed(age=180, hold_until=LATER)),
        (False, managed(age=300, hold_until=LATER)),
        (False, managed(age=150, hold_until=LATER, asked_reason="the RAO agreed")),
        (False, managed(age=150, hold_until=LATER, order=an_order())),
    ],
    ids=["new", "by age", "over", "last tenth", "expired", "asked", "open order"],
)
def test_a_hold_keeps_back_what_can_wait(is_held: bool, certificate: Any) -> None:
    """The RAO declined the last order: no new one before it is requested or the service is at risk."""
    decision = decide(certificate, NOW)

    assert decision.is_held is is_held
    assert decision.causes
    assert decision.is_due is not is_held


# ---- When the daily run looks again --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "certificate",
    [
        managed(),
        managed(age=150),
        managed(age=1, asked_reason="please"),
    ],
)
def test_the_next_daily_run_takes_what_is_due_whatever_the_clock_of_the_writer(certificate: Any) -> None:
    """A file that was applied on a laptop with the date of next year was in no index for a year."""
    assert next_action(certificate, NOW + 365 * DAY) == EVERY_DAILY_RUN


def test_each_run_takes_what_has_declared_endpoints_after_the_open_orders() -> None:
    """Any run may verify them; what only a daily run orders comes after them, and is not read every hour."""
    served = managed(age=1, spec=replace(IDP, served_at=(Endpoint("idp.univ.example"),)))

    assert EVERY_RUN < next_action(served, NOW) == EVERY_VERIFICATION < EVERY_DAILY_RUN


def test_open_orders_are_before_everything_else_that_waits() -> None:
    """The hourly runs read them and nothing else, also when the file of such a certificate was applied."""
    assert next_action(managed(age=150, order=an_order()), NOW) == EVERY_RUN


def test_no_hold_sleeps_through_the_last_tenth() -> None:
    """46 days: the last tenth is 4.6 days, the longest hold is 8. Found by asking the index, not `decide`."""
    certificate = managed(age=40, days=46, hold_until=NOW + 8 * DAY)
    assert certificate.stored is not None

    next_at = next_action(certificate, NOW)

    assert next_at == last_resort(certificate.stored.not_before, certificate.stored.not_after)
    assert decide(certificate, next_at).is_due


@given(st.floats(0, 400), st.floats(6, 398), st.booleans(), st.floats(-5, 20))
def test_the_index_never_lies(age: float, days: float, is_asked: bool, hold: float) -> None:
    """At the next action something is to be done, and a millisecond earlier nothing."""
    certificate = managed(age=age, days=days, asked_reason="x" if is_asked else "", hold_until=NOW + hold * DAY)

    at = next_action(certificate, NOW)

    assert decide(certificate, max(at, NOW)).is_due
    assert at <= NOW or not decide(certificate, at - timedelta(milliseconds=1)).is_due
