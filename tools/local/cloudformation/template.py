"""template.yaml as CloudFormation would get it: packaged as `sam package` does, SAM's macro applied."""

from __future__ import annotations

import copy
import functools
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times faster, where it is available
ARTIFACTS = "artifacts"  # the name of the bucket that `sam package` would have filled
_NOT_PACKAGED = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


class TemplateProblem(Exception):
    """The template cannot be used: the text names the resource, what is wrong and what to do."""


@dataclass(frozen=True)
class Template:
    """A plain CloudFormation template and the files that its resources point at (`artifacts`, by S3 key)."""

    body: dict[str, Any]
    artifacts: Mapping[str, bytes] = field(repr=False)


def load(path: Path, parameters: Mapping[str, str]) -> Template:
    """Read, package and transform a SAM template; `parameters` are those given for this stack."""
    source = copy.deepcopy(_parsed(_text(path), str(path)))
    artifacts: dict[str, bytes] = {}
    for logical_id, resource in [*source["Resources"].items(), *_globals(source)]:
        _package(logical_id, resource, path.resolve().parent, artifacts)
    return Template(_transformed(source, parameters), artifacts)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as missing:
        message = f"{path}: there is no such template"
        raise TemplateProblem(message) from missing


@functools.lru_cache(maxsize=2)  # parsing is most of what a stack costs, and a test run makes hundreds
def _parsed(text: str, name: str) -> dict[str, Any]:
    from samtranslator.yaml_helper import yaml_parse

    parsed = yaml_parse(text)
    if not isinstance(parsed, dict) or not parsed.get("Resources"):
        message = f"{name}: not a template (no Resources)"
        raise TemplateProblem(message)
    return parsed


def _transformed(source: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    from samtranslator.parser.parser import Parser
    from samtranslator.public.exceptions import InvalidDocumentException
    from samtranslator.translator.translator import Translator

    defaults = {name: spec.get("Default", "") for name, spec in source.get("Parameters", {}).items()}
    unknown = sorted(set(parameters) - set(defaults))
    if unknown:
        message = f"the template has no parameter {', '.join(unknown)}; it has {', '.join(sorted(defaults))}"
        raise TemplateProblem(message)
    try:
        body = Translator({}, Parser()).translate(copy.deepcopy(source), {**defaults, **parameters})
    except InvalidDocumentException as refused:
        message = f"SAM refuses the template: {'; '.join(cause.message for cause in refused.causes)}"
        raise TemplateProblem(message) from refused
    return dict(body)


def _globals(source: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield SAM's Globals as if each were a resource: a path may be set there for all functions."""
    for name, properties in source.get("Globals", {}).items():
        yield f"Globals.{name}", {"Type": f"AWS::Serverless::{name}", "Properties": properties}


def _package(logical_id: str, resource: dict[str, Any], root: Path, artifacts: dict[str, bytes]) -> None:
    """Replace a local path by the S3 location of its content, as `sam package` does."""
    for name, packed in _PACKAGED.get(resource.get("Type", ""), {}).items():
        properties = resource.get("Properties", {})
        path = properties.get(name)
        if isinstance(path, str):
            content = packed(logical_id, root / path)
            key = hashlib.sha256(content).hexdigest()
            artifacts[key] = content
            properties[name] = {"Bucket": ARTIFACTS, "Key": key}


def _zipped(logical_id: str, folder: Path) -> bytes:
    if not folder.is_dir():
        message = f"{logical_id}: {folder} is not a folder"
        raise TemplateProblem(message)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not _NOT_PACKAGED & set(file.parts):
                archive.writestr(_entry(str(file.relative_to(folder))), file.read_bytes())
    return content.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    """Describe a file without its time, so that equal folders give equal zips."""
    entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
    entry.external_attr = 0o644 << 16
    return entry


def _read(logical_id: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as unreadable:
        message = f"{logical_id}: {file} cannot be read ({unreadable.strerror})"
        raise TemplateProblem(message) from unreadable


_PACKAGED: Mapping[str, Mapping[str, Callable[[str, Path], bytes]]] = {
    "AWS::Serverless::Function": {"CodeUri": _zipped},
    "AWS::Serverless::LayerVersion": {"ContentUri": _zipped},
    "AWS::Serverless::StateMachine": {"DefinitionUri": _read},
}


def definition(logical_id: str, text: str, substitutions: Mapping[str, Any]) -> str:
    """Return a state machine's definition as JSON, as CloudFormation makes it of `DefinitionS3Location`.

    The file may be JSON or YAML; `${Name}` is replaced in its text first, so that a number may be
    substituted too.
    """
    for name, value in substitutions.items():
        text = text.replace("${" + name + "}", str(value))
    if "${" in text:
        left = text[text.index("${") :].split("}", 1)[0] + "}"
        message = f"{logical_id}: the definition uses {left}, which DefinitionSubstitutions does not give"
        raise TemplateProblem(message)
    return json.dumps(yaml.load(text, _LOADER))  # noqa: S506 - safe loaders both
