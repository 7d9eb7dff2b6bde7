"""Orders and their tokens, statuses, findings, and the tree of errors."""

from __future__ import annotations

import pytest

from renewal.domain.errors import (
    DcvLapsed,
    NeedsAttention,
    OrderDeclined,
    OrderRejected,
    OrderRevoked,
    RenewalError,
    Retryable,
    every_error,
)
from renewal.domain.order import error_of_status, normalised_status
from renewal.domain.setup.finding import Finding, finding_from
from tests.unit.orders import an_order


def test_an_order_is_found_again_by_its_comment() -> None:
    """The token travels in SCM's `comments`, in words that a RAO can read."""
    order = an_order(token="0a1b")

    assert order.comment == "certmandate order 0a1b for univ/idp"


def test_an_order_shows_neither_key_nor_request() -> None:
    """Reprs end in logs."""
    shown = repr(an_order(csr="CSR-TEXT", sealed_key=b"SEALED", chain="CHAIN"))

    assert not any(secret in shown for secret in ("CSR-TEXT", "SEALED", "CHAIN"))


# ---- Statuses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("Declined", OrderDeclined),
        ("REJECTED", OrderRejected),
        ("Invalid", OrderRejected),
        ("Revoked", OrderRevoked),
        ("expired", OrderRevoked),
        ("Requested", None),
        ("Approved", None),
        ("SA Approved", None),
        ("Applied", None),
        ("Issued", None),
        ("Enrolled - Pending Download", None),
        ("Something of 2031", None),
        ("", None),
        ("Init", None),
        ("Replaced", None),
        ("Awaiting Approval", None),
    ],
)
def test_a_status_ends_an_order_only_when_it_surely_does(status: str, error: type[NeedsAttention] | None) -> None:
    """An unknown status is waited for within the run's time, never given up (SCM reference §5.14)."""
    assert error_of_status(status) is error


def test_two_spellings_of_a_status_are_one() -> None:
    """SCM writes both."""
    assert {normalised_status(text) for text in ("SA Approved", "SAApproved", " sa_approved ")} == {"SAAPPROVED"}


# ---- Errors and findings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", every_error())
def test_every_error_names_its_actor_and_its_meaning(kind: type[RenewalError]) -> None:
    """Pages and reports are addressed by it."""
    assert kind.actor in {"operator", "rao"}
    assert kind.__doc__
    assert kind.__doc__ != RenewalError.__doc__
    assert issubclass(kind, Retryable) is not issubclass(kind, NeedsAttention)


def test_what_can_be_tried_again_never_ends_an_order() -> None:
    """Ending an order erases its key."""
    assert not [kind for kind in every_error() if issubclass(kind, Retryable) and kind.ends_order]


def test_families_are_not_raised_themselves() -> None:
    """A catch-all name would be a page without a cause."""
    assert not {RenewalError, Retryable, NeedsAttention} & set(every_error())


def test_an_error_becomes_a_finding_with_its_actor() -> None:
    """The finding's code is the error's name: runbook and report have one word."""
    assert finding_from(DcvLapsed("expired in May"), "idp") == Finding(
        "DcvLapsed", "error", "rao", "expired in May", "idp", screen="Domains → DCV"
    )
