"""A mail to the RAO, in one language or in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from renewal.domain.names import with_readable_names
from renewal.mail.visible_text import visible

_BETWEEN = f"\n{'-' * 72}\n\n"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, ready to be sent: plain text."""

    to: str
    subject: str
    body: str


def mail_of(to: str, subject: str, parts: Sequence[str]) -> Mail:
    """Return the mail with *parts* as paragraphs, and U-labels beside A-labels.

    The subject is one line: a line feed in an organisation's name would begin another header.
    """
    body = with_readable_names("\n\n".join(parts))
    return Mail(to, visible(" ".join(subject.split())), visible(body + "\n"))


def in_all_languages(mails: Sequence[Mail]) -> Mail:
    """Return one mail with the texts of *mails*, one after the other."""
    subject = " / ".join(mail.subject for mail in mails)
    return Mail(mails[0].to, subject, _BETWEEN.join(mail.body for mail in mails))
