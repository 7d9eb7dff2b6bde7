"""Looking at SCM once, in an order that costs at most one refused login and keeps what was seen before a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from renewal.domain.errors import CredentialExpired, CredentialRefused, NeedsPerson, ScmUnavailable
from renewal.domain.setup.checks import is_expired
from renewal.domain.setup.snapshot import OrganisationValidation, Section, Snapshot
from renewal.ports import CertificateAuthority


@dataclass(slots=True)
class SnapshotReader:
    """One look at SCM; `seen` grows while it lasts.

    The calls: password state, account (2), department, domains (1 + one an entry, + 1 where they do not tell their
    validation), validations (1 or 2), profiles, report. Nothing is remembered from one run to the next.
    """

    authority: CertificateAuthority
    department_id: int
    now: datetime
    seen: Snapshot = field(default_factory=Snapshot)
    _silent: bool = False
    """SCM did not answer an optional look: the other ones are left out, so that the needed ones come in time."""

    def look(self) -> None:
        """Query everything. The optional looks may be refused or unanswered; the others raise what SCM says.

        Raises CredentialExpired when the password has expired: the next call would be a failed attempt.
        """
        self.seen = replace(self.seen, password=self.authority.password_state())
        if is_expired(self.seen, self.now):
            msg = "the account's password has expired; set a new one in SCM and store it"
            raise CredentialExpired(msg)
        self._optional(Section.ACCOUNT, "account", self.authority.account)
        self._optional(Section.DEPARTMENT, "department", lambda: self.authority.department(self.department_id))
        self._optional(Section.DOMAINS, "delegated", lambda: self.authority.delegated_names(self.department_id))
        self._optional(Section.VALIDATIONS, "validations", self._validations)
        self.seen = replace(self.seen, profiles=self.authority.profiles(self.department_id))
        self._take(Section.REPORT, "reported", lambda: self.authority.reported(self.department_id))

    def _optional(self, look: Section, member: str, ask: Callable[[], Any]) -> None:
        if not self._silent:
            self._take(look, member, ask)

    def _take(self, look: Section, member: str, ask: Callable[[], Any]) -> None:
        try:
            answer = ask()
        except CredentialRefused:
            raise
        except NeedsPerson:
            return  # after a login that worked, any refusal is about this look alone
        except ScmUnavailable:
            self._silent = True
            return
        shown = self.seen.unavailable - {look}
        self.seen = replace(self.seen, **{member: answer}, unavailable=shown)

    def _validations(self) -> tuple[OrganisationValidation, ...]:
        """A department's officer may see them only through the department."""
        department = self.seen.department
        above = department.organisation_id if department else None
        found = self.authority.validations(above) if above is not None else ()
        return found or self.authority.validations(self.department_id)
