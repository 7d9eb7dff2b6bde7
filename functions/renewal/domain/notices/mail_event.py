"""What Amazon SES reports of a mail that was sent to an RAO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from renewal.domain.errors import InvalidRequest

AUTOMATIC_REPLY = ("Transient", "General")
"""Type and subtype of a bounce that SES makes of an absence notice: the mail has arrived (AWS:
ses/latest/dg/notification-contents.html)."""


@dataclass(frozen=True, slots=True)
class MailEvent:
    """An event of Amazon SES about a mail that was sent: a bounce, a complaint, or a rejection."""

    delegation: str
    notice: str
    """Its id; empty if an earlier version sent it."""
    message_id: str
    text: str
    is_lost: bool

    @classmethod
    def parse(cls, event: dict[str, Any]) -> Self | None:
        """Return None for an event of another source. Raises InvalidRequest when it is not as AWS documents it."""
        if event.get("source") != "aws.ses":
            return None
        try:
            detail, mail = event["detail"], event["detail"]["mail"]
            (delegation,) = mail["tags"]["delegation"]
            (notice,) = mail["tags"].get("notice", [""])
            bounce = detail.get("bounce", {})
            kind = (str(bounce.get("bounceType", "")), str(bounce.get("bounceSubType", "")))
            reasons = (str(each.get("diagnosticCode", "")) for each in bounce.get("bouncedRecipients", ()))
            parts = (str(detail["eventType"]), *kind, *reasons)
            message_id = str(mail["messageId"])
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            msg = f"the event of Amazon SES is not as AWS documents it ({type(error).__name__})"
            raise InvalidRequest(msg) from None
        text = " ".join(part for part in parts if part)
        return cls(str(delegation), str(notice), message_id, text, kind != AUTOMATIC_REPLY)
