"""The world file: a World in YAML. Every error is reported with file, line and field, all of them at once."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from scm_simulator.world import world as records
from scm_simulator.world.dials import Dials
from scm_simulator.world.fault import Fault
from scm_simulator.world.validation import Complaint, complaints, dotted
from scm_simulator.world.world import Place, World, WorldError

Line = int
Errors = list[Complaint]

_WORLD = TypeAdapter(World)
_RECORDS = (Dials, Fault, *(kind for kind in vars(records).values() if hasattr(kind, "__dataclass_fields__")))
_FIELDS = {field.name for kind in _RECORDS for field in fields(kind)}
_TEXTS = {
    "missing": "is missing",
    "dataclass_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "too_short": "must have at least one entry",
}


class WorldFileError(WorldError):
    """A world file with all its errors: (line, text)."""

    def __init__(self, path: Path, errors: Iterable[tuple[Line, str]]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: error[0]))
        super().__init__("\n".join(f"{path}:{line}: {text}" for line, text in self.errors))


class _Document:
    """The content of a YAML file, with the line of each place and the keys that are there twice."""

    def __init__(self, path: Path) -> None:
        self.lines: dict[Place, Line] = {}
        self.repeated: Errors = []
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
            self.content = self._read(loader, node, ()) if node else None
        finally:
            loader.dispose()

    def _read(self, loader: yaml.SafeLoader, node: yaml.Node, place: Place) -> Any:
        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._read(loader, item, (*place, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return dict(self._members(loader, node, place))
        return loader.construct_object(node)

    def _members(self, loader: yaml.SafeLoader, node: yaml.MappingNode, place: Place) -> Iterator[tuple[str, Any]]:
        for key, value in node.value:
            where = (*place, str(key.value))
            if where in self.lines:
                self.repeated.append((where, "is there twice"))
            self.lines[where] = key.start_mark.line + 1
            yield str(key.value), self._read(loader, value, where)

    def located(self, errors: Errors) -> Iterator[tuple[Line, str]]:
        """Yield each error with its line, or the line of the nearest place around it that is in the file."""
        for place, text in errors:
            line = next(self.lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self.lines)
            yield line, f"{dotted(place)}: {text}" if place else text


def read_world(path: Path) -> World:
    """Read the world file at *path*; raise WorldFileError with every error in it."""
    try:
        document = _Document(path)
    except OSError as error:
        raise WorldFileError(path, [(1, f"cannot be read: {error.strerror}")]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        text = f"is not YAML: {getattr(error, 'problem', error)}"
        raise WorldFileError(path, [(mark.line + 1 if mark else 1, text)]) from error
    if document.content is None:
        raise WorldFileError(path, [(1, "is empty; it needs organisations, accounts and profiles")])
    world, errors = _world(document.content)
    if world is None:
        world, _ = _world(_without(document.content, errors))
    errors += [*document.repeated, *(complaints(world) if world else ())]
    if errors or world is None:
        raise WorldFileError(path, document.located(errors))
    return world


def _world(content: Any) -> tuple[World | None, Errors]:
    """Return the world in *content*, or every error in it; as JSON, so that types are compared strictly."""
    try:
        return _WORLD.validate_json(json.dumps(content, default=str), strict=True), []
    except ValidationError as invalid:
        return None, [(_place(error["loc"]), _text(error)) for error in invalid.errors()]


def _place(location: Place) -> Place:
    """Return the place in the file: the dials of a behaviour are beside its name."""
    return location[:2] + location[3:] if location[0:3:2] == ("behaviours", "dials") else location


def _text(error: Any) -> str:
    if error["type"] == "unexpected_keyword_argument":
        near = difflib.get_close_matches(str(error["loc"][-1]), _FIELDS, n=1)
        return f"is not a known field{f'; did you mean {near[0]}?' if near else ''}"
    return _TEXTS.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ").replace(
        "Input should be", "must be"
    )


def _without(content: Any, errors: Errors) -> Any:
    """Return *content* with defaults instead of wrong values, so that all other references are checked as well.

    Returns None where a default would make references wrong: instead of an entry that others refer to.
    """
    for place, text in errors:
        around = reduce(getitem, place[:-1], content) if place and place[:-1] else content
        if not place or not isinstance(around, dict) or text == _TEXTS["tuple_type"]:
            return None
        around.pop(place[-1], None)
    return content
