"""Shell completion of names from the order book; no suggestions when it cannot be read."""

from __future__ import annotations

import contextlib

from certmandate.deployment import StackOptions, find


def delegation_names(incomplete: str) -> list[str]:
    """Return the delegations whose names begin with *incomplete*."""
    return _names(incomplete, certificates=False)


def certificate_names(incomplete: str) -> list[str]:
    """Return the `delegation/certificate`s that begin with *incomplete*."""
    return _names(incomplete, certificates=True)


def _names(incomplete: str, *, certificates: bool) -> list[str]:
    """Read the stack of the environment; options on the command line are ignored."""
    with contextlib.suppress(Exception):  # the command itself reports what is wrong
        book = find(StackOptions()).book
        paths = ["/".join(path) for path in book.every_certificate()] if certificates else list(book.delegations())
        return sorted(path for path in paths if path.startswith(incomplete))
    return []
