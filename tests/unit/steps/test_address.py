"""The address that we come from: recorded by each inspection, compared with the registered one, and reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from renewal.domain.errors import CredentialRefused, ScmUnavailable
from renewal.domain.setup.other_findings import ADDRESS_CHANGED
from tests.unit.system import DELEGATION, System


@pytest.fixture
def system(system: System) -> System:
    """With a delegation whose access list has an address."""
    system.book.apply(replace(DELEGATION, address="192.0.2.7/32"), now=system.clock())
    return system


def address_findings(system: System) -> list[str]:
    found = system.inspection()
    assert found.observed_address == system.egress.address
    return [finding.text for finding in found.findings if finding.code == ADDRESS_CHANGED]


def test_another_address_is_reported_and_stops_no_order(system: System) -> None:
    """The login worked, so certificates go on; but organisations that check will refuse us, so the run fails."""
    system.egress.address = "198.51.100.9"
    report = system.daily_run()

    (text,) = address_findings(system)
    assert "192.0.2.7" in text
    assert "198.51.100.9" in text
    (delegation,) = report.delegations
    assert (delegation.address, delegation.observed_address) == ("192.0.2.7/32", "198.51.100.9")
    assert (report.outcome, report.counts) == ("failed", {"renewed": 1})
    assert [alert.subject for alert in system.alerts.sent] == ["[certmandate] AddressChanged: univ"]


@pytest.mark.parametrize("observed", ["192.0.2.7", ""])
def test_the_registered_or_an_unknown_address_is_no_finding(system: System, observed: str) -> None:
    """An echo that is down is no reason to call anybody."""
    system.egress.address = observed
    system.daily_run()

    assert not address_findings(system)
    assert system.alerts.sent == []


def test_without_an_address_in_the_file_the_stacks_addresses_count(system: System) -> None:
    """Hardly any file names one: without it a changed address would not be reported."""
    system.book.apply(DELEGATION, now=system.clock())
    system.registered = ("192.0.2.7/32", "192.0.2.8")
    for observed, count in (("192.0.2.7", 0), ("192.0.2.8", 0), ("198.51.100.9", 1)):
        system.egress.address = observed
        system.inspect(system.item())
        assert len(address_findings(system)) == count, observed
    assert "192.0.2.7 or 192.0.2.8" in address_findings(system)[0]


def test_a_files_own_address_goes_before_the_stacks(system: System) -> None:
    """An organisation may have registered one of two only."""
    system.registered = ("192.0.2.8/32",)
    system.egress.address = "192.0.2.8"
    system.inspect(system.item())
    assert len(address_findings(system)) == 1


def test_an_inspection_without_an_answer_records_its_address(system: System) -> None:
    """SCM gives no answer then, and the inspection of the day before found no fault."""
    system.egress.address = "192.0.2.7"
    system.inspect(system.item(run_id="yesterday"))
    before = system.inspection()
    system.egress.address = "198.51.100.9"
    system.scm.answers["profiles"] = ScmUnavailable("503")
    with pytest.raises(ScmUnavailable):
        system.inspect(system.item(run_id="today"))

    (text,) = address_findings(system)
    found = system.inspection()
    assert "198.51.100.9" in text
    assert (found.run_id, found.address_run) == ("yesterday", "today")
    others = [finding for finding in found.findings if finding.code != ADDRESS_CHANGED]
    assert replace(found, findings=tuple(others), observed_address="192.0.2.7", address_run="yesterday") == before

    for address, count in (("198.51.100.10", 1), ("192.0.2.7", 0)):
        system.egress.address = address
        with pytest.raises(ScmUnavailable):
            system.inspect(system.item(run_id="later"))
        assert len(address_findings(system)) == count, address


def test_a_first_inspection_without_an_answer_records_its_address(system: System) -> None:
    """A new mandate behind a broken way out: the address is what explains it."""
    system.egress.address = "198.51.100.9"
    system.scm.answers["profiles"] = ScmUnavailable("503")
    with pytest.raises(ScmUnavailable):
        system.inspect(system.item())
    assert address_findings(system)
    assert not system.inspection().run_id


def test_a_report_shows_no_address_of_an_earlier_run(system: System) -> None:
    """A run without an inspection has no address; what the last inspection found stays open, as in `status`."""
    system.egress.address = "198.51.100.9"
    system.inspect(system.item(run_id="yesterday"))
    system.check_expiry("today")
    system.archive.write_results("today", [])
    report = system.report("today")

    (delegation,) = report.delegations
    assert not delegation.observed_address
    assert [finding.code for finding in delegation.findings] == [ADDRESS_CHANGED]


def test_without_a_registered_address_there_is_nothing_to_compare(system: System) -> None:
    """The delegation file need not name one."""
    system.book.apply(DELEGATION, now=system.clock())
    system.egress.address = "198.51.100.9"
    system.daily_run()

    assert not address_findings(system)


def test_a_refused_login_is_recorded_with_its_address(system: System) -> None:
    """SCM answers a wrong address as it answers a wrong password: this distinguishes them."""
    system.egress.address = "198.51.100.9"
    system.accounts.refused = {("univ", "v1")}
    with pytest.raises(CredentialRefused):
        system.inspect(system.item())

    assert address_findings(system)
