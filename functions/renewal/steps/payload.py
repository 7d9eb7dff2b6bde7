"""What travels between the states: identifiers only, because Step Functions keeps every payload for 90 days.

Beside them the operator's reason alone, which stands in the execution's input all the same.

A plan item (one a delegation, written by check_expiry, read by the Distributed Map):

    {"run_id", "started_at", "delegation", "dry_run", "whole", "follow_up",
     "room", "reason", "certificates": [{"certificate", "causes", "forced"}]}

`whole` says that the run looks at all certificates of the delegation, so that what SCM revoked may be added.
`follow_up` says that it is the hourly look at open orders. `room` is how many certificates the inspection may add to
those that the plan has.
A task (one a due certificate, given to enroll):

    {"run_id", "started_at", "delegation", "certificate", "causes", "forced", "reason"}

A progress (answer of enroll, given to collect; answer of collect):

    {"run_id", "delegation", "certificate", "token", "ssl_id", "status"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from renewal.domain.errors import PlanUnreadable


@dataclass(frozen=True, slots=True)
class Task:
    """One due certificate of one run."""

    run_id: str
    started_at: datetime
    delegation: str
    certificate: str
    causes: tuple[str, ...] = ()
    forced: bool = False
    reason: str = ""
    """Why the run was started, in the operator's words; empty for the daily run."""

    @classmethod
    def parse(cls, event: object) -> Self:
        """Raises PlanUnreadable that names what is missing or of a wrong type."""
        source = _mapping(event)
        return cls(
            run_id=_text(source, "run_id"),
            started_at=_moment(source, "started_at"),
            delegation=_text(source, "delegation"),
            certificate=_text(source, "certificate"),
            causes=tuple(str(cause) for cause in _list(source, "causes")),
            forced=_flag(source, "forced"),
            reason=_remark(source, "reason"),
        )

    def payload(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "run_id": self.run_id,
            "started_at": self.started_at.isoformat(),
            "delegation": self.delegation,
            "certificate": self.certificate,
            "causes": list(self.causes),
            "forced": self.forced,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class DelegationTask:
    """One delegation of one run with its due certificates."""

    run_id: str
    started_at: datetime
    delegation: str
    dry_run: bool
    whole: bool
    certificates: tuple[Task, ...]
    follow_up: bool = False
    room: int = 0
    reason: str = ""

    @classmethod
    def parse(cls, event: object) -> Self:
        """Raises PlanUnreadable."""
        source = _mapping(event)
        shared = {name: source.get(name) for name in ("run_id", "started_at", "delegation")}
        shared["reason"] = source.get("reason", "")
        return cls(
            run_id=_text(source, "run_id"),
            started_at=_moment(source, "started_at"),
            delegation=_text(source, "delegation"),
            dry_run=_flag(source, "dry_run"),
            whole=_flag(source, "whole"),
            follow_up=_flag(source, "follow_up"),
            room=_number(source, "room"),
            reason=_remark(source, "reason"),
            certificates=tuple(Task.parse({**_mapping(one), **shared}) for one in _list(source, "certificates")),
        )

    def payload(self) -> dict[str, Any]:
        """The same as JSON; what all certificates share stands once."""
        own = ("certificate", "causes", "forced")
        return {
            "run_id": self.run_id,
            "started_at": self.started_at.isoformat(),
            "delegation": self.delegation,
            "dry_run": self.dry_run,
            "whole": self.whole,
            "follow_up": self.follow_up,
            "room": self.room,
            "reason": self.reason,
            "certificates": [{name: task.payload()[name] for name in own} for task in self.certificates],
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one certificate has come in one run."""

    run_id: str
    delegation: str
    certificate: str
    token: str
    ssl_id: int
    status: str

    @classmethod
    def parse(cls, event: object) -> Self:
        """Raises PlanUnreadable."""
        source = _mapping(event)
        ssl_id = _number(source, "ssl_id")
        texts = {name: _text(source, name) for name in ("run_id", "delegation", "certificate", "token", "status")}
        return cls(ssl_id=ssl_id, **texts)

    def payload(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            name: getattr(self, name) for name in ("run_id", "delegation", "certificate", "token", "ssl_id", "status")
        }


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        msg = "a plan item must be a JSON object"
        raise PlanUnreadable(msg)
    return value


def _text(source: Mapping[str, Any], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str) or not value:
        msg = f"'{name}' must be a text"
        raise PlanUnreadable(msg)
    return value


def _number(source: Mapping[str, Any], name: str) -> int:
    value = source.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"'{name}' must be a whole number"
        raise PlanUnreadable(msg)
    return value


def _remark(source: Mapping[str, Any], name: str) -> str:
    """A text that may be empty, or missing from what an earlier version wrote."""
    value = source.get(name, "")
    if not isinstance(value, str):
        msg = f"'{name}' must be a text"
        raise PlanUnreadable(msg)
    return value


def _flag(source: Mapping[str, Any], name: str) -> bool:
    value = source.get(name, False)
    if not isinstance(value, bool):
        msg = f"'{name}' must be true or false"
        raise PlanUnreadable(msg)
    return value


def _list(source: Mapping[str, Any], name: str) -> list[Any]:
    value = source.get(name, [])
    if not isinstance(value, list):
        msg = f"'{name}' must be a list"
        raise PlanUnreadable(msg)
    return value


def _moment(source: Mapping[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(source, name))
    except ValueError:
        msg = f"'{name}' must be a moment in ISO 8601"
        raise PlanUnreadable(msg) from None
    if moment.tzinfo is None:
        msg = f"'{name}' must say its time zone"
        raise PlanUnreadable(msg)
    return moment
