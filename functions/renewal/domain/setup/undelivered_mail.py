"""The finding about a mail that did not reach the RAO."""

from __future__ import annotations

from renewal.domain.notices.notice import MailOutcome
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord


def undelivered_mail(record: DelegationRecord) -> tuple[Finding, ...]:
    """A mail that did not reach the RAO stops nothing, but they do not know what they must do."""
    address, notices = record.delegation.rao_email, record.notices
    lost = notices.undelivered(address) if notices else None
    if lost is None:
        return ()
    may = "may not have reached" if lost.outcome is MailOutcome.CLAIMED else "did not reach"
    why = f": {lost.outcome}, {lost.text}" if lost.text else ""
    text = (
        f"the mail of {lost.at:%Y-%m-%d} to {address} {may} the RAO{why}. Notify them "
        "over another channel, correct rao_email in the delegation's file, and run `certmandate apply`"
    )
    return (Finding("RaoMailUndelivered", "warning", "operator", text),)
