"""A credential that was stored after the last inspection failed for want of one: no run has logged in with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from certmandate.deployment import Deployment
from certmandate.stored_credential.rotation import current_version
from renewal.domain.errors import CredentialExpired, CredentialMissing, CredentialRefused
from renewal.domain.order import ManagedCertificate
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
    codes = {finding.code for finding in inspection.findings} if inspection else set()
    if inspection is None or not codes & _MAY_BE_PAST:
        return record
    replaced = _replaced_since(deployment, record, codes, inspection.at)
    if not replaced:
        return record
    text = f"{replaced}, and no run has logged in with it since"
    others = (finding for finding in inspection.findings if finding.code not in _MAY_BE_PAST)
    findings = (Finding(UNTRIED, "warning", "operator", text), *others)
    return replace(record, inspection=replace(inspection, findings=findings))


def without_past_refusal(
    deployment: Deployment, record: DelegationRecord | None, certificate: ManagedCertificate
) -> ManagedCertificate:
    """Return *certificate* without the failure of an order that a credential stored since may have resolved."""
    error, at = certificate.last_error, certificate.failed_at
    if record is None or at is None or not may_be_past(deployment, record, error, at):
        return certificate
    return replace(certificate, failures=0, last_error="", last_error_text="", failed_at=None)


def may_be_past(deployment: Deployment, record: DelegationRecord, error: str, at: datetime) -> bool:
    """Return whether another credential was stored since the *error* of a step at that time."""
    return error in _MAY_BE_PAST and bool(_replaced_since(deployment, record, {error}, at))


def _replaced_since(deployment: Deployment, record: DelegationRecord, codes: Collection[str], at: datetime) -> str:
    """Return what has replaced the credential since *codes* were found at that time; empty: nothing."""
    name, refusal = record.delegation.name, record.refusal
    # The row is written before the credential, by the operator's clock: what SCM refused may be what is stored still.
    if refusal and current_version(deployment, name) == refusal.version:
        return ""
    stored = deployment.book.credential_stored_at(name)
    if stored is not None and stored > at:
        return f"a credential was stored on {stored:%Y-%m-%d %H:%M} UTC"
    is_rotated = refusal is not None and CredentialRefused.__name__ in codes
    return "the password that SCM refused was rotated" if is_rotated else ""
