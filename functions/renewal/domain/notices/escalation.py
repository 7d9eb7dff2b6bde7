"""When the RAO is notified of a topic: when it appears, when it gets worse, and as its consequence comes closer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from renewal.domain.notices.notice import Notice, Notices, NotifiedTopic

STAGES = (1, 3, 7, 14)
"""Days to the consequence at which another notice is due, besides the one when the topic appears."""
LATER, NOW = STAGES[-1] + 1, 0
FORGOTTEN = timedelta(days=3)
"""A topic that was not found for this long is over. An inspection that is interrupted hides others' findings."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Something on which the RAO must act. `key` identifies it from day to day."""

    key: str
    code: str
    severity: Literal["info", "warning", "error"]
    act_by: date | None
    """By when the RAO must have acted; None = now."""

    @property
    def is_error(self) -> bool:
        """Whether something fails because of it today."""
        return self.severity == "error"

    def stage(self, today: date) -> int:
        """Return the stage that *today* belongs to: `NOW`, one of `STAGES`, or `LATER`."""
        left = (self.act_by - today).days if self.act_by else NOW
        return NOW if left <= NOW else next((days for days in STAGES if left <= days), LATER)


def notices_due(topics: Iterable[Topic], notices: Notices, to: str, today: date) -> tuple[Topic, ...]:
    """Return of which of *topics* the RAO at *to* (empty = mails are off) is to be notified today."""
    before = _by_key(notices)
    return tuple(topic for topic in topics if _is_due(topic, before.get(topic.key), to, today))


def _is_due(topic: Topic, before: NotifiedTopic | None, to: str, today: date) -> bool:
    if before is None or (to and before.to != to):
        return True
    if topic.severity == "info":
        return False
    has_changed = (topic.is_error and not before.is_error) or _day(topic.act_by) < _day(before.act_by)
    return has_changed or topic.stage(today) < before.stage


def _day(act_by: date | None) -> date:
    return act_by or date.min


def claimed(notices: Notices, topics: Iterable[Topic], claim: Notice) -> Notices:
    """Return the record with *claim*, if a notice is due at its time; the topics that it names have its id."""
    current, today = tuple({topic.key: topic for topic in topics}.values()), claim.at.date()
    due = notices_due(current, notices, claim.to, today)
    before = _by_key(notices)
    kept = [_named(topic, claim) if topic in due else _still_open(topic, before[topic.key]) for topic in current]
    keys = {topic.key for topic in current}
    absent = (_absent(topic, today) for topic in notices.topics if topic.key not in keys)
    after = replace(notices, topics=(*kept, *(topic for topic in absent if topic)))
    return after.with_notice(replace(claim, codes=tuple(topic.code for topic in due))) if due else after


def _named(topic: Topic, claim: Notice) -> NotifiedTopic:
    stage = topic.stage(claim.at.date())
    return NotifiedTopic(topic.key, stage, topic.is_error, topic.act_by, claim.id, claim.to)


def _still_open(topic: Topic, before: NotifiedTopic) -> NotifiedTopic:
    """Keep the worst that a notice has named: a date that moves back and forth is one approach."""
    act_by = before.act_by if _day(before.act_by) <= _day(topic.act_by) else topic.act_by
    return replace(before, act_by=act_by, is_error=before.is_error or topic.is_error, absent_since=None)


def _absent(topic: NotifiedTopic, today: date) -> NotifiedTopic | None:
    since = topic.absent_since or today
    return None if today - since >= FORGOTTEN else replace(topic, absent_since=since)


def _by_key(notices: Notices) -> Mapping[str, NotifiedTopic]:
    return {topic.key: topic for topic in notices.topics}
