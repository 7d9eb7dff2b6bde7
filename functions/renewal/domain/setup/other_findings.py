"""Findings besides the eight steps: what SCM hides, an order that no search finds, our address, mails that bounced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from renewal.domain.delegation import Delegation
from renewal.domain.notices.notice import MailOutcome
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.snapshot import Section, Snapshot
from renewal.domain.setup.withdrawal import is_report_hidden

ADDRESS_CHANGED = "AddressChanged"


def hidden_sections(snapshot: Snapshot, certificates: Iterable[ManagedCertificate], now: datetime) -> Iterator[Finding]:
    """Yield the findings about what SCM did not show: it stops nothing, but no one would notice a fault there."""
    if Section.REPORT not in snapshot.late and is_report_hidden(snapshot, certificates, now):
        why, remedy = "SCM did not show its SSL report", "let the account read reports"
        if Section.REPORT not in snapshot.unavailable:
            why = "SCM's SSL report is empty, although certificates that were ordered are stored"
        if Section.REPORT in snapshot.too_large:
            why, remedy = (
                "SCM's SSL report is larger than what is read of it",
                "give the delegation a department of its own",
            )
        text = (
            f"{why}, so what was revoked or ordered there is not known and not replaced; when it stays so, ask the RAO "
            f"to {remedy}, and run `certmandate renew` for each certificate that they revoke"
        )
        yield Finding("ReportNotShown", "warning", "operator", text)
    if late := snapshot.late | ({Section.DOMAINS} if snapshot.domains.unread else set()):
        text = (
            f"SCM did not show everything in time: {', '.join(sorted(late))}. Faults there are not found, but renewals "
            "go on. If it happens every day, ask Sectigo's support why these requests are slow"
        )
        yield Finding("InspectionIncomplete", "warning", "operator", text)


def unfound_orders(record: DelegationRecord) -> tuple[Finding, ...]:
    """Return a finding when a search misses an order: the next one whose answer is lost waits for the operator."""
    proof = record.search_proof
    if proof is None or not proof.is_refuted:
        return ()
    text = (
        f"a search for an order at SCM does not find it: {proof.unproven(record.delegation.department_id)}. While this "
        "lasts, an order whose answer is lost waits for the operator. Ask the RAO whether SCM shows the account the "
        "department's orders and their comments"
    )
    return (Finding("SearchUnproven", "warning", "operator", text),)


def address_findings(delegation: Delegation, observed: str, registered: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """Return a finding when *observed* is not a registered address; none when either is not known.

    registered: the stack's addresses, for a delegation whose file names none. The operator must act: the RAO could only
    widen the access list.
    """
    ours = [address.removesuffix("/32") for address in ([delegation.address] if delegation.address else registered)]
    if not ours or not observed or observed in ours:
        return ()
    text = (
        f"requests come from {observed}, but {' or '.join(ours)} is registered: restore the registered address "
        f"(runbook: {ADDRESS_CHANGED}). If the change is intended, have the RAO register {observed}/32, and change "
        "the file"
    )
    return (Finding(ADDRESS_CHANGED, "error", "operator", text),)


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
