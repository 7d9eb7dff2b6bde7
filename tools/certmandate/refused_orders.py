"""What a run could not order, as findings: for whoever has to act, until the certificate is ordered again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from certmandate.certificate_state import error_name
from renewal.domain.errors import error_named
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.setup.finding import Finding, sorted_and_capped
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.scm_menu import screen_of

_OF_DOMAINS = frozenset({"DcvLapsed", "NameNotDelegated"})


def findings_with_orders(
    inspection: Inspection, certificates: Iterable[ManagedCertificate], history: Iterable[FinishedOrder]
) -> tuple[Finding, ...]:
    """Return the inspection's findings with the last refusals of orders that the RAO has to settle.

    *history*: the delegation's audit rows, oldest first. What a later inspection has seen in order, or tells itself, is
    left out.
    """
    rows = {row.certificate: row for row in history if row.status == OrderStatus.FAILED}
    return sorted_and_capped((*inspection.findings, *_refused(inspection, certificates, rows)))


def _refused(
    inspection: Inspection, certificates: Iterable[ManagedCertificate], rows: dict[str, FinishedOrder]
) -> Iterator[Finding]:
    for one in certificates:
        code, row = error_name(one), rows.get(one.spec.name)
        is_open = one.failures and one.order is None
        if not is_open or row is None or row.error != code or error_named(code).actor != "rao":
            continue
        if _is_told(inspection, code, one.spec.name) or _is_seen_mended(inspection, code, row):
            continue
        number = f"SSL ID {row.ssl_id}, " if row.ssl_id else ""
        text = f"order of {row.opened_at:%Y-%m-%d} ({number}{', '.join(row.names)}): {row.text}"
        yield Finding(code, "error", "rao", text, one.spec.name, screen=screen_of(code))


def _is_told(inspection: Inspection, code: str, certificate: str) -> bool:
    return any(one.code == code and one.certificate in {"", certificate} for one in inspection.findings)


def _is_seen_mended(inspection: Inspection, code: str, row: FinishedOrder) -> bool:
    """Whether an inspection after the refusal could see what it was about, and found no fault with it."""
    if inspection.at < row.ended_at:
        return False
    if code == "OrganisationNotValidated":
        return inspection.organisation_validated_until is not None
    return code in _OF_DOMAINS and bool(inspection.delegated)
