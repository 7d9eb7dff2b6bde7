"""When an RAO is notified: at the start, when it gets worse, and 14, 7, 3 and 1 days before the consequence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renewal.domain.notices.escalation import Topic, claimed, notices_due
from renewal.domain.notices.notice import MOST_SENT, MailOutcome, Notice, NoticeKind, Notices

FIRST = datetime(2026, 11, 1, 5, tzinfo=UTC)
RAO = "rao@univ.example"


def topic(in_days: int | None = 30, **changes: Any) -> Topic:
    """A validation that expires so many days after the first day; None = now."""
    act_by = None if in_days is None else (FIRST + timedelta(days=in_days)).date()
    return replace(Topic("univ: DcvLapsing", "DcvLapsing", "warning", act_by), **changes)


def claim(now: datetime = FIRST, to: str = RAO, kind: NoticeKind = NoticeKind.PROBLEMS) -> Notice:
    """A notice whose id is its time and kind."""
    return Notice(f"{now} {kind}", now, kind, to)


def days_notified(days: int, found: Any) -> list[int]:
    """The days on which a notice is due; *found*: the topics of a day."""
    notices, due = Notices(), []
    for day in range(days):
        now = FIRST + timedelta(days=day)
        if notices_due(found(day), notices, RAO, now.date()):
            due.append(day)
        notices = claimed(notices, found(day), claim(now, RAO))
    return due


def test_a_topic_is_notified_at_its_start_and_at_each_stage_once() -> None:
    """N3: the guide promises a mail in good time; a mail every day would not be read."""
    assert days_notified(40, lambda _day: [topic(30)]) == [0, 16, 23, 27, 29, 30]


def test_a_topic_that_begins_late_skips_the_stages_that_have_passed() -> None:
    """Two days before the consequence, one mail now and two more."""
    assert days_notified(10, lambda _day: [topic(2)]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("later", "is_due"),
    [
        (topic(30, severity="error"), True),
        (topic(20), True),
        (topic(None), True),
        (topic(29, key="another"), True),
        (topic(40), False),
        (topic(30), False),
    ],
)
def test_what_gets_worse_is_notified_again(later: Topic, *, is_due: bool) -> None:
    """A later date or an unchanged topic needs no action that an earlier mail did not name."""
    notices = claimed(Notices(), [topic(30)], claim())

    assert bool(notices_due([later], notices, RAO, FIRST.date())) is is_due


def test_a_date_that_moves_across_a_stage_is_notified_once() -> None:
    """A persistent validation may show a date that rolls a week ahead."""
    assert days_notified(30, lambda day: [topic(day + 7 + day % 2)]) == [0]


def test_what_happens_automatically_is_notified_once() -> None:
    """The rotation of a password needs no action of the RAO."""
    assert days_notified(20, lambda _day: [topic(14, severity="info")]) == [0]


def test_a_topic_that_is_hidden_for_two_days_is_the_same() -> None:
    """An inspection that a refused login ends does not show what SCM would have shown."""
    assert days_notified(12, lambda day: [] if day in {4, 5} else [topic(60)]) == [0]


def test_a_topic_that_returns_after_its_end_is_notified_again() -> None:
    """A validation that expires again next year needs action again."""
    assert days_notified(12, lambda day: [] if 2 <= day <= 6 else [topic(60)]) == [0, 7]


def test_a_new_address_gets_every_topic_that_is_open() -> None:
    """A new RAO has no earlier mail; so has the RAO when mails are switched on."""
    for before in ("", "predecessor@univ.example"):
        notices = claimed(Notices(), [topic()], claim(to=before))
        assert notices_due([topic()], notices, RAO, FIRST.date()), before
        assert not notices_due([topic()], notices, "", FIRST.date()), before


def test_what_ses_refused_is_due_again_and_nothing_else() -> None:
    """It was not sent; what an earlier mail named was."""
    early, late = topic(60, key="early"), topic(60, key="late")
    notices = claimed(Notices(), [early], claim())
    second = claim(FIRST + timedelta(days=1))
    notices = claimed(notices, [early, late], second).delivered(second, MailOutcome.REFUSED, text="not verified")

    assert notices_due([early, late], notices, RAO, second.at.date()) == (late,)


def test_the_last_mail_to_the_address_decides_whether_it_arrives() -> None:
    """A bounce is a finding until a later mail arrives or the address changes."""
    first, second = claim(), claim(kind=NoticeKind.REPORT)
    sent = Notices().with_notice(first).delivered(first, MailOutcome.SENT, message_id="m-1")
    bounced = sent.bounced("", "m-1", "Permanent: no such user")

    assert bounced.undelivered(RAO) == bounced.sent[0]
    assert bounced.sent[0].text == "Permanent: no such user"
    assert bounced.undelivered("new@univ.example") is None
    assert bounced.with_notice(second).delivered(second, MailOutcome.SENT, message_id="m-2").undelivered(RAO) is None
    assert sent.bounced("of another stack", "m-2", "…") == sent


def test_the_record_of_notices_is_bounded() -> None:
    """It is stored beside an inspection, in an item of at most 400 KB."""
    notices = Notices()
    for day in range(400):
        codes = tuple(f"code {number}" for number in range(100))
        notices = notices.with_notice(replace(claim(FIRST + timedelta(days=day)), codes=codes))

    assert len(notices.sent) == MOST_SENT
    assert notices.sent[-1].at.date() == date(2027, 12, 5)
    assert len(notices.sent[-1].codes) < 10


# ---- Two years of random topics ------------------------------------------------------------------------------------

YEARS = 730
PROMISED = (14, 7, 3, 1, 0)
"""Days before the consequence on which the guide promises a mail."""
Episode = tuple[int, int, int | None, int]
"""A problem: its first day, how many days it lasts, in how many days its consequence is, and when it is an error."""


@st.composite
def episodes(draw: st.DrawFn) -> list[Episode]:
    """One problem with the same key after another; it is over when it was not found for more than three days."""
    found, day = list[Episode](), draw(st.integers(0, 60))
    while day < YEARS:
        length, left = draw(st.integers(1, 90)), draw(st.none() | st.integers(0, 60))
        found.append((day, length, left, draw(st.integers(0, 90))))
        day += length + draw(st.integers(4, 120))
    return found


def topics_on(day: int, of_keys: list[list[Episode]]) -> list[Topic]:
    """What is found on *day*."""
    return [
        topic(
            None if left is None else first + left,
            key=str(key),
            severity="error" if day >= first + error else "warning",
        )
        for key, of_key in enumerate(of_keys)
        for first, length, left, error in of_key
        if first <= day < first + length
    ]


def promised_days(first: int, length: int, left: int | None, error: int) -> set[int]:
    """The days on which the RAO is to be notified of an episode, as the guide promises it."""
    days = {0, error, *(left - before for before in PROMISED if left is not None)}
    return {first + day for day in days if 0 <= day < length and first + day < YEARS}


@settings(max_examples=25, deadline=None)
@given(st.lists(episodes(), min_size=1, max_size=3))
def test_in_two_years_no_notice_is_missing_and_none_is_false(of_keys: list[list[Episode]]) -> None:
    """N3: an RAO who is not notified does not act, and one who is notified every day does not read it."""
    notices, named = Notices(), [set[int]() for _ in of_keys]
    for day in range(YEARS):
        of_day = claim(FIRST + timedelta(days=day))
        notices = claimed(notices, topics_on(day, of_keys), of_day)
        for each in notices.topics:
            if each.notice == of_day.id:
                named[int(each.key)].add(day)

    assert named == [set().union(*(promised_days(*each) for each in of_key)) for of_key in of_keys]
