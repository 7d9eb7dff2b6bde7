"""The address that we come from: recorded by each inspection, compared with the registered one, and told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.estate import DELEGATION, System

from renewal.domain.address import ADDRESS_CHANGED
from renewal.domain.errors import CredentialRefused
from renewal.steps.payload import DelegationTask
from renewal.steps.report import Report


@pytest.fixture
def system(system: System) -> System:
    """With a delegation whose access list has an address."""
    system.book.apply(replace(DELEGATION, address="192.0.2.7/32"), now=system.clock())
    return system


def addresses_told(system: System) -> list[str]:
    found = system.book.delegation("univ").inspection
    assert found is not None
    assert found.seen_address == system.egress.address
    return [one.text for one in found.findings if one.code == ADDRESS_CHANGED]


def test_another_address_is_told_with_both_and_fails_nothing(system: System) -> None:
    """The login worked, so certificates go on; but organisations that check will refuse us."""
    system.egress.address = "198.51.100.9"
    report = system.daily_run()

    (text,) = addresses_told(system)
    assert "192.0.2.7" in text
    assert "198.51.100.9" in text
    (delegation,) = report["delegations"]
    assert (delegation["address"], delegation["seen_address"]) == ("192.0.2.7/32", "198.51.100.9")
    assert report["outcome"] == "succeeded"
    assert Report(system.book, system.archive, system.clock)(report["run_id"])["metrics"][ADDRESS_CHANGED] == 1


@pytest.mark.parametrize("seen", ["192.0.2.7", ""])
def test_the_registered_or_an_unknown_address_is_no_finding(system: System, seen: str) -> None:
    """An echo that is down is no reason to call anybody."""
    system.egress.address = seen
    report = system.daily_run()

    assert not addresses_told(system)
    assert Report(system.book, system.archive, system.clock)(report["run_id"])["metrics"][ADDRESS_CHANGED] == 0


def test_without_a_registered_address_there_is_nothing_to_compare(system: System) -> None:
    """The delegation file need not say it."""
    system.book.apply(DELEGATION, now=system.clock())
    system.egress.address = "198.51.100.9"
    system.daily_run()

    assert not addresses_told(system)


def test_a_refused_login_is_told_with_the_address_it_came_from(system: System) -> None:
    """SCM answers a wrong address as it answers a wrong password: this is what tells them apart."""
    system.egress.address = "198.51.100.9"
    system.accounts.refused = {("univ", "v1")}
    task = DelegationTask("run", system.clock(), "univ", dry_run=False, whole=True, certificates=())
    with pytest.raises(CredentialRefused):
        system.inspect(task)

    assert addresses_told(system)
