"""What should be notified, from what happened; and whether it was, once.

It reads the alerts as their recipients do, and shares no rule with the code that writes them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from campaign.alarms.played_estate import BEGINS, ERRORS, PlayedEstate, PlayedRun, Sent
from campaign.alarms.troubles import Kind

DAY = timedelta(days=1)
DEADLINE = DAY + timedelta(hours=1)
NEAR, OLD, PASSWORD = timedelta(days=14), timedelta(hours=48), timedelta(days=14)
LATEST_DUE = 4 / 15
"""What is left of a lifetime at the end of the first fifth of its last third: there every certificate is due."""
ACTING, LONGEST_ACTING = timedelta(days=11), timedelta(days=16)
"""Ten working days, at least and at most: an order that awaits the RAO is notified when so little life is left."""
OUTAGES = {ERRORS[Kind.NO_ANSWER]}
ORDER_NOT_OURS = "OrderNotOurs"
THRESHOLDS = {"CertificateNearExpiry", "OrderPending", "PasswordExpiring"}
_ITEM = re.compile(r"- (\S+): the (?:operator|RAO) must (?:act|begin) (now)?")
_FOREIGN = re.compile(r"order SSL ID (\d+)")
_NAME = re.compile(r"[A-Z]\w+")

Key = tuple[str, str]
"""Delegation or `delegation/certificate`, and the name of the problem, with the SSL ID of an order that is not ours."""


@dataclass(slots=True)
class Incident:
    """Something that must be notified while it lasts."""

    key: Key
    begins: datetime
    earliest: datetime
    """When it may be notified: where little life is left, an order is notified before it is old."""
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A problem in an alert."""

    at: datetime
    key: Key
    is_urgent: bool
    text: str
    """What is wrong, in its line."""


