"""Domain names, and those that a delegation permits (SCM reference §7)."""

from __future__ import annotations

import re

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)+{_LABEL}", re.IGNORECASE)
_LONGEST = 253


def is_domain_name(name: str) -> bool:
    """Return whether *name* is a DNS name in ASCII, optionally with a leading `*.`."""
    return len(name) <= _LONGEST and _NAME.fullmatch(name) is not None


def a_labels(name: str) -> str:
    """Return *name* with its internationalised labels as SCM has them, `xn--…`; as it is where that is not certain.

    Python has IDNA 2003, of which a few letters, such as ß, are others than in IDNA 2008.
    """
    star, base = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    if base.isascii():
        return name
    try:
        encoded = base.encode("idna")
        return star + encoded.decode() if encoded.decode("idna") == base.lower() else name
    except UnicodeError:
        return name


def permits(entry: str, name: str) -> bool:
    """Return whether the delegated *entry* permits a certificate for *name*.

    `a.org` permits `a.org` alone. `*.a.org` permits `b.a.org`, `c.b.a.org`, `*.a.org` and `*.b.a.org`,
    but not `a.org`.
    """
    entry, name = entry.lower(), name.lower()
    return name.endswith(entry[1:]) if entry.startswith("*.") else name == entry
