"""An inspection of a slow SCM, or of a department with a thousand domains: it ends in time, and renewals go on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from renewal import records
from renewal.domain.delegation import CertificateSpec
from renewal.domain.setup.check_result import CheckStatus, SetupStep
from renewal.domain.setup.foreign_orders import (
    MOST_ENDED,
    MOST_NAMED,
    MOST_NAMES,
    MOST_NOTICED,
    ForeignOrder,
    ForeignOrders,
    row_id,
)
from renewal.domain.setup.inspection import MOST_ENTRIES, MOST_FIELDS, Inspection
from renewal.domain.setup.snapshot import ReportedCertificate
from scm_simulator.world.world import Domain
from tests.unit.system import NOW

from .conftest import NAMES, Mandate, faults

OWN = tuple(Domain(name) for name in NAMES)


def others(number: int) -> tuple[Domain, ...]:
    """Domain entries of the department that no certificate needs."""
    return tuple(Domain(f"host-{index}.univ.example") for index in range(number))


def incomplete(inspection: Inspection) -> list[str]:
    """The texts about what is missing."""
    return [finding.text for finding in inspection.findings if finding.code == "InspectionIncomplete"]


def asked(mandate: Mandate, below: str) -> int:
    """The number of requests for records below a path."""
    return sum(call.path.removeprefix("/api").startswith(below) for call in mandate.simulator.calls)


def test_entries_that_concern_no_name_are_neither_read_nor_kept() -> None:
    """330 entries at 0.35 s exhausted the function, and 1,000 made an item of 313 KB."""
    mandate = Mandate(domains=(*others(1_000), *OWN), seconds_per_answer=0.35)

    inspection = mandate.inspect()

    assert not incomplete(inspection)
    assert {entry.entry for entry in inspection.delegated} == set(NAMES)
    assert asked(mandate, "/domain/v1/") == len(NAMES)
    (extra,) = (finding.text for finding in inspection.findings if finding.code == "NameExtra")
    assert "host-0.univ.example" in extra
    assert "and 992 more" in extra


@pytest.mark.parametrize(("seconds", "late"), [(11.0, "the delegated domains"), (19.0, "the department's record")])
def test_a_slow_scm_is_asked_for_less_and_orders_go_on(seconds: float, late: str) -> None:
    """SCM answered in 11 s: nothing was ordered. What an order needs is asked first."""
    mandate = Mandate(seconds_per_answer=seconds)

    inspection = mandate.inspect()

    assert mandate.error is None
    assert inspection.profiles
    (text,) = incomplete(inspection)
    assert late in text
    assert {result.step for result in inspection.check_results} == set(SetupStep)
    assert mandate.clock() < NOW + timedelta(seconds=mandate.seconds_left + seconds)


def test_names_whose_entries_are_late_are_not_called_undelegated() -> None:
    """The RAO would be sent to delegate what is delegated."""
    names = tuple(f"host-{index}.univ.example" for index in range(90))
    spec = CertificateSpec("univ", "many", names, 31)
    mandate = Mandate(
        delegation=replace(Mandate().delegation, delegated_names=names),
        specs=(spec,),
        domains=others(len(names)),
        seconds_per_answer=1.0,
    )

    inspection = mandate.inspect()

    assert 0 < len(inspection.delegated) < len(names)
    assert not faults(inspection)
    assert "the delegated domains" in incomplete(inspection)[0]
    (result,) = (result for result in inspection.check_results if result.step is SetupStep.DOMAINS)
    assert result.status is CheckStatus.MANUAL


@pytest.mark.parametrize(("state", "expires"), [("NEVER_EXPIRE", "2025-01-01"), ("ALIVE", "2025-01-01")])
def test_a_date_in_the_past_does_not_expire_a_password(state: str, expires: str) -> None:
    """SCM's state decides; the date of an account that never expires means nothing."""
    mandate = Mandate()
    mandate.change = lambda path, document: (
        {"state": state, "expirationDate": expires} if path == "/admin/v1/password" else document
    )

    inspection = mandate.inspect()

    assert mandate.error is None
    assert faults(inspection) == ({("6", "PasswordExpiring")} if state == "ALIVE" else set())
    assert inspection.password_expires == (date.fromisoformat(expires) if state == "ALIVE" else None)


def test_the_largest_inspection_fits_into_an_item() -> None:
    """DynamoDB takes 400 KB: beyond, no run of this delegation could record anything."""
    longest = ".".join(("a" * 63, "b" * 63, "c" * 63, "univ.example"))
    names = tuple(f"h{index}.{longest}"[:253] for index in range(1_000))
    specs = tuple(
        CertificateSpec("univ", f"c{index}", names[index * 100 : index * 100 + 100], 99 + index) for index in range(10)
    )
    mandate = Mandate(
        delegation=replace(Mandate().delegation, delegated_names=names[:1]),
        specs=specs,
        domains=tuple(Domain(name, dcv="EXPIRED") for name in names),
        seconds_left=10_000,
    )
    many = {
        "/ssl/v1/types": [{"id": index, "name": "N" * 200, "terms": [1, 2, 3]} for index in range(1_000)],
        "/ssl/v1/customFields": [{"id": index, "name": f"{index:F>256}", "mandatory": True} for index in range(50)],
    }
    mandate.change = many.get

    inspection = mandate.inspect()

    assert len(inspection.delegated) == MOST_ENTRIES
    assert len(inspection.custom_fields or ()) == MOST_FIELDS
    assert {99, 108} <= {profile.profile_id for profile in inspection.profiles}
    rows = (ReportedCertificate(number, NAMES[0], NAMES, "ISSUED") for number in range(MOST_ENDED))
    keys = tuple(f"{number:09}@{NOW:%Y-%m-%d}" for number in range(MOST_NOTICED))
    order = ForeignOrder(keys[0], 1, (longest[:253],) * MOST_NAMES, "S" * 20, "é" * 100, NOW, "c" * 40)
    orders = (order,) * MOST_NAMED
    foreign = ForeignOrders(NOW, orders, len(keys), keys, ended=tuple(map(row_id, rows)))
    assert len(json.dumps(records.to_json(replace(inspection, foreign=foreign)))) < 370_000
