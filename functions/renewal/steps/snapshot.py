"""One snapshot of SCM, read in an order that costs at most one refused login and keeps what came before a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from renewal.domain.errors import CredentialExpired, CredentialRefused, NeedsAttention, ScmUnavailable
from renewal.domain.setup.checks import is_expired
from renewal.domain.setup.snapshot import Section, Snapshot
from renewal.ports import SetupReader


@dataclass(slots=True)
class SnapshotReader:
    """Reads one snapshot of a delegation's set-up; `snapshot` grows while it reads.

    The requests: password state, account (2), department, domains (1 + one for each entry, + 1 where an entry lacks its
    validation), validations (1 or 2), profiles, report. Nothing is kept from one run to the next.
    """

    scm: SetupReader
    department_id: int
    now: datetime
    snapshot: Snapshot = field(default_factory=Snapshot)
    _is_silent: bool = False
    """SCM did not answer an optional request: the other ones are left out, so that the required ones come in time."""

    def read(self) -> None:
        """Request everything. The sections may be refused or unanswered; the password state and the profiles may not.

        Raises CredentialExpired when the password has expired, because the next request would be a failed attempt, and
        SCM's errors.
        """
        self.snapshot = replace(self.snapshot, password=self.scm.password_state())
        if is_expired(self.snapshot, self.now):
            msg = "the account's password has expired; set a new one in SCM and store it with `certmandate credential`"
            raise CredentialExpired(msg)
        for section, member, request in self._optional():
            with self._tolerated():
                self._take(section, member, request())
        self.snapshot = replace(self.snapshot, profiles=self.scm.profiles(self.department_id))
        with self._tolerated():
            self._take(Section.REPORT, "reported", self.scm.reported(self.department_id))

    def _optional(self) -> Iterator[tuple[Section, str, Callable[[], Any]]]:
        """Yield each section, its member of the snapshot and its request, while SCM answers."""
        yield Section.ACCOUNT, "account", self.scm.account
        if not self._is_silent:
            yield Section.DEPARTMENT, "department", partial(self.scm.department, self.department_id)
        if not self._is_silent:
            yield Section.DOMAINS, "delegated", partial(self.scm.delegated_names, self.department_id)
        if not self._is_silent:
            yield Section.VALIDATIONS, "validations", partial(self.scm.validations, *self._organisations())

    @contextmanager
    def _tolerated(self) -> Iterator[None]:
        try:
            yield
        except CredentialRefused:
            raise
        except NeedsAttention:
            pass  # after an accepted login, any refusal is about this section alone
        except ScmUnavailable:
            self._is_silent = True

    def _take(self, section: Section, member: str, answer: object) -> None:
        unavailable = self.snapshot.unavailable - {section}
        members: dict[str, Any] = {member: answer, "unavailable": unavailable}
        self.snapshot = replace(self.snapshot, **members)

    def _organisations(self) -> list[int]:
        """The organisation first; a department's officer may read its validations only through the department."""
        department = self.snapshot.department
        above = department.organisation_id if department else None
        return [number for number in (above, self.department_id) if number is not None]
