"""Guards against a run that does too much."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from renewal.domain.delegation import CertificateSpec
from renewal.domain.due import Cause, Decision
from renewal.domain.limits import DueCertificate, Limits, limits_reached, select, too_many_due
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import Caps, ReplacementRule
from tests.unit.orders import an_order
from tests.unit.system import IDP, NOW, stored_by

MANY = Limits(100, 1000, 0.5)


def due(name: str, *causes: Cause, age: float | None = 150, delegation: str = "univ") -> DueCertificate:
    """A due certificate that was issued *age* days ago (None = there is none)."""
    spec: CertificateSpec = replace(IDP, delegation=delegation, name=name)
    stored = None if age is None else stored_by(spec, age=age)
    order = an_order() if Cause.ORDER_OPEN in causes else None
    return DueCertificate.of(ManagedCertificate(spec, stored, order), Decision(causes or (Cause.AGE,), None))


def names(found: list[DueCertificate]) -> list[str]:
    return [candidate.name for candidate in found]


def test_open_orders_go_first_then_the_nearest_expiry() -> None:
    """What was ordered is paid for; what expires first hurts first; what is new serves no one."""
    found = [
        due("new", Cause.NEW, age=None),
        due("young", age=140),
        due("old", age=198),
        due("open", Cause.ORDER_OPEN, age=1),
    ]

    taken, deferred = select(found, MANY, "run")

    assert names(taken) == ["open", "old", "young", "new"]
    assert not deferred


def test_equal_urgency_is_ordered_by_name() -> None:
    """Two runs over one estate take the same."""
    assert names(select([due("b"), due("c"), due("a")], MANY, "run")[0]) == ["a", "b", "c"]


def test_a_delegation_takes_no_more_than_its_share() -> None:
    """One organisation's backlog must not hold up the others."""
    found = [due(f"a{n}", age=199 - n) for n in range(4)] + [due("b0", age=100, delegation="other")]

    taken, deferred = select(found, Limits(2, 10, 0.5), "run")

    assert names(taken) == ["a0", "a1", "b0"]
    assert names(deferred) == ["a2", "a3"]


def test_a_run_takes_no_more_than_its_share() -> None:
    """Nearest expiry first, over all delegations."""
    found = [due(f"c{n}", age=100 + n, delegation=f"d{n}") for n in range(5)]

    taken, deferred = select(found, Limits(10, 2, 0.5), "run")

    assert names(taken) == ["c4", "c3"]
    assert names(deferred) == ["c2", "c1", "c0"]


def test_orders_that_never_end_do_not_hold_renewals_up() -> None:
    """A CA that sits on thirty orders must not let the other certificates of their delegation expire."""
    found = [due(f"stuck{n}", Cause.ORDER_OPEN) for n in range(5)] + [due(f"due{n}") for n in range(5)]

    taken, deferred = select(found, Limits(4, 1000, 0.5), "run")

    assert [name.rstrip("01234") for name in names(taken)] == ["stuck", "stuck", "due", "due"]
    assert len(deferred) == 6


def test_open_orders_get_the_capacity_that_is_left() -> None:
    """Half of the share is theirs for sure; the rest while it is free."""
    found = [due(f"open{n}", Cause.ORDER_OPEN) for n in range(5)] + [due("due")]

    assert [name.rstrip("01234") for name in names(select(found, Limits(4, 1000, 0.5), "run")[0])] == [
        *["open"] * 3,
        "due",
    ]


def test_each_run_polls_other_orders_and_none_leaves_what_is_issued() -> None:
    """Thirty orders that no one approves came first by name, in each run, while SCM had issued others."""
    found = [due(f"a{number}", Cause.ORDER_OPEN) for number in range(30)]
    issued = replace(due("z", Cause.ORDER_OPEN), is_issued=True)

    taken = [names(select([*found, issued], Limits(10, 1000, 0.5), f"run{number}")[0]) for number in range(30)]

    assert all(each[0] == "z" for each in taken)
    assert {name for each in taken for name in each} == {"z", *names(found)}


def covered(candidate: DueCertificate, *, hours: float = 24, caps: Caps | None = None) -> DueCertificate:
    """The certificate, covered by a rule whose deadline is in *hours*."""
    rule = ReplacementRule(NOW, "", "mass revocation", deadline=NOW + timedelta(hours=hours), caps=caps)
    return replace(candidate, rules=(rule,))


def test_raised_caps_hold_for_what_their_rule_covers_only() -> None:
    """The operator has confirmed more orders for the incident, and none for anything else."""
    mine = [covered(due(f"m{n}", Cause.REPLACEMENT), caps=Caps(5, 9)) for n in range(7)]
    others = [due(f"o{n}") for n in range(3)]

    taken, deferred = select([*mine, *others], Limits(2, 4, 0.5), "run")

    assert sorted(names(taken)) == ["m0", "m1", "m2", "o0", "o1"]
    assert len(deferred) == 5


