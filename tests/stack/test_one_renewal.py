"""What one renewal takes, in a real local run, and whether the cost model counts the same."""

from __future__ import annotations

import pytest

from gate.computed import with_parts
from stack import cost
from stack.measure.one_renewal import STORES, WHY, Renewal, calls_table, measure

MOST_SCM_REQUESTS = 4  # order, collect, mark the predecessor, and the search that proves that searches find orders
PENDING = 3


@pytest.fixture(scope="module")
def at_once() -> Renewal:
    """A renewal in S3 that SCM issues at once."""
    return measure(STORES[0])


@pytest.fixture(scope="module")
def in_acm() -> Renewal:
    """A renewal in ACM that SCM issues at once."""
    return measure(STORES[1])


@pytest.fixture(scope="module")
def later() -> Renewal:
    """A renewal in S3 that three polls find pending."""
    return measure(STORES[0], PENDING)


def test_a_renewal_issued_at_once_makes_few_calls(at_once: Renewal) -> None:
    """SCM limits rates, and each call of AWS is one more at which a run may be killed."""
    assert len(at_once.scm) <= MOST_SCM_REQUESTS, at_once.scm
    assert sum(at_once.aws.values()) <= cost.CALLS_OF_A_RENEWAL, at_once.aws


def test_a_renewal_in_acm_makes_no_more(in_acm: Renewal) -> None:
    """It has other calls: the owner of the ARN is looked up before the order and before the import."""
    assert len(in_acm.scm) <= MOST_SCM_REQUESTS, in_acm.scm
    assert sum(in_acm.aws.values()) < cost.CALLS_OF_A_RENEWAL, in_acm.aws


def test_the_page_has_each_call_with_its_reason(at_once: Renewal, in_acm: Renewal) -> None:
    """A call without a reason is one too many: `python -m stack.measure.one_renewal --write` (docs/cost.md)."""
    assert {*at_once.aws, *in_acm.aws} == set(WHY)
    text = cost.DOCUMENT.read_text(encoding="utf-8")
    assert with_parts(text, {"calls": calls_table(at_once, in_acm)}) == text


def test_a_renewal_enters_a_state_for_the_order_and_one_for_each_poll(at_once: Renewal, later: Renewal) -> None:
    """Transitions are what Step Functions charges: what 10,000 renewals enter is entered 10,000 times."""
    assert (at_once.polls, at_once.transitions) == (1, 2)
    assert (later.polls, later.transitions) == (PENDING + 1, PENDING + 2)


def test_the_cost_model_counts_what_a_run_does(at_once: Renewal, later: Renewal) -> None:
    """The model is arithmetic; without a run beside it, it kept the transitions of an earlier state machine."""
    polled_at_once = cost.POLL_TRANSITIONS - 1  # nothing is waited for
    alone = cost.DAILY_TRANSITIONS + cost.INSPECTION_TRANSITIONS

    assert at_once.shared_transitions == alone + polled_at_once
    assert later.shared_transitions - at_once.shared_transitions == PENDING * cost.POLL_TRANSITIONS
    assert (
        sum(later.aws.values()) - sum(at_once.aws.values()) == PENDING * cost.CALLS_OF_A_POLL + cost.CALLS_OF_A_STATUS
    )
    assert len(later.scm) == MOST_SCM_REQUESTS + PENDING + cost.SCM_OF_A_STATUS
    assert at_once.inspection_scm == cost.SCM_OF_AN_INSPECTION
    assert at_once.daily_scm == cost.SCM_OF_A_QUIET_DAY
    assert at_once.inspection_aws == cost.CALLS_OF_AN_INSPECTION + cost.CALLS_OF_A_COMPARISON
