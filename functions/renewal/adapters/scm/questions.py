"""How a question becomes an answer that can be used: one object, one list, or a list of many pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import httpx

from renewal.adapters.scm import answers
from renewal.adapters.scm.call import Call
from renewal.adapters.scm.verdict import unusable

PAGE_SIZE = 200  # the largest that SCM serves (SCM reference §3.3)


class Line(Protocol):
    """The way to SCM for one account."""

    @property
    def has_password(self) -> bool:
        """Whether the account has a password that can expire."""

    @property
    def login_name(self) -> str:
        """The account's login; empty where only the client's id is known."""

    def send(self, call: Call) -> httpx.Response:
        """Return SCM's 2xx answer; raise what any other answer, or none, amounts to."""

    def secrets(self) -> tuple[str, ...]:
        """Return what must never be read in a message."""


class Questions:
    """What every question needs: the line, and answers of the right form."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def _object(self, call: Call, needed: str) -> answers.Members:
        found = answers.members(self._line.send(call))
        if not answers.text(found.get(needed)):
            raise unusable(call, needed)
        return found

    def _list(self, call: Call) -> tuple[httpx.Response, list[answers.Members]]:
        answer = self._line.send(call)
        rows = answers.document(answer)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise unusable(call, "list")
        return answer, rows

    def _numbered(self, call: Call) -> dict[int, answers.Members]:
        """Every row that SCM lists, page by page (§3.3), by its number."""
        listed: dict[int, answers.Members] = {}
        for rows in self._pages(call):
            page = {answers.ssl_id_of(row): row for row in rows}
            known = {number: row for number, row in page.items() if number is not None}
            if len(known) < len(page):
                raise unusable(call, "number of every row")
            if known.keys() <= listed.keys():
                break  # SCM takes no notice of the position: the same page for ever
            listed |= known
        return listed

    def _pages(self, call: Call) -> Iterator[list[answers.Members]]:
        position, is_last = 0, False
        while not is_last:
            window: Mapping[str, str | int] = {**call.params, "size": PAGE_SIZE, "position": position}
            answer, rows = self._list(replace(call, params=window))
            is_last = _is_last(rows, position, answer)
            position += len(rows)
            yield rows


def _is_last(rows: Sequence[object], position: int, answer: httpx.Response) -> bool:
    """A short page is the last, unless the total says that SCM serves shorter pages than asked for."""
    total = answers.whole(answer.headers.get("X-Total-Count"))
    return not rows or (len(rows) < PAGE_SIZE and (total is None or position + len(rows) >= total))
