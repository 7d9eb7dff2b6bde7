"""Whole runs over orders that were placed before: nothing that only an order needs keeps them from their stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from renewal.domain.errors import AcmQuotaReached, ScmUnavailable
from renewal.domain.run.report import Outcome
from tests.unit.stores.test_stores import EVERYWHERE, failing
from tests.unit.system import DELEGATION, IDP, NOW, PATH, System


def issue(system: System) -> None:
    """The order of a run is issued, and no region has taken it yet."""
    system.add(EVERYWHERE)
    with pytest.raises(AcmQuotaReached):
        system.collect(system.enroll(), acm=failing(system, eu_west_3=AcmQuotaReached("full")))


def down(system: System) -> None:
    system.scm.answers |= dict.fromkeys(("password_state", "profiles", "collect"), ScmUnavailable("503"))


def refused(system: System) -> None:
    system.accounts.refused.add(("univ", "v1"))


def without_credential(system: System) -> None:
    system.accounts.versions["univ"] = ""


def after_the_mandate(system: System) -> None:
    system.add(delegation=replace(DELEGATION, mandate_ends=NOW.date() - timedelta(days=1)))


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (down, "ScmUnavailable"),
        (refused, "CredentialRefused"),
        (without_credential, "CredentialMissing"),
        (after_the_mandate, "MandateEnded"),
    ],
)
@pytest.mark.parametrize("request_", [{}, {"open_orders_only": True}], ids=["daily", "hourly"])
def test_a_failed_inspection_keeps_no_issued_certificate_from_its_stores(
    system: System, trouble: Callable[[System], None], error: str, request_: dict[str, bool]
) -> None:
    """It is paid for, verified, and in the order book with its key: SCM is not needed any more."""
    issue(system)
    system.clock.advance(hours=1)
    trouble(system)

    report = system.daily_run(**request_)

    (row,), (delegation,) = report.certificates, report.delegations
    assert (delegation.error, row.outcome) == (error, Outcome.RENEWED)
    assert system.stored().stores == EVERYWHERE.stores
    assert system.accounts.shown["univ", "v1"] <= 1


def test_a_dry_run_stores_nothing(system: System) -> None:
    """It only reports what a run would do."""
    issue(system)
    refused(system)

    system.daily_run(dry_run=True)

    assert system.book.orders[PATH].stores == ("acm:us-east-1", "s3")


def test_a_dry_run_reports_what_is_still_to_be_stored(system: System) -> None:
    """Nothing is collected any more."""
    issue(system)

    (row,) = system.daily_run(dry_run=True).certificates

    assert row.would == "store the certificate of order 5001 in acm:eu-west-3 and order nothing"


def test_an_order_of_the_last_day_is_stored_after_the_mandate(system: System) -> None:
    """The mandate ends what is ordered, not what was: the certificate is paid for."""
    system.add(IDP, delegation=replace(DELEGATION, mandate_ends=NOW.date()))
    system.scm.polls = 5
    (row,) = system.daily_run().certificates
    assert row.outcome is Outcome.PENDING
    system.clock.advance(days=1)

    (row,) = system.daily_run(open_orders_only=True).certificates

    assert (row.outcome, system.stored().ssl_id) == (Outcome.RENEWED, 5001)


def test_nothing_else_is_ordered_while_such_an_order_is_collected(system: System) -> None:
    """Another certificate of the delegation is due on the same day."""
    system.add(IDP, replace(IDP, name="www"), delegation=replace(DELEGATION, mandate_ends=NOW.date()))
    system.enroll()
    system.clock.advance(days=1)

    rows = {row.name: row for row in system.daily_run().certificates}

    assert (rows["idp"].outcome, rows["www"].error) == (Outcome.RENEWED, "MandateEnded")
    assert len(system.scm.orders) == 1
