"""The guard before a deployment: which plans are executed, and which are refused."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from stack.cost import ROOT
from stack.deploy import (
    PURPOSE,
    Change,
    Refused,
    deploy,
    harm,
    main,
    overrides,
    plan,
    require_deployable,
    require_no_second_address,
)
from stack.resolved import Stack


class ChangeSets:
    """CloudFormation's answer about a change set, one change for each page."""

    def __init__(self, *changes: dict[str, Any], status: str = "CREATE_COMPLETE") -> None:
        self._changes = changes
        self._status = status

    def describe_change_set(self, **request: Any) -> dict[str, Any]:
        """Answer one page."""
        page = int(request.get("NextToken", 0))
        following = {"NextToken": str(page + 1)} if page + 1 < len(self._changes) else {}
        pages = [{"Type": "Resource", "ResourceChange": change} for change in self._changes]
        return {"Status": self._status, "StatusReason": "no such role", "Changes": pages[page : page + 1], **following}


def change(action: str, kind: str, **more: str) -> dict[str, Any]:
    """Return a ResourceChange of CloudFormation."""
    return {"Action": action, "LogicalResourceId": kind.rsplit("::", 1)[-1], "ResourceType": kind, **more}


def faults(*changes: dict[str, Any]) -> list[str]:
    """Return the faults that the guard finds in a plan."""
    return list(harm(Change.read(planned) for planned in changes))


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
def test_a_plan_that_deletes_or_replaces_data_is_refused(changed: dict[str, Any]) -> None:
    """The address, the keys and the audit trail cannot be restored."""
    (fault,) = faults(changed, change("Modify", "AWS::Lambda::Function", Replacement="True"))
    assert fault.startswith(changed["LogicalResourceId"])


def test_an_ordinary_plan_passes() -> None:
    """A guard with false findings is switched off."""
    assert not faults(
        change("Add", "AWS::EC2::EIP"),
        change("Modify", "AWS::EC2::EIP", Replacement="False"),
        change("Modify", "AWS::DynamoDB::Table", Replacement="False"),
        change("Modify", "AWS::Lambda::Function", Replacement="False"),
        change("Remove", "AWS::CloudWatch::Alarm"),
    )


def test_every_page_of_a_plan_is_read() -> None:
    """CloudFormation pages its answer; the fault may be on the last page."""
    pages = ChangeSets(change("Modify", "AWS::Lambda::Function"), change("Remove", "AWS::EC2::EIP"))
    assert [planned.type for planned in plan(pages, "s", "c")] == ["AWS::Lambda::Function", "AWS::EC2::EIP"]


def test_a_plan_that_failed_is_refused_with_its_reason() -> None:
    """An empty plan would suggest that nothing changes."""
    with pytest.raises(Refused, match="no such role"):
        plan(ChangeSets(status="FAILED"), "s", "c")


@mock_aws
def test_no_address_is_created_while_a_registered_one_is_idle() -> None:
    """Otherwise every organisation has to register another address."""
    ec2 = boto3.client("ec2", region_name="eu-west-3")
    adds = [Change("Add", "Address", "AWS::EC2::EIP")]
    require_no_second_address(ec2, adds)
    kept = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_tags(Resources=[kept], Tags=[{"Key": "Purpose", "Value": PURPOSE}])
    with pytest.raises(Refused, match=kept):
        require_no_second_address(ec2, adds)
    require_no_second_address(ec2, [Change("Modify", "Address", "AWS::EC2::EIP")])


def test_the_guard_searches_for_the_tag_of_the_network_stack() -> None:
    """With two spellings the guard finds no address."""
    (address,) = Stack(ROOT / "infra" / "network.yaml").resources("AWS::EC2::EIP")
    assert json.dumps({"Key": "Purpose", "Value": PURPOSE}) in json.dumps(address.properties["Tags"])


# ---- Parameters and options ------------------------------------------------------------------------------------------


def test_a_value_with_spaces_stays_one_value() -> None:
    """A cron expression has five spaces, and sam would take each part for a parameter."""
    assert overrides("ScheduleExpression='cron(30 4 * * ? *)' SubnetIds= NoticeEmail=a@b.example") == [
        'ScheduleExpression="cron(30 4 * * ? *)"',
        'SubnetIds=""',
        'NoticeEmail="a@b.example"',
    ]


@pytest.mark.parametrize("given", ["A='b", "cron(30 4", "A=b c", "=b"])
def test_a_malformed_parameter_is_refused_before_the_upload(given: str) -> None:
    """A part without a name belongs to a value that lost its quotes."""
    with pytest.raises(Refused, match="PARAMETERS"):
        overrides(given)


