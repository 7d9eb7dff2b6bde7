"""What the plan of the next daily run would leave out, as the order book is now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, islice

from renewal.domain.limits import DueCertificate, LeftOut, Limits, left_out
from renewal.domain.replacement_rule import ReplacementRule
from renewal.ports.order_book import OrderIndex

_BATCH = 1_000
"""Certificates that are read at a time, so that the memory does not grow with what is due."""


def left_out_next(book: OrderIndex, rules: Iterable[ReplacementRule], limits: Limits, now: datetime) -> LeftOut:
    """Return what a daily run at *now* would not order although it is due. Costs what is due.

    *rules*: all. What cannot be read is not ordered, and has a problem of its own.
    """
    in_force = [rule for rule in rules if rule.issued_before <= now]
    return left_out([*_due(book, in_force, now)], book.count_certificates, limits)


def _due(book: OrderIndex, rules: Iterable[ReplacementRule], now: datetime) -> Iterator[DueCertificate]:
    listed = chain.from_iterable(book.listed_for(rule) or () for rule in rules)
    paths = iter(dict.fromkeys((*book.waiting(now), *listed)))
    while batch := [*islice(paths, _BATCH)]:
        due = (DueCertificate.at(certificate, rules, now) for certificate in book.load_certificates(batch))
        yield from (each for each in due if each.decision.causes)
