"""One snapshot of SCM, read in an order that costs at most one refused login and keeps what came before a refusal.

The DNS records of domains that are validated persistently complete it: optional, and in a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from renewal.deadline import Deadline
from renewal.domain.errors import AddressRefused, CredentialExpired, CredentialRefused, NeedsAttention, ScmUnavailable
from renewal.domain.run.turns import in_turn
from renewal.domain.setup.checks import is_expired
from renewal.domain.setup.persistent_dcv import PersistentRecord, places, record_in
from renewal.domain.setup.snapshot import DAILY_SECTIONS, DelegatedName, Section, Snapshot
from renewal.ports.environment import TxtRecords
from renewal.ports.scm import SetupReader

LONGEST_SECONDS = 6.0
"""For all queries of an inspection: nothing depends on them but findings and a renewal's day."""


@dataclass(slots=True)
class SnapshotReader:
    """Reads one snapshot of a delegation's set-up before *deadline*; `snapshot` grows while it reads.

    The requests: password state, profiles, account (2), department, custom fields, report, validations (1 or 2),
    domains (1 + one for each entry that concerns *names*, + 1 where such an entry lacks its validation). `read` does
    not request again what SCM has shown. When the time is over, the remaining sections are late: the domains, which may
    take longest, come last.
    """

    scm: SetupReader
    department_id: int
    names: frozenset[str]
    """The names of the certificates and of the mandate."""
    now: datetime
    deadline: Deadline
    snapshot: Snapshot = field(default_factory=Snapshot)

    def read_password(self) -> None:
        """Request the state of the password, before anything else.

        Raises CredentialExpired when it has expired, because the next request would be a failed attempt.
        """
        with self._optional(Section.PASSWORD):
            self._take(Section.PASSWORD, self.scm.password_state())
        if is_expired(self.snapshot):
            msg = "the account's password has expired; set a new one in SCM and store it with `certmandate credential`"
            raise CredentialExpired(msg)

    def read_report(self) -> bool:
        """Request the SSL report; return whether SCM has shown it and the state of the password."""
        with self._optional(Section.REPORT):
            self._take(Section.REPORT, self.scm.reported_certificates(self.department_id))
        return not self.snapshot.unavailable & DAILY_SECTIONS

    def read(self) -> None:
        """Request the profiles, without which nothing can be ordered, and every other section that SCM shows in time.

        Raises SCM's errors: a refusal of the profiles alone after everything else, because that explains it.
        """
        refusal: NeedsAttention | None = None
        try:
            self.snapshot = replace(self.snapshot, profiles=self.scm.profiles(self.department_id))
        except (CredentialRefused, AddressRefused):
            raise
        except NeedsAttention as error:
            refusal = error
        for section, request in self._other_sections():
            if section in self.snapshot.unavailable:
                with self._optional(section):
                    self._take(section, request())
        if refusal:
            raise refusal

    def _other_sections(self) -> Iterator[tuple[Section, Callable[[], Any]]]:
        yield Section.ACCOUNT, self.scm.account
        yield Section.DEPARTMENT, partial(self.scm.department, self.department_id)
        yield Section.CUSTOM_FIELDS, self.scm.custom_fields
        yield Section.REPORT, partial(self.scm.reported_certificates, self.department_id)
        yield Section.VALIDATIONS, partial(self.scm.validations, *self._organisations())
        yield Section.DOMAINS, partial(self.scm.domains, self.department_id, self.names)

    @contextmanager
    def _optional(self, section: Section) -> Iterator[None]:
        try:
            yield
        except CredentialRefused:
            raise
        except NeedsAttention:
            pass  # the login is accepted, or the profiles will be refused too: this is about the section alone
        except ScmUnavailable as outage:
            late = frozenset() if self.deadline.seconds_left() else frozenset({section})
            before, large = self.snapshot, frozenset({section} if outage.is_too_large else ())
            self.snapshot = replace(
                before,
                unanswered=before.unanswered | {section},
                late=before.late | late,
                too_large=before.too_large | large,
            )

    def _take(self, section: Section, answer: object) -> None:
        before, known = self.snapshot, {section}
        sections = ("unavailable", "unanswered", "late", "too_large")
        changes: dict[str, Any] = {name: getattr(before, name) - known for name in sections}
        self.snapshot = replace(before, **changes | {section.member: answer})

    def _organisations(self) -> list[int]:
        """The organisation first; a department's officer may see its validations only through the department."""
        department = self.snapshot.department
        above = department.organisation_id if department else None
        return [number for number in (above, self.department_id) if number is not None]


@dataclass(frozen=True, slots=True)
class PersistentRecords:
    """Completes domain entries with their records. What DNS does not answer in time stays as it was known *before*."""

    txt_records: TxtRecords
    deadline: Deadline
    before: Iterable[DelegatedName] = ()
    _answers: dict[str, tuple[str, ...] | None] = field(default_factory=dict)

    def added_to(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        """Return *snapshot* with the record of each entry that may be validated persistently.

        Each day begins with another entry: names that hang may take the time of all.
        """
        known = {entry.entry: entry.persistent for entry in self.before}
        wanted = (entry.entry for entry in snapshot.delegated if entry.may_be_persistent(now))
        persistent = {entry: self._record(entry) or known.get(entry) for entry in in_turn(wanted, now.toordinal())}
        delegated = tuple(
            replace(entry, persistent=persistent[entry.entry]) if entry.entry in persistent else entry
            for entry in snapshot.delegated
        )
        return replace(snapshot, domains=replace(snapshot.domains, delegated=delegated))

    def _record(self, entry: str) -> PersistentRecord | None:
        texts: list[str] = []
        for place in places(entry):
            answer = self._answer(place)
            if answer is None:
                return None
            texts += answer
            if not record_in(texts).fault:
                break
        return record_in(texts)

    def _answer(self, place: str) -> tuple[str, ...] | None:
        """Ask once: most entries of a delegation have the names above them in common."""
        if place not in self._answers:
            self._answers[place] = self.txt_records(place, self.deadline) if self.deadline.seconds_left() else None
        return self._answers[place]
