"""An inspection comes back from DynamoDB as it was written."""

from __future__ import annotations

from datetime import date
from typing import Any

from renewal.adapters.order_book.transitions import DynamoDbOrderBook
from renewal.domain.delegation import Profile
from renewal.domain.setup.check_result import CheckResult, CheckStatus, SetupStep, manual
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.snapshot import DelegatedName

from .conftest import TABLE
from .records import NOW

FULL = Inspection(
    run_id="run-1",
    at=NOW,
    profiles=(Profile(31, "OV", (46, 199), {"EC": ("P-256",)}),),
    findings=(Finding("DcvLapsing", "warning", "rao", "…", "idp", date(2027, 1, 2), "Domains"),),
    password_expires=date(2027, 1, 31),
    revoked=(77,),
    remarks=(
        CheckResult(SetupStep.DEPARTMENT, CheckStatus.FAILED, "X", "…", "operator", date(2027, 1, 2)),
        manual(SetupStep.ACCESS_LIST, "look"),
    ),
    delegated=(
        DelegatedName("*.univ.example", True, frozenset({"SSL", "SMIME"}), "VALIDATED", date(2027, 5, 1), "EMAIL"),
        DelegatedName("idp.univ.example", False, frozenset({"SSL"})),
    ),
    organisation_validated_until=date(2027, 9, 9),
    seen_address="192.0.2.7",
    address_run="run-2",
)


def test_an_inspection_is_read_as_it_was_written(book: DynamoDbOrderBook) -> None:
    """Whatever `check` prints has been through the table."""
    book.record_inspection("univ", FULL)

    assert book.delegation("univ").inspection == FULL


def test_an_inspection_of_an_earlier_version_can_still_be_read(book: DynamoDbOrderBook, dynamodb: Any) -> None:
    """A deployment must not stop the estate until every delegation has been inspected anew."""
    book.record_inspection("univ", FULL)
    for member in ("remarks", "delegated", "organisation_validated_until", "seen_address", "address_run"):
        dynamodb.update_item(
            TableName=TABLE,
            Key={"delegation": {"S": "univ"}, "item": {"S": "delegation"}},
            UpdateExpression="REMOVE inspection.#member",
            ExpressionAttributeNames={"#member": member},
        )

    found = book.delegation("univ").inspection

    assert found is not None
    assert (found.remarks, found.delegated, found.organisation_validated_until) == ((), (), None)
    assert not found.seen_address
    assert found.findings == FULL.findings
