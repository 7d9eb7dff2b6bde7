"""The future workload: orders, validations and imports, computed from the lifetimes of public TLS certificates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from renewal.domain.calendar import Phase, phase_at
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.due import renewal_point
from renewal.domain.forecast import next_renewal
from renewal.domain.names import permits
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.snapshot import dcv_of

HORIZON = date(2030, 12, 31)
ACM_IMPORTS_A_YEAR = 5000
"""ACM's default quota of imports in 365 days, for each account and region (AWS: acm-limits.html)."""
WEEK = timedelta(days=7)
YEAR = timedelta(days=365)
FIRST_DAYS = 30  # a certificate that may not exist is ordered within so many days
ASSUMPTIONS = (
    "Each order has the longest term that is permitted on its day, or term_days if that is shorter.",
    (
        "Each certificate is renewed at its renewal point (ratio, floor and spread of its policy); nothing is revoked, "
        "changed, brought forward or ordered by hand."
    ),
    (
        "Each delegated entry (a star together with the name below it) is validated separately, on the day of the "
        "first order that needs a new validation; with a persistent DNS record, never. If the RAO validates a parent "
        "domain, fewer are needed."
    ),
    "An organisation is validated on the day of the first order that needs it.",
    "A re-import counts as an import into ACM; the AWS documentation does not exclude it.",
)
UNKNOWN_START = f"Certificates that were never issued are ordered evenly over the next {FIRST_DAYS} days."


@dataclass(frozen=True, slots=True)
class Start:
    """A certificate with the day of its next order."""

    spec: CertificateSpec
    organisation: str
    entries: tuple[str, ...]
    """Domain names whose validation its orders need: delegated entries without their star."""
    first: date
    ends: date | None
    """Last day of the mandate."""


@dataclass(frozen=True, slots=True)
class Known:
    """Validations that are valid now: the day of each."""

    domains: dict[str, date] = field(default_factory=dict)
    organisations: dict[str, date] = field(default_factory=dict)
    persistent: set[str] = field(default_factory=set)
    """Domain names that the CA validates again by a DNS record."""


@dataclass(frozen=True, slots=True)
class Period:
    """A quarter, or the future part of the current one."""

    name: str
    begins: date
    ends: date
    """The day after its last day."""
    orders: int
    busiest_week: int
    domain_validations: int
    organisation_validations: int
    imports_a_year: int
    """Highest number of imports into one region of ACM within 365 days that end in the period."""

    @property
    def orders_a_week(self) -> float:
        """The mean."""
        return self.orders / max((self.ends - self.begins) / WEEK, 1 / 7)


@dataclass(frozen=True, slots=True)
class Workload:
    """The number of orders, validations and imports on each day."""

    orders: Counter[date] = field(default_factory=Counter)
    domains: Counter[date] = field(default_factory=Counter)
    organisations: Counter[date] = field(default_factory=Counter)
    imports: dict[str, Counter[date]] = field(default_factory=dict)
    """By region."""

    def periods(self, today: date, until: date) -> tuple[Period, ...]:
        """Return the quarters from *today* to *until*, both included."""
        return tuple(self._period(begins, ends) for begins, ends in _quarters(today, until + timedelta(days=1)))

    def weeks(self, today: date, until: date) -> Iterator[tuple[date, int]]:
        """Yield the first day of each week from *today* and its orders."""
        begins = today
        while begins <= until:
            yield begins, _between(self.orders, begins, begins + WEEK)
            begins += WEEK

    def _period(self, begins: date, ends: date) -> Period:
        days = range((ends - begins).days)
        weeks = [_between(self.orders, begins + timedelta(day), begins + timedelta(day) + WEEK) for day in days]
        imports = [
            _between(region, begins + timedelta(day + 1) - YEAR, begins + timedelta(day + 1))
            for region in self.imports.values()
            for day in days
        ]
        return Period(
            name=f"{begins.year} Q{(begins.month + 2) // 3}",
            begins=begins,
            ends=ends,
            orders=_between(self.orders, begins, ends),
            busiest_week=max(weeks, default=0),
            domain_validations=_between(self.domains, begins, ends),
            organisation_validations=_between(self.organisations, begins, ends),
            imports_a_year=max(imports, default=0),
        )


