"""Deploy a stack, after its plan was shown: `python -m stack.deploy (network|application) [--parameters "A=b C=d"]`.

`sam deploy` uploads and makes a change set, and stops there; the plan is read from CloudFormation. What would
give the registered address away, or replace what holds keys, certificates or the audit trail, is refused whatever
one answers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

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
            "ExistingAllocationId and ExistingAddress, or --new-address if a new one is really meant"
        )
        raise Refused(msg)


def latest_change_set(cloudformation: Any, stack: str) -> str | None:
    """Return the change set that `sam deploy` has just made; None when nothing changes."""
    pages = cloudformation.get_paginator("list_change_sets").paginate(StackName=stack)
    sets = [one for page in pages for one in page["Summaries"] if one["ExecutionStatus"] == "AVAILABLE"]
    newest = max(sets, key=lambda one: one["CreationTime"], default=None)
    return str(newest["ChangeSetId"]) if newest else None


def prepare(configuration: str, stack: str, template: Path, parameters: Sequence[str]) -> None:
    """Have `sam` upload what is packaged and make a change set."""
    command = [str(SAM), "deploy", "--stack-name", stack, "--template-file", str(template)]
    # Unasked, sam looks for its configuration beside the template.
    command += ["--config-file", str(CONFIGURATION.absolute()), "--config-env", configuration]
    command += ["--no-execute-changeset", "--no-confirm-changeset"]
    if parameters:
        # sam takes an empty value only in quotes
        command += ["--parameter-overrides", *(f'{one}""' if one.endswith("=") else one for one in parameters)]
    if subprocess.run(command, check=False).returncode:
        msg = "sam deploy could not make the change set; its own words stand above"
        raise Refused(msg)


def execute(cloudformation: Any, stack: str, change_set: str) -> None:
    """Carry a change set out and wait for its end."""
    description = cloudformation.describe_change_set(StackName=stack, ChangeSetName=change_set)
    made = description.get("ChangeSetType") == "CREATE" or _is_new(cloudformation, stack)
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=change_set)
    cloudformation.get_waiter("stack_create_complete" if made else "stack_update_complete").wait(StackName=stack)


def _is_new(cloudformation: Any, stack: str) -> bool:
    status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    return bool(status == "REVIEW_IN_PROGRESS")


def deploy(options: argparse.Namespace) -> None:
    """Prepare, show, judge, ask, carry out. Raises Refused."""
    session = boto3.Session()
    cloudformation = session.client("cloudformation")
    prepare(CONFIGURATIONS[options.which], options.stack, options.template, options.parameters.split())
    change_set = latest_change_set(cloudformation, options.stack)
    if change_set is None:
        print(f"{options.stack}: nothing changes")
        return
    changes = plan(cloudformation, options.stack, change_set)
    print(f"\n{options.stack} would change:\n" + "\n".join(map(str, changes)))
    if faults := list(harm(changes)):
        cloudformation.delete_change_set(StackName=options.stack, ChangeSetName=change_set)
        raise Refused("\n".join(faults))
    if not options.new_address:
        require_no_second_address(session.client("ec2"), changes)
    if not options.yes and input("\nDeploy this? [y/N] ").strip().lower() not in {"y", "yes"}:
        print("Nothing was changed.")
        return
    execute(cloudformation, options.stack, change_set)
    print(f"{options.stack}: done")


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when deployed, unchanged or declined by whoever was asked, 1 when refused."""
    parser = argparse.ArgumentParser(prog="python -m stack.deploy", description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=CONFIGURATIONS)
    parser.add_argument("--stack", required=True, help="the stack's name, as samconfig.toml has it")
    parser.add_argument("--template", type=Path, required=True, help="what to deploy, packaged")
    parser.add_argument("--parameters", default="", help="Name=value pairs; those not named stay as they are")
    parser.add_argument("--new-address", action="store_true", help="make a new address though an old one is idle")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    try:
        deploy(parser.parse_args(arguments))
    except Refused as refusal:
        print(f"Refused: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
