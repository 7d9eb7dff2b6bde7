"""The table of response schemas against the vendor's own examples and schemas, where they are available.

Without them (`tests.vendor_reference`), these tests are skipped. The sections named below are those of its
`scm-rest-api.md`.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from scm_simulator.conformance import complaints, operation_of
from scm_simulator.response_schemas import ERROR, OCTETS, RESPONSE_SCHEMAS, BodySchema
from tests.vendor_reference import REFERENCE, needs_reference

pytestmark = needs_reference

AREAS = ("ssl", "organizations", "domains", "dcv", "administrators", "reports")
SCHEMAS = ("ssl", "organization", "domain", "dcv", "admin")
NOT_SERVED = re.compile(
    r"/enroll-keygen|/keystore/|/import|/location|/revoke/manual|/report-type/|/domain/v1/count|/validations/\d|/validation/(sync|clear|delete|start|submit)|/monitoring"
    r"|/report/v1/(activity|client|device|domains)|/admin/v1/(roles|privileges|idp)$"
)
"""Operations that the simulator does not serve although it serves their area (docs/simulator.md, Limitations)."""

# Where the vendor's sources are wrong or contradict each other; the table follows the section named.
CONTRADICTING_ARRAYS = {
    "GET /api/ssl/v1/{sslId}/dcv": "§5.13: an array in the schema, one object in the example",
}
CONTRADICTING_STATUSES = {
    "DELETE /api/domain/v1/{domainId}": "§3.1: 204 in the documentation, 200 and 204 in the schema",
}
CONTRADICTING_TYPES = {
    ("GET /api/ssl/v1/{sslId}", "reasonCode"): "§5.2: a number in the documentation, a string in the schema",
    ("PUT /api/ssl/v1", "reasonCode"): "§5.2: as above",
}
ONLY_IN_THE_REFERENCE = {
    ("GET /api/organization/v1", "certTypes"): "§6.1: until 2022",
    ("GET /api/organization/v1", "departments.certTypes"): "§6.1: until 2022",
    ("GET /api/organization/v1/managedBy/{role}", "certTypes"): "§6.1: until 2022",
    ("GET /api/organization/v1/managed-by/{role}", "certTypes"): "§6.1: until 2022",
    ("GET /api/organization/v1/{orgId}", "departments.certTypes"): "§6.1: until 2022",
    ("POST /api/report/v1/ssl-certificates", "reports.issued"): "§10.1",
    ("POST /api/report/v1/ssl-certificates", "message"): "§10.1: when it fails",
}

Paths = dict[str, str]
"""The kind of each member of a body, by its dotted path without array indexes."""


@cache
def examples() -> list[dict[str, Any]]:
    """Return every example of the served areas."""
    files = [REFERENCE / "scm-vendor-examples" / f"{area}.json" for area in AREAS]
    return [example for file in files for example in json.loads(file.read_text())["examples"]]


def served_examples() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the examples of served operations, with the operation's name."""
    for example in examples():
        request = example["request"]
        name = operation_of(request["method"], request["path"])
        if name is not None and not NOT_SERVED.search(request["path"]):
            yield name, example


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Return every operation of the schemas with its document, by method and path in the schema."""
    found = {}
    for area in SCHEMAS:
        document = json.loads((REFERENCE / "scm-openapi" / f"{area}.json").read_text())
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                found[f"{method.upper()} {path}"] = operation | {"schemas": document["components"]["schemas"]}
    return found


def served_schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the schemas of served operations, with the operation's name."""
    for key, operation in schemas().items():
        method, _, path = key.partition(" ")
        name = operation_of(method, re.sub(r"\{\w+\}", "1", path))
        if name is not None and not NOT_SERVED.search(path):
            yield name, operation


def paths_of(schema: BodySchema, prefix: str = "") -> Paths:
    """Return the members of a schema in our table."""
    if isinstance(schema, list):
        return paths_of(schema[0], prefix)
    if not isinstance(schema, dict) or "*" in schema:
        return {}
    found: Paths = {}
    for member, kind in schema.items():
        path = f"{prefix}{member.removesuffix('?')}"
        found[path] = kind_of(kind)
        found |= paths_of(kind, f"{path}.")
    return found


