"""The states of `plan`, `status` and `show` match what the next run does."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from certmandate.certificate_state import State, state_of
from renewal.domain.keypair import KeyPair, KeyType
from renewal.domain.order import OrderStatus
from renewal.domain.run_outcome import notes_of
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.snapshot import DelegatedName
from tests.throwaway_ca import hierarchy, pem
from tests.unit.estate import NOW, managed
from tests.unit.orders import an_order


def inspection(*, dcv_days: int) -> Inspection:
    """The last inspection: the validation of the name expires in *dcv_days*."""
    entry = DelegatedName(
        "idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", NOW.date() + timedelta(days=dcv_days)
    )
    return Inspection("run", NOW, delegated=(entry,))


@pytest.mark.parametrize(
    ("age", "dcv_days", "state", "next_step"),
    [
        (110, 20, State.FINE, f"renewed from {NOW.date() + timedelta(days=13)}, before a domain validation expires"),
        (110, 5, State.DUE, "the next run renews it (dcv-lapsing)"),
        (20, 190, State.FINE, "renewed from {renew_at:%Y-%m-%d}"),
    ],
)
def test_a_state_has_the_day_and_the_cause_of_the_next_order(
    age: float, dcv_days: int, state: State, next_step: str
) -> None:
    """A validation that expires before the renewal brings it forward, as in `check` and in the next run."""
    found = state_of(
        managed(age=age), NOW, inspection=inspection(dcv_days=dcv_days), mandate_ends=NOW.date() + timedelta(days=198)
    )

    assert (found.state, found.next_step()) == (state, next_step.format(renew_at=found.renew_at))


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


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        ("REQUESTED", "SCM's status is Requested: the RAO has to approve the order in SCM"),
        ("APPLIED", "SCM's status is Applied: it waits for the CA"),
    ],
)
def test_an_open_order_names_who_keeps_it_waiting(status: str, waits: str) -> None:
    """An order that awaits approval was reported as pending at the CA, so no one asked the RAO."""
    order = an_order(status=OrderStatus.ORDERED, ssl_id=5001, scm_status=status)

    assert state_of(managed(age=150, order=order), NOW).next_step().endswith(f"collected, not ordered again; {waits}")
    assert notes_of(managed(age=150, order=order), None, NOW) == (waits,)


def test_an_issued_order_states_when_its_certificate_begins() -> None:
    """It is neither pending nor stored."""
    begins = NOW + timedelta(days=1)
    ca = hierarchy()
    leaf = ca.ec.issue(
        KeyPair.generate(KeyType.P_256).private_key.public_key(), ["a.example"], not_before=begins, days=9
    )
    order = an_order(status=OrderStatus.ISSUED, ssl_id=5001, chain=pem(leaf, ca.ec.certificate))

    assert state_of(managed(order=order), NOW).waits_for == "issued, and stored when it is valid: 2026-11-24 08:00 UTC"
    assert not state_of(managed(order=order), begins).waits_for


def test_an_order_with_a_mismatched_certificate_needs_attention() -> None:
    """It was reported as being collected for weeks."""
    found = state_of(managed(age=150, order=an_order(trouble="CertificateMismatch")), NOW)

    assert "CertificateMismatch" in found.next_step()
    assert "collected" not in found.next_step()
    assert found.needs_attention
