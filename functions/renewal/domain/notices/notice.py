"""The record of a delegation's notices: what its RAO was notified of, and what was sent, to whom and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from renewal.domain.errors import shortened
from renewal.domain.notices.month import month_before

MOST_SENT = 60
"""Notices that are kept of each delegation, the newest; a delegation has one a day at most, and the monthly report."""
MOST_CODES = 8
"""Codes that are kept of a notice."""
REPORT_DAYS = 7
"""The report is sent on the first of the month, or by the next daily run up to this day."""


class NoticeKind(StrEnum):
    """What a notice is about."""

    PROBLEMS = "problems"
    REPORT = "report"


class MailOutcome(StrEnum):
    """What became of a notice's mail."""

    CLAIMED = "claimed"
    """It may not have been sent: the function ended, or AWS did not answer. It is never sent again."""
    OFF = "off"
    """No mail: no sender is configured, or the delegation's file has no address of the RAO."""
    SENT = "sent"
    REFUSED = "refused"
    """SES refused it, so nothing was sent; the next daily run tries again."""
    BOUNCED = "bounced"
    """The RAO's mail server, or the RAO, refused it after SES had sent it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice."""

    id: str
    """Random: it shows which function has claimed the notice."""
    at: datetime
    """When it was claimed, before anything was sent."""
    kind: NoticeKind
    to: str = ""
    """The address; empty = no mail."""
    codes: tuple[str, ...] = ()
    """Codes of the topics, each once, or the report's month, as in `2026-11`."""
    outcome: MailOutcome = MailOutcome.CLAIMED
    message_id: str = ""
    """SES's."""
    text: str = ""
    """Why it was refused or bounced."""


@dataclass(frozen=True, slots=True)
class NotifiedTopic:
    """A topic that is open and that a notice has named."""

    key: str
    stage: int
    """The least number of days to the consequence that a notice has named, one of `escalation.STAGES`."""
    is_error: bool
    act_by: date | None
    notice: str
    """Id of the last notice that has named it."""
    to: str = ""
    """The address of that notice's mail; empty = it has not been mailed."""
    absent_since: date | None = None
    """The first day on which it was not found any more."""


@dataclass(frozen=True, slots=True)
class Notices:
    """A delegation's notices."""

    topics: tuple[NotifiedTopic, ...] = ()
    sent: tuple[Notice, ...] = ()
    """Oldest first."""

    def with_notice(self, notice: Notice) -> Notices:
        """Return the record with one more notice."""
        codes = tuple(dict.fromkeys(notice.codes))[:MOST_CODES]
        return replace(self, sent=(*self.sent, replace(notice, codes=codes))[-MOST_SENT:])

    def notice(self, notice_id: str) -> Notice | None:
        """Return a notice; None when this function has not claimed it."""
        return next((notice for notice in self.sent if notice.id == notice_id), None)

    def named_by(self, notice_id: str) -> tuple[str, ...]:
        """Return the keys of the topics that a notice has named."""
        return tuple(topic.key for topic in self.topics if topic.notice == notice_id)

    def delivered(self, claim: Notice, outcome: MailOutcome, *, message_id: str = "", text: str = "") -> Notices:
        """Return the record with what became of the mail of *claim*.

        What SES refused has not been sent: the topics of that notice are due again.
        """
        before = self.notice(claim.id) or claim
        if before.outcome is MailOutcome.BOUNCED:  # its event was faster
            return self
        after = replace(before, outcome=outcome, message_id=message_id, text=shortened(text))
        return replace(self._replaced(after), topics=self._topics_after(after))

    def bounced(self, notice_id: str, message_id: str, text: str) -> Notices:
        """Return the record with the bounce of a notice's mail; *notice_id*: empty if an earlier version sent it."""
        sent_as = (notice for notice in self.sent if message_id and notice.message_id == message_id)
        bounced_notice = self.notice(notice_id) or next(sent_as, None)
        if bounced_notice is None:
            return self
        return self._replaced(replace(bounced_notice, outcome=MailOutcome.BOUNCED, text=shortened(text)))

    def has_report(self, month: str) -> bool:
        """Return whether a notice with the report of *month* was claimed, and SES has not refused it."""
        return any(
            notice.kind is NoticeKind.REPORT and month in notice.codes and notice.outcome is not MailOutcome.REFUSED
            for notice in self.sent
        )

    def is_report_due(self, now: datetime) -> bool:
        """Return whether the report of the month before *now* is to be sent."""
        return now.day <= REPORT_DAYS and not self.has_report(str(month_before(now)))

    def undelivered(self, address: str) -> Notice | None:
        """Return the last mail to *address* unless SES has sent it and it did not bounce; None: no mail is missing."""
        mails = [notice for notice in self.sent if notice.to and notice.to == address]
        return mails[-1] if mails and mails[-1].outcome is not MailOutcome.SENT else None

    def _replaced(self, after: Notice) -> Notices:
        return replace(self, sent=tuple(after if notice.id == after.id else notice for notice in self.sent))

    def _topics_after(self, notice: Notice) -> tuple[NotifiedTopic, ...]:
        if notice.outcome is not MailOutcome.REFUSED or notice.kind is not NoticeKind.PROBLEMS:
            return self.topics
        return tuple(replace(topic, to="") if topic.notice == notice.id else topic for topic in self.topics)


NoticesChange = Callable[[Notices], Notices]
"""A change of a delegation's notices; it is computed again when another function has changed them in between."""
