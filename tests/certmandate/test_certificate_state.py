"""The states of `plan`, `status` and `show` match what the next run does."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from certmandate.certificate_state import State, state_of
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.snapshot import DelegatedName
from tests.unit.estate import NOW, managed
from tests.unit.orders import an_order


def inspection(*, dcv_days: int) -> Inspection:
    """The last inspection: the validation of the name expires in *dcv_days*."""
    entry = DelegatedName(
        "idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", NOW.date() + timedelta(days=dcv_days)
    )
    return Inspection("run", NOW, delegated=(entry,))


def test_a_renewal_before_an_expiring_validation_has_its_day() -> None:
    """`check` and `plan` reported different days."""
    found = state_of(managed(age=110), NOW, inspection=inspection(dcv_days=20))

    day = NOW.date() + timedelta(days=13)
    assert found.state is State.FINE
    assert found.next_step() == f"renewed from {day}, before a domain validation expires"


def test_a_validation_that_expires_soon_makes_the_certificate_due() -> None:
    """The next run renews it, so its state must not be fine."""
    found = state_of(managed(age=110), NOW, inspection=inspection(dcv_days=5))

    assert found.state is State.DUE
    assert found.next_step() == "the next run renews it (dcv-lapsing)"


def test_a_renewal_by_age_has_its_day_only() -> None:
    """No validation brings it forward."""
    found = state_of(managed(age=20), NOW, inspection=inspection(dcv_days=190))

    assert found.next_step() == f"renewed from {found.renew_at:%Y-%m-%d}"


@pytest.mark.parametrize(
    ("age", "ends", "state"),
    [
        (20, NOW.date() + timedelta(days=30), State.FINE),
        (150, NOW.date() - timedelta(days=1), State.MANDATE_ENDED),
        (190, NOW.date() - timedelta(days=1), State.NEAR_EXPIRY),
        (None, NOW.date() - timedelta(days=1), State.MANDATE_ENDED),
    ],
)
def test_no_renewal_is_announced_after_the_end_of_the_mandate(age: float | None, ends: date, state: State) -> None:
    """Nothing is ordered after it, even if it is due."""
    found = state_of(managed(age=age), NOW, mandate_ends=ends)

    assert found.state is state
    assert found.next_step() == f"nothing: the mandate ends on {ends}, before its next order"


def test_an_order_with_a_mismatched_certificate_needs_attention() -> None:
    """It was reported as being collected for weeks."""
    found = state_of(managed(age=150, order=an_order(trouble="CertificateMismatch")), NOW)

    assert "CertificateMismatch" in found.next_step()
    assert "collected" not in found.next_step()
    assert found.needs_attention


def test_a_mandate_that_ends_after_the_renewal_changes_nothing() -> None:
    """The next renewal is within the mandate."""
    found = state_of(managed(age=20), NOW, mandate_ends=NOW.date() + timedelta(days=198))

    assert found.next_step().startswith("renewed from ")
