"""The table of shapes against the vendor's own examples and schemas, where these are at hand.

They are not part of the project. Set CERTMANDATE_REFERENCE to the folder that holds `scm-vendor-examples` and
`scm-openapi`, or keep it beside the repository as `shared/reference`; without it these tests are skipped.
The sections named below are those of its `scm-rest-api.md`.
"""

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scm_simulator.conformance import complaints, operation_of
from scm_simulator.response_schemas import ERROR, OCTETS, RESPONSE_SCHEMAS, BodySchema

ROOT = Path(__file__).parents[2]
REFERENCE = Path(os.environ.get("CERTMANDATE_REFERENCE") or ROOT.parent / "shared" / "reference")
pytestmark = pytest.mark.skipif(
    not (REFERENCE / "scm-vendor-examples").is_dir(), reason="the vendor's data are not at hand"
)

AREAS = ("ssl", "organizations", "domains", "dcv", "administrators", "reports")
SCHEMAS = ("ssl", "organization", "domain", "dcv", "admin")
NOT_SERVED = re.compile(
    r"/enroll-keygen|/keystore/|/import|/validation/(sync|clear|delete|start|submit)|/monitoring"
    r"|/report/v1/(activity|client|device|domains)|/admin/v1/(roles|privileges|idp)$"
)
"""What the simulator leaves out although its area is served (docs/simulator.md, Limitations)."""

# Where the vendor's sources are wrong, or at odds with each other; the table goes by the section named.
SCHEMA_SHAPE_AT_ODDS = {
    "GET /api/ssl/v1/{sslId}/dcv": "§5.13: an array in the schema, one object in the example",
    "GET /api/organization/v1/report-type/{reportType}": "§6.1: one in the schema, a list in the example",
}
STATUS_AT_ODDS = {
    "DELETE /api/domain/v1/{domainId}": "§3.1: 204 in the documentation, 200 and 204 in the schema",
}
TYPE_AT_ODDS = {
    ("GET /api/ssl/v1/{sslId}", "reasonCode"): "§5.2: a number in the documentation, a string in the schema",
    ("PUT /api/ssl/v1", "reasonCode"): "§5.2: as above",
}
ONLY_IN_THE_REFERENCE = {
    ("GET /api/organization/v1", "certTypes"): "§6.1: until 2022",
    ("GET /api/organization/v1", "departments.certTypes"): "§6.1: until 2022",
    ("GET /api/organization/v1/report-type/{reportType}", "certTypes"): "§6.1: until 2022",
    ("GET /api/organization/v1/report-type/{reportType}", "departments.certTypes"): "§6.1: until 2022",
    ("GET /api/organization/v1/managedBy/{role}", "certTypes"): "§6.1: until 2022",
    ("GET /api/organization/v1/managed-by/{role}", "certTypes"): "§6.1: until 2022",
    ("GET /api/organization/v1/{orgId}", "departments.certTypes"): "§6.1: until 2022",
    ("POST /api/report/v1/ssl-certificates", "reports.issued"): "§10.1",
    ("POST /api/report/v1/ssl-certificates", "message"): "§10.1: when it fails",
}

Paths = dict[str, str]
"""Members of a body by their dotted path, arrays passed through; the kind of each."""


@cache
def examples() -> list[dict[str, Any]]:
    """Return every example of the areas that are served."""
    files = [REFERENCE / "scm-vendor-examples" / f"{area}.json" for area in AREAS]
    return [one for file in files for one in json.loads(file.read_text())["examples"]]


def served_examples() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the examples of what the simulator serves, with the operation's name."""
    for example in examples():
        request = example["request"]
        name = operation_of(request["method"], request["path"])
        if name is not None and not NOT_SERVED.search(request["path"]):
            yield name, example


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Return every operation of the schemas with its document, by method and path as written there."""
    found = {}
    for area in SCHEMAS:
        document = json.loads((REFERENCE / "scm-openapi" / f"{area}.json").read_text())
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                found[f"{method.upper()} {path}"] = operation | {"schemas": document["components"]["schemas"]}
    return found


def served_schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the schemas of what the simulator serves, with the operation's name."""
    for written, operation in schemas().items():
        method, _, path = written.partition(" ")
        name = operation_of(method, re.sub(r"\{\w+\}", "1", path))
        if name is not None and not NOT_SERVED.search(path):
            yield name, operation


def paths_of(shape: BodySchema, prefix: str = "") -> Paths:
    """Return the members of a shape of ours."""
    if isinstance(shape, list):
        return paths_of(shape[0], prefix)
    if not isinstance(shape, dict) or "*" in shape:
        return {}
    found: Paths = {}
    for member, kind in shape.items():
        path = f"{prefix}{member.removesuffix('?')}"
        found[path] = kind_of(kind)
        found |= paths_of(kind, f"{path}.")
    return found


def kind_of(shape: BodySchema) -> str:
    """Return the kind of a member, in the words of the vendor's tables."""
    if isinstance(shape, list):
        return "array"
    if isinstance(shape, dict):
        return "object"
    return {int: "number", str: "string", bool: "boolean"}.get(shape, "any")


def documented_paths(example: dict[str, Any]) -> Paths:
    """Return the members that the vendor's table of fields names for an answer."""
    found: Paths = {}
    for field in example.get("response_fields", []):
        path = re.sub(r"^\.|\.$", "", re.sub(r"\.?\[\]", "", field["path"]))
        if path and found.get(path) != "array":
            found[path] = field["type"].lower()
    return found


