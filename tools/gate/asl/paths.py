"""The JSONPaths that a state reads from its input, and the document that it outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gate.asl.state_machine import State, leaves

_READ = re.compile(r"(?<![\w$])\$\$?(?:\.[A-Za-z_]\w*)+")
_PATH_OR_INTRINSIC = re.compile(r"\$\$?(\.|\[|$)|States\.[A-Z]\w+\(")

TEMPLATES = ("Parameters", "ItemSelector", "ResultSelector")
"""Fields whose content is a payload template: a value is a path only where its key ends in `.$`."""

_READ_FROM_INPUT = ("Parameters", "ItemSelector", "ItemReader", "ResultWriter")
_PATH_FIELDS = (
    "CausePath", "ErrorPath", "HeartbeatSecondsPath", "InputPath", "ItemsPath", "MaxConcurrencyPath",
    "SecondsPath", "TimeoutSecondsPath", "TimestampPath", "ToleratedFailureCountPath",
    "ToleratedFailurePercentagePath",
)  # fmt: skip


def read_by(state: State) -> Iterator[str]:
    """Yield each path that *state* reads from its input or the context object, except in its Choice rules."""
    base = str(state.body.get("InputPath") or "$")
    for field in _PATH_FIELDS:
        if field in state.body:
            yield from _rebased(str(state.body[field]), "$" if field == "InputPath" else base)
    for field in _READ_FROM_INPUT:
        for keys, value in leaves(state.body.get(field, {})):
            if keys and keys[-1].endswith(".$"):
                yield from _rebased(str(value), base)


def _rebased(value: str, base: str) -> Iterator[str]:
    for path in _READ.findall(value):
        yield path if path.startswith("$$") else base + path[1:]


def read_by_rule(rule: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths that a comparison of a Choice requires to exist."""
    if "IsPresent" not in rule:
        yield from (str(value) for key, value in rule.items() if key == "Variable" or key.endswith("Path"))


def set_by(state: State) -> frozenset[str]:
    """Return the paths that exist after *state*, and may be missing before."""
    result_path = state.body.get("ResultPath", "$")
    if not _has_result(state) or result_path is None:
        return frozenset()
    inside = {f"{result_path}.{key}" for key in _known_keys(state)}
    return frozenset(inside if result_path == "$" else {result_path, *inside})


def _known_keys(state: State) -> list[str]:
    made = state.body.get("ResultSelector")
    if made is None and state.type == "Pass":
        made = state.body.get("Parameters", state.body.get("Result"))
    return [str(key).removesuffix(".$") for key in made] if isinstance(made, Mapping) else []


def replaces_document(state: State) -> bool:
    """Return whether *state* outputs a document other than its input."""
    if state.body.get("OutputPath", "$") != "$":
        return True
    decides = "ResultPath" if _has_result(state) else "InputPath"  # a result is put into the raw input
    return bool(state.body.get(decides, "$") == "$") is _has_result(state)


def _has_result(state: State) -> bool:
    if state.type == "Pass":
        return "Parameters" in state.body or "Result" in state.body
    return state.type in ("Task", "Map", "Parallel")


def faults(state: State) -> Iterator[str]:
    """Yield paths that would be output as text, and text that would be read as a path."""
    for template in TEMPLATES:
        for keys, value in leaves(state.body.get(template, {}), template):
            is_path, marked = bool(_PATH_OR_INTRINSIC.match(str(value))), keys[-1].endswith(".$")
            if is_path and not marked:
                yield f"{state.path}: {'.'.join(keys)}: {value} is passed on as text: end the field in .$"
            if marked and not is_path and not str(value).startswith("$"):
                yield f"{state.path}: {'.'.join(keys)}: ends in .$, and {value} is not a path"
