"""What an inspection leaves in the order book: all that `certmandate check`, `status` and the mails need."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from renewal.domain.due import DCV_MARGIN
from renewal.domain.orderable import decide_with_inspection
from renewal.domain.run.payload import Task
from scm_simulator.world.world import Domain
from tests.unit.system import NOW, System

from .conftest import IDP, NAMES, Mandate

APPS_ENTRY = Domain(NAMES[1])


def expiring(days: int) -> tuple[Domain, ...]:
    """The delegated entries; the validation of the first expires in *days* days."""
    return (Domain(NAMES[0], dcv_expires_in_days=days), APPS_ENTRY)


def test_an_inspection_records_all_that_it_observed() -> None:
    """`certmandate check` prints it without another login."""
    found = Mandate().inspect()

    assert (found.run_id, found.at) == ("run", NOW)
    assert [entry.entry for entry in found.delegated] == list(NAMES)
    assert {entry.dcv_expires for entry in found.delegated} == {NOW.date() + timedelta(days=180)}
    assert found.organisation_validated_until == NOW.date() + timedelta(days=300)
    assert found.password_expires == NOW.date() + timedelta(days=90)
    assert [profile.profile_id for profile in found.profiles] == [31]


def test_a_refusal_in_the_middle_keeps_what_was_observed_before() -> None:
    """The account may not list profiles; that it has the wrong role is what explains it."""
    mandate = Mandate()
    mandate.account = {"departments": (2002,)}
    found = mandate.inspect()

    assert type(mandate.error).__name__ == "PermissionMissing"
    assert found.findings[0].severity == "error"
    assert {"RoleMissing", "PermissionMissing"} <= {finding.code for finding in found.findings}


def test_a_certificate_whose_validation_expires_is_added_to_the_run() -> None:
    """The plan could not contain it."""
    mandate = Mandate(domains=expiring(5), age=110)
    mandate.inspect()

    assert [(task["certificate"], task["causes"]) for task in mandate.tasks["certificates"]] == [
        ("idp", ["dcv-lapsing"])
    ]


def test_enroll_orders_what_was_brought_forward() -> None:
    """It decides again by the inspection; otherwise the order would be skipped as done by another run."""
    mandate = Mandate(domains=expiring(5), age=110)
    inspection = mandate.inspect()
    system = System()
    spec = replace(IDP, profile_id=1018)
    system.add(spec, delegation=mandate.delegation)
    stored = mandate.book.certificate("univ", "idp").stored
    assert stored is not None
    system.book.adopt(("univ", "idp"), replace(stored, profile_id=1018), NOW)
    system.book.record_inspection("univ", replace(inspection, profiles=system.scm.offered))

    progress = system.enroll(Task("run", NOW, "univ", "idp", ("dcv-lapsing",)))

    assert progress.status == "ordered"
    assert system.book.orders["univ", "idp"].causes == ("dcv-lapsing",)


def test_what_was_brought_forward_is_not_brought_forward_again() -> None:
    """The validation expires on the same day tomorrow."""
    mandate = Mandate(domains=expiring(DCV_MARGIN.days), age=110)
    mandate.inspect()
    assert mandate.tasks["certificates"]
    stored = mandate.book.certificate("univ", "idp").stored
    assert stored is not None
    inspection = mandate.book.delegation("univ").inspection
    assert inspection is not None

    renewed: dict[str, Any] = {"not_before": NOW, "not_after": NOW + timedelta(days=199), "stored_at": NOW}
    mandate.book.managed["univ", "idp"] = replace(
        mandate.book.managed["univ", "idp"], stored=replace(stored, **renewed)
    )
    later = decide_with_inspection(mandate.book.certificate("univ", "idp"), inspection, NOW + timedelta(days=1))
    assert not later.causes