def test_the_caps_of_a_rule_hold_for_no_other_rule() -> None:
    """The operator confirmed a hundred orders for one incident, and two for the other."""
    low = [covered(due(f"low{n}", Cause.REPLACEMENT), caps=Caps(4, 20)) for n in range(9)]
    high = [covered(due(f"high{n}", Cause.REPLACEMENT), caps=Caps(100, 1000)) for n in range(3)]

    taken, _ = select([*low, *high], Limits(2, 10, 0.5), "run")

    assert sorted(names(taken)) == ["high0", "high1", "high2", "low0", "low1", "low2", "low3"]


def test_a_raised_cap_of_a_run_bounds_all_delegations_together() -> None:
    """What the operator confirmed is the number of orders of a run, not of each delegation."""
    caps = Caps(5, 6)
    mine = [covered(due(f"c{n}", delegation=f"d{n % 3}"), caps=caps) for n in range(12)]

    assert len(select(mine, Limits(2, 4, 0.5), "run")[0]) == 6


def test_without_raised_caps_a_rule_stays_within_those_of_the_stack() -> None:
    """A limit is raised by the operator and by nothing else."""
    mine = [covered(due(f"c{n}", Cause.REPLACEMENT)) for n in range(4)]

    assert len(select(mine, Limits(2, 10, 0.5), "run")[0]) == 2


def test_what_a_rule_covers_is_plausible() -> None:
    """The operator has confirmed how many are replaced; the hourly run failed, and collected nothing."""
    found = [covered(due(f"c{n}", Cause.LAST_RESORT, Cause.REPLACEMENT)) for n in range(30)]

    assert too_many_due(found, lambda _: 40, MANY) is None


def test_the_nearest_deadline_goes_first() -> None:
    """A certificate that the CA revokes tomorrow hurts before one that expires in a week."""
    found = [due("old", age=192), covered(due("later", age=10), hours=48), covered(due("soon", age=1), hours=20)]

    assert names(select(found, MANY, "run")[0]) == ["soon", "later", "old"]


def test_nothing_due_is_nothing_taken() -> None:
    """The ordinary day."""
    assert select([], MANY, "run") == ([], [])


@pytest.mark.parametrize(
    ("by_age", "others", "estate", "is_plausible"),
    [
        (19, 0, 19, True),
        (20, 0, 20, False),
        (10, 0, 20, True),
        (11, 0, 20, False),
        (10, 90, 100, True),
        (51, 0, 100, False),
    ],
)
def test_more_than_a_share_of_the_estate_due_by_age_is_not_believed(
    by_age: int, others: int, estate: int, is_plausible: bool
) -> None:
    """A wrong clock makes everything old at once; new, changed and requested certificates come from an operator."""
    found = [due(f"a{n}") for n in range(by_age)] + [due(f"n{n}", Cause.NEW, age=None) for n in range(others)]

    doubt = too_many_due(found, lambda _: estate, MANY)

    assert (doubt is None) == is_plausible
    if doubt:
        assert f"{by_age} of {estate} certificates are due by age at once, so a daily run orders none of them" in str(
            doubt
        )
        assert "--all-due-is-right" in str(doubt)


def test_expired_certificates_count_as_due_by_age() -> None:
    """A clock that is ten years fast shows nothing else."""
    found = [due(f"a{n}", Cause.EXPIRED, age=900) for n in range(20)]

    assert too_many_due(found, lambda _: 20, MANY)


def test_what_a_rule_covers_names_the_limit_of_the_rule() -> None:
    """That of the stack has been raised for it."""
    found = [covered(due(f"c{number}", Cause.REPLACEMENT), caps=Caps(3, 100)) for number in range(5)]
    limits = Limits(orders_per_delegation=2, orders_per_run=10, due_share=0.5)

    assert set(limits_reached(*select(found, limits, "run"), limits).values()) == {"OrdersPerDelegation=3"}


def test_what_is_deferred_names_the_limit_that_was_reached() -> None:
    """The operator who raises the wrong limit waits another day."""
    limits = Limits(orders_per_delegation=2, orders_per_run=3, due_share=0.5)
    found = [due("a"), due("b"), due("c"), *(replace(due("d", age=1), delegation="lycee", name=n) for n in "de")]

    taken, deferred = select(found, limits, "run")

    assert limits_reached(taken, deferred, limits) == {
        "univ/c": "OrdersPerDelegation=2",
        "lycee/e": "OrdersPerRun=3",
    }
