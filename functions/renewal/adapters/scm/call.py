"""One question to SCM on its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Operation(StrEnum):
    """What is asked; the value is how a sentence about it begins."""

    ENROLL = "enroll"
    COLLECT = "collect"
    DETAILS = "read the details"
    SEARCH = "search for orders"
    PROFILES = "list certificate profiles"
    REPORT = "report certificates"
    MARK_RENEWED = "mark as renewed"
    ACCOUNT = "read the account"
    DEPARTMENT = "read the department"
    DOMAINS = "read the delegated domains"
    DCV = "read the domain validations"
    VALIDATIONS = "read the organisation's validations"
    CHANGE_PASSWORD = "change the password"  # noqa: S105  # no password
    PASSWORD_STATE = "read the password state"  # noqa: S105  # no password
    TOKEN = "get an access token"  # noqa: S105  # no token


ABOUT_ONE_ORDER = frozenset({Operation.COLLECT, Operation.DETAILS, Operation.MARK_RENEWED})
"""Operations whose path names an order: there, 404 means that order."""

LOOKS = frozenset({Operation.ACCOUNT, Operation.DEPARTMENT, Operation.DOMAINS, Operation.DCV, Operation.VALIDATIONS})
"""Operations that an account may not be permitted: there, 404 means that it is hidden (SCM reference §4)."""

_READS_BY_POST = frozenset({Operation.REPORT, Operation.TOKEN})


@dataclass(frozen=True, slots=True)
class Call:
    """One question: a path below the base URL, and what goes with it."""

    operation: Operation
    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    """What stands in the body and must never be read in a message."""

    @property
    def orders(self) -> bool:
        """Whether its effect costs something and must not happen twice (SCM reference §3.7)."""
        return self.operation is Operation.ENROLL

    @property
    def only_reads(self) -> bool:
        """Whether sending it twice is harmless."""
        return self.method in {"GET", "HEAD"} or self.operation in _READS_BY_POST

    @property
    def read_seconds(self) -> float | None:
        """How long SCM may take to answer, where that is longer than the HTTP client's own patience."""
        return ORDER_SECONDS if self.orders else None


ORDER_SECONDS = 60.0
"""Enrolling takes SCM 3 to 6 s on a good day; giving up early only turns answers into lost ones (§3.7)."""
