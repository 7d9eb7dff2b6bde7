"""Redaction: the only code that quotes a text of SCM, of AWS or of the network in a log, a report or an alarm.

Every text that is not ours passes through here before it becomes part of an error.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from renewal.domain.errors import shortened

LONGEST = 200
"""Characters of a text of SCM."""
LONGEST_OF_AWS = 400
"""Characters of a text of AWS: it names role and resource in full, and then which kind of policy denied the call."""

_REMOVED = "[removed]"
_PEM = re.compile(r"-----BEGIN.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)
_NAMED_SECRET = re.compile(
    r"""((?<![A-Za-z])(?:new_?)?(?:password|passwd|secret|token|authorization)["']?\s*[=:]\s*|\bbearer\s+)"""
    r"""(?:bearer\s+)?(?:"(?:[^"\\]|\\.)*"\S*|'[^']*'\S*|\S+)""",
    re.IGNORECASE,
)
_LONG_CODE = re.compile(r"[A-Za-z0-9+/=_-]{32,}")
"""Base64 or hexadecimal of 24 bytes and more. Labels of domain names look like it, but have no capitals."""
_LONGER_CODE = re.compile(r"[A-Za-z0-9+/=_]{48,}(?:\s+[A-Za-z0-9+/=_]{48,})*")
"""Base64 or hexadecimal of 36 bytes and more, over several lines. ARNs and names of roles are shorter between signs."""
_REQUEST_ID = re.compile(r"\s*\(Service: [^()]*\)")
"""What one service of AWS appends when it quotes another: the request's id, which differs each time."""
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def page_text(page: str) -> str:
    """Return the title of an HTML page, else its text without tags; it is not redacted by this."""
    title = _TITLE.search(page)
    return html.unescape(_TAG.sub(" ", title[1] if title else page))


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return SCM's *text* in one line of at most 200 characters, without *secrets*, PEM and apparent secrets."""
    for secret in filter(None, secrets):
        text = text.replace(secret, _REMOVED)
    text = _NAMED_SECRET.sub(rf"\1{_REMOVED}", _PEM.sub(_REMOVED, text))
    text = _LONG_CODE.sub(lambda found: found[0] if found[0].islower() else _REMOVED, text)
    return shortened(text, LONGEST)


def redacted_of_aws(text: str) -> str:
    """Return AWS's *text* in one line of at most 400 characters, without PEM and apparent secrets."""
    text = _REQUEST_ID.sub("", text)
    text = _NAMED_SECRET.sub(rf"\1{_REMOVED}", _PEM.sub(_REMOVED, text))
    return shortened(_LONGER_CODE.sub(_REMOVED, text), LONGEST_OF_AWS)
