"""Paging of lists (SCM reference §3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from .refusals import refuse
from .routing import Call
from .wire import Header

Item = TypeVar("Item")


def page(call: Call, items: Sequence[Item]) -> Sequence[Item]:
    """Return the part of *items* (ordered by id) that `size` and `position` ask for, in the dial's order."""
    dials = call.state.dials
    size = call.request.number("size", dials.default_size)
    position = call.request.number("position", 0)
    assert size is not None  # noqa: S101  # both have defaults
    assert position is not None  # noqa: S101
    if size > dials.page_limit and dials.page_excess == "refuse":
        raise refuse(-1001, "size", f"must be less than or equal to {dials.page_limit}")
    ordered = items if dials.list_order == "ascending" else list(reversed(items))
    return ordered[position : position + min(size, dials.page_limit)]


def total(items: Sequence[object]) -> Header:
    """Return the header that says how many there are in all."""
    return ("X-Total-Count", str(len(items)))
