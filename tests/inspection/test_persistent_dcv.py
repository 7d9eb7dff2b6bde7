"""A domain that is validated persistently is judged by its DNS record, whatever SCM shows as its expiry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from renewal.deadline import Deadline
from renewal.domain.due import Cause, renewal_point
from renewal.domain.orderable import decide_with_inspection
from renewal.domain.setup.snapshot import DelegatedName, Snapshot
from renewal.steps.scm.snapshot import PersistentRecords
from scm_simulator.world.world import Domain
from tests.fakes import FakeDns, HandClock, ample
from tests.unit.system import NOW

from .conftest import IDP, NAMES, Mandate, bad

PLACE = "_validation-persist.idp.univ.example"
RECORD = "sectigo.com; accounturi=acct:1234567890@sectigo.com"
APPS_ENTRY = Domain(NAMES[1], dcv_expires_in_days=190)

SHAPES: dict[str, dict[str, Any]] = {
    "a sixth name and a date that rolls": {"dcv_method": "DNS_PERSISTENT", "dcv_expires_in_days": 10},
    "a sixth name, spelt otherwise": {"dcv_method": "Persistent DCV", "dcv_expires_in_days": 10},
    "a date that rolls": {"dcv_method": "DNSTXT_RANDOM_VALUE", "dcv_expires_in_days": 10},
    "a far date": {"dcv_method": "DNSTXT_RANDOM_VALUE", "dcv_expires_in_days": 180},
    "no date": {"dcv_method": "DNSTXT_RANDOM_VALUE", "dcv_dated": False},
}
"""What SCM may show: it is not documented."""


def until(time: datetime) -> str:
    """The record with a persistUntil."""
    return f"{RECORD}; persistUntil={int(time.timestamp())}"


def mandate(shape: str, *texts: str, **changes: Any) -> Mandate:
    """A delegation whose first domain is validated persistently, with the TXT records *texts*."""
    domain = Domain(NAMES[0], **SHAPES[shape])
    return Mandate(domains=(domain, APPS_ENTRY), dns=FakeDns({PLACE: texts} if texts else {}), **changes)


def codes(found: Mandate) -> set[str]:
    """The codes of the findings about the domains' validations."""
    return {result.code for result in bad(found.inspection)} | {finding.code for finding in found.inspection.findings}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_certificate_is_renewed_on_its_ordinary_day(shape: str) -> None:
    """A date that rolls ten days ahead renewed it on day 102 instead, and warned the RAO every day."""
    tested = mandate(shape, RECORD, age=100)
    spec = SHAPES[shape]
    days = spec.get("dcv_expires_in_days", 180)
    warned, due = set(), None
    for day in range(40):
        left = days - day % days
        tested.domains = (replace(Domain(NAMES[0], **spec), dcv_expires_in_days=left), APPS_ENTRY)
        tested.inspect()
        warned |= {code for code in codes(tested) if "Dcv" in code or "Record" in code}
        certificate = tested.book.certificate("univ", "idp")
        if decide_with_inspection(certificate, tested.inspection, tested.clock()).causes:
            due = tested.clock()
            break
        tested.clock.advance(days=1)

    stored = tested.book.certificate("univ", "idp").stored
    assert stored is not None
    ordinary = renewal_point(IDP.path, stored.not_before, stored.not_after, IDP.policy)
    assert not warned
    assert due is not None
    assert timedelta() <= due - ordinary < timedelta(days=1)


@pytest.mark.parametrize("shape", list(SHAPES)[:3])
@pytest.mark.parametrize(
    "text",
    [
        RECORD,
        "Sectigo.com;accounturi = acct:1@sectigo.com ; policy=wildcard",
        until(NOW + timedelta(days=200)),
        "sectigo.com; accounturi=x; persistUntil=99999999999999",
    ],
)
def test_a_live_record_is_no_finding(shape: str, text: str) -> None:
    """In the syntax of RFC 8659, with keys that are not known, and beside the record of another CA."""
    tested = mandate(shape, "emsign.com; accounturi=https://acme.test/7", text)
    tested.inspect()

    assert not codes(tested)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ((), "there is no record"),
        (("emsign.com; accounturi=https://acme.test/7",), "the records are of emsign.com"),
        (("v=spf1 -all",), "the record has no CA's name"),
        (("sectigo.com",), "it has no accounturi"),
        (("sectigo.com; accounturi",), "it is not in the syntax"),
        ((f"{RECORD}; persistUntil=tomorrow",), "its persistUntil is not a number"),
        ((until(NOW - timedelta(seconds=1)),), "its persistUntil was"),
    ],
)
def test_a_record_that_cannot_be_used_is_a_finding_for_the_rao(texts: tuple[str, ...], why: str) -> None:
    """Within ten days the validation is worth nothing, and SCM may not show why."""
    tested = mandate("a sixth name and a date that rolls", *texts)
    found = tested.inspect()

    (finding,) = (finding for finding in found.findings if finding.code == "PersistentRecordUnusable")
    assert (finding.severity, finding.actor) == ("warning", "rao")
    assert why in finding.text
    assert PLACE in finding.text
    assert "publish the record that SCM shows" in finding.text
    assert "DcvLapsing" not in codes(tested)


def test_a_date_that_rolls_without_a_live_record_is_an_ordinary_one() -> None:
    """SCM names another method: the RAO validates again, and is informed why the record does not do it."""
    tested = mandate("a date that rolls", until(NOW - timedelta(days=1)))
    found = tested.inspect()
    without = mandate("a date that rolls")
    without.inspect()

    (finding,) = (finding for finding in found.findings if finding.code == "DcvLapsing")
    assert "its persistent record cannot be used: its persistUntil was" in finding.text
    assert codes(without) == {"DcvLapsing"}


