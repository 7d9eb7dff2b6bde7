"""Logging in at most once with a credential that SCM refuses: SCM counts failed attempts and locks accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from renewal.domain.errors import CredentialRefused
from renewal.domain.setup.inspection import DelegationRecord
from renewal.ports import Accounts, CertificateAuthority, OrderTransitions

REFUSED = (
    "SCM refused the credential of {delegation} (401) and never says why. Likeliest first: the password has expired or "
    "was changed (its last known end; who used the portal); the account is locked (the RAO sees it under Settings, "
    "Admins); our address is not on its access list (then usually every delegation is refused); a wrong customerUri or "
    "login (new delegations only). It was tried once and is not tried again {until}"
)


@dataclass(frozen=True, slots=True)
class ScmLogin:
    """The one way in which steps come to a CertificateAuthority."""

    transitions: OrderTransitions
    accounts: Accounts

    @contextmanager
    def login(
        self, record: DelegationRecord, run_id: str, *, follow_up: bool = False
    ) -> Iterator[CertificateAuthority]:
        """Give SCM as the delegation's account sees it; a refusal inside is remembered for the rest of the run.

        Raises CredentialRefused without any call when this run, or for a *follow_up* any run, has seen this version of
        the credential refused: 24 hourly attempts a day would lock the account.
        """
        name = record.delegation.name
        version = self.accounts.credential_version(name)
        refusal = record.refusal
        if (
            refusal is not None
            and refusal.version == version
            and (refusal.run_id == run_id or (follow_up and _was_refused_last(record)))
        ):
            raise CredentialRefused(_refusal(name, follow_up=follow_up))
        try:
            yield self.accounts.authority(name)
        except CredentialRefused:
            self.transitions.record_refusal(name, self.accounts.credential_version(name), run_id)
            raise CredentialRefused(_refusal(name, follow_up=follow_up)) from None


def _was_refused_last(record: DelegationRecord) -> bool:
    """Whether the last look at the delegation ended so: since then, the same password may be right again."""
    seen = record.inspection.findings if record.inspection else ()
    return any(finding.code == CredentialRefused.__name__ for finding in seen)


def _refusal(delegation: str, *, follow_up: bool) -> str:
    until = "before the next daily run, or a run by hand" if follow_up else "in this run"
    return REFUSED.format(delegation=delegation, until=until)
