"""What will stop the next renewal, reported in time; and renewals before a validation expires."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renewal.domain.delegation import Profile
from renewal.domain.due import DCV_MARGIN, Cause, decide, last_resort
from renewal.domain.forecast import forecast, next_renewal, rotate_after
from renewal.domain.setup.checks import review
from renewal.domain.setup.finding import MOST, Finding, sorted_and_capped
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.snapshot import DelegatedName, Domains, OrganisationValidation, PasswordState, Snapshot
from renewal.mail.findings_mail import finding_item
from renewal.mail.language import mail_language
from tests.unit.system import DELEGATION, IDP, NOW, managed, stored_by

TODAY = NOW.date()


def in_days(days: float) -> date:
    """The day *days* from today."""
    return TODAY + timedelta(days=days)


def snapshot_of(*, dcv: float | None = None, ov: float | None = None, **more: Any) -> Snapshot:
    """An inspection with validations that end in so many days."""
    entry = DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", in_days(dcv) if dcv else None)
    validation = OrganisationValidation("OV_SSL", "VALIDATED", in_days(ov) if ov else None)
    return Snapshot(domains=Domains((entry,)), validations=(validation,), **more)


def found_by(
    observation: Snapshot, *, rotation: float | None = None, **mandate: Any
) -> list[tuple[str, str, str, date | None]]:
    """What the forecast finds for the certificate `idp`, issued 20 days ago for 199 days.

    rotation: days until the password is replaced automatically.
    """
    day = None if rotation is None else in_days(rotation)
    found = forecast(replace(DELEGATION, **mandate), (managed(age=20),), observation, NOW, day)
    return [(finding.code, finding.severity, finding.actor, finding.due) for finding in found]


def test_what_holds_on_the_day_of_the_next_renewal_is_no_finding() -> None:
    """Zero false alarms: validated for half a year, the renewal is in four months."""
    assert not found_by(snapshot_of(dcv=160, ov=300, password=PasswordState("ALIVE", in_days(80))))


def test_a_validation_that_expires_before_the_renewal_is_a_finding() -> None:
    """Its day is that of the expiry, as in the setup check: orders stopped a week too early, by every view."""
    assert found_by(snapshot_of(dcv=60)) == [("DcvLapsing", "info", "rao", in_days(60))]
    assert found_by(snapshot_of(dcv=35)) == [("DcvLapsing", "info", "rao", in_days(35))]


def test_a_validation_that_expires_soon_is_left_to_the_setup_check() -> None:
    """`check` names it with its step."""
    assert not found_by(snapshot_of(dcv=20))


def test_a_renewal_that_is_brought_forward_needs_no_validation() -> None:
    """It expires after half of the lifetime and before the ordinary day, so the renewal precedes it."""
    renewal = next_renewal(managed(age=20), in_days(100), NOW)

    assert renewal.date() == in_days(100) - DCV_MARGIN
    assert not found_by(snapshot_of(dcv=100))


def test_many_certificates_under_one_validation_are_one_finding() -> None:
    """One thing to do is one line, however many certificates wait for it."""
    certificates = [managed(age=20, spec=replace(IDP, name=f"c{n}")) for n in range(50)]

    (found,) = forecast(DELEGATION, certificates, snapshot_of(dcv=60), NOW)

    assert found.certificate == ""
    assert "and 42 more, the first on " in found.text


def test_a_mandate_names_the_certificates_that_are_not_renewed() -> None:
    """On its last day the operator and the RAO read `idp and 2 more`, and had to find out which."""
    certificates = [managed(age=age, spec=replace(IDP, name=name)) for name, age in (("a", 20), ("b", 30), ("c", 25))]
    ending = replace(DELEGATION, mandate_ends=NOW.date())

    (found,) = forecast(ending, certificates, snapshot_of(), NOW)

    assert f"the mandate ends on {NOW:%Y-%m-%d}, before the next renewals of b, c, a, the first on 2027-" in found.text
    for code, line in (("en", "Certificates: b, c, a"), ("fr", "Certificats\u00a0: b, c, a")):
        item = finding_item(1, found, DelegationRecord(ending), mail_language(code), "")
        assert line in item


def test_the_expiry_of_the_organisations_validation_is_a_finding() -> None:
    """Once it has expired nothing is issued for any department (-843)."""
    assert found_by(snapshot_of(ov=100)) == [("OrganisationValidationLapsing", "info", "rao", in_days(100))]
    assert found_by(snapshot_of(ov=20)) == [("OrganisationValidationLapsing", "warning", "rao", in_days(20))]
    assert not found_by(snapshot_of(ov=170))


def test_a_mandate_that_ends_before_the_next_renewal_is_a_finding() -> None:
    """It must not be noticed on that day only."""
    assert found_by(snapshot_of(), mandate_ends=in_days(90)) == [("MandateEnding", "info", "rao", in_days(90))]
    assert found_by(snapshot_of(), mandate_ends=in_days(59)) == [("MandateEnding", "warning", "rao", in_days(59))]
    assert not found_by(snapshot_of(), mandate_ends=in_days(365))


def password(ends_in: float | None) -> Snapshot:
    """A password that ends in so many days, or never."""
    return snapshot_of(password=PasswordState("ALIVE", None if ends_in is None else in_days(ends_in)))


@pytest.mark.parametrize("left_then", [8, 23, 30, 300, None])
@pytest.mark.parametrize(("days", "is_finding"), [(8, False), (7, True), (1, True), (0, True)])
def test_the_rao_is_informed_in_the_week_before_a_rotation(left_then: int | None, days: int, is_finding: bool) -> None:
    """SCM sends a notice, which must not be taken for a break-in; however long the customer's passwords live."""
    found = found_by(password(None if left_then is None else days + left_then), rotation=days)

    assert found == ([("PasswordRotation", "info", "rao", in_days(days))] if is_finding else [])


