"""Items that earlier versions wrote, with their mapping by hand, are read and written unchanged.

`golden/` has each kind of item with all optional members, and with none.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from certmandate.files.operator_records import retired_from
from renewal import records
from renewal.adapters.order_book import schema
from renewal.adapters.order_book.attribute_values import from_wire
from renewal.domain.errors import RecordUnreadable
from renewal.domain.order import FinishedOrder
from renewal.domain.replacement_rule import ReplacementRule

GOLDEN = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "golden").glob("*.json")}
ITEMS = [(kind, version) for kind, versions in sorted(GOLDEN.items()) for version in versions]
ARN = "arn:aws:acm:eu-west-3:123456789012:certificate/0"
EARLIER = "of an earlier version"
INDEXED = ("action", "next_action_at")


def golden(kind: str, version: str) -> dict[str, Any]:
    """A golden item in Python's types."""
    return {name: from_wire(_with_bytes(value)) for name, value in GOLDEN[kind][version].items()}


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    if kind == "B":
        return {kind: base64.b64decode(content)}
    if kind == "M":
        return {kind: {name: _with_bytes(member) for name, member in content.items()}}
    return {kind: [_with_bytes(member) for member in content]} if kind == "L" else value


def a_delegation(item: dict[str, Any]) -> dict[str, Any]:
    """Read a delegation's item and write it."""
    record = schema.delegation_record(item)
    spec = records.to_item(record.delegation, without=("name",))
    # `apply` writes them when a certificate leaves its file.
    without = ("delegation",) if record.revocations else ("delegation", "revocations")
    return records.to_item(record, without=without) | {"spec": spec, "delegation": record.delegation.name}


def a_certificate(item: dict[str, Any]) -> dict[str, Any]:
    """Read a certificate's item and write it, as far as the codec does."""
    certificate = schema.managed_certificate(item, None)
    spec = records.to_item(certificate.spec, without=("delegation", "name"))
    status = {name: value for name, value in schema.status_attributes(certificate).items() if value is not None}
    # A certificate that never had an order has no count of failures; the first status that is written has one.
    status = status if "failures" in item else {}
    return status | {"spec": spec, "delegation": certificate.spec.delegation, "revision": certificate.revision}


def a_retired_delegation(item: dict[str, Any]) -> dict[str, Any]:
    """Read the item of a retired delegation and write it."""
    return {"retired": records.to_item(retired_from(item), without=("delegation",)), "delegation": schema.ESTATE}


WRITTEN: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "delegation": a_delegation,
    "certificate": a_certificate,
    "order": lambda item: (
        schema.order_attributes(schema.open_order(item)) | {name: item[name] for name in ("delegation", "item")}
    ),
    "finished": lambda item: schema.finished_item(schema.read(FinishedOrder, item, item)),
    "replacement": lambda item: schema.replacement_item(schema.read(ReplacementRule, item, item)),
    "covered": lambda item: (
        records.to_item(schema.CoveredPaths(tuple(map(str, schema.listed_in(item))))) | {"delegation": schema.ESTATE}
    ),
    "retired": a_retired_delegation,
}


@pytest.mark.parametrize(
    ("kind", "version"), [item for item in ITEMS if item[0] in WRITTEN and not item[1].startswith(EARLIER)]
)
def test_an_item_is_read_and_written_unchanged(kind: str, version: str):
    """Stored attributes are a contract: the next version must find what this one leaves."""
    item = golden(kind, version)

    written = WRITTEN[kind](item)

    expected = {name: value for name, value in item.items() if name not in INDEXED}
    assert {"item": item["item"], **written} == expected


def test_a_delegation_of_an_earlier_version_is_read():
    """A member that was added since has its default."""
    inspection = schema.delegation_record(golden("delegation", f"{EARLIER}, without check results")).inspection

    assert inspection is not None
    assert (inspection.check_results, inspection.delegated, inspection.custom_fields) == ((), (), None)