def schema_paths(node: dict[str, Any], known: dict[str, Any], prefix: str = "") -> Paths:
    """Return the members that a schema names."""
    node = known[node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
    if node.get("type") == "array":
        return schema_paths(node["items"], known, prefix)
    found: Paths = {}
    for member, one in node.get("properties", {}).items():
        target = known[one["$ref"].rsplit("/", 1)[1]] if "$ref" in one else one
        kind = str(target.get("type") or ("object" if "properties" in target else "string"))
        found[f"{prefix}{member}"] = {"integer": "number"}.get(kind, kind)
        found |= schema_paths(one, known, f"{prefix}{member}.")
    return found


def body_schema(operation: dict[str, Any], status: int) -> dict[str, Any] | None:
    """Return the schema of an answer, None when it has no JSON."""
    content = operation["responses"].get(str(status), {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return dict(schema) if schema else None


def test_every_example_has_the_shape_of_the_table():
    """Status, headers, members and types of the vendor's examples fit ours, one and all."""
    seen, problems = set(), []
    for name, example in served_examples():
        answer = example["response"]
        content = answer.get("json", answer.get("text"))
        body = b"" if content is None else json.dumps(content).encode()
        problems += [(name, one) for one in complaints(name, answer["status"], answer["headers"], body)]
        seen.add(name)

    assert not problems
    assert len(seen) > 40


def test_every_header_that_an_example_names_is_in_the_table():
    """The list of headers is the vendor's, too."""
    for name, example in served_examples():
        assert set(example.get("response_header_names") or []) <= set(RESPONSE_SCHEMAS[name].headers), name


def test_every_schema_has_the_status_of_the_table():
    """The two sources agree but for the places named."""
    for name, operation in served_schemas():
        good = {int(status) for status in operation["responses"] if status.startswith("2")}
        assert RESPONSE_SCHEMAS[name].status in good, name
        assert (len(good) == 1) == (name not in STATUS_AT_ODDS), name


def test_every_member_of_the_table_is_attested():
    """We have invented no member: examples, tables of fields or schemas have it, or the section named."""
    attested: dict[str, set[str]] = {name: set() for name in RESPONSE_SCHEMAS}
    for name, example in served_examples():
        attested[name] |= set(documented_paths(example))
    for name, operation in served_schemas():
        schema = body_schema(operation, RESPONSE_SCHEMAS[name].status)
        attested[name] |= set(schema_paths(schema, operation["schemas"])) if schema else set()
    invented = {
        (name, path)
        for name, shape in RESPONSE_SCHEMAS.items()
        if shape.body not in (None, OCTETS) and attested[name]
        for path in paths_of(shape.body)
        if path not in attested[name]
    }

    assert invented == set(ONLY_IN_THE_REFERENCE)


def test_every_member_that_the_vendor_documents_is_in_the_table_with_its_type():
    """Nothing that SCM may send is unknown to the table."""
    missing, differing = set(), set()
    for name, example in served_examples():
        if example["response"]["status"] != RESPONSE_SCHEMAS[name].status:
            assert documented_paths(example).keys() == paths_of(ERROR).keys(), name
            continue
        ours = paths_of(RESPONSE_SCHEMAS[name].body)
        for path, kind in documented_paths(example).items():
            if path not in ours and not under_any(ours, path):
                missing.add((name, path))
            elif ours.get(path, "any") not in ("any", kind):
                differing.add((name, path))

    assert missing == set()
    assert differing == set()


def under_any(ours: Paths, path: str) -> bool:
    """Return whether *path* lies below a member that the table does not look into."""
    above = [path.rsplit(".", n)[0] for n in range(1, path.count(".") + 1)]
    return any(ours.get(one) == "any" for one in above)


def test_every_type_of_a_schema_is_that_of_the_table():
    """But for the places named, where the two sources differ."""
    differing = set()
    for name, operation in served_schemas():
        schema = body_schema(operation, RESPONSE_SCHEMAS[name].status)
        ours = paths_of(RESPONSE_SCHEMAS[name].body)
        for path, kind in schema_paths(schema, operation["schemas"]).items() if schema else ():
            if ours.get(path, "any") not in ("any", kind):
                differing.add((name, path))

    assert differing == set(TYPE_AT_ODDS)


def test_an_array_in_a_schema_is_an_array_in_the_table():
    """But for the places named."""
    differing = set()
    for name, operation in served_schemas():
        schema = body_schema(operation, RESPONSE_SCHEMAS[name].status)
        if schema and (schema.get("type") == "array") != isinstance(RESPONSE_SCHEMAS[name].body, list):
            differing.add(name)

    assert differing == set(SCHEMA_SHAPE_AT_ODDS)


def test_what_is_not_served_is_left_out_on_purpose():
    """What is not in the table writes organisations or administrators, or is on the list."""
    unknown = {
        f"{one['request']['method']} {one['request']['path']}"
        for one in examples()
        if operation_of(one["request"]["method"], one["request"]["path"]) is None
        and not NOT_SERVED.search(one["request"]["path"])
    }

    assert all(re.search(r"(organization|admin)/v", one) and not one.startswith("GET") for one in unknown)
