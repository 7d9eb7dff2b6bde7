"""The world file: a World in YAML. Whatever is not right with it is said with file, line and field."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from .dials import Dials
from .values import fitting, inner, is_optional, words_for
from .world import Behaviour, Domain, Place, UnsoundWorldError, World, WorldError, dotted

Line = int


class _Reader:
    """Turns YAML nodes into dataclasses; remembers on which line each place stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[Place, Line] = {(): 1}

    def wrong(self, place: Place, complaint: str) -> WorldError:
        """Return the error that says what is wrong where."""
        line = next(self.lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self.lines)
        field = f"{dotted(place)}: " if place else ""
        return WorldError(f"{self.path}:{line}: {field}{complaint}")

    def members(self, node: yaml.Node, place: Place) -> dict[str, yaml.Node]:
        """Return the members of a mapping; a key that is there twice is an error."""
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(place, f"must be a mapping, not {_shown(node)}")
        members: dict[str, yaml.Node] = {}
        for key, value in node.value:
            where = (*place, str(key.value))
            if key.value in members:
                self.lines[where] = key.start_mark.line + 1
                raise self.wrong(where, "is there twice")
            self.lines[where] = key.start_mark.line + 1
            members[str(key.value)] = value
        return members

    def items(self, node: yaml.Node, place: Place) -> list[yaml.Node]:
        """Return the items of a list."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(place, f"must be a list, not {_shown(node)}")
        for i, one in enumerate(node.value):
            self.lines[(*place, i)] = one.start_mark.line + 1
        return list(node.value)

    def value(self, node: yaml.Node, kind: Any, place: Place) -> Any:
        """Return *node* as a value of type *kind*."""
        if is_optional(kind) and not _is_null(node):
            kind = inner(kind)
        origin = get_origin(kind)
        if origin in (tuple, list):
            wanted = get_args(kind)[0]
            items = enumerate(self.items(node, place))
            return origin(self.value(one, wanted, (*place, i)) for i, one in items)
        if origin in (dict, Mapping):
            wanted = get_args(kind)[1]
            return {k: self.value(v, wanted, (*place, k)) for k, v in self.members(node, place).items()}
        if dataclasses.is_dataclass(kind):
            return self.object(node, kind, place)
        fits, value = fitting(_scalar(node), kind) if isinstance(node, yaml.ScalarNode) else (False, None)
        if not fits:
            raise self.wrong(place, f"must be {words_for(kind)}, not {_shown(node)}")
        return value

    def object(self, node: yaml.Node, kind: Any, place: Place) -> Any:
        """Return *node* as an instance of the dataclass *kind*."""
        if kind is Domain and isinstance(node, yaml.ScalarNode):
            return Domain(self.value(node, str, place))
        if kind is Behaviour:
            return self.behaviour(node, place)
        members = self.members(node, place)
        given = self.fields(self.ungrouped(members, place) if kind is Dials else members, kind, place)
        for field in dataclasses.fields(kind):
            if field.name not in given and _is_required(field):
                raise self.wrong(place, f"{field.name} is missing")
        return Dials().overlaid(given) if kind is Dials else kind(**given)

    def behaviour(self, node: yaml.Node, place: Place) -> Behaviour:
        """Return the dials of one name: `name`, and any of the dials."""
        members = self.members(node, place)
        if "name" not in members:
            raise self.wrong(place, "name is missing")
        name = self.value(members.pop("name"), str, (*place, "name"))
        return Behaviour(name, self.fields(self.ungrouped(members, place), Dials, place))

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
        """Return the values of *members* by the fields of *kind*; an unknown one is an error."""
        hints = get_type_hints(kind)
        for name in members:
            if name not in hints:
                raise self.wrong((*place, name), f"is not a known field{_meant(name, hints)}")
        return {name: self.value(node, hints[name], (*place, name)) for name, node in members.items()}


def read_world(path: Path) -> World:
    """Read the world file at *path*; raise WorldError with file, line and field when it is not right."""
    reader = _Reader(path)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except OSError as trouble:
        message = f"{path}: cannot be read: {trouble.strerror}"
        raise WorldError(message) from trouble
    except yaml.YAMLError as trouble:
        mark = getattr(trouble, "problem_mark", None)
        message = f"{path}:{mark.line + 1 if mark else 1}: is not YAML: {getattr(trouble, 'problem', trouble)}"
        raise WorldError(message) from trouble
    if node is None:
        raise reader.wrong((), "is empty; it needs organisations, accounts and profiles")
    try:
        world: World = reader.value(node, World, ())
    except UnsoundWorldError as unsound:
        raise reader.wrong(unsound.place, unsound.complaint) from unsound
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


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "nothing" if _is_null(node) else repr(_scalar(node))
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"


def _meant(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
