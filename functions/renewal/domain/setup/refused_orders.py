"""Refused orders as findings of the RAO, until the certificate is ordered again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from renewal.domain.errors import DcvLapsed, NameNotDelegated, OrganisationNotValidated, error_named
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.setup.finding import Finding, sorted_and_capped
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.scm_menu import screen_of
from renewal.domain.setup.withdrawal import open_revocations

_OF_DOMAINS = frozenset({DcvLapsed.__name__, NameNotDelegated.__name__})


def findings_with_orders(
    record: DelegationRecord, certificates: Iterable[ManagedCertificate], history: Iterable[FinishedOrder]
) -> tuple[Finding, ...]:
    """Return the last inspection's findings, open revocations, and the last refusals that the RAO has to settle.

    None before the first inspection. *history*: the delegation's audit rows, oldest first. A refusal is left out when
    the inspection reports the same, or when a later inspection found its cause resolved.
    """
    inspection = record.inspection
    if inspection is None:
        return ()
    rows = {row.certificate: row for row in history if row.status == OrderStatus.FAILED}
    managed = tuple(certificates)
    revocations = open_revocations(record, managed, inspection.at)
    return sorted_and_capped((*inspection.findings, *revocations, *_refused(inspection, managed, rows)))


def _refused(
    inspection: Inspection, certificates: Iterable[ManagedCertificate], rows: dict[str, FinishedOrder]
) -> Iterator[Finding]:
    for certificate in certificates:
        name, code = certificate.spec.name, certificate.last_error
        row = rows.get(name)
        is_unsettled = certificate.failures and certificate.order is None
        if not is_unsettled or row is None or row.error != code or error_named(code).actor != "rao":
            continue
        if _is_reported(inspection, code, name) or _is_resolved(inspection, code, row):
            continue
        number = f"SSL ID {row.ssl_id}, " if row.ssl_id else ""
        text = f"order of {row.opened_at:%Y-%m-%d} ({number}{', '.join(row.names)}): {row.text}"
        yield Finding(code, "error", "rao", text, name, screen=screen_of(code))


def _is_reported(inspection: Inspection, code: str, certificate: str) -> bool:
    return any(finding.code == code and finding.certificate in {"", certificate} for finding in inspection.findings)


def _is_resolved(inspection: Inspection, code: str, row: FinishedOrder) -> bool:
    """Whether an inspection after the refusal could observe its cause and found no fault."""
    if inspection.at < row.ended_at:
        return False
    if code == OrganisationNotValidated.__name__:
        return inspection.organisation_validated_until is not None
    return code in _OF_DOMAINS and bool(inspection.delegated)