def test_items_without_custom_fields_are_read():
    """An estate's certificates, and the orders open during an upgrade, were written by the earlier version."""
    version = f"{EARLIER}, without custom fields"

    spec = schema.managed_certificate(golden("certificate", version), None).spec
    order = schema.open_order(golden("order", version))

    assert (spec.custom_fields, spec.external_requester, spec.served_at, spec.grace_hours) == ({}, "", (), 24)
    assert (order.custom_fields, order.external_requester) == ({}, "")


def test_an_open_order_of_an_earlier_version_is_read():
    """It was written before stores were recorded one by one: none has the certificate as far as is known."""
    item = golden("order", "all members")
    del item["stores"], item["scm_status"], item["issued_at"]

    order = schema.open_order(item)
    assert (order.stores, order.scm_status, order.issued_at) == ((), "", None)


def test_the_mark_of_a_removed_delegation_keeps_its_key():
    """A version that looks elsewhere reports each removed delegation as lost."""
    item = golden("removed", "removed")

    assert schema.removed_key("univ") == (item["delegation"], item["item"])


def test_what_an_earlier_version_leaves_of_an_order_is_no_open_order():
    """After a rollback it ends orders, and cannot remove the attributes that it does not know."""
    open_order = golden("order", "all members")

    assert schema.is_open(open_order)
    assert not schema.is_open({name: open_order[name] for name in ("delegation", "item", "issued_at", "scm_status")})


@pytest.mark.parametrize(("kind", "version"), [item for item in ITEMS if item[0] in WRITTEN])
def test_members_of_a_newer_version_are_ignored(kind: str, version: str):
    """After a rollback the records of the newer version are still there."""
    item = golden(kind, version)

    assert WRITTEN[kind](_with_more(item)) == WRITTEN[kind](item)


def _with_more(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_more(member) for member in value]
    if not isinstance(value, dict):
        return value
    is_record = not {"eu-west-3", "us-east-1", "EC", "Cost centre", "A1", ARN} & set(value) and value != {}
    return {name: _with_more(member) for name, member in value.items()} | ({"newer": 1} if is_record else {})


@pytest.mark.parametrize(
    ("kind", "member", "value", "fault"),
    [
        ("delegation", "spec", None, "'spec' is missing"),
        ("delegation", "spec", {}, "'spec': 'organisation' is missing"),
        ("delegation", "action", "delegations", "'action' is not as it is written"),
        ("certificate", "failures", "three", "'failures' is not as it is written"),
        ("order", "status", "lost", "'status' is not as it is written"),
        ("order", "names", "idp.univ.example", "'names' is not as it is written"),
        ("finished", "arns", [], "'arns' is not as it is written"),
        ("replacement", "issued_before", 5, "'issued_before' is not as it is written"),
    ],
)
def test_an_item_that_cannot_be_read_is_named(kind: str, member: str, value: Any, fault: str):
    """An operator has to find one of 100,000 items, and the member that was edited."""
    (version, *_) = GOLDEN[kind]
    item = golden(kind, version) | {member: value}

    with pytest.raises(RecordUnreadable, match=f"'{item['item']}' of '{item['delegation']}' cannot be read: {fault}"):
        WRITTEN[kind](item)


@pytest.mark.parametrize(
    ("kind", "record", "member"),
    [
        ("certificate", "", "revision"),
        ("certificate", "spec", "key_type"),
        ("certificate", "spec", "stores"),
        ("certificate", "served", "arns"),
        ("order", "", "arns"),
        ("order", "", "importing"),
    ],
)
def test_a_member_that_every_version_wrote_has_no_default(kind: str, record: str, member: str):
    """A default key type would be a reason to order, and without the ARN a second one would be made."""
    (version, *_) = GOLDEN[kind]
    item = golden(kind, version)
    del (item[record] if record else item)[member]

    with pytest.raises(RecordUnreadable, match=f"'{member}' is missing"):
        WRITTEN[kind](item)
