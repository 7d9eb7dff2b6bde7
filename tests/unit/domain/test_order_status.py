from __future__ import annotations

import pytest

from renewal.domain.errors import OrderDeclined, OrderRejected, OrderRevoked
from renewal.domain.order import ended, normalised_status


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("Declined", OrderDeclined),
        ("Rejected", OrderRejected),
        ("Invalid", OrderRejected),
        ("Revoked", OrderRevoked),
        ("EXPIRED", OrderRevoked),
    ],
)
def test_a_status_that_ends_an_order_names_its_error(status, error):
    """Whoever polls on would poll for ever."""
    assert ended(status) is error


@pytest.mark.parametrize(
    "status",
    [
        "Init",
        "Requested",
        "Approved",
        "SA Approved",
        "Applied",
        "Issued",
        "Enrolled - Pending Download",
        "Awaiting Approval",
    ],
)
def test_an_order_on_its_way_has_not_ended(status):
    """Issued is not the end either: the certificate is still to be collected."""
    assert ended(status) is None


@pytest.mark.parametrize("status", ["", "Quarantined", "Replaced"])
def test_an_unknown_status_is_no_end(status):
    """A new release's word must not give up an order that is about to be issued."""
    assert ended(status) is None


@pytest.mark.parametrize("text", ["SA Approved", "SAApproved", "SA_APPROVED", " sa approved "])
def test_labels_and_constants_are_one_status(text):
    """The two hosts write the same status in two ways."""
    assert normalised_status(text) == "SAAPPROVED"