@pytest.mark.parametrize(
    ("ends_in", "rotation", "severity"),
    [(45, 60, "error"), (60, 60, "error"), (3, 60, "error"), (66, 60, "warning"), (67, 60, None)],
)
def test_a_password_that_expires_before_its_rotation_is_a_finding(
    ends_in: int, rotation: int, severity: str | None
) -> None:
    """A customer whose passwords live for 45 days, and the usual 60 days between two rotations: locked out by ours."""
    expected = [("RotationTooLate", severity, "operator", in_days(ends_in))] if severity else []

    assert found_by(password(ends_in), rotation=rotation) == expected


def test_the_finding_names_the_interval_that_fits() -> None:
    """The operator need not compute it."""
    (found,) = forecast(DELEGATION, (managed(age=20),), password(45), NOW, in_days(60))

    assert "certmandate credential univ --rotate" in found.text
    assert "--rotate-days 22 if new passwords last 45 days or less" in found.text
    assert [rotate_after(timedelta(days=life)).days for life in (1, 30, 45, 60, 90, 180)] == [1, 15, 22, 30, 60, 150]


@pytest.mark.parametrize(("days", "verb"), [(0, "expires on"), (-3, "expired on")])
def test_what_has_expired_is_in_the_past(days: int, verb: str) -> None:
    """SCM may still show a day that is over: findings announced it, and the lifetime of -3 days of new passwords."""
    shown = replace(snapshot_of(ov=days or 0.1), password=PasswordState("ALIVE", in_days(days)))
    soon = review(DELEGATION, [IDP], replace(shown, unavailable=frozenset()), NOW)

    texts = [finding.text for finding in forecast(DELEGATION, (managed(age=20),), shown, NOW, in_days(60))]
    texts += [finding.text for check in soon for finding in check.findings() if finding.code == "PasswordExpiring"]

    assert [text for text in texts if f"{verb} {in_days(days)}" not in text] == []
    assert len(texts) == 3
    assert not any(f"last {days}" in text for text in texts)


def test_a_mandate_that_has_ended_is_not_ending() -> None:
    """It is the error MandateEnded; the mail announced its end beside that."""
    assert found_by(snapshot_of(), mandate_ends=in_days(0)) == [("MandateEnding", "warning", "rao", in_days(0))]
    assert not found_by(snapshot_of(), mandate_ends=in_days(-1))


def test_an_overdue_rotation_is_a_finding() -> None:
    """It is in no run, and no alarm hears it; Secrets Manager leaves its day in the past."""
    assert found_by(password(29), rotation=-1) == [("RotationOverdue", "warning", "operator", in_days(29))]


def test_a_password_without_rotation_is_no_finding_of_the_forecast() -> None:
    """The date is unknown; the setup check reports it three weeks before the end."""
    assert not found_by(password(40), rotation=None)
    assert not found_by(snapshot_of(), rotation=3)  # an OAuth2 client


