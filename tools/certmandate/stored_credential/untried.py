"""A credential that was stored after the last inspection failed for want of one: no run has logged in with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import cache, partial

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


class StoredCredentials:
    """When credentials were stored: each is read once, and only where a step failed for want of one."""

    def __init__(self, deployment: Deployment) -> None:
        self._current_version = cache(partial(current_version, deployment))
        self._stored_at = cache(deployment.book.credential_stored_at)

    def with_untried(self, record: DelegationRecord) -> DelegationRecord:
        """Return *record* with UNTRIED in place of the findings that a credential stored since may have resolved."""
        inspection = record.inspection
        codes = {finding.code for finding in inspection.findings} if inspection else set()
        if inspection is None or not codes & _MAY_BE_PAST:
            return record
        replaced = self._replaced_since(record, codes, inspection.at)
        if not replaced:
            return record
        text = f"{replaced}, and no run has logged in with it since"
        others = (finding for finding in inspection.findings if finding.code not in _MAY_BE_PAST)
        findings = (Finding(UNTRIED, "warning", "operator", text), *others)
        return replace(record, inspection=replace(inspection, findings=findings))

    def without_past_refusal(
        self, record: DelegationRecord | None, certificate: ManagedCertificate
    ) -> ManagedCertificate:
        """Return *certificate* without the failure of an order that a credential stored since may have resolved."""
        error, at = certificate.last_error, certificate.failed_at
        if record is None or at is None or not self.may_resolve(record, error, at):
            return certificate
        return replace(certificate, failures=0, last_error="", last_error_text="", failed_at=None)

    def may_resolve(self, record: DelegationRecord, error: str, at: datetime) -> bool:
        """Return whether another credential was stored since the *error* of a step at that time."""
        return error in _MAY_BE_PAST and bool(self._replaced_since(record, {error}, at))

    def _replaced_since(self, record: DelegationRecord, codes: Collection[str], at: datetime) -> str:
        """Return what has replaced the credential since *codes* were found at that time; empty: nothing."""
        name, refusal = record.delegation.name, record.refusal
        # The row is written before the credential, by the operator's clock: SCM may have refused what is stored still.
        if refusal and self._current_version(name) == refusal.version:
            return ""
        stored = self._stored_at(name)
        if stored is not None and stored > at:
            return f"a credential was stored on {stored:%Y-%m-%d %H:%M} UTC"
        is_rotated = refusal is not None and CredentialRefused.__name__ in codes
        return "the password that SCM refused was rotated" if is_rotated else ""
