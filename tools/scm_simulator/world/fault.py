"""A fault: one failure between client and SCM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

FaultKind = Literal[
    "slow",
    "reset_before",
    "reset_after",
    "too_many_requests",
    "unavailable",
    "bad_gateway",
    "refused",
    "empty",
    "truncated",
    "wrong_content_type",
    "stale",
]


@dataclass
class Fault:
    """One failure between client and SCM, for the first calls that match.

    kind:
        slow: answer `seconds` late; reset_before: break the connection, request not processed;
        reset_after: process the request, then break the connection; too_many_requests: 429, with
        `Retry-After: retry_after` when that is set; unavailable: 503 in plain text, as Envoy sends it;
        bad_gateway: 502 in HTML; refused: 400 with `code`, whatever the account may do; empty: 200 with
        no body; truncated: half of the body; wrong_content_type: the right body as text/html; stale: the
        kept-alive connection is closed after the answer without notice, so that the next request on it
        fails.
    operation:
        pattern of the operation's name, such as `POST /api/ssl/v1/enroll` or `* /api/ssl/v1/collect/*`.
    name, login:
        only calls about that certificate name, only calls of that account; empty for all.
    skip, times:
        let the first `skip` matching calls pass, then fail `times` of them (0: all).
    seconds: the delay, for slow.
    code: of SCM (Appendix A), for refused.
    processed:
        for slow, 429, 502 and 503: whether the request takes effect before the fault.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: FaultKind
    operation: str = "*"
    name: str = ""
    login: str = ""
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    retry_after: int | None = None
    code: int = -3
    processed: bool = False
