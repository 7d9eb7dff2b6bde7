"""certmandate's side of `python -m stack.measure.side_by_side` renews as the state machine does."""

from __future__ import annotations

from stack.measure.side_by_side.__main__ import OF_A_RENEWAL, comparison


def test_a_compared_round_makes_the_requests_of_real_renewals() -> None:
    """Without a certificate to replace, or without the inspection, certmandate would make fewer and look faster."""
    with comparison(delegations=3, certificates=2) as started:
        took = started.ours()

    assert {operation: took.requests.get(operation) for operation in OF_A_RENEWAL} == dict.fromkeys(OF_A_RENEWAL, 6)
    assert took.requests["GET /api/ssl/v1/types"] == 3
