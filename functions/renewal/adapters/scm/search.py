"""The search for one order: the lists of a department by name, the details of what they list, and the SSL report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import httpx

from renewal.adapters.scm import responses
from renewal.adapters.scm.pages import Pages
from renewal.adapters.scm.request import Operation, Request, details_of, report_of
from renewal.adapters.scm.responses import number
from renewal.domain.errors import CREDENTIAL_REFUSALS, NeedsAttention, OrderUnknown, ScmUnavailable
from renewal.domain.names import common_name, comparable, spellings
from renewal.domain.order_search import SearchedOrder, SearchResult

REPORT = "SSL report"


class Search:
    """Iterate over the requests, and add to each its response or its error, until `result` is final.

    The lists, the details of what they list, newest order first, then the report, until a comment has the token. The
    details of what is known to be another order are not read.
    """

    def __init__(self, order: SearchedOrder, secrets: Iterable[str]) -> None:
        self.result = SearchResult()
        self._order = order
        self._secrets = tuple(secrets)
        self._names = frozenset(map(comparable, order.names))
        self._response: httpx.Response | None = None
        self._listed: dict[int, str] = {}
        self._excluded = set(order.others)
        self._unknown: list[int] = []
        self._is_at_report = False

    def add(self, response: httpx.Response) -> None:
        """Take the response to the latest request."""
        self._response = response

    def add_error(self, error: NeedsAttention | ScmUnavailable) -> None:
        """Take the error of the latest request; raise it when the search cannot go on without a response.

        It can without the report, if SCM hides it or if it is too large to be read: no retry changes that.
        """
        is_outage = isinstance(error, ScmUnavailable) and not error.is_too_large
        is_unreadable = self._is_at_report and not is_outage and not isinstance(error, CREDENTIAL_REFUSALS)
        if not (is_unreadable or isinstance(error, OrderUnknown)):
            raise error
        self._response = None

    def __iter__(self) -> Iterator[Request]:
        """Yield each request. Raises ScmUnavailable when something that SCM lists cannot be read."""
        for name, value in _filters(self._order.names):
            yield from self._list(name, value)
            if self._order.listed_id in self._listed:
                self.result = SearchResult(self._order.listed_id, self._listed[self._order.listed_id])
                return
        for ssl_id in sorted(self._listed.keys() - self._order.others, reverse=True):
            request = details_of(ssl_id)
            yield request
            self._read_details(request, ssl_id)
            if self.result.ssl_id:
                return
        if self._unknown:
            msg = (
                f"SCM lists order {self._unknown[0]} and does not know it, though it may be ours; it is searched again"
            )
            raise ScmUnavailable(msg)
        self._is_at_report = True
        request = report_of(self._order.department_id)
        yield request
        self._read_report(request)

    def _list(self, name: str, value: str) -> Iterator[Request]:
        params: dict[str, str | int] = {name: value, "orgId": self._order.department_id}
        pages = Pages(Request(Operation.SEARCH, "GET", "/ssl/v1", params), number)
        for page in pages:
            yield page
            if self._response is not None:
                pages.add(self._response)
        rows = {ssl_id: responses.text(row.get("commonName")) for ssl_id, row in pages.rows.items()}
        listed = {ssl_id: f"{name}={value}" for ssl_id in rows if self._may_be_for(rows[ssl_id])}
        self._listed = listed | self._listed

    def _read_details(self, request: Request, ssl_id: int) -> None:
        if self._response is None:
            self._unknown.append(ssl_id)
            return
        details = responses.details_from(request, self._response, ssl_id)
        if self._order.is_in(details.comment):
            self.result = SearchResult(ssl_id, self._listed[ssl_id])
        elif self._order.may_be(details.comment, details.requested):
            self.result = SearchResult(candidates=(ssl_id, *self.result.candidates))
        else:
            self._excluded.add(ssl_id)

    def _read_report(self, request: Request) -> None:
        """Read the rows for our names; nothing when the report is hidden from this account, or too large."""
        if self._response is None:
            return
        try:
            report = responses.reported_from(request, self._response, self._secrets)
        except NeedsAttention:
            return
        rows = [row for row in report if self._may_be_for(row.common_name)]
        ssl_id = next((row.ssl_id for row in rows if self._order.is_in(row.comment)), None)
        if ssl_id is not None:
            self.result = SearchResult(ssl_id, REPORT)
            return
        may_be = {row.ssl_id for row in rows if self._order.may_be(row.comment, row.requested)} - self._excluded
        self.result = SearchResult(candidates=tuple(sorted({*self.result.candidates, *may_be})))

    def _may_be_for(self, listed: str) -> bool:
        """Return whether a listed common name may be of our order: SCM's filters match parts of names (§3.4)."""
        return comparable(listed) in {"", *self._names}


def _filters(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the filters by name, each name in every spelling."""
    first = common_name(names)
    filters = [("commonName", spelling) for spelling in spellings(first or names[0])]
    if not first:
        # SCM may have made a common name of the first alternative name, or left it where it was (§5.4).
        filters += [("subjectAlternativeName", spelling) for spelling in spellings(names[0])]
    return filters
