"""What stops the next order of a certificate, as far as the last inspection and the calendar show it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from renewal.domain.errors import NEEDS_ATTENTION, DcvLapsed, NeedsAttention
from renewal.domain.order import ManagedCertificate, Order, OrderStatus
from renewal.domain.orderable import require_orderable
from renewal.domain.setup.check_result import STEP_PREFIX
from renewal.domain.setup.domain_checks import DOMAIN_CODES, is_cut, is_listed, is_usable
from renewal.domain.setup.finding import SECURITY, Finding, finding_from
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.other_findings import ADDRESS_CHANGED
from renewal.domain.setup.snapshot import dcv_of, entry_for
from renewal.domain.setup.unrecorded import require_recorded

_ORDERS_GO_ON = SECURITY | {ADDRESS_CHANGED, "LoginRefused", "MandateEnded", "MoreFindings", "RotationTooLate"}
"""Codes of errors that stop no order, or that come with another one that does."""


def obstacle(certificate: ManagedCertificate, record: DelegationRecord, now: datetime) -> Finding | None:
    """Return the first fault because of which an order of *certificate* would be refused; None: none is known.

    The end of the mandate is not one: it depends on the day of the order.
    """
    return next(_obstacles(certificate, record, now), None)


def is_shut_out(finding: Finding, order: Order) -> bool:
    """Return whether *order* cannot be collected; what SCM has issued is stored without SCM."""
    return _ended_the_inspection(finding) and order.status is not OrderStatus.ISSUED


def is_refused_by_runs(finding: Finding) -> bool:
    """Return whether no run sends an order while the obstacle *finding* lasts; of any other, SCM's answer decides."""
    is_own = bool(finding.certificate) and finding.code != DcvLapsed.__name__
    return is_own or _ended_the_inspection(finding)


def _ended_the_inspection(finding: Finding) -> bool:
    """Whether no step calls SCM after it. The result of a setup step ends none."""
    return finding.code in NEEDS_ATTENTION and not finding.certificate and not finding.text.startswith(STEP_PREFIX)


def _obstacles(certificate: ManagedCertificate, record: DelegationRecord, now: datetime) -> Iterator[Finding]:
    inspection = record.inspection
    if inspection is not None:
        errors = (each for each in inspection.findings if each.severity == "error" and not each.certificate)
        for finding in errors:
            is_of_domains = finding.code in DOMAIN_CODES and not _names(finding, certificate, inspection, now)
            if finding.code not in _ORDERS_GO_ON and not is_of_domains:
                yield finding
    try:
        record.delegation.require_delegated(certificate.spec.names)
        if inspection is not None:
            _require_accepted(certificate, record, inspection, now)
    except NeedsAttention as error:
        yield finding_from(error, certificate.spec.name)


def _require_accepted(
    certificate: ManagedCertificate, record: DelegationRecord, inspection: Inspection, now: datetime
) -> None:
    """Raise what a run would be refused with, or refuse itself, after the same inspection."""
    require_recorded(certificate, inspection.unrecorded)
    if inspection.profiles:  # without any, the inspection was interrupted, which is a finding of the delegation
        require_orderable(certificate, record, inspection, now)
    expires = dcv_of(inspection.delegated, certificate.spec.names, now)
    if expires is not None and expires < now.date():
        msg = f"the domain control validation of a name expired on {expires}"
        raise DcvLapsed(msg)


def _names(finding: Finding, certificate: ManagedCertificate, inspection: Inspection, now: datetime) -> bool:
    """Whether a finding about domains is about a name of the certificate; its text lists only the first eight."""
    names = certificate.spec.names
    if is_listed(finding.text, names):
        return True
    return is_cut(finding.text) and any(not is_usable(entry_for(inspection.delegated, name), now) for name in names)
