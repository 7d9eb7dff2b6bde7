"""What spreadsheets and calendars read."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import date, timedelta

from certmandate.views.exports.csv_table import csv_lines
from certmandate.views.exports.icalendar import events, lines
from renewal.domain.delegation import CertificateSpec
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from tests.certmandate.desk import Desk
from tests.unit.system import DELEGATION, NOW, managed

ESTATE = ("recent:20", "old:198", "new")
RECORD = DelegationRecord(
    replace(DELEGATION, mandate_ends=date(2028, 12, 31)), Inspection("run", NOW, password_expires=date(2027, 1, 2))
)
STACK = "arn:aws:states:eu-west-3:123456789012:stateMachine:certmandate-renewal"


def exported(*certificates: ManagedCertificate, stack: str = STACK) -> list[str]:
    """Return the lines of the calendar."""
    return list(lines(events([(RECORD, certificates, date(2026, 12, 20))], NOW), stack, NOW))


def members(found: list[str], name: str) -> list[str]:
    """Return the values of a property."""
    return [line.partition(":")[2] for line in found if re.match(rf"{name}[;:]", line)]


def test_the_calendar_has_every_date_that_someone_plans_with() -> None:
    """Expiry, renewal, end of the mandate, rotation and expiry of the password."""
    found = exported(managed(age=20))

    days = dict(zip(members(found, "CATEGORIES"), members(found, "DTSTART"), strict=True))
    assert days["expiry"] == f"{NOW + timedelta(days=179):%Y%m%d}"
    assert f"{NOW:%Y%m%d}" < days["renewal"] < days["expiry"]
    assert (days["mandate"], days["rotation"], days["password"]) == ("20281231", "20261220", "20270102")
    assert (found[0], found[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")


def test_a_later_export_moves_the_events_and_adds_none() -> None:
    """A calendar recognises an event by its UID; another stack's events are others."""
    before, after = exported(managed(age=150)), exported(managed(age=0))

    assert members(before, "UID") == members(after, "UID")
    assert members(before, "DTSTART") != members(after, "DTSTART")
    assert len(set(members(before, "UID"))) == 5
    assert not set(members(exported(managed(age=0), stack="another"), "UID")) & set(members(after, "UID"))


def test_a_long_line_is_folded_between_letters() -> None:
    """RFC 5545: 75 octets; half a letter is no text."""
    name = "é" * 60
    spec = CertificateSpec("univ", name, ("a.univ.example",), 1)
    found = exported(replace(managed(age=20), spec=spec))

    assert max(len(line.encode()) for line in found) <= 75
    assert f"SUMMARY:univ/{name} expires" in "\n".join(found).replace("\n ", "")


def test_a_cell_that_begins_as_a_formula_is_text() -> None:
    """OWASP: a spreadsheet computes it, and may send other cells elsewhere."""
    texts = ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "fine", 'a "quoted", cell']

    _, *rows = csv.reader(csv_lines(["text", "days"], ({"text": text, "days": -3} for text in texts)))
    assert [row[0] for row in rows] == [f"'{text}" for text in texts[:5]] + texts[5:]
    assert {row[1] for row in rows} == {"-3"}


def test_status_as_csv_has_the_rows_of_status(desk: Desk) -> None:
    """RFC 4180: a line break is CRLF."""
    output = desk.run("status", "--csv").stdout_bytes.decode()
    rows = list(csv.DictReader(output.splitlines()))

    assert [row["name"] for row in rows] == [each["name"] for each in desk.document("status")["certificates"]]
    assert rows[0]["serial"]
    assert output.count("\r\n") == len(rows) + 1


def test_status_shows_what_is_selected(desk: Desk) -> None:
    """An operator of many delegations reads one, or what expires next; the exit code is of the selection."""

    def names(*options: str) -> list[str]:
        return [each["name"] for each in desk.document("status", *options)["certificates"]]

    tomorrow = f"{date.today() + timedelta(days=3)}"  # noqa: DTZ011 - the estate is dated from today
    assert names("--state", "new", "--state", "fine") == ["new", "recent"]
    assert names("--expires-before", tomorrow) == ["old"]
    assert names("--delegation", "univ") == ["old", "new", "recent"]
    assert desk.run("status", "--state", "fine").exit_code == 0
    assert "is not a state; the states are expired" in desk.refused("status", "--state", "fin")
    assert "UnknownDelegation" in desk.refused("status", "--delegation", "univv")
    assert "pass one of them" in desk.refused("status", "--csv", "--json")


def test_the_calendar_of_the_order_book_is_printed_with_crlf(desk: Desk) -> None:
    """A subscription reads it from a file that a job writes."""
    output = desk.run("calendar", "--ics").stdout_bytes.decode()

    assert output.startswith("BEGIN:VCALENDAR\r\n")
    assert output.count("BEGIN:VEVENT") >= 4
    assert "without DIR" in desk.refused("calendar", "--ics", "--json")
