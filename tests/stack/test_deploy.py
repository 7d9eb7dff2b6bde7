"""The guard before a deployment: what a plan may do, and what it must not."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from stack.cost import ROOT
from stack.deploy import PURPOSE, Change, Refused, harm, plan, require_no_second_address
from stack.resolved import Stack


class ChangeSets:
    """CloudFormation's answer about one change set, a change a page."""

    def __init__(self, *changes: dict[str, Any], status: str = "CREATE_COMPLETE") -> None:
        self._changes = changes
        self._status = status

    def describe_change_set(self, **request: Any) -> dict[str, Any]:
        """Answer one page."""
        page = int(request.get("NextToken", 0))
        following = {"NextToken": str(page + 1)} if page + 1 < len(self._changes) else {}
        pages = [{"Type": "Resource", "ResourceChange": one} for one in self._changes]
        return {"Status": self._status, "StatusReason": "no such role", "Changes": pages[page : page + 1], **following}


def change(action: str, kind: str, **more: str) -> dict[str, Any]:
    """One ResourceChange as CloudFormation gives it."""
    return {"Action": action, "LogicalResourceId": kind.rsplit("::", 1)[-1], "ResourceType": kind, **more}


def faults(*changes: dict[str, Any]) -> list[str]:
    """What the guard says of a plan."""
    return list(harm(Change.read(one) for one in changes))


@pytest.mark.parametrize(
    "changed",
    [
        change("Remove", "AWS::EC2::EIP", PolicyAction="Retain"),
        change("Remove", "AWS::EC2::EIP", PolicyAction="Delete"),
        change("Modify", "AWS::EC2::EIP", Replacement="Conditional"),
        change("Modify", "AWS::EC2::NatGateway", Replacement="True"),
        change("Remove", "AWS::EC2::NatGateway"),
        change("Modify", "AWS::DynamoDB::Table", Replacement="True"),
        change("Remove", "AWS::KMS::Key", PolicyAction="Retain"),
        change("Modify", "AWS::S3::Bucket", Replacement="Conditional"),
    ],
)
def test_a_plan_that_loses_something_is_refused(changed: dict[str, Any]) -> None:
    """The address, the keys and the audit trail cannot be made again."""
    (fault,) = faults(changed, change("Modify", "AWS::Lambda::Function", Replacement="True"))
    assert fault.startswith(changed["LogicalResourceId"])


def test_an_ordinary_plan_passes() -> None:
    """A guard that cries wolf is switched off."""
    assert not faults(
        change("Add", "AWS::EC2::EIP"),
        change("Modify", "AWS::EC2::EIP", Replacement="False"),
        change("Modify", "AWS::DynamoDB::Table", Replacement="False"),
        change("Modify", "AWS::Lambda::Function", Replacement="False"),
        change("Remove", "AWS::CloudWatch::Alarm"),
    )


def test_every_page_of_a_plan_is_read() -> None:
    """CloudFormation pages its answer, and the harm may stand on the last page."""
    pages = ChangeSets(change("Modify", "AWS::Lambda::Function"), change("Remove", "AWS::EC2::EIP"))
    assert [one.type for one in plan(pages, "s", "c")] == ["AWS::Lambda::Function", "AWS::EC2::EIP"]


def test_a_plan_that_could_not_be_made_says_why() -> None:
    """An empty plan would look as if nothing changed."""
    with pytest.raises(Refused, match="no such role"):
        plan(ChangeSets(status="FAILED"), "s", "c")


@mock_aws
def test_a_new_address_is_not_made_while_a_registered_one_lies_idle() -> None:
    """That is how an address is forgotten, and every organisation asked to register another."""
    ec2 = boto3.client("ec2", region_name="eu-west-3")
    adds = [Change("Add", "Address", "AWS::EC2::EIP")]
    require_no_second_address(ec2, adds)
    kept = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_tags(Resources=[kept], Tags=[{"Key": "Purpose", "Value": PURPOSE}])
    with pytest.raises(Refused, match=kept):
        require_no_second_address(ec2, adds)
    require_no_second_address(ec2, [Change("Modify", "Address", "AWS::EC2::EIP")])


def test_the_guard_knows_the_tag_that_the_network_gives() -> None:
    """Two spellings would make it blind."""
    (address,) = Stack(ROOT / "infra" / "network.yaml").resources("AWS::EC2::EIP")
    assert json.dumps({"Key": "Purpose", "Value": PURPOSE}) in json.dumps(address.properties["Tags"])
