"""The world file: a World in YAML. Every error is reported with file, line and field, all of them at once."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from scm_simulator.world.dials import Dials
from scm_simulator.world.field_values import convert, expected_value, is_mapping, is_optional, without_none
from scm_simulator.world.validation import complaints, dotted
from scm_simulator.world.world import Behaviour, Domain, Place, World, WorldError

Line = int


class WorldFileError(WorldError):
    """A world file with all its errors: (line, text)."""

    def __init__(self, path: Path, errors: Iterable[tuple[Line, str]]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: error[0]))
        super().__init__("\n".join(f"{path}:{line}: {text}" for line, text in self.errors))


class _UnreadableError(Exception):
    """A value that cannot be read; the reader has recorded the error."""


class _Reader:
    """Turns YAML nodes into dataclasses; records the line of each place, and the errors."""

    def __init__(self) -> None:
        self.lines: dict[Place, Line] = {(): 1}
        self.errors: list[tuple[Line, str]] = []

    def record(self, place: Place, complaint: str) -> _UnreadableError:
        """Record an error at *place*; return the exception for callers that need the value."""
        line = next(self.lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self.lines)
        self.errors.append((line, f"{dotted(place)}: {complaint}" if place else complaint))
        return _UnreadableError()

    def members(self, node: yaml.Node, place: Place) -> dict[str, yaml.Node]:
        """Return the members of a mapping; a repeated key is an error."""
        if not isinstance(node, yaml.MappingNode):
            raise self.record(place, f"must be a mapping, not {_described(node)}")
        members: dict[str, yaml.Node] = {}
        for key, value in node.value:
            where = (*place, str(key.value))
            self.lines[where] = key.start_mark.line + 1
            if key.value in members:
                self.record(where, "is there twice")
            members[str(key.value)] = value
        return members

    def items(self, node: yaml.Node, place: Place) -> list[tuple[Place, yaml.Node]]:
        """Return the items of a list, each with its place."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.record(place, f"must be a list, not {_described(node)}")
        placed = [((*place, i), item) for i, item in enumerate(node.value)]
        self.lines |= {where: item.start_mark.line + 1 for where, item in placed}
        return placed

    def each(self, placed: Iterable[tuple[Place, yaml.Node]], kind: Any) -> list[Any]:
        """Return every node as a value of type *kind*; all are read before an unreadable value raises."""
        values, unreadable = [], False
        for where, node in placed:
            try:
                values.append(self.value(node, kind, where))
            except _UnreadableError:
                unreadable = True
        if unreadable:
            raise _UnreadableError
        return values

    def value(self, node: yaml.Node, kind: Any, place: Place) -> Any:
        """Return *node* as a value of type *kind*."""
        if is_optional(kind) and not _is_null(node):
            kind = without_none(kind)
        origin = get_origin(kind)
        if origin in (tuple, list):
            return origin(self.each(self.items(node, place), get_args(kind)[0]))
        if is_mapping(kind):
            members = self.members(node, place)
            values = self.each((((*place, name), member) for name, member in members.items()), get_args(kind)[1])
            return dict(zip(members, values, strict=True))
        if dataclasses.is_dataclass(kind):
            return self.object(node, kind, place)
        fits, value = convert(_scalar(node), kind) if isinstance(node, yaml.ScalarNode) else (False, None)
        if not fits:
            raise self.record(place, f"must be {expected_value(kind)}, not {_described(node)}")
        return value

    def object(self, node: yaml.Node, kind: Any, place: Place) -> Any:
        """Return *node* as an instance of the dataclass *kind*."""
        if kind is Domain and isinstance(node, yaml.ScalarNode):
            return Domain(self.value(node, str, place))
        members = self.members(node, place)
        if kind is Behaviour:
            dials = {name: member for name, member in members.items() if name != "name"}
            changes = self.fields(self.ungrouped(dials, place), Dials, place)
            given = self.fields({name: members[name] for name in members.keys() - dials}, kind, place)
            return Behaviour(given["name"], changes)
        if kind is Dials:
            return Dials().overlaid(self.fields(self.ungrouped(members, place), kind, place))
        return kind(**self.fields(members, kind, place))

    def ungrouped(self, members: Mapping[str, yaml.Node], place: Place) -> dict[str, yaml.Node]:
        """Return dials without groups: `issuance: {polls: 3}` is `issuance_polls: 3`."""
        names = {field.name for field in dataclasses.fields(Dials)}
        flat: dict[str, yaml.Node] = {}
        for name, node in members.items():
            if name in names or not isinstance(node, yaml.MappingNode):
                flat[name] = node
                continue
            for inner_name, value in self.members(node, (*place, name)).items():
                flat[f"{name}_{inner_name}"] = value
                self.lines[(*place, f"{name}_{inner_name}")] = self.lines[(*place, name, inner_name)]
        return flat

    def fields(self, members: Mapping[str, yaml.Node], kind: Any, place: Place) -> dict[str, Any]:
        """Return the values of *members* by the fields of *kind*; an unknown or a missing field is an error.

        A wrong value is replaced by the field's default where that hides no other error.
        """
        required = [field.name for field in dataclasses.fields(kind) if _is_required(field)]
        missing = [name for name in required if name not in members]
        for name in missing:
            self.record(place, f"{name} is missing")
        hints, values, unreadable = get_type_hints(kind), {}, bool(missing)
        for name, node in members.items():
            if name not in hints:
                self.record((*place, name), f"is not a known field{_suggestion(name, hints)}")
                continue
            try:
                values[name] = self.value(node, hints[name], (*place, name))
            except _UnreadableError:
                unreadable = unreadable or not _has_harmless_default(kind, name)
        if unreadable:
            raise _UnreadableError
        return values


def read_world(path: Path) -> World:
    """Read the world file at *path*; raise WorldFileError with every error in it."""
    reader = _Reader()
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except OSError as error:
        raise WorldFileError(path, [(1, f"cannot be read: {error.strerror}")]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        text = f"is not YAML: {getattr(error, 'problem', error)}"
        raise WorldFileError(path, [(mark.line + 1 if mark else 1, text)]) from error
    if node is None:
        raise WorldFileError(path, [(1, "is empty; it needs organisations, accounts and profiles")])
    try:
        world: World = reader.value(node, World, ())
    except _UnreadableError:
        raise WorldFileError(path, reader.errors) from None
    for place, complaint in complaints(world):
        reader.record(place, complaint)
    if reader.errors:
        raise WorldFileError(path, reader.errors)
    return world


def _scalar(node: yaml.ScalarNode) -> object:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    finally:
        loader.dispose()


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and _scalar(node) is None


def _is_required(field: Any) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _has_harmless_default(kind: Any, name: str) -> bool:
    """Return whether the default of a field may replace a wrong value: not in a list that others refer to."""
    [default] = [field.default for field in dataclasses.fields(kind) if field.name == name]
    return kind is Dials or not (default is dataclasses.MISSING or isinstance(default, tuple))


def _described(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "nothing" if _is_null(node) else repr(_scalar(node))
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"


def _suggestion(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
