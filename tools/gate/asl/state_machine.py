"""A state machine's definition as it is in its file: its scopes, its states, the strings in it.

Amazon States Language: https://states-language.net/spec.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml


class Unreadable(Exception):
    """The file is not one YAML mapping; the text has the place."""


@dataclass(frozen=True, slots=True)
class State:
    """One state; `path` leads to it from the top, such as `RenewEach.Enroll`."""

    path: str
    body: Mapping[str, Any]

    @property
    def type(self) -> str:
        """Return Task, Choice, Map and so on."""
        return str(self.body.get("Type", ""))


@dataclass(frozen=True, slots=True)
class Scope:
    """States that pass documents to each other: the machine, the inside of a Map, a branch of a Parallel."""

    path: str
    start: str
    states: Mapping[str, State]
    owner: State | None = None
    """The Map or Parallel around it; None for the machine itself."""


class _NoDuplicates(yaml.SafeLoader):
    """Refuses a key that occurs twice: YAML would silently keep the last value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Return the mapping, or raise for its first repeated key."""
        keys = set()
        for key, _ in node.value:
            if key.value in keys:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} occurs twice", key.start_mark)
            keys.add(key.value)
        return super().construct_mapping(node, deep)


def parsed(text: str) -> dict[str, Any]:
    """Return the definition in *text*, YAML or JSON; raise Unreadable."""
    try:
        definition = yaml.load(text, _NoDuplicates)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as broken:
        raise Unreadable(" ".join(str(broken).split())) from broken
    if not isinstance(definition, dict):
        msg = "not a mapping of StartAt, States and so on"
        raise Unreadable(msg)
    return definition


def scopes(machine: Mapping[str, Any], path: str = "", owner: State | None = None) -> Iterator[Scope]:
    """Yield the machine's own scope, then those inside its Maps and Parallels, outer ones first."""
    prefix = f"{path}." if path else ""
    states = {name: State(prefix + name, body) for name, body in machine.get("States", {}).items()}
    yield Scope(path, str(machine.get("StartAt", "")), states, owner)
    for state in states.values():
        for inner in _inner(state):
            yield from scopes(inner, state.path, state)


def _inner(state: State) -> list[Mapping[str, Any]]:
    processor = state.body.get("ItemProcessor", state.body.get("Iterator"))
    branches = state.body.get("Branches", [])
    return [*branches, *([processor] if processor else [])]


def every_state(machine: Mapping[str, Any]) -> Iterator[State]:
    """Yield every state of every scope."""
    for scope in scopes(machine):
        yield from scope.states.values()


def leaves(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every scalar below *value* with the keys that lead to it."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from leaves(below, *path, str(key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from leaves(below, *path, str(index))
    else:
        yield path, value
