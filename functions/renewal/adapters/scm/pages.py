"""A list that SCM serves in pages (SCM reference §3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Generic, TypeVar

import httpx

from renewal.adapters.scm.error_mapping import unusable
from renewal.adapters.scm.request import MOST_BYTES_TOGETHER, Request
from renewal.adapters.scm.responses import Row, rows_from, whole

PAGE_SIZE = 200
"""Rows; the largest page that SCM serves."""

MOST_PAGES = 100
"""Twenty thousand rows; no department has as many orders or domains."""

Key = TypeVar("Key", int, str)


class Pages(Generic[Key]):
    """Iterate over the requests, and add the response to each.

    rows: every row so far by its *key*, e.g. its number.
    """

    def __init__(self, request: Request, key: Callable[[Row], Key | None]) -> None:
        self.rows: dict[Key, Row] = {}
        self._request = request
        self._key: Callable[[Row], Key | None] = key
        self._position = self._pages = self._bytes = 0
        self._is_complete = False

    def __iter__(self) -> Iterator[Request]:
        """Yield the request of each page until the last has been added."""
        while not self._is_complete:
            window = {"size": PAGE_SIZE, "position": self._position}
            yield replace(self._request, params={**self._request.params, **window})

    def add(self, response: httpx.Response) -> None:
        """Read one page.

        Raises ScmUnavailable when it is no list, when a row has no key, and when the list stays incomplete: because a
        release ignores the position and serves one page for ever, or because the list has more than `MOST_PAGES`
        or `MOST_BYTES_TOGETHER`.
        """
        rows = rows_from(self._request, response)
        page = {self._key(row): row for row in rows}
        keyed = {key: row for key, row in page.items() if key is not None}
        if len(keyed) < len(page):
            raise unusable(self._request, "number of every row")
        is_new = not keyed.keys() <= self.rows.keys()
        self.rows |= keyed
        self._position += len(rows)
        self._pages += 1
        self._bytes += len(response.content)
        total = whole(response.headers.get("X-Total-Count"))
        has_all = not is_new and total is not None and len(self.rows) >= total
        self._is_complete = has_all or self._is_last(len(rows), total)
        if not self._is_complete and (not is_new or self._pages == MOST_PAGES or self._bytes > MOST_BYTES_TOGETHER):
            raise unusable(self._request, "further page")

    def _is_last(self, length: int, total: int | None) -> bool:
        """A short page is the last, unless the total shows that SCM serves shorter pages than requested."""
        return not length or (length < PAGE_SIZE and (total is None or self._position >= total))