def test_the_date_decides_again_when_the_record_is_missing() -> None:
    """The last validation is still worth its days, so the renewal goes before they end."""
    tested = mandate("a sixth name and a date that rolls", age=110)
    tested.domains = (replace(tested.domains[0], dcv_expires_in_days=5), APPS_ENTRY)
    tested.inspect()

    assert [task["causes"] for task in tested.tasks["certificates"]] == [[Cause.DCV_LAPSING]]


def test_the_end_of_a_record_is_a_finding_a_month_ahead() -> None:
    """And earlier, as information, when the next renewal comes after it."""
    tested = mandate("a date that rolls", until(NOW + timedelta(days=20)))
    found = tested.inspect()
    later = mandate("a date that rolls", until(NOW + timedelta(days=70)), age=20)
    later.inspect()

    (finding,) = (finding for finding in found.findings if finding.code == "PersistentRecordEnding")
    assert (finding.severity, finding.actor, finding.due) == ("warning", "rao", (NOW + timedelta(days=20)).date())
    (early,) = (finding for finding in later.inspection.findings if finding.code == "PersistentRecordEnding")
    assert (early.severity, early.due) == ("info", (NOW + timedelta(days=70)).date())


def test_a_renewal_is_brought_forward_to_before_the_end_of_the_record() -> None:
    """After persistUntil the CA does not validate the domain again."""
    tested = mandate("a date that rolls", until(NOW + timedelta(days=5)), age=110)
    tested.inspect()

    assert [task["causes"] for task in tested.tasks["certificates"]] == [[Cause.DCV_LAPSING]]


def test_the_record_may_be_at_a_name_above() -> None:
    """A domain may be validated by any name above it (BR, Authorization Domain Name); each is asked once."""
    tested = mandate("a sixth name and a date that rolls")
    tested.domains = tuple(
        replace(domain, name=name) for domain, name in zip([tested.domains[0]] * 2, NAMES, strict=True)
    )
    tested.dns.records["_validation-persist.univ.example"] = (RECORD,)
    tested.inspect()

    assert not codes(tested)
    assert tested.dns.asked == [PLACE, "_validation-persist.univ.example", "_validation-persist.apps.univ.example"]


def test_only_domains_that_may_be_persistent_are_queried() -> None:
    """A delegation without any asks DNS nothing."""
    tested = mandate("a far date", RECORD)
    tested.inspect()

    assert not tested.dns.asked


# ---- DNS does not answer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", list(SHAPES)[:3])
def test_without_an_answer_of_dns_the_record_stays_as_it_was_known(shape: str) -> None:
    """An outage of DNS must not renew an estate."""
    tested = mandate(shape, RECORD, age=110)
    tested.inspect()
    tested.dns.is_silent = True
    tested.clock.advance(days=6)
    tested.domains = (replace(tested.domains[0], dcv_expires_in_days=4), APPS_ENTRY)
    tested.inspect()

    assert not codes(tested)
    assert not tested.tasks["certificates"]


def test_a_domain_that_scm_calls_persistent_needs_no_answer_of_dns() -> None:
    """They may be switched off."""
    tested = mandate("a sixth name and a date that rolls", age=110)
    tested.dns.is_silent = True
    tested.domains = (replace(tested.domains[0], dcv_expires_in_days=4), APPS_ENTRY)
    tested.inspect()

    assert not codes(tested)
    assert not tested.tasks["certificates"]


def test_queries_of_dns_end_after_six_seconds() -> None:
    """A thousand silent names must not delay a renewal."""
    names = tuple(f"host-{index}.univ.example" for index in range(50))
    tested = Mandate(domains=tuple(Domain(name, dcv_expires_in_days=9) for name in names))
    tested.delegation = replace(tested.delegation, delegated_names=names)
    tested.specs = (replace(IDP, names=names),)
    asked = []

    def slow(name: str, deadline: Deadline) -> None:
        asked.append(name)
        tested.clock.advance(seconds=min(2.0, deadline.seconds_left()))

    tested.dns = slow  # type: ignore[assignment]
    tested.inspect()

    assert len(asked) == 3
    assert tested.error is None
    assert tested.clock() == NOW.astimezone(UTC) + timedelta(seconds=6)


def test_a_name_that_hangs_keeps_no_other_from_its_query() -> None:
    """In a fixed order the names behind it would never be asked for, and be renewed by a date that only rolls."""
    clock = HandClock(NOW)
    answered: set[str] = set()
    names = [f"host-{index}.univ.example" for index in range(5)]
    entries = tuple(
        DelegatedName(name, is_active=True, certificate_types=frozenset(), dcv_expires=NOW.date() + timedelta(days=5))
        for name in names
    )

    def half_silent(place: str, deadline: Deadline) -> tuple[str, ...] | None:
        if not place.endswith(names[-1]):
            clock.advance(seconds=min(2.0, deadline.seconds_left()))
            return None
        answered.add(place)
        return (RECORD,)

    for _ in names:
        deadline = ample(clock).at_most(6)
        snapshot = replace(Snapshot(), domains=replace(Snapshot().domains, delegated=entries))
        PersistentRecords(half_silent, deadline).added_to(snapshot, clock())
        clock.advance(days=1)

    assert answered
