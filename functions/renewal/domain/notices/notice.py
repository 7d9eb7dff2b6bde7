"""The record of a delegation's notices: what its RAO was notified of, and what was sent, to whom and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from renewal.domain.errors import shortened

MOST_SENT = 60
"""Notices that are kept of each delegation, the newest; a delegation has one a day at most, and the monthly report."""
MOST_TOPICS = 8
"""Topics that are kept of a notice."""


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

    at: datetime
    """When it was claimed, before anything was sent; with `kind` it identifies the notice of a delegation."""
    kind: NoticeKind
    to: str = ""
    """The address; empty = no mail."""
    topics: tuple[str, ...] = ()
    """Codes of the problems, each once, or the report's month, as in `2026-11`."""
    delivery: MailOutcome = MailOutcome.CLAIMED
    message_id: str = ""
    """SES's."""
    text: str = ""
    """Why it was refused or bounced."""


@dataclass(frozen=True, slots=True)
class NotifiedProblem:
    """An open problem that a notice has named."""

    key: str
    stage: int
    """The least number of days to the consequence that a notice has named, one of `escalation.STAGES`."""
    is_error: bool
    act_by: date | None
    at: datetime
    """Of the last notice that has named it."""
    to: str = ""
    """The address of that notice's mail; empty = it has not been mailed."""
    absent_since: date | None = None
    """The first day on which it was not found any more."""


@dataclass(frozen=True, slots=True)
class Notices:
    """A delegation's notices."""

    problems: tuple[NotifiedProblem, ...] = ()
    sent: tuple[Notice, ...] = ()
    """Oldest first."""

    def with_notice(self, notice: Notice) -> Notices:
        """Return the record with one more notice."""
        topics = tuple(dict.fromkeys(notice.topics))[:MOST_TOPICS]
        return replace(self, sent=(*self.sent, replace(notice, topics=topics))[-MOST_SENT:])

    def at(self, at: datetime, kind: NoticeKind) -> Notice:
        """Return the notice of *kind* that was claimed at *at*. Raises LookupError when it is not kept."""
        return [notice for notice in self.sent if (notice.at, notice.kind) == (at, kind)][-1]

    def delivered(self, claim: Notice, delivery: MailOutcome, *, message_id: str = "", text: str = "") -> Notices:
        """Return the record with what became of the mail of *claim*.

        What SES refused has not been sent: the problems of that notice are due again.
        """
        before = self.at(claim.at, claim.kind)
        after = replace(before, delivery=delivery, message_id=message_id, text=shortened(text))
        return replace(self._replaced(before, after), problems=self._problems_after(after))

    def bounced(self, message_id: str, text: str) -> Notices:
        """Return the record with the bounce of the mail that SES sent as *message_id*."""
        found = next((notice for notice in self.sent if message_id and notice.message_id == message_id), None)
        if found is None:
            return self
        return self._replaced(found, replace(found, delivery=MailOutcome.BOUNCED, text=shortened(text)))

    def has_report(self, month: str) -> bool:
        """Return whether a notice with the report of *month* was claimed, and SES has not refused it."""
        return any(
            notice.kind is NoticeKind.REPORT and month in notice.topics and notice.delivery is not MailOutcome.REFUSED
            for notice in self.sent
        )

    def undelivered(self, address: str) -> Notice | None:
        """Return the last mail to *address* if it did not arrive; None when it did, or when there was none."""
        mails = [notice for notice in self.sent if notice.to and notice.to == address]
        is_lost = bool(mails) and mails[-1].delivery in {MailOutcome.REFUSED, MailOutcome.BOUNCED}
        return mails[-1] if is_lost else None

    def _replaced(self, before: Notice, after: Notice) -> Notices:
        return replace(self, sent=tuple(after if notice is before else notice for notice in self.sent))

    def _problems_after(self, notice: Notice) -> tuple[NotifiedProblem, ...]:
        if notice.delivery is not MailOutcome.REFUSED or notice.kind is not NoticeKind.PROBLEMS:
            return self.problems
        return tuple(replace(problem, to="") if problem.at == notice.at else problem for problem in self.problems)


NoticesChange = Callable[[Notices], Notices]
"""A change of a delegation's notices; it is computed again when another function has changed them in between."""
