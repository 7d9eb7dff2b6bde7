"""What travels between the states, which Step Functions keeps for 90 days: no key and no credential.

The only free text is the operator's reason, which is part of the execution's input anyway.

A plan item (one for each delegation, written by check_expiry, read by the Distributed Map):

    {"run_id", "started_at", "delegation", "dry_run", "whole", "follow_up", "full", "record",
     "capacity", "is_doubted", "reason", "certificates": [{"certificate", "causes"}], "issued": [task…]}

A task (one for each due certificate, input of enroll):

    {"run_id", "started_at", "delegation", "certificate", "causes", "reason"}

A progress (result of enroll, input of collect; result of collect):

    {"run_id", "delegation", "certificate", "token", "ssl_id", "status", "started_at"}

A collection item (one for each delegation with orders to be polled; by plan_collection, for the second Map):

    {"run_id", "delegation", "orders": [progress…]}

A verification item (input of verify_served; by check_expiry, for the third Map, one for each delegation with declared
endpoints, or more where it has many certificates):

    {"run_id", "delegation", "certificates": [name…], "everything"}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Self, TypeVar

from renewal import records
from renewal.domain.delegation import CertificatePath
from renewal.domain.due import Cause
from renewal.domain.errors import PlanUnreadable

T = TypeVar("T")
_URGENT = frozenset({Cause.ASKED, Cause.LAST_RESORT, Cause.EXPIRED, Cause.REVOKED, Cause.REPLACED_IN_SCM})


@dataclass(frozen=True, slots=True)
class _Payload:
    """What one state gives to the next."""

    @classmethod
    def parse(cls, event: object) -> Self:
        """Raises PlanUnreadable that names the member that is missing or of a wrong type."""
        return read_part(cls, _object(event), f"a payload of this run ({cls.__name__})")

    def payload(self) -> dict[str, Any]:
        """Return it as JSON."""
        return records.to_json(self)


@dataclass(frozen=True, slots=True)
class Task(_Payload):
    """One due certificate of one run."""

    run_id: str
    started_at: datetime
    delegation: str
    certificate: str
    causes: tuple[str, ...] = ()
    reason: str = ""
    """Why the run was started, in the operator's words; empty for the daily run."""

    @property
    def may_wait(self) -> bool:
        """Whether it is ordered for a replacement rule alone, and not for what is urgent without one."""
        return Cause.REPLACEMENT in self.causes and _URGENT.isdisjoint(self.causes)


@dataclass(frozen=True, slots=True)
class DelegationTask(_Payload):
    """One delegation of one run with its due certificates."""

    run_id: str
    started_at: datetime
    delegation: str
    dry_run: bool
    may_add: bool = field(metadata={"stored": "whole"})
    """Whether the inspection may add certificates, revoked ones for example: the run covers all of the delegation."""
    certificates: tuple[Task, ...]
    is_hourly: bool = field(default=False, metadata={"stored": "follow_up"})
    """In an hourly run a login that was refused last is not tried again."""
    is_full: bool = field(default=False, metadata={"stored": "full"})
    """Whether the inspection is a full one in any case: the operator has named the delegation."""
    is_recorded: bool = field(default=False, metadata={"stored": "record"})
    """Whether the answers of SCM are recorded."""
    capacity: int = 0
    """How many certificates the inspection may add to those of the plan."""
    is_doubted: bool = False
    """Whether the clock may be wrong (TooManyDue): the inspection adds nothing that only becomes due by it."""
    reason: str = ""
    issued: tuple[Task, ...] = ()
    """Those of `certificates` that only have to be stored, so that a failed inspection does not keep them from it."""

    @classmethod
    def parse(cls, event: object) -> Self:
        """Give each certificate the members that all share. Raises PlanUnreadable."""
        source, entries = _object(event), _object(event).get("certificates", [])
        if not isinstance(entries, list):
            msg = f"a plan item's 'certificates' is a {type(entries).__name__}, not a list"
            raise PlanUnreadable(msg)
        names = ("run_id", "started_at", "delegation", "reason")
        shared = {name: source[name] for name in names if name in source}
        tasks = tuple(Task.parse({**_object(entry), **shared}) for entry in entries)
        return read_part(cls, source, f"a payload of this run ({cls.__name__})", certificates=tasks)

    def payload(self) -> dict[str, Any]:
        """Return it as JSON; what all certificates share is written once."""
        tasks = [{"certificate": task.certificate, "causes": [*task.causes]} for task in self.certificates]
        return {**records.to_json(self), "certificates": tasks}


@dataclass(frozen=True, slots=True)
class Progress(_Payload):
    """How far one certificate has come in one run."""

    run_id: str
    delegation: str
    certificate: str
    token: str
    ssl_id: int
    status: str
    started_at: datetime | None = None
    """When the run started, in an order that is to be polled; None in the result of enroll."""


CERTIFICATES_EACH = 500
"""At most, of one verification item: their contacts end in the time of an invocation, and fit into its memory."""


@dataclass(frozen=True, slots=True)
class VerificationTask(_Payload):
    """The certificates of one delegation whose declared endpoints are verified after the renewals of one run."""

    run_id: str
    delegation: str
    certificates: tuple[str, ...]
    is_for_everything: bool = field(default=False, metadata={"stored": "everything"})
    """Whether all are verified; otherwise those that are not served, and those that no run has verified for a day."""

    @classmethod
    def each(cls, run_id: str, paths: Iterable[CertificatePath], *, is_for_everything: bool) -> Iterator[Self]:
        """Yield the tasks of one run for the certificates *paths*."""
        for delegation, mine in groupby(sorted(paths), key=attrgetter("delegation")):
            names = [path.certificate for path in mine]
            for first in range(0, len(names), CERTIFICATES_EACH):
                yield cls(run_id, delegation, tuple(names[first : first + CERTIFICATES_EACH]), is_for_everything)


def read_part(kind: type[T], document: Any, what: str, **given: Any) -> T:
    """Return the *kind* that a part of a run is; *what* names it. Raises PlanUnreadable."""
    try:
        return records.read(kind, document, **given)
    except records.Unreadable as error:
        msg = f"{what} cannot be read: {error}"
        raise PlanUnreadable(msg) from None


def _object(event: object) -> dict[str, Any]:
    if not isinstance(event, dict):
        msg = f"a payload of this run is a {type(event).__name__}, not a JSON object"
        raise PlanUnreadable(msg)
    return event
