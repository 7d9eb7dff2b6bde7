"""Reads that AWS may answer as if a recent write had not happened yet.

DynamoDB's indexes, ACM and Secrets Manager are eventually consistent; consistent reads of DynamoDB, S3 and KMS are not
(AWS: amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html). One function must run at a time: what it
reads is exchanged for all.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from typing import Any

from campaign.interception.calls import Boundary
from local.cloudformation.parameters import ACCOUNT, REGION

INDEX = "Query of an index"
EVENTUAL: Mapping[str, frozenset[str]] = {
    "acm": frozenset({"DescribeCertificate", "ListCertificates"}),
    "dynamodb": frozenset({INDEX}),
    "secretsmanager": frozenset({"DescribeSecret", "GetSecretValue"}),
}
"""Reads by service."""
State = MutableMapping[Any, Any]


def is_eventual(boundary: Boundary) -> bool:
    """Return whether the call may be answered late."""
    return boundary.operation in EVENTUAL.get(boundary.service, ())


def snapshot(service: str) -> Callable[[], Any]:
    """Keep what *service* holds now; return the context in which it holds that again."""
    kept = [(state, copy.deepcopy(dict(state)) if service != "acm" else dict(state)) for state in _states(service)]

    @contextmanager
    def as_it_was() -> Iterator[None]:
        with ExitStack() as exits:
            for state, before in kept:
                exits.enter_context(_holding(state, before))
            yield

    return as_it_was


@contextmanager
def _holding(state: State, before: Mapping[Any, Any]) -> Iterator[None]:
    present = dict(state)
    _replace(state, before)
    try:
        yield
    finally:
        _replace(state, present)


def _replace(state: State, content: Mapping[Any, Any]) -> None:
    state.clear()
    state.update(content)


def _states(service: str) -> list[State]:
    """Return moto's own dictionaries; ACM replaces its entries and never changes them."""
    from moto.backends import get_backend  # noqa: PLC0415 - moto may be imported only after the isolation

    backends: Any = get_backend(service)[ACCOUNT]  # type: ignore[call-overload]  # not a literal
    if service == "acm":
        return [backend._certificates for backend in backends.values()]  # noqa: SLF001
    if service == "dynamodb":
        return [table.items for table in backends[REGION].tables.values()]
    return [backends[REGION].secrets]