def kind_of(schema: BodySchema) -> str:
    """Return the kind of a member as the vendor's tables name it."""
    if isinstance(schema, list):
        return "array"
    if isinstance(schema, dict):
        return "object"
    return {int: "number", str: "string", bool: "boolean"}.get(schema, "any")


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
    for member, child in node.get("properties", {}).items():
        target = known[child["$ref"].rsplit("/", 1)[1]] if "$ref" in child else child
        kind = str(target.get("type") or ("object" if "properties" in target else "string"))
        found[f"{prefix}{member}"] = {"integer": "number"}.get(kind, kind)
        found |= schema_paths(child, known, f"{prefix}{member}.")
    return found


def body_schema(operation: dict[str, Any], status: int) -> dict[str, Any] | None:
    """Return the schema of an answer, None when it has no JSON."""
    content = operation["responses"].get(str(status), {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return dict(schema) if schema else None


def test_every_example_has_its_schema_of_the_table():
    """The vendor's examples are the best evidence of what SCM sends."""
    checked, problems = set(), []
    for name, example in served_examples():
        answer = example["response"]
        content = answer.get("json", answer.get("text"))
        body = b"" if content is None else json.dumps(content).encode()
        problems += [(name, complaint) for complaint in complaints(name, answer["status"], answer["headers"], body)]
        checked.add(name)

    assert not problems
    assert len(checked) > 35


def test_every_documented_header_is_in_the_table():
    """The headers come from the vendor's examples."""
    for name, example in served_examples():
        assert set(example.get("response_header_names") or []) <= set(RESPONSE_SCHEMAS[name].headers), name


def test_every_schema_has_the_status_of_the_table():
    """The two sources agree except where listed."""
    for name, operation in served_schemas():
        good = {int(status) for status in operation["responses"] if status.startswith("2")}
        assert RESPONSE_SCHEMAS[name].status in good, name
        assert (len(good) == 1) == (name not in CONTRADICTING_STATUSES), name


def test_every_member_of_the_table_is_attested():
    """Examples, tables of fields, schemas or the listed section document each member."""
    attested: dict[str, set[str]] = {name: set() for name in RESPONSE_SCHEMAS}
    for name, example in served_examples():
        attested[name] |= set(documented_paths(example))
    for name, operation in served_schemas():
        schema = body_schema(operation, RESPONSE_SCHEMAS[name].status)
        attested[name] |= set(schema_paths(schema, operation["schemas"])) if schema else set()
    invented = {
        (name, path)
        for name, schema in RESPONSE_SCHEMAS.items()
        if schema.body not in (None, OCTETS) and attested[name]
        for path in paths_of(schema.body)
        if path not in attested[name]
    }

    assert invented == set(ONLY_IN_THE_REFERENCE)


def test_every_documented_member_is_in_the_table_with_its_type():
    """The table must have every member that SCM may send."""
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
    """Return whether *path* is below a member that the table does not check."""
    above = [path.rsplit(".", n)[0] for n in range(1, path.count(".") + 1)]
    return any(ours.get(path) == "any" for path in above)


def test_every_type_of_a_schema_is_that_of_the_table():
    """The two sources agree except where listed."""
    differing = set()
    for name, operation in served_schemas():
        schema = body_schema(operation, RESPONSE_SCHEMAS[name].status)
        ours = paths_of(RESPONSE_SCHEMAS[name].body)
        for path, kind in schema_paths(schema, operation["schemas"]).items() if schema else ():
            if ours.get(path, "any") not in ("any", kind):
                differing.add((name, path))

    assert differing == set(CONTRADICTING_TYPES)


def test_an_array_in_a_schema_is_an_array_in_the_table():
    """The two sources agree except where listed."""
    differing = set()
    for name, operation in served_schemas():
        schema = body_schema(operation, RESPONSE_SCHEMAS[name].status)
        if schema and (schema.get("type") == "array") != isinstance(RESPONSE_SCHEMAS[name].body, list):
            differing.add(name)

    assert differing == set(CONTRADICTING_ARRAYS)


def test_each_operation_that_is_not_served_is_a_documented_limitation():
    """An operation outside the table writes organisations or administrators, or is listed."""
    unknown = {
        f"{example['request']['method']} {example['request']['path']}"
        for example in examples()
        if operation_of(example["request"]["method"], example["request"]["path"]) is None
        and not NOT_SERVED.search(example["request"]["path"])
    }

    assert all(re.search(r"(organization|admin)/v", name) and not name.startswith("GET") for name in unknown)