@dataclass(slots=True)
class Watch:
    """Follows the runs of an estate."""

    estate: PlayedEstate
    incidents: list[Incident] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    reminded_at: list[datetime] = field(default_factory=list)
    """When a run had to fail: daily while anything needs attention, and for what has failed no run for a day."""
    ordered_at: list[datetime] = field(default_factory=list)
    """When a run has met an order that is not ours."""
    _lasting: dict[Key, Incident] = field(default_factory=dict)
    _last_items: dict[Key, Item] = field(default_factory=dict)
    _failed: dict[str, datetime] = field(default_factory=dict)
    _explained: set[str] = field(default_factory=set)
    """Certificates with an error of which the operator knows: that their order is old is no news."""
    _explained_until: dict[str, datetime] = field(default_factory=dict)
    _read: int = 0

    def observe(self, run: PlayedRun) -> None:
        """Compare one run with the world."""
        now = run.report.finished_at
        self._open(run)
        items = [item for sent in self.estate.sent[self._read :] for item in _items(sent)]
        self._read = len(self.estate.sent)
        for item in items:
            self._judge(item)
        failures = run.report.failures
        long_ago = [key for key in failures if now - self._failed.get(key, datetime.min.replace(tzinfo=UTC)) >= DAY]
        if failures and (run.report.is_daily or long_ago):
            self.reminded_at.append(now)
            self._failed |= dict.fromkeys(failures, now)

    def close(self) -> None:
        """Judge the whole: every incident was notified within a day of its beginning."""
        now = self.estate.now
        self.incidents = [each for each in self.incidents if each.begins < (each.ends or now)]
        notified: dict[Key, list[datetime]] = {}
        for sent in self.estate.sent:
            for item in _items(sent):
                notified.setdefault(item.key, []).append(item.at)
        for incident in self.incidents:
            until = min(incident.begins + DEADLINE, incident.ends or now)
            if incident.key[1] in THRESHOLDS and until - incident.begins < DAY:
                continue  # it may have ended before a run read it
            if not any(incident.earliest <= at <= until for at in notified.get(incident.key, [])):
                self.violations.append(f"missing: {incident.key} of {incident.begins:%Y-%m-%d %H:%M}")

    # ---- What lasts --------------------------------------------------------------------------------------------------

    def _open(self, run: PlayedRun) -> None:
        now = run.report.finished_at
        lasting = {key: Incident(key, now, now) for key in self._failing(run)}
        self._note_explained(run)
        lasting |= {key: Incident(key, begins, earliest) for key, begins, earliest in self._crossed(now)}
        for key in {(path, "OrderPending") for path in self._explained} - self._lasting.keys():
            lasting.pop(key, None)
        for key in self._lasting.keys() - lasting.keys():
            self._lasting.pop(key).ends = now
            self._last_items.pop(key, None)
        new = {key: incident for key, incident in lasting.items() if key not in self._lasting}
        self._lasting |= new
        self.incidents += new.values()
        if any(code.startswith(f"{ORDER_NOT_OURS} ") for _, code in new):
            self.ordered_at.append(now)

    def _note_explained(self, run: PlayedRun) -> None:
        for path, error in run.results.items():
            if not error:
                self._explained.discard(path)
            elif "/" in path and error not in OUTAGES:
                self._explained.add(path)
        self._explained_until |= dict.fromkeys(self._explained, run.report.finished_at)

    def _failing(self, run: PlayedRun) -> Iterator[Key]:
        """Yield what failed in this run, and what failed before and was not worked on since."""
        yield from ((path, error) for path, error in run.results.items() if error)
        yield from (key for key in self._lasting if self._is_unknown(key, run))
        for path, certificate in self.estate.managed.items():
            if certificate.last_error and certificate.order is None:
                yield path, certificate.last_error
        for name, record in self.estate.records.items():
            for finding in record.inspection.findings if record.inspection else ():
                if finding.severity == "error":
                    path = f"{name}/{finding.certificate}" if finding.certificate else name
                    yield path, f"{finding.code} {finding.about}".rstrip()

    def _is_unknown(self, key: Key, run: PlayedRun) -> bool:
        """Whether the run did not work on what a failure is about, or could not."""
        path, code = key
        name, _, certificate = path.partition("/")
        if code in THRESHOLDS:
            return False
        if name not in run.results or run.results[name]:
            return True
        return bool(certificate) and path not in run.results and not run.report.is_daily

    def _crossed(self, now: datetime) -> Iterator[tuple[Key, datetime, datetime]]:
        """Yield what is past a threshold, since when, and since when an alert of it is no false one."""
        for path, certificate in self.estate.managed.items():
            stored, order = certificate.stored, certificate.order
            assert stored is not None  # noqa: S101 - each certificate of the estate is served
            if order:
                tenth = (stored.not_after - stored.not_before) / 10
                old, early = order.opened_at + OLD, stored.not_after - max(LONGEST_ACTING, tenth)
                begins, earliest = (
                    max(min(old, max(order.opened_at, since)), self._explained_until.get(path, BEGINS))
                    for since in (stored.not_after - ACTING, early)
                )
                yield from [((path, "OrderPending"), begins, earliest)] if earliest <= now else []
            earliest, begins = near_end(stored.not_before, stored.not_after)
            yield from [((path, "CertificateNearExpiry"), begins, earliest)] if earliest <= now else []
        for name, expires in self.estate.passwords.items():
            inspection = self.estate.records[name].inspection
            if inspection and inspection.password_expires == expires and expires - now.date() <= PASSWORD:
                yield (name, "PasswordExpiring"), now, now

    # ---- What was notified -------------------------------------------------------------------------------------------

    def _judge(self, item: Item) -> None:
        """An alert is about something that lasts, and repeats only what has become urgent."""
        before = self._last_items.get(item.key)
        if before and not (item.is_urgent and not before.is_urgent):
            self.violations.append(f"twice: {item.key} on {before.at:%Y-%m-%d %H:%M} and {item.at:%Y-%m-%d %H:%M}")
        if item.key not in self._lasting:
            self.violations.append(f"false: {item.key} on {item.at:%Y-%m-%d %H:%M}")
        self._last_items[item.key] = item

    def by_name(self) -> Counter[str]:
        """Return the number of incidents by the name of the problem."""
        return Counter(incident.key[1].partition(" ")[0] for incident in self.incidents)


def near_end(begins: datetime, ends: datetime) -> tuple[datetime, datetime]:
    """Return since when a certificate may, and must, be notified as near its end.

    One of 46 days is due when between 15.3 and 12.3 of them are left: it is near its end in every healthy year, and
    that is a fault when it has been due for two days. Of more than 60 days, it always is one.
    """
    overdue = (ends - begins) * LATEST_DUE - timedelta(days=2)
    return ends - NEAR, ends - min(NEAR, overdue)


def _items(sent: Sent) -> Iterator[Item]:
    """Yield the items of an alert; each order that is not ours is a problem of its own."""
    for item in items_of(sent.at, sent.alert.text):
        path, name = item.key
        order = _FOREIGN.match(item.text) if name == ORDER_NOT_OURS else None
        yield replace(item, key=(path, f"{name} {order[1]}")) if order else item


def items_of(at: datetime, text: str) -> Iterator[Item]:
    """Read an alert: names stand alone in a line, and what they are about below."""
    name, lines = "", text.splitlines()
    for line, below in pairwise([*lines, ""]):
        if _NAME.fullmatch(line):
            name = line
        elif match := _ITEM.match(line):
            yield Item(at, (match[1], name), bool(match[2]), below.strip())
