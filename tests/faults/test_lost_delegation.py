"""Delegations that the order book, or its index, has lost while no certificate is due: each is reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from campaign.harness import Harness
from campaign.run import Run
from campaign.scenarios import DELEGATION, PROFILE, credential, specification, world
from renewal.domain.delegation import S3, CertificateSpec
from scm_simulator import Dials

LOST = {
    "edited": "its item has no `action`",
    "removed": "it has no item",
    "hidden": "neither its item nor its certificate has an `action`",
    "vanished": "it has no item and no certificate",
}


@pytest.fixture(scope="module")
def run(harness: Harness) -> Run:
    """The daily run after both were lost, and after their certificates were stored."""
    univ = replace(specification((S3,)), certificates=())
    files = [replace(univ, delegation=replace(univ.delegation, name=name), certificates=_certificates(name))
             for name in (DELEGATION, *LOST)]  # fmt: skip
    secrets = {each.delegation.name: credential() for each in files}
    harness.begin(world(), files, secrets, Dials(issuance_polls=0))
    harness.daily_run()
    table = {"TableName": harness.aws.outputs["OrdersTable"]}
    dynamodb = harness.aws.client("dynamodb")
    hidden = {"UpdateExpression": "REMOVE #name", "ExpressionAttributeNames": {"#name": "action"}}
    for key in (_key("edited"), _key("hidden"), _key("hidden", "certificate#idp")):
        dynamodb.update_item(**table, Key=key, **hidden)
    for key in (_key("removed"), *(_key("vanished", item) for item in ("delegation", "certificate#idp", "order#idp"))):
        dynamodb.delete_item(**table, Key=key)
    return harness.daily_run()


def _certificates(delegation: str) -> tuple[CertificateSpec, ...]:
    return (CertificateSpec(delegation, "idp", (f"{delegation}.idp.univ.example",), PROFILE),)


def _key(delegation: str, item: str = "delegation") -> Mapping[str, Any]:
    return {"delegation": {"S": delegation}, "item": {"S": item}}


@pytest.mark.parametrize(("delegation", "why"), LOST.items())
def test_a_delegation_that_the_index_has_lost_is_reported(run: Run, delegation: str, why: str) -> None:
    """No run would inspect it, and its certificates are not due for months."""
    assert run.report
    (row,) = [row for row in run.report.delegations if row.delegation == delegation]

    assert (row.outcome, row.error) == ("failed", "RecordUnreadable"), why
    assert f"'{delegation}'" in row.text
    assert run.status == "FAILED"


def test_its_neighbour_is_inspected(run: Run) -> None:
    """What one delegation has lost concerns no other."""
    assert run.report
    assert DELEGATION not in {row.delegation for row in run.report.delegations if row.error}
    assert not [row for row in run.report.certificates if row.outcome == "failed" and row.delegation not in LOST]
