"""Delegation files: a folder of YAML files, one delegation each, all checked before any is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from certmandate.files import specification
from certmandate.files.specification import Specification
from certmandate.files.yaml_document import FileFault, FilesInvalid, Place, YamlDocument, read_yaml
from renewal.mail.visible_text import CONTROL

SUFFIXES = (".yaml", ".yml", ".json")  # JSON is YAML


def load_delegations(folder: Path, now: datetime) -> list[tuple[Specification, YamlDocument]]:
    """Return the delegations of *folder*, by file name, each with its document.

    Raises FilesInvalid with every fault of every file: with one fault, no file is used.
    """
    faults: list[FileFault] = []
    loaded: list[tuple[Specification, YamlDocument]] = []
    for path in delegation_paths(folder):
        try:
            loaded.append(load_delegation(path, now))
        except FilesInvalid as invalid:
            faults += invalid.faults
    faults += _repeated(loaded)
    if faults:
        raise FilesInvalid(faults)
    return loaded


def delegation_paths(folder: Path) -> list[Path]:
    """Return the delegation files in *folder*. Raises FilesInvalid when there is none."""
    if not folder.is_dir():
        raise FilesInvalid([FileFault(folder, 0, "is not a folder; pass the folder of the delegation files")])
    paths = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))
    if not paths:
        raise FilesInvalid([FileFault(folder, 0, f"has no delegation file ({', '.join(SUFFIXES)})")])
    return paths


def load_delegation(path: Path, now: datetime) -> tuple[Specification, YamlDocument]:
    """Read one delegation file. Raises FilesInvalid with all its faults."""
    document = read_yaml(path)
    if controls := [document.fault(place, text) for place, text in _control_characters(document.content, ())]:
        raise FilesInvalid(controls)
    found, faults = specification.read(document.content, now)
    if found is None:
        raise FilesInvalid([document.fault(fault.place, fault.text) for fault in faults])
    return found, document


def _control_characters(content: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield the texts with control characters: they would reach SCM, mails and terminals."""
    if isinstance(content, str) and (control := CONTROL.search(content)):
        yield place, f"has the control character U+{ord(control[0]):04X}; remove it"
    elif isinstance(content, list):
        for index, entry in enumerate(content):
            yield from _control_characters(entry, (*place, index))
    elif isinstance(content, dict):
        for name, value in content.items():
            yield from _control_characters(name, (*place, str(name)))
            yield from _control_characters(value, (*place, str(name)))


def _repeated(loaded: Sequence[tuple[Specification, YamlDocument]]) -> list[FileFault]:
    """A delegation has one file: with two, the second would silently replace the first."""
    first: dict[str, YamlDocument] = {}
    faults = []
    for source, document in loaded:
        name = source.delegation.name
        if name in first:
            text = f"'{name}' is already the delegation of {first[name].path}"
            faults.append(document.fault(("delegation",), text))
        first.setdefault(name, document)
    return faults
