"""Shell completion of names: what the order book has, when it can be asked quickly; nothing otherwise."""

from __future__ import annotations

import contextlib
import os


def delegation_names(incomplete: str) -> list[str]:
    """Return delegations whose names begin like that."""
    return _names(incomplete, certificates=False)


def certificate_names(incomplete: str) -> list[str]:
    """Return `delegation/certificate`s that begin like that."""
    return _names(incomplete, certificates=True)


def _names(incomplete: str, *, certificates: bool) -> list[str]:
    """The options on the line are not looked at: profile, region and stack count as the environment gives them."""
    from certmandate.deployment import DEFAULT_STACK, find

    with contextlib.suppress(Exception):  # whatever is wrong, a person at the prompt learns it from the command itself
        stack = os.environ.get("CERTMANDATE_STACK") or os.environ.get("STACK") or DEFAULT_STACK
        book = find(None, None, stack).book
        paths = ["/".join(path) for path in book.every_certificate()] if certificates else list(book.delegations())
        return sorted(path for path in paths if path.startswith(incomplete))
    return []
