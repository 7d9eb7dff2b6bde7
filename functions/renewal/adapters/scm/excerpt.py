"""An excerpt of what SCM says, fit for a log, a page and an audit trail."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 200  # characters
_REMOVED = "[removed]"

_PEM = re.compile(r"-----BEGIN.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)
_NAMED_SECRET = re.compile(
    r"""(\b(?:password|passwd|secret|token|authorization)["']?\s*[=:]\s*|\bbearer\s+)(?:bearer\s+)?\S+""",
    re.IGNORECASE,
)
_LONG_CODE = re.compile(r"[A-Za-z0-9+/=_-]{32,}")
"""Base64 or hexadecimal of 24 bytes and more. Labels of domain names look like it, but have no capitals."""


def excerpt(text: str, secrets: Iterable[str] = ()) -> str:
    """Return *text* on one line of at most 200 characters, without PEM, *secrets* and what looks like one."""
    for secret in secrets:
        text = text.replace(secret, _REMOVED)
    text = _PEM.sub(_REMOVED, text)
    text = _NAMED_SECRET.sub(rf"\1{_REMOVED}", text)
    text = _LONG_CODE.sub(lambda found: found[0] if found[0].islower() else _REMOVED, text)
    text = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
