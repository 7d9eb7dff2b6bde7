"""Deploy a stack, after its plan was shown: `python -m stack.deploy (network|application) [--parameters "A=b C=d"]`.

`sam deploy` uploads and makes a change set, and stops there; the plan is read from CloudFormation. What would
give the registered address away, or replace what holds keys, certificates or the audit trail, is refused whatever
one answers. A change set that is not carried out is deleted: nobody can carry it out later by mistake.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

ADDRESS = "AWS::EC2::EIP"
GATEWAY = "AWS::EC2::NatGateway"
KEPT = frozenset({"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket"})
PURPOSE = "scm-access-list"  # the tag by which infra/network.yaml marks addresses
SAM = Path(".venv-sam/bin/sam")
CONFIGURATION = Path("samconfig.toml")
CONFIGURATIONS = {"network": "network", "application": "default"}
"""samconfig.toml's names of the two stacks."""


class Refused(Exception):
    """The plan does harm, or cannot be made; the text says what and what to do instead."""


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that a change set adds, modifies or removes."""

    action: str
    logical_id: str
    type: str
    replacement: str = ""
    """`True`, `False`, `Conditional`, or nothing."""
    keeps: bool = False
    """Whether the resource itself stays when it leaves the stack (DeletionPolicy)."""

    @classmethod
    def read(cls, change: dict[str, Any]) -> Change:
        """Read a ResourceChange of CloudFormation."""
        return cls(
            change["Action"],
            change["LogicalResourceId"],
            change["ResourceType"],
            change.get("Replacement", ""),
            change.get("PolicyAction", "").startswith("Retain"),
        )

    @property
    def replaces(self) -> bool:
        """Whether the resource would, or might, be made anew."""
        return self.replacement in ("True", "Conditional")

    def __str__(self) -> str:
        """Say it in one line."""
        how = " (made anew)" if self.replacement == "True" else " (may be made anew)" if self.replaces else ""
        stays = " (stays, outside the stack)" if self.action == "Remove" and self.keeps else ""
        return f"  {self.action:8} {self.type:38} {self.logical_id}{how}{stays}"


def harm(changes: Iterable[Change]) -> Iterator[str]:
    """Yield what is wrong with a plan, and what to do instead."""
    for change in changes:
        gone = change.action == "Remove" or change.replaces
        if change.type == ADDRESS and gone:
            yield (
                f"{change.logical_id} is the registered address: it must stay as it is. To use another, deploy a "
                "network stack of another name with ExistingAllocationId (docs/deploy.md, The address)"
            )
        elif change.type == GATEWAY and gone:
            yield (
                f"{change.logical_id} holds the address, and CloudFormation would make the new gateway while the old "
                "one still has it. Delete and make the stack anew around the address (docs/deploy.md, The address)"
            )
        elif change.type in KEPT and gone:
            yield (
                f"{change.logical_id} ({change.type}) holds keys, certificates or the audit trail, and would leave the "
                "stack or be made anew, empty. Put the template's resource back as it was"
            )


def plan(cloudformation: Any, stack: str, change_set: str) -> list[Change]:
    """Return the changes of a change set, all pages. Raises Refused when it could not be made."""
    changes: list[Change] = []
    page: dict[str, str] = {}
    while True:
        answer = cloudformation.describe_change_set(StackName=stack, ChangeSetName=change_set, **page)
        if answer["Status"] == "FAILED":
            msg = f"CloudFormation could not make the plan: {answer.get('StatusReason', 'it does not say why')}"
            raise Refused(msg)
        changes += [Change.read(one["ResourceChange"]) for one in answer["Changes"] if one["Type"] == "Resource"]
        if "NextToken" not in answer:
            return changes
        page = {"NextToken": answer["NextToken"]}


def require_no_second_address(ec2: Any, changes: Iterable[Change]) -> None:
    """Raise Refused when a plan makes a new address though one that is registered lies idle."""
    if not any(change.type == ADDRESS and change.action == "Add" for change in changes):
        return
    found = ec2.describe_addresses(Filters=[{"Name": "tag:Purpose", "Values": [PURPOSE]}])["Addresses"]
    idle = [one for one in found if "AssociationId" not in one]
    if idle:
        known = ", ".join(f"{one['PublicIp']} ({one['AllocationId']})" for one in idle)
        msg = (
            f"the plan makes a new address, and there are registered ones without a gateway: {known}. Give "
            "ExistingAllocationId and ExistingAddress; if a new one is really meant: make … OPTIONS=--new-address"
        )
        raise Refused(msg)


def change_sets(cloudformation: Any, stack: str) -> set[str]:
    """Return the change sets that could be carried out; none when there is no such stack yet."""
    try:
        pages = list(cloudformation.get_paginator("list_change_sets").paginate(StackName=stack))
    except ClientError as error:
        if "does not exist" in str(error):
            return set()
        raise
    return {one["ChangeSetId"] for page in pages for one in page["Summaries"] if one["ExecutionStatus"] == "AVAILABLE"}


def overrides(parameters: str) -> list[str]:
    """Return parameters as `sam` takes them, every value in quotes; it would split one at a space. Raises Refused.

    parameters: `Name=value` pairs, quoted as in a shell.
    """
    try:
        words = [word.partition("=") for word in shlex.split(parameters)]
    except ValueError as error:
        msg = f"PARAMETERS cannot be read ({error}): {parameters}"
        raise Refused(msg) from error
    for name, equals, _ in words:
        if not (equals and name.isalnum()):
            msg = f"PARAMETERS: '{name}' is not Name=value. A value with spaces stands in quotes: Name='a value'"
            raise Refused(msg)
    return ['{}="{}"'.format(name, value.replace('"', '\\"')) for name, _, value in words]


def prepare(configuration: str, stack: str, template: Path, parameters: Sequence[str]) -> None:
    """Have `sam` upload what is packaged and make a change set.

    parameters: from `overrides`.
    """
    command = [str(SAM), "deploy", "--stack-name", stack, "--template-file", str(template)]
    # Unasked, sam looks for its configuration beside the template.
    command += ["--config-file", str(CONFIGURATION.absolute()), "--config-env", configuration]
    command += ["--no-execute-changeset", "--no-confirm-changeset"]
    if parameters:
        command += ["--parameter-overrides", *parameters]
    if subprocess.run(command, check=False).returncode:
        msg = "sam deploy could not make the change set; its own words stand above"
        raise Refused(msg)


def execute(cloudformation: Any, stack: str, change_set: str) -> None:
    """Carry a change set out and wait for its end. Raises Refused when CloudFormation gave up."""
    status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=change_set)
    awaited = "stack_create_complete" if status == "REVIEW_IN_PROGRESS" else "stack_update_complete"
    try:
        cloudformation.get_waiter(awaited).wait(StackName=stack)
    except WaiterError as error:
        msg = (
            f"CloudFormation could not finish, and puts back what was there. It says why in: aws cloudformation "
            f"describe-stack-events --stack-name {stack} --query \"StackEvents[?contains(ResourceStatus, 'FAILED')]."
            '[LogicalResourceId, ResourceStatusReason]" --output table'
        )
        raise Refused(msg) from error


def is_agreed(options: argparse.Namespace, ec2: Any, changes: Sequence[Change]) -> bool:
    """Show a plan, judge it and ask. Raises Refused."""
    print(f"\n{options.stack} would change:\n" + "\n".join(map(str, changes)))
    if faults := list(harm(changes)):
        raise Refused("\n".join(faults))
    if not options.new_address:
        require_no_second_address(ec2, changes)
    if options.yes:
        return True
    try:
        return input("\nDeploy this? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        msg = "nobody is there to ask; where that is meant: make … OPTIONS=--yes"
        raise Refused(msg) from None


def decide(options: argparse.Namespace, session: Any, change_set: str) -> None:
    """Carry a change set out, or delete it, whatever the reason. Raises Refused."""
    cloudformation, agreed = session.client("cloudformation"), False
    try:
        changes = plan(cloudformation, options.stack, change_set)
        agreed = is_agreed(options, session.client("ec2"), changes)
    finally:
        if not agreed:
            cloudformation.delete_change_set(StackName=options.stack, ChangeSetName=change_set)
    if not agreed:
        print("Nothing was changed.")
        return
    execute(cloudformation, options.stack, change_set)
    print(f"{options.stack}: done")


def deploy(options: argparse.Namespace, session: Any) -> None:
    """Prepare, show, judge, ask, carry out. Raises Refused.

    session: boto3's.
    """
    parameters = overrides(options.parameters)
    cloudformation = session.client("cloudformation")
    before = change_sets(cloudformation, options.stack)
    prepare(CONFIGURATIONS[options.which], options.stack, options.template, parameters)
    made = change_sets(cloudformation, options.stack) - before  # what lay there before is not what was asked for now
    if not made:
        print(f"{options.stack}: nothing changes")
    for change_set in made:
        decide(options, session, change_set)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when deployed, unchanged or declined by whoever was asked, 1 when refused."""
    parser = argparse.ArgumentParser(prog="python -m stack.deploy", description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=CONFIGURATIONS)
    parser.add_argument("--stack", required=True, help="the stack's name, as samconfig.toml has it")
    parser.add_argument("--template", type=Path, required=True, help="what to deploy, packaged")
    parser.add_argument(
        "--parameters", default="", help="Name=value pairs, quoted as in a shell; others stay as they are"
    )
    parser.add_argument("--new-address", action="store_true", help="make a new address though an old one is idle")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    try:
        deploy(parser.parse_args(arguments), boto3.Session())
    except (BotoCoreError, ClientError) as error:
        print(f"AWS did not do it: {error}", file=sys.stderr)
        return 1
    except Refused as refusal:
        print(f"Refused: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
