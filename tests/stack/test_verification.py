"""The measurement of verify_served contacts every endpoint; `python -m stack.measure.verification` has 1,000."""

from __future__ import annotations

from stack.measure.verification import measure


def test_a_measured_verification_finds_every_endpoint_served() -> None:
    """Endpoints that were not contacted, or presented something else, would take less."""
    took = measure(20)

    assert (took.endpoints, took.served) == (20, 20)
