"""What ends for a delegation, by the calendar: validation methods, and clientAuth in its certificates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from renewal.domain.calendar import SUNSETS, is_method
from renewal.domain.forecast import forecast
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.snapshot import DelegatedName, Domains, Snapshot
from tests.unit.system import DELEGATION, IDP, managed, stored_by

EMAIL_ENDS = date(2028, 3, 15)


def entry(name: str, method: str, expires: date) -> DelegatedName:
    """A validated domain entry."""
    return DelegatedName(name, True, frozenset({"SSL"}), "VALIDATED", expires, method)


def found_on(day: date, *methods: str) -> list[Finding]:
    """The findings about methods on *day*, for a domain with each of *methods*."""
    now = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    delegated = tuple(
        entry(f"d{number}.univ.example", method, day + timedelta(days=80)) for number, method in enumerate(methods)
    )
    found = forecast(DELEGATION, (), Snapshot(domains=Domains(delegated)), now)
    return [finding for finding in found if finding.code == "DcvMethodEnding"]


@pytest.mark.parametrize("method", ["EMAIL", "Email", "E-mail", "EMAIL_TO_DNS_TXT_CONTACT"])
def test_the_end_of_e_mail_validation_is_a_finding_a_year_ahead(method: str) -> None:
    """BR §3.2.2.4.4, .13 and .14 end on 15 March 2028, however SCM spells them."""
    (finding,) = found_on(date(2027, 6, 1), method)

    assert (finding.severity, finding.actor, finding.due) == ("info", "rao", EMAIL_ENDS)
    assert "d0.univ.example: domain validation by e-mail ends on 2028-03-15" in finding.text
    assert "by DNS" in finding.text
    assert not found_on(EMAIL_ENDS - timedelta(days=366), method)


def test_all_domains_with_a_method_that_ends_are_one_finding() -> None:
    """It has one date, and the list of every run has one line for it."""
    (email,) = found_on(date(2028, 2, 1), "EMAIL", "CNAME_CSR_HASH", "EMAIL")
    (phone, _) = found_on(date(2027, 3, 16), "PHONE", "EMAIL")

    assert email.severity == "warning"
    assert email.text.startswith("d0.univ.example, d2.univ.example: ")
    assert (phone.severity, phone.due) == ("warning", date(2027, 3, 15))


@pytest.mark.parametrize("method", ["", "CNAME_CSR_HASH", "HTTP_CSR_HASH", "HTTPS_CSR_HASH", "DNSTXT_RANDOM_VALUE"])
def test_methods_that_stay_are_no_finding(method: str) -> None:
    """They remain permitted."""
    assert not found_on(date(2028, 3, 14), method)


def test_scms_name_of_a_method_is_read_whatever_its_spelling() -> None:
    """SCM's releases differ in case and separators (SCM reference §3)."""
    assert is_method("e-mail", "EMAIL")
    assert is_method("DNS_PERSISTENT", "PERSIST")
    assert not is_method("CNAME_CSR_HASH", "EMAIL")


# ---- clientAuth ----------------------------------------------------------------------------------------------------


def client_auth(day: date, *, age: float, known: bool | None = True) -> list[tuple[str, str, str, date | None]]:
    """The findings about clientAuth on *day*, for a certificate issued *age* days before."""
    now = datetime(day.year, day.month, day.day, tzinfo=UTC)
    stored = stored_by(IDP, age=0, client_auth=known)
    issued = now - timedelta(days=age)
    stored = replace(stored, not_before=issued, not_after=issued + timedelta(days=199), stored_at=issued)
    certificates = (replace(managed(age=0), stored=stored), managed())
    found = forecast(DELEGATION, certificates, Snapshot(), now)
    return [
        (finding.severity, finding.actor, finding.certificate, finding.due)
        for finding in found
        if finding.code == "ClientAuthEnding"
    ]


def test_a_certificate_with_client_auth_is_listed_a_renewal_ahead() -> None:
    """Sectigo removes it on 10 February 2027: the renewals after that day have it no longer."""
    assert client_auth(date(2026, 8, 1), age=100) == [("info", "operator", "idp", date(2027, 2, 10))]
    assert client_auth(date(2026, 12, 20), age=100) == [("warning", "operator", "idp", date(2027, 2, 10))]
    assert not client_auth(date(2026, 7, 1), age=100)


@pytest.mark.parametrize("day", [date(2026, 12, 20), date(2027, 3, 1)])
def test_client_auth_is_needed_until_the_first_renewal_without_it(day: date) -> None:
    """Its date is that of the renewal after the day, and it stays listed until then."""
    ((severity, _, _, due),) = client_auth(day, age=40)

    assert severity == "info"
    assert due is not None
    assert 92 <= (due - day).days <= 106


@pytest.mark.parametrize("known", [False, None])
def test_a_certificate_without_client_auth_is_not_listed(*, known: bool | None) -> None:
    """Nor one whose record is of an earlier version."""
    assert not client_auth(date(2026, 12, 20), age=10, known=known)


def test_each_row_of_the_calendar_has_its_source() -> None:
    """A date without a source cannot be checked."""
    assert all(sunset.source and sunset.subject for sunset in SUNSETS)
