"""Logging in at most once with a credential that SCM refuses: SCM counts failed attempts and locks accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from renewal.domain.errors import CredentialRefused
from renewal.ports import Accounts, CertificateAuthority, DelegationRecord, OrderBook

REFUSED = (
    "SCM refused the credential of {delegation} (401) and never says why. Likeliest first: the password has expired or "
    "was changed (its last known end; who used the portal); the account is locked (the RAO sees it under Settings, "
    "Admins); our address is not on its access list (then usually every delegation is refused); a wrong customerUri or "
    "login (new delegations only). It was tried once and is not tried again in this run"
)


@dataclass(frozen=True, slots=True)
class Logins:
    """The one way in which steps come to a CertificateAuthority."""

    book: OrderBook
    accounts: Accounts

    @contextmanager
    def login(self, record: DelegationRecord, run_id: str) -> Iterator[CertificateAuthority]:
        """Give SCM as the delegation's account sees it; a refusal inside is remembered for the rest of the run.

        Raises CredentialRefused without any call when this run has seen this version of the credential refused.
        """
        name = record.delegation.name
        version = self.accounts.credential_version(name)
        if record.refused_run == run_id and record.refused_version == version:
            raise CredentialRefused(REFUSED.format(delegation=name))
        try:
            yield self.accounts.authority(name)
        except CredentialRefused:
            self.book.record_refusal(name, self.accounts.credential_version(name), run_id)
            raise CredentialRefused(REFUSED.format(delegation=name)) from None
