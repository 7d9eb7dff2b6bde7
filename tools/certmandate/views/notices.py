"""The notices to a delegation's RAO, as `certmandate show` and `findings` print them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from certmandate.views import printing
from renewal.domain.notices.notice import MailOutcome, Notice
from renewal.domain.setup.inspection import DelegationRecord
from renewal.records import to_json

SHOWN = 10
"""Notices that are printed; --json has all that are kept."""
_OUTCOMES = {
    MailOutcome.CLAIMED: "may not have been sent",
    MailOutcome.OFF: "no mail",
    MailOutcome.SENT: "sent",
    MailOutcome.REFUSED: "refused by SES",
    MailOutcome.BOUNCED: "bounced",
}


def notice_lines(record: DelegationRecord) -> list[str]:
    """Return a line for each of the latest notices, newest first: when, to whom, about what, and what became of it."""
    return [_line(notice) for notice in list(_newest(record))[:SHOWN]]


def notice_documents(record: DelegationRecord) -> list[dict[str, Any]]:
    """Return every notice that is kept as JSON has it, newest first."""
    return [to_json(notice) for notice in _newest(record)]


def _newest(record: DelegationRecord) -> Iterator[Notice]:
    return reversed(record.notices.sent if record.notices else ())


def _line(notice: Notice) -> str:
    to = f" to {notice.to}" if notice.to else ""
    why = f": {notice.text}" if notice.text else ""
    about = ", ".join(notice.codes)
    return f"{printing.minute(notice.at)}{to}: {notice.kind} {about} ({_OUTCOMES[notice.outcome]}{why})"
