"""The world file: a World in YAML. Whatever is not right with it is said with file, line and field, all at once."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from .dials import Dials
from .values import fitting, inner, is_optional, words_for
from .world import Behaviour, Domain, Place, UnsoundWorldError, World, WorldError, dotted

Line = int


class WorldFileError(WorldError):
    """A world file with every fault that it has: (line, what is wrong)."""

    def __init__(self, path: Path, faults: Iterable[tuple[Line, str]]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault[0]))
        super().__init__("\n".join(f"{path}:{line}: {text}" for line, text in self.faults))


class _UnreadableError(Exception):
    """A value that cannot be had; what is wrong with it has been noted."""


class _Reader:
    """Turns YAML nodes into dataclasses; remembers on which line each place stands, and what is wrong there."""

    def __init__(self) -> None:
        self.lines: dict[Place, Line] = {(): 1}
        self.faults: list[tuple[Line, str]] = []

    def note(self, place: Place, complaint: str) -> _UnreadableError:
        """Note what is wrong where; return the error for those who cannot go on without it."""
        line = next(self.lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self.lines)
        self.faults.append((line, f"{dotted(place)}: {complaint}" if place else complaint))
        return _UnreadableError()

    def members(self, node: yaml.Node, place: Place) -> dict[str, yaml.Node]:
        """Return the members of a mapping; a key that is there twice is a fault."""
        if not isinstance(node, yaml.MappingNode):
            raise self.note(place, f"must be a mapping, not {_shown(node)}")
        members: dict[str, yaml.Node] = {}
        for key, value in node.value:
            where = (*place, str(key.value))
            self.lines[where] = key.start_mark.line + 1
            if key.value in members:
                self.note(where, "is there twice")
            members[str(key.value)] = value
        return members

    def items(self, node: yaml.Node, place: Place) -> list[tuple[Place, yaml.Node]]:
        """Return the items of a list, each with its place."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.note(place, f"must be a list, not {_shown(node)}")
        placed = [((*place, i), one) for i, one in enumerate(node.value)]
        self.lines |= {where: one.start_mark.line + 1 for where, one in placed}
        return placed

    def each(self, placed: Iterable[tuple[Place, yaml.Node]], kind: Any) -> list[Any]:
        """Return every one as a value of type *kind*; all are looked at before one that is wrong stops it."""
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
            kind = inner(kind)
        origin = get_origin(kind)
        if origin in (tuple, list):
            return origin(self.each(self.items(node, place), get_args(kind)[0]))
        if origin in (dict, Mapping):
            members = self.members(node, place)
            values = self.each((((*place, name), one) for name, one in members.items()), get_args(kind)[1])
            return dict(zip(members, values, strict=True))
        if dataclasses.is_dataclass(kind):
            return self.object(node, kind, place)
        fits, value = fitting(_scalar(node), kind) if isinstance(node, yaml.ScalarNode) else (False, None)
        if not fits:
            raise self.note(place, f"must be {words_for(kind)}, not {_shown(node)}")
        return value

    def object(self, node: yaml.Node, kind: Any, place: Place) -> Any:
        """Return *node* as an instance of the dataclass *kind*."""
        if kind is Domain and isinstance(node, yaml.ScalarNode):
            return Domain(self.value(node, str, place))
        if kind is Behaviour:
            return self.behaviour(node, place)
        members = self.members(node, place)
        missing = [one.name for one in dataclasses.fields(kind) if one.name not in members and _is_required(one)]
        for name in missing:
            self.note(place, f"{name} is missing")
        given = self.fields(self.ungrouped(members, place) if kind is Dials else members, kind, place)
        if missing:
            raise _UnreadableError
        return Dials().overlaid(given) if kind is Dials else kind(**given)

    def behaviour(self, node: yaml.Node, place: Place) -> Behaviour:
        """Return the dials of one name: `name`, and any of the dials."""
        members = self.members(node, place)
        name = members.pop("name", None)
        if name is None:
            self.note(place, "name is missing")
        dials = self.fields(self.ungrouped(members, place), Dials, place)
        if name is None:
            raise _UnreadableError
        return Behaviour(self.value(name, str, (*place, "name")), dials)

    def ungrouped(self, members: Mapping[str, yaml.Node], place: Place) -> dict[str, yaml.Node]:
        """Return dials with groups undone: `issuance: {polls: 3}` is `issuance_polls: 3`."""
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
        """Return the values of *members* by the fields of *kind*; an unknown one is a fault.

        A wrong value gives way to the field's default where that hides nothing: what else is wrong can still be found.
        """
        hints, values, unreadable = get_type_hints(kind), {}, False
        for name, node in members.items():
            if name not in hints:
                self.note((*place, name), f"is not a known field{_meant(name, hints)}")
                continue
            try:
                values[name] = self.value(node, hints[name], (*place, name))
            except _UnreadableError:
                unreadable = unreadable or not _can_be_passed_over(kind, name)
        if unreadable:
            raise _UnreadableError
        return values


def read_world(path: Path) -> World:
    """Read the world file at *path*; raise WorldFileError with file, line and field of whatever is not right."""
    reader = _Reader()
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except OSError as trouble:
        raise WorldFileError(path, [(1, f"cannot be read: {trouble.strerror}")]) from trouble
    except yaml.YAMLError as trouble:
        mark = getattr(trouble, "problem_mark", None)
        text = f"is not YAML: {getattr(trouble, 'problem', trouble)}"
        raise WorldFileError(path, [(mark.line + 1 if mark else 1, text)]) from trouble
    if node is None:
        raise WorldFileError(path, [(1, "is empty; it needs organisations, accounts and profiles")])
    world = _sound(reader, node)
    if world is None or reader.faults:
        raise WorldFileError(path, reader.faults)
    return world


def _sound(reader: _Reader, node: yaml.Node) -> World | None:
    """Return the world; None when it cannot be read or is not sound, which the reader has noted."""
    try:
        world: World = reader.value(node, World, ())
    except _UnreadableError:
        return None
    except UnsoundWorldError as unsound:
        for place, complaint in unsound.complaints:
            reader.note(place, complaint)
        return None
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


def _can_be_passed_over(kind: Any, name: str) -> bool:
    """Return whether the default of a field can stand in: not for a list, whose entries others may refer to."""
    [default] = [one.default for one in dataclasses.fields(kind) if one.name == name]
    return kind is Dials or not (default is dataclasses.MISSING or isinstance(default, tuple))


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "nothing" if _is_null(node) else repr(_scalar(node))
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"


def _meant(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
