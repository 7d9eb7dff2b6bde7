"""When an inspection keeps what the last one read, and when it reads everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from renewal.domain.due import Cause
from renewal.domain.forecast import next_renewal
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.reading import is_kept
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import MOST_ENTRIES, DelegationRecord, Inspection, reading_key
from renewal.domain.setup.snapshot import DelegatedName
from tests.unit.orders import an_order
from tests.unit.system import DELEGATION, NOW, managed

TODAY = NOW.date()
KEY = reading_key(DELEGATION, (), "v1")
ENTRY = DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", TODAY + timedelta(days=190))
LAST = Inspection("run", NOW, delegated=(ENTRY,), full_at=NOW, reading_key=KEY)
RAO_DAYS = 14
"""The ten working days of the default, on the calendar."""


def kept(last: Inspection | None = LAST, certificate: ManagedCertificate | None = None, key: str = KEY) -> bool:
    """Whether the next inspection keeps what *last* read."""
    return is_kept(DelegationRecord(DELEGATION, last), [certificate or managed(age=20)], NOW, ActingTimes(), key)


def test_what_was_read_in_full_is_kept() -> None:
    """Nothing is due, near or wrong."""
    assert kept()


@pytest.mark.parametrize(
    "last",
    [
        None,
        replace(LAST, full_at=None),
        replace(LAST, full_at=NOW - timedelta(days=7)),
        replace(LAST, full_at=NOW + timedelta(days=7)),
        replace(LAST, findings=(Finding("PrivilegeExtra", "warning", "rao", "more"),)),
        replace(LAST, findings=(Finding("OrderNotOurs", "error", "rao", "7"),)),
        replace(LAST, delegated=(ENTRY,) * MOST_ENTRIES),
        replace(LAST, delegated=(replace(ENTRY, dcv_expires=None),)),
        replace(LAST, organisation_validated_until=TODAY + timedelta(days=RAO_DAYS + 7)),
        replace(LAST, withdrawn={"ABC": Cause.REVOKED}),
    ],
)
def test_everything_is_read_where_something_is_old_or_wrong(last: Inspection | None) -> None:
    """A fault that is fixed must disappear on the next day; what was cut off or not answered is not known."""
    assert not kept(last)


def test_information_does_not_keep_it_from_being_kept() -> None:
    """What only informs has a date, which the calendar judges again each day."""
    assert kept(replace(LAST, findings=(Finding("DcvLapsing", "info", "rao", "in spring"),)))


@pytest.mark.parametrize(
    "key", [reading_key(DELEGATION, (), "v2"), reading_key(replace(DELEGATION, department_id=7), (), "v1")]
)
def test_another_login_or_department_is_read_in_full(key: str) -> None:
    """It has other privileges, domains and profiles."""
    assert not kept(key=key)


def days_before_renewal(days: float) -> ManagedCertificate:
    """The certificate, so many days before it is due by age."""
    renewed_at = next_renewal(managed(age=0), None, NOW)
    return managed(age=(renewed_at - NOW) / timedelta(days=1) - days)


@pytest.mark.parametrize(("days", "is_expected"), [(3.1, True), (2.9, False), (-1, False)])
def test_everything_is_read_from_three_days_before_a_renewal(days: float, is_expected: bool) -> None:
    """What would refuse the order is known before it is due, and as it is on the day."""
    assert kept(certificate=days_before_renewal(days)) is is_expected


@pytest.mark.parametrize(
    "certificate",
    [
        managed(),
        managed(age=20, order=an_order()),
        managed(age=20, asked_reason="stolen"),
        replace(days_before_renewal(-1), hold_until=NOW + timedelta(days=2), failures=1),
    ],
    ids=["new", "open order", "asked", "held"],
)
def test_everything_is_read_for_a_certificate_that_is_due(certificate: ManagedCertificate) -> None:
    """Also for one that is held: its order was refused, and the cause may be in any section."""
    assert not kept(certificate=certificate)


@pytest.mark.parametrize(("spare", "is_expected"), [(8, True), (7, False)])
@pytest.mark.parametrize("end", ["validation", "certificate"])
def test_everything_is_read_while_the_rao_could_not_act_in_time(end: str, spare: int, is_expected: bool) -> None:
    """After the full inspection of next week, the RAO still has the time that acting takes."""
    left = RAO_DAYS + spare
    if end == "validation":
        assert kept(replace(LAST, delegated=(replace(ENTRY, dcv_expires=TODAY + timedelta(days=left)),))) is is_expected
    else:
        certificate = managed(age=1, days=left + 1)
        policy = replace(certificate.spec.policy, ratio=0.1)
        certificate = replace(certificate, spec=replace(certificate.spec, policy=policy))
        assert kept(certificate=certificate) is is_expected
