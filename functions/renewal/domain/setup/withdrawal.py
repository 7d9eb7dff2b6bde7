"""What became in SCM of the certificates that are stored, from its SSL report.

A certificate is identified by its serial: SCM keeps the SSL ID of an order whose certificate was replaced in its portal
(SCM reference §5.9).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.due import Cause
from renewal.domain.order import ManagedCertificate, StoredCertificate
from renewal.domain.setup.domain_checks import some
from renewal.domain.setup.finding import Finding, finding_in_scm
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.snapshot import ReportedCertificate, Section, Snapshot

LISTED_AFTER = timedelta(days=1)
"""How long the report may omit a new certificate."""

WITHDRAWN = {Cause.REVOKED: "ServedRevoked", Cause.REPLACED_IN_SCM: "ServedReplaced"}
"""Codes: SCM reports the stored certificate as revoked, or as replaced in its portal."""
_TEXTS = {
    Cause.REVOKED: "is revoked in SCM. The next daily run replaces it; clients may refuse it until then",
    Cause.REPLACED_IN_SCM: "was replaced in SCM's portal, so the CA will revoke it. The next daily run replaces it",
}


def withdrawn_in(
    certificates: Iterable[ManagedCertificate], snapshot: Snapshot, before: Mapping[str, Cause]
) -> dict[str, Cause]:
    """Return the stored certificates that have to be replaced: serial to cause; *before*: of the previous inspection.

    What was withdrawn stays so while SCM does not list it, because SCM deletes revoked certificates from its lists.
    """
    rows = _Rows(snapshot.reported)
    stored = {managed.stored.serial: rows.of(managed.stored) for managed in certificates if managed.stored}
    causes = {serial: rows.cause(serial, row) if row else before.get(serial) for serial, row in stored.items()}
    return {serial: cause for serial, cause in causes.items() if cause}


def withdrawal_findings(
    certificates: Iterable[ManagedCertificate], snapshot: Snapshot, withdrawn: Mapping[str, Cause], now: datetime
) -> Iterator[Finding]:
    """What the operator should know of each stored certificate that is withdrawn, or that the report lacks."""
    rows = _Rows(snapshot.reported)
    is_shown = Section.REPORT not in snapshot.unavailable and bool(snapshot.reported)
    for certificate in certificates:
        stored, name = certificate.stored, certificate.spec.name
        if stored is None:
            continue
        if stored.serial in withdrawn:
            cause = withdrawn[stored.serial]
            text = f"the stored certificate {printed_serial(stored.serial)} {_TEXTS[cause]}"
            yield Finding(WITHDRAWN[cause], "warning", "operator", text, name)
        elif is_shown and not rows.of(stored) and _is_to_be_listed(stored, now):
            text = (
                f"SCM's report does not list the stored certificate {printed_serial(stored.serial)} (SSL ID "
                f"{stored.ssl_id}): ask the RAO whether it was deleted or revoked; then run `certmandate renew`"
            )
            yield Finding("ServedNotListed", "warning", "operator", text, name)


def is_report_hidden(snapshot: Snapshot, certificates: Iterable[ManagedCertificate], now: datetime) -> bool:
    """Return whether nothing is known of the report: it was not shown, or is empty and must list what we ordered.

    A stored certificate that was adopted may be of another department.
    """
    ordered = (managed.stored for managed in certificates if managed.stored and managed.stored.token)
    is_blank = not snapshot.reported and any(_is_to_be_listed(stored, now) for stored in ordered)
    return is_blank or Section.REPORT in snapshot.unavailable


def _is_to_be_listed(stored: StoredCertificate, now: datetime) -> bool:
    return bool(stored.ssl_id) and stored.stored_at + LISTED_AFTER < now


NOT_REVOKED = "NotRevoked"


def revoked_in(
    record: DelegationRecord, certificates: Iterable[ManagedCertificate], snapshot: Snapshot
) -> tuple[str, ...]:
    """Return the serials of requested revocations that SCM's report shows as revoked, or has shown before."""
    before = record.inspection.revoked if record.inspection else ()
    rows = {row.serial for row in snapshot.reported if row.status == "REVOKED"} | set(before)
    return tuple(each.serial for _, each in _requests(record, certificates) if each.serial in rows)


def open_revocations(
    record: DelegationRecord, certificates: Iterable[ManagedCertificate], now: datetime
) -> Iterator[Finding]:
    """Yield a finding for each requested revocation that SCM has not shown yet, until the certificate has expired.

    The RAO is asked at once when the key is compromised, otherwise when nothing that is known uses the certificate.
    """
    shown = record.inspection.revoked if record.inspection else ()
    for managed, request in _requests(record, certificates):
        if request.serial in shown or (request.not_after and request.not_after <= now):
            continue
        number = f"SSL ID {request.ssl_id}, " if request.ssl_id else ""
        text = (
            f"the certificate ({number}serial {printed_serial(request.serial)}) for {', '.join(request.names)} is not "
            f"revoked in SCM; its revocation was requested on {request.requested_at:%Y-%m-%d}: {request.reason_code}"
        )
        name, use = (managed.spec.name, _use_of(managed, request)) if managed else ("", "")
        if use and not request.is_urgent:
            text = f"{text}. {use}; the RAO is notified after that"
            yield Finding(NOT_REVOKED, "error", "operator", text, name, about=request.serial)
        else:
            yield finding_in_scm(NOT_REVOKED, "error", "rao", text, name, about=request.serial)


def _use_of(certificate: ManagedCertificate, request: RevocationRequest) -> str:
    """Return what still uses the certificate that is to be revoked, and how to end it; empty: nothing that is known."""
    if certificate.stored and certificate.stored.serial == request.serial:
        return "It is still stored: remove it from its delegation file when its service has ended, or renew it"
    endpoints = certificate.service.presenting(request.serial) if certificate.service else ()
    return f"{some(endpoints)} still presented it when last verified: reload the server" if endpoints else ""


def _requests(
    record: DelegationRecord, certificates: Iterable[ManagedCertificate]
) -> Iterator[tuple[ManagedCertificate | None, RevocationRequest]]:
    """With the certificate; None when it has left the delegation's file."""
    yield from ((None, request) for request in record.revocations)
    yield from ((managed, request) for managed in certificates for request in managed.revocations)


class _Rows:
    """The rows of a report, by serial and by SSL ID."""

    def __init__(self, reported: Iterable[ReportedCertificate]) -> None:
        rows = tuple(reported)
        self._by_serial = {row.serial: row for row in rows if row.serial}
        self._by_id = {row.ssl_id: row for row in rows}

    def of(self, stored: StoredCertificate) -> ReportedCertificate | None:
        """The SSL ID of an adopted certificate was typed: a row without any of its names is another's."""
        if stored.serial in self._by_serial:
            return self._by_serial[stored.serial]
        row = self._by_id.get(stored.ssl_id)
        is_named = row is not None and bool({row.common_name, *row.names} & set(stored.names))
        return row if stored.token or is_named else None

    def cause(self, serial: str, row: ReportedCertificate) -> Cause | None:
        """A row without serial, or without the day of a replacement, is no proof of one."""
        if row.status == "REVOKED":
            return Cause.REVOKED
        return Cause.REPLACED_IN_SCM if row.replaced and row.serial not in {"", serial} else None
