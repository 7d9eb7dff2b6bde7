"""Reading the DNS record of persistent domain validation (BR §3.2.2.4.22; RFC 8659 §4.2)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renewal.domain.setup.domain_checks import domain_results
from renewal.domain.setup.persistent_dcv import PersistentRecord, places, record_in
from renewal.domain.setup.snapshot import DelegatedName, Domains
from tests.unit.system import DELEGATION, IDP, NOW

RECORD = "sectigo.com; accounturi=acct:1@sectigo.com"
FIRST, SECOND = 1_800_000_000, 1_900_000_000


def test_the_record_is_sought_at_the_name_and_above() -> None:
    """Never at a whole top-level domain; a star is below the name that is validated."""
    assert list(places("*.apps.univ.example")) == [
        "_validation-persist.apps.univ.example",
        "_validation-persist.univ.example",
    ]
    assert list(places("example")) == ["_validation-persist.example"]


@pytest.mark.parametrize(
    "text",
    [
        RECORD,
        " SECTIGO.COM ;\taccounturi\t= acct:1@sectigo.com\t",
        "usertrust.com;policy=wildcard;AccountURI=x",
        "sectigo.com; accounturi=a=b:c",
    ],
)
def test_the_syntax_is_that_of_rfc_8659(text: str) -> None:
    """Blanks around each part, tags in any case, values with every sign but a semicolon; unknown tags are ignored."""
    assert record_in([text]) == PersistentRecord()


@pytest.mark.parametrize(
    "text", ["sectigo.com; accounturi=a b", "sectigo.com; accounturi=x;", "sectigo.com; -a=b", "sectigo.com; x"]
)
def test_what_is_not_in_the_syntax_cannot_be_used(text: str) -> None:
    """A CA that reads strictly would refuse it."""
    assert "syntax" in record_in([text]).fault


@pytest.mark.parametrize(
    ("status", "expires", "fault"),
    [
        ("PERSISTENT", date(2027, 6, 1), set()),
        ("PERSISTENT", None, {"DcvMissing"}),
        ("NOTVALIDATED", date(2027, 6, 1), {"DcvMissing"}),
        ("PERSISTENT", date(2026, 11, 1), {"DcvLapsed"}),
    ],
)
def test_an_unknown_word_beside_a_later_expiry_is_no_fault(status: str, expires: date | None, fault: set[str]) -> None:
    """What SCM shows of such a domain is not documented; the RAO would be asked to validate what is valid."""
    entry = DelegatedName("idp.univ.example", True, frozenset({"SSL"}), status, expires)

    results = domain_results(DELEGATION, IDP.names, Domains((entry,)), NOW)
    assert {finding.code for result in results for finding in result.findings()} == fault


def test_the_best_of_several_records_counts() -> None:
    """The old one may stay beside the new one; the latest end decides, and none is the latest."""
    old, new = f"{RECORD}; persistUntil={FIRST}", f"{RECORD};persistuntil={SECOND}"

    assert record_in([old, new, "sectigo.com"]).until == datetime.fromtimestamp(SECOND, UTC)
    assert record_in([new, RECORD, old]) == PersistentRecord()
    assert record_in(["sectigo.com", "emsign.com; accounturi=x"]).fault == "it has no accounturi"


def test_a_record_is_worth_nothing_after_its_end() -> None:
    """`persistUntil` is in seconds of Unix time."""
    record = record_in([f"{RECORD}; persistUntil={FIRST}"])
    end = datetime.fromtimestamp(FIRST, UTC)

    assert not record.is_live(end)
    assert record.fault_at(end) == f"its persistUntil was {end:%Y-%m-%d}"
    assert record.is_live(datetime.fromtimestamp(FIRST - 1, UTC))


@given(st.lists(st.text() | st.text("sectigo.com; =accounturipersistUntil0123456789"), max_size=4))
def test_any_text_can_be_read(texts: list[str]) -> None:
    """Anyone may publish TXT records; what is stored of them is short."""
    assert len(record_in(texts).fault) < 256
