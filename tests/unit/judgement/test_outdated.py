"""A finding that the delegation file has resolved since the inspection is none, in every view."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from certmandate.judged_estate import judged_estate
from renewal.domain.delegation import Delegation, Profile
from renewal.domain.errors import RecordUnreadable
from renewal.domain.forecast import forecast
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.key_type import KeyType
from renewal.domain.order import ManagedCertificate
from renewal.domain.orderable import foreseen_refusals
from renewal.domain.setup.domain_checks import domain_results
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import ForeignOrder, ForeignOrders, foreign_findings
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import DelegatedName, Domains, Snapshot
from tests.unit.system import DELEGATION, IDP, NOW, managed

PROFILE = Profile(IDP.profile_id, "OV", (99, 199), {"EC": ("P-256",)})
YEARLY = Profile(3, "OV for a year", (365,))
Files = tuple[Delegation, ManagedCertificate]


def entry(name: str) -> DelegatedName:
    """Delegated for SSL, and validated."""
    return DelegatedName(name, True, frozenset({"SSL"}), "VALIDATED")


def codes(files: Files, found: Iterable[Finding], *damaged: RecordUnreadable) -> set[str]:
    """Of the problems that `status` shows of *files* after an inspection that *found* this."""
    delegation, certificate = files
    record = DelegationRecord(delegation, Inspection("run", NOW, (PROFILE, YEARLY), tuple(found)))
    judged = judged_estate({"univ": record}, [certificate], NOW, ActingTimes(), unreadable=damaged)
    return {each.code for each in judged.problems}


def of_domains(delegation: Delegation, certificate: ManagedCertificate) -> list[Finding]:
    """What an inspection finds where SCM delegates the agreed names and `*.extra.example`."""
    entries = tuple(map(entry, ("idp.univ.example", "*.extra.example")))
    results = domain_results(delegation, certificate.spec.names, Domains(entries), NOW)
    return [finding for result in results for finding in result.findings()]


def of_certificates(delegation: Delegation, certificate: ManagedCertificate) -> list[Finding]:
    """What an inspection foresees of the next order."""
    inspection = Inspection("run", NOW, (PROFILE,))
    return list(foreseen_refusals([certificate], DelegationRecord(delegation, inspection), inspection))


def of_terms(delegation: Delegation, certificate: ManagedCertificate) -> list[Finding]:
    """What an inspection finds of a profile that offers terms of a year only."""
    return list(forecast(delegation, [certificate], Snapshot(profiles=(YEARLY,)), NOW))


def with_spec(**changes: Any) -> Files:
    """A certificate that is due."""
    return DELEGATION, managed(age=170, spec=replace(IDP, **changes))


EXTRA = replace(DELEGATION, delegated_names=(*DELEGATION.delegated_names, "*.extra.example"))


@pytest.mark.parametrize(
    ("code", "find", "before", "after"),
    [
        ("NameExtra", of_domains, with_spec(), (EXTRA, managed(age=170))),
        ("NameNotDelegated", of_domains, with_spec(names=("ipd.univ.example",)), with_spec()),
        ("ProfileRefused", of_certificates, with_spec(profile_id=4), with_spec()),
        ("KeyRefused", of_certificates, with_spec(key_type=KeyType.P_384), with_spec()),
        ("TermTooLong", of_terms, with_spec(profile_id=3), with_spec()),
    ],
)
def test_what_the_file_has_resolved_is_no_problem_any_more(
    code: str, find: Callable[..., list[Finding]], before: Files, after: Files
) -> None:
    """The operator corrected the file, and `status` and the RAO's mail repeated the fault until the next inspection."""
    found = [finding for finding in find(*before) if finding.code == code]
    assert found

    assert code in codes(before, found)
    assert code not in codes(after, found)


def test_fields_that_an_inspection_did_not_keep_resolve_nothing() -> None:
    """SCM may define more than are kept: a mandatory field was missing, and no run said so until the order was due."""
    found = Finding("FieldRefused", "error", "operator", "'Cost centre' is mandatory", IDP.name)

    assert "FieldRefused" in codes(with_spec(), [found])


def test_a_damaged_certificate_may_have_the_name_that_is_not_delegated() -> None:
    """Its names are not known, so the finding stays."""
    damaged = RecordUnreadable("it cannot be read", delegation="univ", certificate="other")

    assert "NameNotDelegated" in codes(with_spec(), of_domains(*with_spec(names=("ipd.univ.example",))), damaged)


@pytest.mark.parametrize(("status", "is_issued"), [("ISSUED", True), ("REVOKED", False)])
def test_whether_a_foreign_order_is_issued_is_scms_status(status: str, *, is_issued: bool) -> None:
    """It was recognised by the sentence: a requester called `, issued: ` made any order a valid certificate."""
    order = ForeignOrder("9", 9, ("a.example",), status, "Ann, issued: x", NOW - timedelta(days=1))
    foreign = ForeignOrders(NOW, (order,), 1)
    inspection = Inspection("run", NOW, (PROFILE,), tuple(foreign_findings("univ", foreign, foreign)), foreign=foreign)

    judged = judged_estate({"univ": DelegationRecord(DELEGATION, inspection)}, [], NOW, ActingTimes())

    consequences = {each.actor: each.consequence for each in judged.problems}
    assert (consequences["rao"] is Consequence.IMPERSONATION) is is_issued
    assert consequences["operator"] is Consequence.MISUSE
