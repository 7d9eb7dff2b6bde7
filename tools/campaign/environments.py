"""Lambda execution environments: the shipped handlers over new copies of the shipped wiring.

A copy of `renewal.wiring` is what a cold start would make. It is kept while it is idle, as Lambda keeps environments,
used by one invocation at a time, and thrown away with an invocation that was killed.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx

from renewal.adapters.http import new_http_client

HANDLERS: Mapping[str, str] = {
    "CheckExpiryFunction": "check_expiry",
    "InspectDelegationFunction": "inspect_delegation",
    "EnrollFunction": "enroll",
    "PlanCollectionFunction": "plan_collection",
    "CollectFunction": "collect",
    "VerifyServedFunction": "verify_served",
    "ReportFunction": "report",
    "NotifyFunction": "notify",
}
"""Logical id in template.yaml to the handler's module."""


@dataclass(frozen=True)
class Replacements:
    """What replaces clock, AWS, SCM and DNS in an environment's wiring."""

    clock: Callable[[], datetime]
    """The functions' clock."""
    client: Callable[..., Any]
    """`renewal.adapters.aws.client`, with every call intercepted."""
    transport: Callable[[], httpx.BaseTransport]
    dns: Callable[[str, Any], tuple[str, ...] | None]


Mutation = Callable[[str, Any], Any]
"""Takes a function's name and its step; returns the step to be used instead."""


def unchanged(_function: str, step: Any) -> Any:
    """Return the shipped step."""
    return step


@dataclass
class Environments:
    """All environments of all functions."""

    replacements: Replacements
    mutate: Mutation = unchanged
    runs_overlap: bool = True
    """Whether runs do their work at the same time, as when none of them is shown to the others."""
    are_cold: bool = False
    """Whether each invocation has a new environment."""
    _idle: dict[str, list[ModuleType]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _here: threading.local = field(default_factory=threading.local)

    def __post_init__(self) -> None:
        self.modules = {name: importlib.import_module(name) for name in HANDLERS.values()}
        self._kept = {name: module.wiring for name, module in self.modules.items()}
        for module in self.modules.values():
            vars(module)["wiring"] = _Dispatcher(self._step)

    def close(self) -> None:
        """Restore the handlers' wiring."""
        for name, module in self.modules.items():
            vars(module)["wiring"] = self._kept[name]

    def forget(self) -> None:
        """Discard all environments; the next ones are kept."""
        self._idle.clear()
        self.are_cold = False

    def play(self, name: str, event: Any, context: Any) -> Any:
        """Invoke a handler in an idle environment, or in a new one. A killed environment is not kept."""
        with self._lock:
            wiring = self._idle[name].pop() if self._idle[name] else None
        self._here.wiring, self._here.name = wiring or self.cold_start(), name
        try:
            answer = self.modules[name].handler(event, context)
        except Exception:
            self._keep(name)
            raise
        self._keep(name)
        return answer

    def _keep(self, name: str) -> None:
        with self._lock:
            if not self.are_cold:
                self._idle[name].append(self._here.wiring)

    def cold_start(self) -> ModuleType:
        """Return a new environment's wiring."""
        spec, code = _wiring()
        wiring = importlib.util.module_from_spec(spec)
        exec(code, vars(wiring))  # noqa: S102 - the shipped module, as its loader would execute it
        vars(wiring).update(
            aws=SimpleNamespace(client=self.replacements.client),
            utc_now=self.replacements.clock,
            _http=functools.cache(lambda: new_http_client(transport=self.replacements.transport())),
            _runs_in_progress=_NoneInProgress,
            _dns=lambda: self.replacements.dns,
        )
        return wiring

    def _step(self, name: str, *invocation: Any) -> Any:
        return self.mutate(name, getattr(self._here.wiring, name)(*invocation))


@functools.cache
def _wiring() -> tuple[Any, Any]:
    """Return the spec and the code of `renewal.wiring`, which are read once for all cold starts."""
    spec: Any = importlib.util.find_spec("renewal.wiring")
    return spec, spec.loader.get_code(spec.name)


class _NoneInProgress:
    """Runs overlap as when Step Functions' list, which is eventually consistent, does not show the other run yet."""

    def older(self, _state_machine: str, _run_id: str) -> tuple[str, ...]:
        return ()


class _Dispatcher:
    """Replaces `wiring` in a handler's module by that of the environment that this thread plays."""

    def __init__(self, step: Callable[..., Any]) -> None:
        self._step = step

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *invocation: self._step(name, *invocation)
