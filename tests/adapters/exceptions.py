"""All texts of an exception, for tests that search them for secrets."""

from __future__ import annotations

import traceback

import httpx


def everything_in(error: BaseException) -> str:
    """Return all that a logger or Lambda could write of *error*, its causes and its contexts."""
    texts = traceback.format_exception(error)
    found: list[BaseException] = [error]
    for link in found:
        texts += [str(link), repr(link), repr(link.args), repr(vars(link))]
        assert not isinstance(link, httpx.HTTPError), "httpx's errors carry the request with its headers"
        found += [below for below in (link.__cause__, link.__context__) if below and below not in found]
    return "\n".join(texts)
