"""The guard before a deployment: what a plan may do, and what it must not."""

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
    require_no_second_address,
)
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


# ---- What is given to it ---------------------------------------------------------------------------------------------


def test_a_value_with_spaces_stays_one_value() -> None:
    """A cron expression has five of them, and sam would take each part for a parameter of its own."""
    assert overrides("ScheduleExpression='cron(30 4 * * ? *)' SubnetIds= NoticeEmail=a@b.example") == [
        'ScheduleExpression="cron(30 4 * * ? *)"',
        'SubnetIds=""',
        'NoticeEmail="a@b.example"',
    ]


@pytest.mark.parametrize("given", ["A='b", "cron(30 4", "A=b c", "=b"])
def test_what_is_no_parameter_is_refused_before_anything_is_uploaded(given: str) -> None:
    """A word without its name was a value that fell apart."""
    with pytest.raises(Refused, match="PARAMETERS"):
        overrides(given)


@pytest.mark.parametrize("target", ["deploy", "deploy-network"])
def test_make_hands_parameters_and_options_on_as_they_were_typed(target: str, tmp_path: Path) -> None:
    """Between the operator's shell and ours stands make with a shell of its own, and each eats quotes."""
    parameters = "ScheduleExpression='cron(30 4 * * ? *)' SubnetIds=subnet-1,subnet-2"
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o700)
    settled = [word for name in (".venv/.run", ".venv-sam/.sam", "package") for word in ("--old-file", name)]
    made = ["make", "--silent", *settled, target, f"BIN={tmp_path}", f"PARAMETERS={parameters}", "OPTIONS=--yes"]
    said = subprocess.run(made, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[said.index("--parameters") + 1 :] == [parameters, "--yes"]


def test_without_a_region_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """boto3 reads AWS_DEFAULT_REGION, the AWS CLI AWS_REGION as well: the first command of all ended in a traceback."""
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert main(["network", "--stack", "s", "--template", "infra/network.yaml"]) == 1
    assert "region" in capsys.readouterr().err


# ---- What becomes of a change set ------------------------------------------------------------------------------------


class CloudFormation(ChangeSets):
    """A stack with the change sets that stand in a file, one a line; a stand-in for `sam` adds its own there."""

    def __init__(self, file: Path, *changes: dict[str, Any]) -> None:
        super().__init__(*changes)
        self.file = file
        self.executed: list[str] = []

    @property
    def kept(self) -> list[str]:
        """The change sets that could still be carried out."""
        return self.file.read_text().split()

    def get_paginator(self, _name: str) -> CloudFormation:
        """Page the list of change sets."""
        return self

    def paginate(self, **_request: Any) -> Iterator[dict[str, Any]]:
        """Answer a change set a page."""
        for name in self.kept:
            yield {"Summaries": [{"ChangeSetId": name, "ExecutionStatus": "AVAILABLE"}]}

    def describe_stacks(self, **_request: Any) -> dict[str, Any]:
        """Answer for a stack that is there."""
        return {"Stacks": [{"StackStatus": "UPDATE_COMPLETE"}]}

    def delete_change_set(self, **request: Any) -> None:
        """Forget one."""
        self.file.write_text("\n".join(name for name in self.kept if name != request["ChangeSetName"]))

    def execute_change_set(self, **request: Any) -> None:
        """Carry one out: it is not available any more."""
        self.executed.append(request["ChangeSetName"])
        self.delete_change_set(**request)

    def get_waiter(self, _name: str) -> CloudFormation:
        """Wait for the end."""
        return self

    def wait(self, **_request: Any) -> None:
        """Be there at once."""


class Account:
    """What a session of boto3 leads to."""

    def __init__(self, cloudformation: CloudFormation) -> None:
        self.cloudformation = cloudformation

    def client(self, service: str) -> Any:
        """Give the fake, or moto's EC2."""
        return {"cloudformation": self.cloudformation, "ec2": boto3.client("ec2", region_name="eu-west-3")}[service]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `make deploy` is called; a change set of last week lies in the account."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sets").write_text("of-last-week\n")
    return tmp_path


def asked(folder: Path, *changes: dict[str, Any], answer: str | None = None) -> CloudFormation:
    """Call it as `make deploy` does; `sam` makes a change set when there are changes, and none otherwise."""
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
def test_a_plan_that_nobody_agrees_to_does_not_stay(answer: str, folder: Path) -> None:
    """It would lie there to be carried out by whoever comes next: a no is a no, and so is silence."""
    cloudformation = asked(folder, change("Modify", "AWS::Lambda::Function"), answer=answer)
    assert (cloudformation.kept, cloudformation.executed) == (["of-last-week"], [])


@pytest.mark.parametrize("refused", [change("Remove", "AWS::EC2::EIP"), change("Add", "AWS::EC2::EIP")])
def test_a_plan_that_is_refused_does_not_stay(refused: dict[str, Any], folder: Path) -> None:
    """Refused for the idle address, it stayed available, and the next deployment without a change took it up."""
    cloudformation = asked(folder, refused)
    assert (cloudformation.kept, cloudformation.executed) == (["of-last-week"], [])


@pytest.mark.parametrize("answer", ["yes\n", None])
def test_a_plan_that_is_agreed_to_is_carried_out(answer: str | None, folder: Path) -> None:
    """Deleting everything would be safe, and useless."""
    assert asked(folder, change("Modify", "AWS::Lambda::Function"), answer=answer).executed == ["of-now"]


def test_a_change_set_that_lay_there_before_is_not_taken_for_the_new_one(folder: Path) -> None:
    """When nothing changes sam makes none, and the stale one would deploy what was declined."""
    assert asked(folder).executed == []
