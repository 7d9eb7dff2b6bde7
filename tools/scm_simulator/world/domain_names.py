"""Domain names, and those that a delegation permits (SCM reference §7)."""

from __future__ import annotations

import re

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)+{_LABEL}", re.IGNORECASE)
_LONGEST = 253


def is_domain_name(name: str) -> bool:
    """Return whether *name* is a DNS name in ASCII, optionally with a leading `*.`."""
    return len(name) <= _LONGEST and _NAME.fullmatch(name) is not None


def permits(entry: str, name: str) -> bool:
    """Return whether the delegated *entry* permits a certificate for *name*.

    `a.org` permits `a.org` alone. `*.a.org` permits `b.a.org`, `c.b.a.org`, `*.a.org` and `*.b.a.org`,
    but not `a.org`.
    """
    entry, name = entry.lower(), name.lower()
    return name.endswith(entry[1:]) if entry.startswith("*.") else name == entry