@pytest.mark.parametrize("target", ["deploy", "deploy-network"])
def test_make_passes_parameters_and_options_unchanged(target: str, tmp_path: Path) -> None:
    """Each of the operator's shell, make's shell and ours removes quotes."""
    parameters = "ScheduleExpression='cron(30 4 * * ? *)' SubnetIds=subnet-1,subnet-2"
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o700)
    settled = [part for name in (".venv/.run", ".venv-sam/.sam", "package") for part in ("--old-file", name)]
    made = ["make", "--silent", *settled, target, f"BIN={tmp_path}", f"PARAMETERS={parameters}", "OPTIONS=--yes"]
    printed = subprocess.run(made, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert printed[printed.index("--parameters") + 1 :] == [parameters, "--yes"]


def test_a_missing_region_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """boto3 reads AWS_DEFAULT_REGION only, the AWS CLI AWS_REGION too: it ended in a traceback."""
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert main(["network", "--stack", "s", "--template", "infra/network.yaml"]) == 1
    assert "region" in capsys.readouterr().err


# ---- The life of a change set --------------------------------------------------------------------------------------


class CloudFormation(ChangeSets):
    """A stack with the change sets in a file, one on each line; a fake `sam` adds its own there."""

    def __init__(self, file: Path, *changes: dict[str, Any]) -> None:
        super().__init__(*changes)
        self.file = file
        self.executed: list[str] = []
        self.status = "UPDATE_COMPLETE"

    @property
    def kept(self) -> list[str]:
        """The change sets that can still be executed."""
        return self.file.read_text().split()

    def get_paginator(self, _name: str) -> CloudFormation:
        """Page the list of change sets."""
        return self

    def paginate(self, **_request: Any) -> Iterator[dict[str, Any]]:
        """Answer one change set for each page."""
        for name in self.kept:
            yield {"Summaries": [{"ChangeSetId": name, "ExecutionStatus": "AVAILABLE"}]}

    def describe_stacks(self, **_request: Any) -> dict[str, Any]:
        """Answer for a stack with `status`; without, for one that does not exist."""
        if not self.status:
            raise ClientError({"Error": {"Message": "Stack with id s does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self.status}]}

    def delete_change_set(self, **request: Any) -> None:
        """Delete a change set."""
        self.file.write_text("\n".join(name for name in self.kept if name != request["ChangeSetName"]))

    def execute_change_set(self, **request: Any) -> None:
        """Execute a change set: it is no longer available."""
        self.executed.append(request["ChangeSetName"])
        self.delete_change_set(**request)

    def get_waiter(self, _name: str) -> CloudFormation:
        """Return itself as the waiter."""
        return self

    def wait(self, **_request: Any) -> None:
        """Return at once."""


class Account:
    """A session of boto3."""

    def __init__(self, cloudformation: CloudFormation) -> None:
        self.cloudformation = cloudformation

    def client(self, service: str) -> Any:
        """Return the fake, or moto's EC2."""
        return {"cloudformation": self.cloudformation, "ec2": boto3.client("ec2", region_name="eu-west-3")}[service]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of `make deploy`; the account has a change set of last week."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sets").write_text("of-last-week\n")
    return tmp_path


def asked(folder: Path, *changes: dict[str, Any], answer: str | None = None) -> CloudFormation:
    """Deploy as `make deploy` does; `sam` creates a change set only when there are changes."""
    sam = folder / ".venv-sam" / "bin" / "sam"
    sam.parent.mkdir(parents=True)
    sam.write_text(f"#!/bin/sh\n{'echo of-now >> sets' if changes else ':'}\n")
    sam.chmod(0o700)
    cloudformation = CloudFormation(folder / "sets", *changes)
    options = argparse.Namespace(
        which="application", stack="s", template=Path("t"), parameters="", new_address=False, yes=answer is None
    )
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setattr("sys.stdin", io.StringIO(answer))
        ec2 = boto3.client("ec2", region_name="eu-west-3")
        idle = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ec2.create_tags(Resources=[idle], Tags=[{"Key": "Purpose", "Value": PURPOSE}])
        with suppress(Refused):
            deploy(options, Account(cloudformation))
    return cloudformation


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_a_plan_that_is_not_confirmed_is_deleted(answer: str, folder: Path) -> None:
    """The next deployment could execute it."""
    cloudformation = asked(folder, change("Modify", "AWS::Lambda::Function"), answer=answer)
    assert (cloudformation.kept, cloudformation.executed) == (["of-last-week"], [])


@pytest.mark.parametrize("refused", [change("Remove", "AWS::EC2::EIP"), change("Add", "AWS::EC2::EIP")])
def test_a_plan_that_is_refused_is_deleted(refused: dict[str, Any], folder: Path) -> None:
    """It stayed available once, and the next deployment without a change executed it."""
    cloudformation = asked(folder, refused)
    assert (cloudformation.kept, cloudformation.executed) == (["of-last-week"], [])


@pytest.mark.parametrize("answer", ["yes\n", None])
def test_a_confirmed_plan_is_executed(answer: str | None, folder: Path) -> None:
    """A guard that refuses everything is no use."""
    assert asked(folder, change("Modify", "AWS::Lambda::Function"), answer=answer).executed == ["of-now"]


def test_a_change_set_of_an_earlier_deployment_is_not_executed(folder: Path) -> None:
    """When nothing changes, sam creates none, and the old one would deploy what was declined."""
    assert asked(folder).executed == []


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED"])
def test_a_stack_whose_first_deployment_failed_is_refused_with_the_way_out(status: str, folder: Path) -> None:
    """CloudFormation only deletes it; the error of `sam` came after the upload and named no command."""
    cloudformation = CloudFormation(folder / "sets")
    cloudformation.status = status
    with pytest.raises(Refused, match="aws cloudformation delete-stack --stack-name s\n"):
        require_deployable(cloudformation, "s")


def test_a_stack_that_does_not_exist_is_deployed_unless_its_name_is_too_long(folder: Path) -> None:
    """SES refused the configuration set of such a stack in the middle of an update, when mails were switched on."""
    cloudformation = CloudFormation(folder / "sets")
    cloudformation.status = ""
    require_deployable(cloudformation, "s" * 60)
    with pytest.raises(Refused, match="61 characters"):
        require_deployable(cloudformation, "s" * 61)
