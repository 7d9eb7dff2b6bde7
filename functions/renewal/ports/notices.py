"""The notices to RAOs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from renewal.domain.notices.notice import Notice, Notices, NoticesChange
from renewal.mail.mail import Mail


class NoticeBook(Protocol):
    """The record of each delegation's notices."""

    def change_notices(self, delegation: str, change: NoticesChange) -> Notices:
        """Store and return what *change* makes of the record as it is. Raises UnknownDelegation, RecordUnreadable."""


class Mailer(Protocol):
    """Sends mails."""

    def send(self, mail: Mail, tags: Mapping[str, str]) -> str:
        """Send once and return the message's id; *tags* come back with a bounce.

        Raises MailRefused and StoreRefused when nothing was sent, StoreUnavailable when that is not known.
        """


class NoticeAnnouncer(Protocol):
    """Publishes each notice to EventBridge."""

    def announce_notice(self, delegation: str, notice: Notice) -> None:
        """Publish `RAO Notice`: identifiers, the address and what became of the mail."""
