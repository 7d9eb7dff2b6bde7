"""A request to SCM, and what repeating it would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from renewal.adapters.http import CALL_SECONDS, MOST_BYTES

ANY_STATUS = 0  # §5.14, numeric codes of reports
ORDER_SECONDS = 60.0
"""How long an order may take, from the connection to the last byte. SCM needs 3 to 6 s; giving up early only loses
answers (§3.7)."""
MOST_BYTES_TOGETHER = 20_000_000
"""Of all pages of a list, so that they fit into a function's memory."""
MOST_BYTES_OF_REPORT = 5_000_000
"""Of the SSL report, which SCM serves whole (§10.1): some 3,000 rows of 1.6 kB. JSON of brackets alone takes 28 times
its size in memory."""


class Operation(StrEnum):
    """What a request is for; the value completes the sentence "SCM refused to …"."""

    ENROLL = "enroll"
    COLLECT = "collect"
    DETAILS = "read the details"
    SEARCH = "search for orders"
    PROFILES = "list certificate profiles"
    CUSTOM_FIELDS = "list custom fields"
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
"""Operations whose path names an order: a 404 means that SCM does not have that order."""

MAY_BE_HIDDEN = frozenset(
    {Operation.ACCOUNT, Operation.DEPARTMENT, Operation.DOMAINS, Operation.DCV, Operation.VALIDATIONS}
)
"""Operations that an account may not be permitted: a 404 means that SCM hides the record (SCM reference §4)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: an operation, a path below the base URL, its parameters and its JSON body."""

    operation: Operation
    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    """The secret in the body, which no error text may quote; empty when there is none."""

    @property
    def is_order(self) -> bool:
        """Whether it orders a certificate, which must not happen twice (SCM reference §3.7)."""
        return self.operation is Operation.ENROLL

    @property
    def seconds(self) -> float:
        """How long it may take, from the connection to the last byte of the response."""
        return ORDER_SECONDS if self.is_order else CALL_SECONDS

    @property
    def most_bytes(self) -> int:
        """How many bytes the body of the response may have."""
        return MOST_BYTES_OF_REPORT if self.operation is Operation.REPORT else MOST_BYTES


def details_of(ssl_id: int) -> Request:
    """Return the request for an order's details (§5.2); ISO, because SCM's own dates are ambiguous."""
    return Request(Operation.DETAILS, "GET", f"/ssl/v1/{ssl_id}", {"dateFormat": "ISO"})


def report_of(department_id: int) -> Request:
    """Return the request for a department's SSL report (§10.1), with certificates of every status."""
    body = {"organizationIds": [department_id], "certificateStatus": ANY_STATUS}
    return Request(Operation.REPORT, "POST", "/report/v1/ssl-certificates", body=body)


ACCESS_TOKEN = Request(Operation.TOKEN, "POST", "")
"""The request for an OAuth2 access token, as errors about it name it; its path is a URL of its own."""
