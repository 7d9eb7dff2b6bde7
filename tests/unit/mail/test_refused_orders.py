"""Refused orders are findings of the RAO until they are resolved."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from renewal.domain.order import FinishedOrder, ManagedCertificate
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.refused_orders import findings_with_orders
from renewal.domain.setup.snapshot import DelegatedName
from tests.certmandate.rao_samples import IDP, row
from tests.unit.system import DELEGATION, NOW

LATER = NOW + timedelta(hours=1)


def inspected(*findings: Finding) -> DelegationRecord:
    return DelegationRecord(DELEGATION, Inspection("run", NOW, findings=findings))


def refused(error: str) -> tuple[ManagedCertificate, FinishedOrder]:
    """The certificate `idp`, whose order was refused an hour after the inspection."""
    ended = row(status="failed", error=error, text="SCM order 4001 of univ/idp is declined", ended_at=LATER)
    return ManagedCertificate(IDP, failures=1, last_error=error), ended


@pytest.mark.parametrize("error", ["OrderDeclined", "OrganisationNotValidated", "DcvLapsed"])
def test_a_refusal_that_the_rao_can_resolve_is_a_finding(error: str) -> None:
    """The inspection ran before the refusal, so the mail listed no task."""
    certificate, ended = refused(error)

    (found,) = findings_with_orders(inspected(), [certificate], [ended])

    assert (found.code, found.severity, found.actor, found.certificate) == (error, "error", "rao", "idp")
    assert found.screen
    assert "idp.univ.example" in found.text


def test_a_refusal_for_the_operator_is_no_finding_of_the_rao() -> None:
    """The RAO cannot resolve a rejection by the CA."""
    certificate, ended = refused("OrderRejected")

    assert findings_with_orders(inspected(), [certificate], [ended]) == ()


def test_a_refusal_is_not_repeated_beside_the_same_finding() -> None:
    """One expired validation is one task."""
    certificate, ended = refused("DcvLapsed")
    finding = Finding("DcvLapsed", "error", "rao", "step 4: idp.univ.example: …")

    assert findings_with_orders(inspected(finding), [certificate], [ended]) == (finding,)


@pytest.mark.parametrize(
    ("error", "is_expected"), [("DcvLapsed", False), ("OrganisationNotValidated", False), ("OrderDeclined", True)]
)
def test_a_resolved_refusal_is_no_finding(error: str, *, is_expected: bool) -> None:
    """A declined order stays: nothing in SCM shows that the next one will be approved."""
    certificate, ended = refused(error)
    entry = DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", date(2027, 5, 1))
    inspection = Inspection(
        "run", LATER + timedelta(hours=1), delegated=(entry,), organisation_validated_until=date(2027, 9, 9)
    )

    assert bool(findings_with_orders(DelegationRecord(DELEGATION, inspection), [certificate], [ended])) is is_expected


def test_a_refusal_ends_with_the_next_order() -> None:
    """The failure remains in the report of the month."""
    certificate, ended = refused("OrderDeclined")

    assert findings_with_orders(inspected(), [replace(certificate, failures=0, last_error="")], [ended]) == ()