def test_a_profile_without_a_permitted_term_is_a_finding() -> None:
    """From 15 March 2027 on, 199 days are too many."""
    clock = NOW.replace(year=2027, month=3, day=1)
    certificate = replace(managed(age=0), stored=stored_by(IDP, age=20))
    observation = snapshot_of(profiles=(Profile(1018, "OV", (199,)),))

    codes = {finding.code for finding in forecast(DELEGATION, (certificate,), observation, clock + timedelta(days=20))}
    assert codes == {"TermTooLong"}
    offered = replace(observation, profiles=(Profile(1018, "OV", (99, 199)),))
    assert not forecast(DELEGATION, (certificate,), offered, clock + timedelta(days=20))


# ---- Renewals brought forward --------------------------------------------------------------------------------------


def causes(age: float, expires_in: float, **changes: Any) -> tuple[Cause, ...]:
    """Why `idp`, of *age* days, is due when its validation expires in so many days."""
    return decide(managed(age=age, **changes), NOW, dcv_expires=in_days(expires_in)).causes


@pytest.mark.parametrize(
    ("age", "expires_in", "expected"),
    [
        (110, 7, (Cause.DCV_LAPSING,)),
        (110, 1, (Cause.DCV_LAPSING,)),
        (110, 8, ()),  # there is time
        (110, 0, ()),  # too late: the order would be refused
        (90, 5, ()),  # in the first half of the lifetime
        (160, 5, (Cause.AGE,)),  # due anyway
        (110, 40, ()),
    ],
)
def test_a_renewal_is_brought_forward_to_before_the_expiry_of_dcv(
    age: float, expires_in: float, expected: tuple[Cause, ...]
) -> None:
    """A week before, and only where it would come too late otherwise."""
    assert causes(age, expires_in) == expected


def test_a_renewal_is_brought_forward_once_for_each_expiry() -> None:
    """A certificate of twelve days is half through before the validation expires that brought it forward."""
    assert causes(6, 1, days=12) == ()
    assert causes(7, 1, days=14) == (Cause.DCV_LAPSING,)


def test_a_new_certificate_is_not_brought_forward() -> None:
    """It is due as it is."""
    assert decide(managed(), NOW, dcv_expires=in_days(3)).causes == (Cause.NEW,)


@settings(max_examples=25)  # each walks through two whole lifetimes
@given(days=st.integers(2, 400), reuse=st.integers(1, 398), backdated=st.integers(0, 1), validated=st.integers(-30, 30))
def test_no_validation_makes_a_certificate_renew_in_a_loop(
    days: int, reuse: int, backdated: int, validated: int
) -> None:
    """Whatever the lifetimes: never twice for one expiry, and never in the first half of a lifetime."""
    certificate = managed(age=0, days=days)
    expiry = in_days(validated)
    forward: list[date] = []
    for day in range(2 * days):
        now = NOW + timedelta(days=day)
        expiry = expiry if expiry >= now.date() else now.date() + timedelta(days=reuse)
        decision = decide(certificate, now, dcv_expires=expiry)
        stored = certificate.stored
        assert stored is not None
        if Cause.DCV_LAPSING in decision.causes:
            assert now - stored.not_before >= (stored.not_after - stored.not_before) / 2
            assert now < last_resort(stored.not_before, stored.not_after)
            forward.append(expiry)
        if decision.causes:
            begins = now - timedelta(days=backdated)
            renewed = replace(stored, not_before=begins, not_after=begins + timedelta(days=days), stored_at=now)
            certificate = replace(certificate, stored=renewed)
    assert len(forward) == len(set(forward))


# ---- Findings ------------------------------------------------------------------------------------------------------


def test_findings_are_sorted_by_severity_and_date() -> None:
    """Each once; errors first, then by date, what is to be done now before what has a date."""
    late = Finding("Late", "warning", "rao", "", due=in_days(9))
    soon, now = replace(late, code="Soon", due=in_days(1)), replace(late, code="Now", due=None)
    error, info = replace(late, code="Error", severity="error"), replace(late, code="Info", severity="info", due=None)

    assert sorted_and_capped([info, late, soon, late, error, now]) == (error, now, soon, late, info)


def test_at_most_a_hundred_findings_are_kept() -> None:
    """An item of DynamoDB holds 400 KB."""
    found = sorted_and_capped(Finding("x", "error", "rao", f"{n:04}") for n in range(1000))

    assert len(found) == MOST
    assert found[-1].text.startswith("901 more findings")
