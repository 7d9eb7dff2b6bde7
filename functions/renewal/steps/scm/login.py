"""Logging in at most once with a credential that SCM refuses: SCM counts failed attempts and locks accounts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from renewal.domain.errors import CredentialRefused
from renewal.domain.setup.inspection import DelegationRecord
from renewal.ports.order_book import DelegationTransitions
from renewal.ports.scm import Accounts, CertificateAuthority, SetupReader

REFUSED = (
    "SCM refused the credential of {delegation} (401). Likely causes: the password has expired or was changed; the "
    "account is locked (the RAO finds this under Admins); our address is not on its access list (then SCM usually "
    "refuses every delegation); customerUri or login is wrong (new delegations only). It is tried again by the next "
    "daily run, or by one that the operator starts"
)
"""With a long name, and what `explained` adds, no report cuts it: every view has the same text."""


@dataclass(frozen=True, slots=True)
class ScmLogin:
    """The only way in which steps log in to SCM as a delegation's account.

    A refused login is recorded and holds for the rest of the run. With *unless_refused* it holds until a run has logged
    in: 24 hourly attempts a day would lock the account. The refused version is not sent again; where a rotation was
    interrupted, its pending version is tried in its place, and otherwise CredentialRefused is raised without a request.
    """

    transitions: DelegationTransitions
    accounts: Accounts

    @contextmanager
    def authority(
        self, record: DelegationRecord, run_id: str, *, unless_refused: bool = False
    ) -> Iterator[CertificateAuthority]:
        """Give SCM for the delegation's orders."""
        with self._recorded(record, run_id, unless_refused=unless_refused):
            yield self.accounts.authority(record.delegation.name)

    @contextmanager
    def setup_reader(
        self, record: DelegationRecord, run_id: str, *, unless_refused: bool = False
    ) -> Iterator[SetupReader]:
        """Give SCM for the delegation's set-up."""
        with self._recorded(record, run_id, unless_refused=unless_refused):
            yield self.accounts.setup_reader(record.delegation.name)

    @contextmanager
    def _recorded(self, record: DelegationRecord, run_id: str, *, unless_refused: bool) -> Iterator[None]:
        name = record.delegation.name
        last = record.refusal
        if last is not None and (last.run_id == run_id or (unless_refused and _was_refused_last(record))):
            for version in filter(None, (last.version, last.pending)):
                self.accounts.exclude_version(name, version)
        known = self.accounts.refused_versions(name)
        try:
            yield
        except CredentialRefused as refusal:
            raise CredentialRefused(REFUSED.format(delegation=name)) from refusal
        finally:
            self._note(name, run_id, known)

    def _note(self, name: str, run_id: str, known: Collection[str]) -> None:
        """Record what SCM has refused now, although another version may have logged in after it."""
        refused = self.accounts.refused_versions(name)
        if set(refused) <= set(known):
            return
        version = self.accounts.credential_version(name)
        if version in refused:
            others = [other for other in refused if other != version]
            self.transitions.record_refusal(name, version, run_id, *others[-1:])


def _was_refused_last(record: DelegationRecord) -> bool:
    """Whether the last inspection ended so; after any other end, the same password may be right again."""
    findings = record.inspection.findings if record.inspection else ()
    return any(finding.code == CredentialRefused.__name__ for finding in findings)
