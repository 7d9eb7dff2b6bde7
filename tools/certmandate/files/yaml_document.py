"""A YAML file with the line of each value, so that a fault is reported with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from certmandate.files.visible_text import in_one_line

Place = tuple[str | int, ...]
_ALIAS = "the alias *{} is not permitted: write its value"
MOST_BYTES = 1_000_000
"""A delegation with a thousand certificates has a quarter of it."""


def place_text(place: Place) -> str:
    """Return a place as `certificates[0].names[2]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


@dataclass(frozen=True, slots=True)
class FileFault:
    """A fault of a file, printed as `file:line: field: text`."""

    path: Path
    line: int
    """0: none, as for a folder."""
    text: str
    place: Place = ()

    def __str__(self) -> str:
        """Return it in the format of compilers, which editors parse."""
        where = f"{place_text(self.place)}: " if self.place else ""
        line = f":{self.line}" if self.line else ""
        return in_one_line(f"{self.path}{line}: {where}{self.text}")


class FilesInvalid(Exception):
    """Files that cannot be used, with every fault of every file."""

    def __init__(self, faults: list[FileFault]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """The content of a YAML file: mappings, lists and scalars."""

    path: Path
    content: Any
    lines: Mapping[Place, int] = field(repr=False)

    def fault(self, place: Place, text: str) -> FileFault:
        """Return a fault with the line of *place*, or of the nearest place around it that the file has."""
        around = (place[:length] for length in range(len(place), -1, -1))
        return FileFault(self.path, next(self.lines[part] for part in around if part in self.lines), text, place)


def read_yaml(path: Path) -> YamlDocument:
    """Read one document.

    Raises FilesInvalid: absent, not UTF-8, not YAML, empty, unknown tags, repeated keys, aliases.
    """
    loader = _loader(path)
    try:
        node = loader.get_single_node()
        if node is None:
            raise FilesInvalid([FileFault(path, 1, "the file is empty")])
        lines: dict[Place, int] = {(): node.start_mark.line + 1}
        faults = [FileFault(path, lines[place], fault, place) for place, fault in _walk(node, (), lines)]
        if faults:
            raise FilesInvalid(faults)
        return YamlDocument(path, loader.construct_document(node), lines)
    except yaml.YAMLError as error:
        raise FilesInvalid([_yaml_fault(path, error)]) from None
    except RecursionError:
        raise FilesInvalid([FileFault(path, 1, "is nested too deeply")]) from None
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """YAML without aliases: a few lines of aliases of aliases are millions of values, and no file of ours needs one."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]  # of a class without types
            raise yaml.MarkedYAMLError(problem=_ALIAS.format(event.anchor), problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def _loader(path: Path) -> yaml.SafeLoader:
    text = _text(path)
    try:
        return _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        fault = f"holds the character U+{ord(text[error.position]):04X}, which YAML does not allow"
        raise FilesInvalid([FileFault(path, line, fault)]) from None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise FilesInvalid([FileFault(path, 1, f"has more than {MOST_BYTES} bytes")])
        return content.decode("utf-8-sig")
    except OSError as error:
        raise FilesInvalid([FileFault(path, 1, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        byte = error.object[error.start]
        text = f"is not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"
        raise FilesInvalid([FileFault(path, line, text)]) from None


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int]) -> Iterator[tuple[Place, str]]:
    """Record the line of every place; yield what YAML allows and we do not."""
    if not node.tag.startswith("tag:yaml.org,2002:"):
        yield place, f"the tag {node.tag} is unknown; write the plain value"
    if isinstance(node, yaml.ScalarNode):
        yield from ((place, text) for text in _scalar_faults(node))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[*place, index] = item.start_mark.line + 1
            yield from _walk(item, (*place, index), lines)
    elif isinstance(node, yaml.MappingNode):
        yield from _walk_mapping(node, place, lines)


def _scalar_faults(node: yaml.ScalarNode) -> Iterator[str]:
    """Yield values such as an impossible date, for which YAML itself reports no line."""
    loader = yaml.SafeLoader("")
    try:
        loader.construct_object(node)
    except ValueError as error:
        yield f"'{node.value}': {error}"
    except yaml.YAMLError:
        return  # an unknown tag, which is a fault of its own
    finally:
        loader.dispose()


def _walk_mapping(node: yaml.MappingNode, place: Place, lines: dict[Place, int]) -> Iterator[tuple[Place, str]]:
    for key, value in node.value:
        inner = (*place, str(key.value))
        if inner in lines:
            yield inner, f"appears twice, again on line {key.start_mark.line + 1}"
            continue
        lines[inner] = key.start_mark.line + 1
        yield from _walk(value, inner, lines)


def _yaml_fault(path: Path, error: yaml.YAMLError) -> FileFault:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 1
    problem = str(getattr(error, "problem", None) or error)
    if "'\\t'" in problem:
        problem = "a tab; indent YAML with blanks only"
    elif "while scanning an alias" in str(error) and "'.'" in problem:
        problem = 'a name with a star needs quotes, as in "*.x.example"'
    elif "expected a single document" in str(error):
        problem = "a second document begins here; write one document to each file"
    else:
        problem = f"is not YAML: {problem}"
    return FileFault(path, line, problem)
