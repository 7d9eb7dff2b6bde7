"""How many functions of the product are on the stack when a request leaves."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import httpx

import renewal

FUNCTIONS = str(Path(renewal.__file__).parents[1])
MOST = 6
"""The handler itself is counted, and every other function, lambda and comprehension of a module in functions/."""

CONTEXT = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=256,
    invoked_function_arn="arn",
    aws_request_id="id",
    get_remaining_time_in_millis=lambda: 90_000,
)


class DepthMeter(httpx.BaseTransport):
    """Notes the stack of every request, and lets *inner* answer it."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.stacks: list[tuple[str, list[str]]] = []
        """(method and path, names of our functions from the handler to the client)."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Record the stack, then answer."""
        self.stacks.append((f"{request.method} {request.url.path}", _ours(sys._getframe(1))))
        return self._inner.handle_request(request)

    def too_deep(self) -> list[tuple[str, list[str]]]:
        """The requests that more than six functions lead to."""
        return [(request, stack) for request, stack in self.stacks if len(stack) > MOST]


def _ours(frame: FrameType | None) -> list[str]:
    names: list[str] = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(FUNCTIONS):
            names.insert(0, frame.f_code.co_qualname if sys.version_info >= (3, 11) else frame.f_code.co_name)
        frame = frame.f_back
    return names


def handled(name: str, step: Any, event: dict[str, Any]) -> Any:
    """Call the handler *name* with *event*; its step is *step*."""
    module = import_module(name)
    with patch.object(module, "wiring", SimpleNamespace(**{name: lambda _invocation: step})):
        return module.handler(event, CONTEXT)
