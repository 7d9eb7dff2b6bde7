"""A mandate, a certificate's spec, and what a profile offers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from renewal.domain.calendar import PHASES, phase_at
from renewal.domain.delegation import Profile, profile_of
from renewal.domain.errors import KeyRefused, NameNotDelegated, ProfileRefused, TermRefused
from renewal.domain.key_type import KeyType
from tests.unit.system import DELEGATION, IDP


@pytest.mark.parametrize(
    ("terms", "wanted", "longest", "term"),
    [
        ((46, 99, 199), None, 199, 199),
        ((46, 99, 199), None, 99, 99),
        ((46, 99, 199), None, 46, 46),
        ((365,), None, 199, 365),
        ((365, 730), None, 199, 365),
        ((46, 99, 199), 100, 199, 99),
        ((46, 99, 199), 199, 99, 99),
        ((99, 365), 365, 199, 99),
        ((365,), 365, 199, 365),
        ((1,), 1, 199, 1),
    ],
)
def test_the_term_is_the_longest_that_all_rules_permit(
    terms: tuple[int, ...], wanted: int | None, longest: int, term: int
) -> None:
    """Neither the file nor the calendar is exceeded; a profile without a term that short is asked for its shortest."""
    assert Profile(1018, "OV", terms).term_for(wanted, longest) == term


def test_no_term_is_invented() -> None:
    """SCM refuses a term that the profile does not offer; so it is not asked for."""
    with pytest.raises(TermRefused, match="offers terms of 99, 199 days; none is as short as the 30 days wanted"):
        Profile(1018, "OV", (199, 99)).term_for(30, 199)
    with pytest.raises(TermRefused, match="profile 1018 offers no term at all"):
        Profile(1018, "OV", ()).term_for(None, 199)


def test_a_profile_refuses_a_key_that_it_does_not_list() -> None:
    """Refused before an order is spent; older releases of SCM list no keys, and then it is tried."""
    profile = Profile(1018, "OV", (199,), {"RSA": ("2048", "3072"), "EC": ("P-256",)})

    profile.require_key_type(KeyType.P_256)
    Profile(1018, "OV", (199,)).require_key_type(KeyType.P_384)
    with pytest.raises(KeyRefused, match="does not take P-384 keys; it offers RSA 2048/3072, EC P-256"):
        profile.require_key_type(KeyType.P_384)


@pytest.mark.parametrize(
    "offered", [{"RSA": ("2048",), "ECC": ("256",)}, {"RSA": ("2048",), "EC": ("secp256r1",)}, {"rsa/ec": ("any",)}]
)
def test_keys_in_unknown_words_are_tried(offered: dict[str, tuple[str, ...]]) -> None:
    """Another release of SCM may spell them otherwise: a comparison of text would stop every renewal for ever."""
    Profile(1018, "OV", (199,), offered).require_key_type(KeyType.P_256)


def test_an_unknown_profile_is_reported_with_the_known_ones() -> None:
    """The number in the file is a guess until SCM has confirmed it."""
    offered = [Profile(7, "DV", (199,)), Profile(9, "EV", (199,))]

    assert profile_of(replace(IDP, profile_id=9), offered).name == "EV"
    with pytest.raises(ProfileRefused, match=r"no certificate profile 1018; it has 7 \(DV\), 9 \(EV\)"):
        profile_of(IDP, offered)
    with pytest.raises(ProfileRefused, match="it has none"):
        profile_of(IDP, [])


def test_names_outside_the_delegation_are_refused_with_what_is_inside() -> None:
    """The RAO reads this sentence."""
    DELEGATION.require_delegated(["idp.univ.example", "x.apps.univ.example"])
    with pytest.raises(NameNotDelegated, match=r"sp.univ.example: not delegated to department 1698") as refused:
        DELEGATION.require_delegated(["idp.univ.example", "sp.univ.example"])

    assert "idp.univ.example, *.apps.univ.example" in str(refused.value)
    assert refused.value.actor == "rao"


@pytest.mark.parametrize(
    ("ends", "now", "has_ended"),
    [
        (None, datetime(2099, 1, 1, tzinfo=UTC), False),
        (date(2026, 11, 23), datetime(2026, 11, 23, 23, 59, tzinfo=UTC), False),
        (date(2026, 11, 23), datetime(2026, 11, 24, 0, 0, tzinfo=UTC), True),
    ],
)
def test_a_mandate_holds_on_its_last_day(ends: date | None, now: datetime, has_ended: bool) -> None:
    """The 23rd is part of "until 23 November"; it ends with that day."""
    assert replace(DELEGATION, mandate_ends=ends).has_ended(now) is has_ended


def test_a_spec_has_its_path_and_regions() -> None:
    """The order of stores is the order in which they are written."""
    spec = replace(IDP, stores=("acm:us-east-1", "s3", "acm:eu-west-3"))

    assert spec.path == "univ/idp"
    assert spec.acm_regions == ("us-east-1", "eu-west-3")


@pytest.mark.parametrize(
    ("day", "term", "reuse"),
    [
        (datetime(2019, 1, 1, tzinfo=UTC), 397, 398),
        (datetime(2026, 3, 11, 23, 59, tzinfo=UTC), 397, 398),
        (datetime(2026, 3, 12, tzinfo=UTC), 199, 198),
        (datetime(2027, 3, 14, tzinfo=UTC), 199, 198),
        (datetime(2027, 3, 15, tzinfo=UTC), 99, 98),
        (datetime(2029, 3, 15, tzinfo=UTC), 46, 10),
        (datetime(2050, 1, 1, tzinfo=UTC), 46, 10),
    ],
)
def test_the_calendar_shortens_lifetimes_on_its_days(day: datetime, term: int, reuse: int) -> None:
    """SC-081v3 in Sectigo's days, each one less than the ballot's: any second over counts as a day."""
    phase = phase_at(day)

    assert (phase.term_days, phase.dcv_reuse_days) == (term, reuse)


def test_the_phases_follow_each_other() -> None:
    """A phase out of order would never be in force."""
    assert list(PHASES) == sorted(PHASES, key=lambda phase: phase.begins)