def workload(starts: Iterable[Start], known: Known, until: date) -> Workload:
    """Compute the workload to *until*, for each certificate from its next order."""
    work = Workload()
    orders = [(day, start) for start in starts for day in order_days(start, until)]
    for day, start in sorted(orders, key=lambda order: order[0]):
        work.orders[day] += 1
        for region in start.spec.acm_regions:
            work.imports.setdefault(region, Counter())[day] += 1
        phase = _phase(day)
        for entry in start.entries:
            if entry not in known.persistent:
                _validate(known.domains, entry, day, phase.dcv_reuse_days, work.domains)
        _validate(known.organisations, start.organisation, day, phase.organisation_reuse_days, work.organisations)
    return work


def order_days(start: Start, until: date) -> Iterator[date]:
    """Yield the days on which the certificate is ordered, up to *until* or the end of the mandate."""
    day, last = start.first, min(until, start.ends or until)
    while day <= last:
        yield day
        longest = _phase(day).term_days
        term = min(start.spec.term_days or longest, longest)
        issued = datetime.combine(day, time(), UTC)
        due = renewal_point(start.spec.path, issued, issued + timedelta(days=term), start.spec.policy)
        day = max(due.date(), day + timedelta(days=1))


def starts_of_files(estate: Iterable[tuple[Delegation, tuple[CertificateSpec, ...]]], today: date) -> list[Start]:
    """Return the starts of delegation files: every certificate is new, ordered evenly over the first days."""
    pairs = [(delegation, spec) for delegation, specs in estate for spec in specs]
    return [
        _start(delegation, spec, today + timedelta(days=index * FIRST_DAYS // max(len(pairs), 1)))
        for index, (delegation, spec) in enumerate(pairs)
    ]


def starts_of_book(
    estate: Iterable[tuple[DelegationRecord, Sequence[ManagedCertificate]]], now: datetime
) -> tuple[list[Start], Known]:
    """Return the starts of the order book, and the validations of the last inspections."""
    starts, known, phase = [], Known(), phase_at(now)
    for record, certificates in estate:
        inspection = record.inspection
        delegated = inspection.delegated if inspection else ()
        for entry in delegated:
            if entry.is_renewed(now):
                known.persistent.add(_base(entry.entry))
            elif entry.dcv_expires:
                known.domains[_base(entry.entry)] = entry.dcv_expires - timedelta(days=phase.dcv_reuse_days)
        if inspection and inspection.organisation_validated_until:
            made = inspection.organisation_validated_until - timedelta(days=phase.organisation_reuse_days)
            known.organisations[record.delegation.organisation] = made
        for certificate in certificates:
            day = next_renewal(certificate, dcv_of(delegated, certificate.spec.names, now), now).date()
            starts.append(_start(record.delegation, certificate.spec, day))
    return starts, known


def _start(delegation: Delegation, spec: CertificateSpec, first: date) -> Start:
    needed = [entry for entry in delegation.delegated_names if any(permits(entry, name) for name in spec.names)]
    entries = tuple(dict.fromkeys(_base(entry) for entry in needed))
    return Start(spec, delegation.organisation, entries, first, delegation.mandate_ends)


def _base(entry: str) -> str:
    return entry.removeprefix("*.")


def _validate(made: dict[str, date], name: str, day: date, reuse_days: int, done: Counter[date]) -> None:
    """Validate *name* on *day*, unless its last validation may be reused.

    The reuse period on the day of the order applies, also to validations that are older than that rule (BR §4.2.1).
    """
    if name not in made or day >= made[name] + timedelta(days=reuse_days):
        made[name] = day
        done[day] += 1


def _phase(day: date) -> Phase:
    return phase_at(datetime.combine(day, time(), UTC))


def _between(days: Counter[date], begins: date, ends: date) -> int:
    return sum(number for day, number in days.items() if begins <= day < ends)


def _quarters(begins: date, ends: date) -> Iterator[tuple[date, date]]:
    while begins < ends:
        month = begins.month - (begins.month - 1) % 3 + 3
        following = date(begins.year + month // 13, (month - 1) % 12 + 1, 1)
        yield begins, min(following, ends)
        begins = following
