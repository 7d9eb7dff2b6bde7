"""What the operator of a history is sent: each problem once, by the first run that meets it, and nothing else.

What lasts is read from SCM, from the events of stored certificates, and from the reports, not from what the product
remembers. Beside it, the alarms on runs are evaluated as by CloudWatch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from campaign.alarms.evaluation import ALARM, EXTRA_PERIODS, OK, Alarm, Data
from campaign.alarms.incidents import NEAR, OLD, PASSWORD, Item, Key, items_of, near_end
from campaign.alarms.shipped import shipped_alarms
from campaign.auditor.reports import EndedRun
from campaign.auditor.world import path_of
from campaign.evidence import Evidence
from campaign.harness import Harness
from campaign.run import Run

RUN_FAILED, RUN_MISSING = "certmandate-RunFailed", "certmandate-RunMissing"
NEAR_EXPIRY = "CertificateNearExpiry"
_DAY = timedelta(days=1)
_METRICS = {"FAILED": "ExecutionsFailed", "TIMED_OUT": "ExecutionsTimedOut", "ABORTED": "ExecutionsAborted"}
_WORKED_ON = {"renewed", "pending"}


@dataclass(slots=True)
class Inbox:
    """Follows the runs of a history, the alerts that they sent, and the alarms."""

    harness: Harness
    delegations: Mapping[str, str]
    """By the login of an account."""
    begins: datetime = field(init=False)
    _data: Data = field(default_factory=Data)
    _lasting: set[Key] = field(default_factory=set)
    _notified: dict[Key, bool] = field(default_factory=dict)
    """What the operator knows of what lasts: whether as urgent. What has eased to a later day is known as less."""
    _repeatable: set[Key] = field(default_factory=set)
    """What a run with a fault has notified: it may not have been able to record it."""
    _failed: dict[Key, datetime] = field(default_factory=dict)
    """When a run without a fault has last failed for it."""
    _runs: int = 0
    _texts: int = 0

    def __post_init__(self) -> None:
        self.begins = self.harness.time()

    def faults(self, world: Evidence) -> Iterator[str]:
        """Yield what the runs that have ended since the last call notified twice, wrongly or not at all."""
        played = self.harness.played
        new, self._runs = played.runs[self._runs :], len(played.runs)
        texts, self._texts = played.alerts[self._texts :], len(played.alerts)
        for run, ended in zip(new, world.runs[len(world.runs) - len(new) :], strict=True):
            self._publish(run)
            own = [text for text in texts if f" run {run.run_id}, " in text]
            yield from (f"{run.run_id} {text}" for text in self._of_run(run, ended, own, world, is_last=run is new[-1]))

    def _of_run(
        self, run: Run, ended: EndedRun, texts: Sequence[str], world: Evidence, *, is_last: bool
    ) -> Iterator[str]:
        """*world*: as it was when the last new run had ended."""
        sent = [_identified(item, run) for text in texts for item in items_of(run.ended_at, text)]
        if ended.is_complete and run.document:
            old = set(_old(world)) - set(_explained(run.document))
            shown = {*_near(world), *old, *self._refused(world, run.run_id)} if is_last else set()
            must = self._must(ended, run.document, shown)
            self._note(ended, run.document, must | shown)
            yield from self._repeated(sent) if ended.is_disturbed else self._misjudged(run, must, sent, texts)
        self._notified |= {item.key: item.is_urgent for item in sent}
        self._repeatable |= {item.key for item in sent if ended.is_disturbed}

    def alarms(self) -> Iterator[str]:
        """Yield where RunFailed and RunMissing have not done what they are for."""
        shipped = {alarm.name: alarm for alarm in shipped_alarms()}
        yield from self._of_failures(shipped[RUN_FAILED])
        yield from self._of_days(shipped[RUN_MISSING])

    # ---- Alerts ------------------------------------------------------------------------------------------------------

    def _misjudged(self, run: Run, must: set[Key], sent: Sequence[Item], texts: Sequence[str]) -> Iterator[str]:
        if len(texts) > 1:
            yield f"sent {len(texts)} alerts"
        yield from self._repeated(sent)
        yield from (f"notified {item.key}, which is no problem" for item in sent if item.key not in self._lasting)
        known = self._notified.keys() | {item.key for item in sent}
        known |= {(path, code.partition(" ")[0]) for path, code in known}  # a row has the name only
        for path, code in sorted(must):
            if not {(path, code), (path.partition("/")[0], code)} & known:
                yield f"did not notify {path, code}"
        yield from self._failed_again(run)

    def _repeated(self, sent: Sequence[Item]) -> Iterator[str]:
        for item in sent:
            is_worse = item.is_urgent and not self._notified.get(item.key, True)
            if item.key in self._notified.keys() - self._repeatable and not is_worse:
                yield f"notified {item.key} twice"
            self._repeatable.discard(item.key)

    def _failed_again(self, run: Run) -> Iterator[str]:
        """An hourly run does not fail for what another run has failed for within the last day."""
        if run.error != "RunNeedsPerson" or run.document is None:
            return
        errors = {_key(each) for each in run.document["problems"] if each["severity"] == "error"}
        recent = {key for key in errors if run.ended_at - self._failed.get(key, self.begins - _DAY) < _DAY}
        if errors == recent and not (run.document["is_daily"] or run.is_narrowed):
            yield f"failed again for {sorted(errors)}"
        self._failed |= dict.fromkeys(errors, run.ended_at)

    # ---- What lasts --------------------------------------------------------------------------------------------------

    def _must(self, run: EndedRun, document: Mapping[str, Any], shown: set[Key]) -> set[Key]:
        """What the operator must know after *run*; *shown*: by the world, which only daily runs read as a whole."""
        assert run.report is not None  # noqa: S101 - it is complete
        errors = (each for each in document["problems"] if each["severity"] == "error")
        ending = _ending_passwords(document, run.report.finished_at)
        return {*run.report.failures(), *map(_key, errors), *(shown if document["is_daily"] else ()), *ending}

    def _note(self, run: EndedRun, document: Mapping[str, Any], known: set[Key]) -> None:
        """Note what lasts after *run*: *known*, and what its report has."""
        assert run.report is not None  # noqa: S101 - it is complete
        rows = (row for row in run.report.certificates if row.not_after)
        ends = {row.path: datetime.fromisoformat(row.not_after) for row in rows}
        may = {(path, NEAR_EXPIRY) for path, end in ends.items() if end - run.report.finished_at <= NEAR}
        kept = {key for key in self._lasting if _may_last(key, run, is_daily=document["is_daily"])}
        old = set(_still_open(document, run.report.finished_at))
        self._lasting = kept | known | may | old | set(map(_key, document["problems"]))
        eased = set(map(_key, filter(_has_time, document["problems"]))) if document["is_daily"] else set()
        self._notified = {
            key: is_urgent and key not in eased for key, is_urgent in self._notified.items() if key in self._lasting
        }

    def _refused(self, world: Evidence, run_id: str) -> Iterator[Key]:
        """The delegations whose account SCM refused in a run, and accepted in no call of it."""
        refused = {refusal.credential[0] for refusal in world.refusals if refusal.run_id == run_id}
        if refused:
            calls = (entry for entry in world.ledger if entry.run_id == run_id and entry.service == "scm")
            accepted = {entry.account for entry in calls if 200 <= entry.status < 300}
            yield from ((self.delegations[login], "CredentialRefused") for login in refused - accepted)

    # ---- Alarms ------------------------------------------------------------------------------------------------------

    def _publish(self, run: Run) -> None:
        for name, value in run.metrics.items():
            self._data.put(run.ended_at, ("certmandate", name), value)
        if run.status in _METRICS:
            self._data.put(run.ended_at, ("AWS/States", _METRICS[run.status]), 1.0)

    def _of_failures(self, alarm: Alarm) -> Iterator[str]:
        """RunFailed goes off at each failure, unless another one was minutes before, and sends nothing else."""
        minute, quiet = timedelta(minutes=1), alarm.period * (1 + EXTRA_PERIODS)
        sent = alarm.transitions(self._data, self.begins, self.harness.time() + _DAY)
        yield from (f"{alarm.name} is {message.state} at {message.at}" for message in sent if message.state != ALARM)
        failed = [run for run in self.harness.played.runs if run.status != "SUCCEEDED"]
        before = self.begins - quiet
        for run in failed:
            is_alone, before = run.ended_at - before > quiet + minute, run.ended_at
            if is_alone and not any(timedelta(0) <= message.at - run.ended_at < minute for message in sent):
                yield f"{run.run_id} has failed, and {alarm.name} did not go off"
        if len(sent) > len(failed):
            yield f"{alarm.name} went off {len(sent)} times for {len(failed)} failed runs"

    def _of_days(self, alarm: Alarm) -> Iterator[str]:
        """RunMissing goes off after a whole day without a daily run, and is OK after one with a complete daily run."""
        runs = [run for run in self.harness.played.runs if run.document and run.document["is_daily"]]
        complete = {run.ended_at.date() for run in runs if run.metrics.get("RunCompleted")}
        state, messages = OK, alarm.transitions(self._data, self.begins, self.harness.time())
        states = {message.at.date() - _DAY: message.state for message in messages}
        day, started = (self.begins + alarm.warm_up).date(), {run.ended_at.date() for run in self.harness.played.runs}
        while day < self.harness.time().date():
            state = states.get(day, state)
            if (day in complete and state != OK) or (day not in started and state != ALARM):
                yield f"{alarm.name} is {state} for {day}"
            day += _DAY


def _near(world: Evidence) -> Iterator[Key]:
    """The stored certificates that must be notified as near their end."""
    for path, event in world.announced().items():
        _, begins = near_end(*(datetime.fromisoformat(event[name]) for name in ("not_before", "not_after")))
        if begins <= world.now:
            yield path, NEAR_EXPIRY


def _old(world: Evidence) -> Iterator[Key]:
    """The orders that SCM has not decided for two days, but those that the operator has closed."""
    known = {item["token"] for item in world.of_kind("order")}
    for order in world.open_orders():
        if world.now - order.requested_at >= OLD and any(token in order.comments for token in known):
            yield path_of(order), "OrderPending"


def _explained(document: Mapping[str, Any]) -> Iterator[Key]:
    """Of a report: the orders of certificates with an error that the operator knows: their age is no news."""
    urgent = {_key(each) for each in document["problems"] if each["severity"] == "error"}
    paths = {path for path, code in urgent if code not in {"OrderPending", "ScmUnavailable", "StoreUnavailable"}}
    failed = {f"{row['delegation']}/{row['name']}" for row in document["certificates"] if row["outcome"] == "failed"}
    yield from ((path, "OrderPending") for path in paths & failed)


def _ending_passwords(document: Mapping[str, Any], now: datetime) -> Iterator[Key]:
    """Of a report: the delegations whose password ends within two weeks."""
    for row in document["delegations"]:
        if row["password_expires"] and date.fromisoformat(row["password_expires"]) - now.date() <= PASSWORD:
            yield row["delegation"], "PasswordExpiring"


def _still_open(document: Mapping[str, Any], now: datetime) -> Iterator[Key]:
    """Of a report: the orders that are open for two days, also those that SCM has issued and no run could store."""
    for row in document["certificates"]:
        if row.get("ordered_at") and now - datetime.fromisoformat(row["ordered_at"]) >= OLD:
            yield f"{row['delegation']}/{row['name']}", "OrderPending"


def _key(problem: Mapping[str, Any]) -> Key:
    path = "/".join(filter(None, (problem["delegation"], problem["certificate"])))
    return path, f"{problem['code']} {problem['about']}".rstrip()


def _identified(item: Item, run: Run) -> Item:
    """The item with what its problem is about: each domain, store or order is a problem of its own."""
    problems = run.document["problems"] if run.document else ()
    same = [each for each in problems if _key({**each, "about": ""}) == item.key]
    named = [each for each in same if each["text"].startswith(item.text.rstrip("…"))]
    return replace(item, key=_key((named or same)[0])) if same else item


def _has_time(problem: Mapping[str, Any]) -> bool:
    """Whether there is time until the day on which someone must begin, so that it is urgent again from that day."""
    return problem["severity"] != "error" and bool(problem["act_by"])


def _may_last(key: Key, run: EndedRun, *, is_daily: bool) -> bool:
    """Whether a problem that *run* does not report may last: the run did not work on its path, or could not."""
    assert run.report is not None  # noqa: S101 - it is complete
    path = key[0]
    if run.report.delegations.get(path.partition("/")[0], "not covered"):
        return True
    worked_on = {row.path for row in run.report.certificates if row.outcome in _WORKED_ON}
    return not is_daily and "/" in path and path not in worked_on
