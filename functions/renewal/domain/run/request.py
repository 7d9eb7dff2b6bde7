"""The input of an execution, checked completely before anything is done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from renewal.domain.errors import InvalidRequest

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
"""Names of delegations and certificates: 1 to 40 lower-case letters, digits and inner hyphens."""

_PATH = re.compile(rf"{NAME.pattern}/{NAME.pattern}")
_FIELDS = {
    "delegations": "a list of one or more delegation names",
    "certificates": 'a list of one or more "delegation/name"',
    "dry_run": "true or false",
    "reason": "a text of 1 to 200 characters",
    "all_due_is_right": "true or false",
    "open_orders_only": "true or false",
    "record": "true or false",
    "scheduled_at": "the scheduled time, set by EventBridge Scheduler",
}


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What one run is asked to do; the daily schedule sets no field.

    `delegations` and `certificates` narrow the run (empty = everything). `dry_run` decides and logs in, no more.
    `all_due_is_right` (with a reason) overrides `TooManyDue`. `open_orders_only` follows up on open orders and starts
    none, except that the hourly run works on replacement rules with a deadline too. `record` writes a
    redacted recording of SCM's answers beside the run's report.

    No field makes a certificate due: what operators request is in the order book, which their own identity writes.
    """

    delegations: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    dry_run: bool = False
    reason: str = ""
    all_due_is_right: bool = False
    open_orders_only: bool = False
    record: bool = False
    scheduled_at: str = ""

    @classmethod
    def parse(cls, document: object) -> Self:
        """Read the execution's input. Raises InvalidRequest that names every faulty field and what it should be."""
        if not isinstance(document, Mapping):
            msg = f"the input is a {type(document).__name__}; it must be a JSON object, {{}} at least"
            raise InvalidRequest(msg)
        faults = [f"unknown field '{name}'" for name in document if name not in _FIELDS]
        faults += [
            f"'{name}' must be {_FIELDS[name]}"
            for name, value in document.items()
            if name in _FIELDS and not _fits(name, value)
        ]
        if not faults:
            faults = _contradictions(document)
        if faults:
            msg = f"{'; '.join(faults)}. Known fields: {', '.join(_FIELDS)}"
            raise InvalidRequest(msg)
        each_once: dict[str, Any] = {
            name: tuple(dict.fromkeys(value)) if isinstance(value, list) else value for name, value in document.items()
        }
        return cls(**each_once)

    @property
    def is_narrowed(self) -> bool:
        """Whether it names delegations or certificates."""
        return bool(self.delegations or self.certificates)

    @property
    def is_for_everything(self) -> bool:
        """Whether it is for all delegations, and not for open orders only: the daily run, and others like it."""
        return not (self.is_narrowed or self.open_orders_only)

    @property
    def is_hourly(self) -> bool:
        """Whether the hourly schedule started it."""
        return self.open_orders_only and bool(self.scheduled_at)

    @property
    def is_deliberate(self) -> bool:
        """Whether the operator accepts any number of renewals: by field, by certificate names, or with a reason."""
        by_name = bool(self.certificates and not self.delegations)
        return self.all_due_is_right or by_name or bool(self.delegations and self.reason)


def _fits(field: str, value: Any) -> bool:
    if field in {"dry_run", "all_due_is_right", "open_orders_only", "record"}:
        return isinstance(value, bool)
    if field in {"reason", "scheduled_at"}:
        return isinstance(value, str) and 0 < len(value.strip()) <= len(value) <= 200
    pattern = NAME if field == "delegations" else _PATH  # an empty list would mean everything
    names = value if isinstance(value, list) else []
    return bool(names) and all(isinstance(name, str) and pattern.fullmatch(name) for name in names)


def _contradictions(document: Mapping[str, Any]) -> list[str]:
    faults = []
    if document.get("all_due_is_right") and not document.get("reason"):
        faults.append("'all_due_is_right' needs a 'reason' for the audit trail")
    if document.get("record") and not (document.get("dry_run") and "delegations" in document):
        faults.append("'record' needs 'dry_run' and 'delegations'")
    return faults
