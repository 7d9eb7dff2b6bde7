"""What the layer keeps of botocore's descriptions of AWS is what the functions call, unchanged."""

from __future__ import annotations

import ast
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import ResponseParserError
from botocore.session import Session

from gate.layer import variable

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "infra" / "dependencies"
MAKEFILE = (LAYER / "Makefile").read_text(encoding="utf-8")
SERVICES, OPERATIONS = variable(MAKEFILE, "SERVICES"), variable(MAKEFILE, "OPERATIONS")
DATA = Path(botocore.__file__).parent / "data"


@cache
def service_model(service: str, data: Path = DATA) -> ServiceModel:
    """The description of a service below *data*."""
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def called() -> set[str]:
    """Names of the methods of clients that the functions call, and of the paginators that they get."""
    names = set()
    for file in (ROOT / "functions").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_client(node.func.value):
                names.add(node.func.attr)
                if node.func.attr == "get_paginator":
                    names |= {str(each.value) for each in node.args if isinstance(each, ast.Constant)}
    return names


def _is_client(receiver: ast.expr) -> bool:
    return any(name in ast.unparse(receiver) for name in ("client", "connected"))


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of botocore's descriptions as the layer has them."""
    data = tmp_path_factory.mktemp("data")
    for name in SERVICES:
        shutil.copytree(DATA / name, data / name)
    for file in DATA.glob("*.json"):
        shutil.copy(file, data)
    subprocess.run([sys.executable, LAYER / "trim_models.py", data, *sorted(OPERATIONS)], check=True)
    return data


def test_the_layer_keeps_the_operations_that_the_code_calls() -> None:
    """Without one, a function fails in Lambda only: on this machine the descriptions are complete."""
    names = called()
    wanted = {
        f"{service}:{operation}"
        for service in SERVICES
        for operation in service_model(service).operation_names
        if xform_name(operation) in names
    }
    assert wanted == OPERATIONS


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_an_operation_is_described_as_before(trimmed: Path, operation: str) -> None:
    """Input, output and errors, down to the last member."""
    service, _, name = operation.partition(":")

    def described(data: Path) -> list[Any]:
        model: OperationModel = service_model(service, data).operation_model(name)
        shapes = (model.input_shape, model.output_shape, *model.error_shapes)
        return [model.http, model.name, [list(lines(shape)) for shape in shapes if shape]]

    assert described(trimmed) == described(DATA)


def lines(shape: Shape, above: tuple[str, ...] = ()) -> Iterator[str]:
    """A line for each member of a shape; a shape that contains itself is described once."""
    yield f"{'/'.join(above)} {shape.name} {shape.type_name} {shape.metadata} {sorted(shape.serialization.items())}"
    if shape.name in above:
        return
    inner: dict[str, Shape] = dict(getattr(shape, "members", {}))
    inner |= {name: getattr(shape, name) for name in ("member", "key", "value") if hasattr(shape, name)}
    for name in sorted(inner):
        yield from lines(inner[name], (*above, shape.name))


@cache
def session(data: Path) -> Session:
    """The session that reads the descriptions below *data*, each once."""
    made = Session()
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    made.register_component("data_loader", loader)
    made.set_credentials("none", "none")
    return made


@cache
def client_of(data: Path, service: str, region: str) -> Any:
    return session(data).create_client(service, region)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_an_operation_is_requested_as_before(trimmed: Path, operation: str) -> None:
    """A description also has parts that no shape refers to: without one, no object of S3 was written."""
    service, _, name = operation.partition(":")
    shape = service_model(service).operation_model(name).input_shape

    def requested(data: Path) -> list[tuple[str, str]]:
        client, sent = client_of(data, service, "eu-west-3"), []

        def send(request: Any, **_: object) -> Any:
            sent.append((request.method, request.url))
            return AWSResponse(request.url, 400, HTTPHeaders(), Empty())

        client.meta.events.register("before-send", send)
        with pytest.raises((ClientError, ResponseParserError)):
            getattr(client, xform_name(name))(**(sample(shape) if shape else {}))
        client.meta.events.unregister("before-send", send)
        return sent

    assert requested(trimmed) == requested(DATA)


class Empty(io.BytesIO):
    """A body without content, as urllib3 has it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield b""


def sample(shape: Shape) -> Any:
    """A value that botocore accepts for *shape*, with no optional member."""
    kind: str = shape.type_name
    if kind == "structure":
        members: dict[str, Shape] = dict(getattr(shape, "members", {}))
        return {name: sample(members[name]) for name in getattr(shape, "required_members", ())}
    if kind == "list":
        return [sample(getattr(shape, "member"))]  # noqa: B009 - of list shapes only
    samples = {"string": "name-of-twenty-letters", "blob": b"x", "map": {}, "boolean": True}
    return samples.get(kind, 1)


@pytest.mark.parametrize("region", ["eu-west-3", "us-east-1", "eu-central-2", "us-gov-west-1", "cn-north-1"])
def test_a_client_is_made_as_before(trimmed: Path, region: str) -> None:
    """With the same endpoint, also in another partition, and the same paginators."""

    def made(data: Path) -> dict[str, Any]:
        clients = {name: client_of(data, name, region) for name in sorted(SERVICES)}
        operations = [operation.split(":") for operation in sorted(OPERATIONS)]
        paginators = {name for service, name in operations if clients[service].can_paginate(xform_name(name))}
        return {"paginators": paginators} | {name: client.meta.endpoint_url for name, client in clients.items()}

    assert made(trimmed) == made(DATA)


def test_it_is_a_fraction(trimmed: Path) -> None:
    """Otherwise nothing is gained at a cold start."""
    assert json.loads((trimmed / "endpoints.json").read_text())["partitions"]
    assert sum(file.stat().st_size for file in trimmed.rglob("service-2.json")) < 300_000
