"""A credential that was stored after the last inspection failed for want of one: no run has logged in with it."""

from __future__ import annotations

from dataclasses import replace

from certmandate.deployment import Deployment
from certmandate.stored_credential.rotation import current_version
from renewal.domain.errors import CredentialExpired, CredentialMissing, CredentialRefused
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord

UNTRIED = "CredentialUntried"
"""Code of the finding."""
_MAY_BE_PAST = frozenset(
    (CredentialExpired.__name__, CredentialMissing.__name__, CredentialRefused.__name__, "LoginRefused")
)
"""Codes of what another credential may have resolved; it changes nothing about the address."""


def with_untried(deployment: Deployment, record: DelegationRecord) -> DelegationRecord:
    """Return *record* with UNTRIED in place of the findings that a credential stored since may have resolved."""
    inspection = record.inspection
    if inspection is None or not any(finding.code in _MAY_BE_PAST for finding in inspection.findings):
        return record
    stored = deployment.book.credential_stored_at(record.delegation.name)
    if stored is None or stored <= inspection.at:
        return record
    # The row is written before the credential, by the operator's clock: what SCM refused may be what is stored still.
    if record.refusal and current_version(deployment, record.delegation.name) == record.refusal.version:
        return record
    text = f"a credential was stored on {stored:%Y-%m-%d %H:%M} UTC, and no run has logged in with it since"
    others = (finding for finding in inspection.findings if finding.code not in _MAY_BE_PAST)
    findings = (Finding(UNTRIED, "warning", "operator", text), *others)
    return replace(record, inspection=replace(inspection, findings=findings))


def is_untried(record: DelegationRecord | None, error: str) -> bool:
    """Return whether *error* may be past, because *record* has UNTRIED."""
    findings = record.inspection.findings if record and record.inspection else ()
    return error in _MAY_BE_PAST and any(finding.code == UNTRIED for finding in findings)
