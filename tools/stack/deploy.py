"""Deploy a stack, after its plan was shown: `python -m stack.deploy (network|application) [--parameters "A=b C=d"]`.

`sam deploy` uploads and creates a change set, and stops there; the plan is read from CloudFormation. A plan that
releases the registered address, or replaces a resource that holds keys, certificates or the audit trail, is refused
without a question. A change set that is not executed is deleted, so that it cannot be executed later by mistake.
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
PURPOSE = "scm-access-list"  # the tag of the addresses in infra/network.yaml
SAM = Path(".venv-sam/bin/sam")
CONFIGURATION = Path("samconfig.toml")
CONFIGURATIONS = {"network": "network", "application": "default"}
"""samconfig.toml's names of the two stacks."""
EVENTS = (
    "aws cloudformation describe-stack-events --stack-name {} --query "
    "\"StackEvents[?contains(ResourceStatus, 'FAILED')].[LogicalResourceId, ResourceStatusReason]\" --output table"
)
LONGEST_NAME = 60
"""Characters of a stack's name. SES permits 64 for the configuration set, whose name is the stack's with `-rao`."""


class Refused(Exception):
    """The plan deletes or replaces data, or cannot be created; the text has the fault and what to do."""


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that a change set adds, modifies or removes."""

    action: str
    logical_id: str
    type: str
    replacement: str = ""
    """`True`, `False`, `Conditional`, or nothing."""
    keeps: bool = False
    """Whether the resource is retained when the stack no longer has it (DeletionPolicy)."""

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
        """Whether the resource is, or may be, replaced."""
        return self.replacement in ("True", "Conditional")

    def __str__(self) -> str:
        """Return the change as one line."""
        how = " (replaced)" if self.replacement == "True" else " (may be replaced)" if self.replaces else ""
        retained = " (retained outside the stack)" if self.action == "Remove" and self.keeps else ""
        return f"  {self.action:8} {self.type:38} {self.logical_id}{how}{retained}"


def harm(changes: Iterable[Change]) -> Iterator[str]:
    """Yield each fault of a plan, and what to do instead."""
    for change in changes:
        is_lost = change.action == "Remove" or change.replaces
        if change.type == ADDRESS and is_lost:
            yield (
                f"{change.logical_id} is the registered address and must not change. To use another, deploy a "
                "network stack of another name with ExistingAllocationId (docs/deploy.md, The address)"
            )
        elif change.type == GATEWAY and is_lost:
            yield (
                f"{change.logical_id} holds the address, and CloudFormation would create the new gateway while the old "
                "gateway still has it. Delete the stack and create it again (docs/deploy.md, The address)"
            )
        elif change.type in KEPT and is_lost:
            yield (
                f"{change.logical_id} ({change.type}) holds keys, certificates or the audit trail, and would be "
                "removed or replaced, empty. Restore the resource in the template"
            )


def plan(cloudformation: Any, stack: str, change_set: str) -> list[Change]:
    """Return the changes of a change set, all pages. Raises Refused when it could not be created."""
    changes: list[Change] = []
    page: dict[str, str] = {}
    while True:
        answer = cloudformation.describe_change_set(StackName=stack, ChangeSetName=change_set, **page)
        if answer["Status"] == "FAILED":
            msg = f"CloudFormation could not create the plan: {answer.get('StatusReason', 'no reason given')}"
            raise Refused(msg)
        changes += [
            Change.read(change["ResourceChange"]) for change in answer["Changes"] if change["Type"] == "Resource"
        ]
        if "NextToken" not in answer:
            return changes
        page = {"NextToken": answer["NextToken"]}


def require_no_second_address(ec2: Any, changes: Iterable[Change]) -> None:
    """Raise Refused when a plan creates an address while a registered address is idle."""
    if not any(change.type == ADDRESS and change.action == "Add" for change in changes):
        return
    addresses = ec2.describe_addresses(Filters=[{"Name": "tag:Purpose", "Values": [PURPOSE]}])["Addresses"]
    idle = [address for address in addresses if "AssociationId" not in address]
    if idle:
        known = ", ".join(f"{address['PublicIp']} ({address['AllocationId']})" for address in idle)
        msg = (
            f"the plan creates an address, and registered addresses have no gateway: {known}. Pass "
            "ExistingAllocationId and ExistingAddress; to create another anyway: make … OPTIONS=--new-address"
        )
        raise Refused(msg)


def change_sets(cloudformation: Any, stack: str) -> set[str]:
    """Return the change sets that can be executed; none when the stack does not exist."""
    try:
        pages = list(cloudformation.get_paginator("list_change_sets").paginate(StackName=stack))
    except ClientError as error:
        if "does not exist" in str(error):
            return set()
        raise
    return {
        summary["ChangeSetId"]
        for page in pages
        for summary in page["Summaries"]
        if summary["ExecutionStatus"] == "AVAILABLE"
    }


def require_deployable(cloudformation: Any, stack: str) -> None:
    """Raise Refused when CloudFormation can only delete the stack, or a name in the template would be too long."""
    if len(stack) > LONGEST_NAME:
        msg = f"the stack's name has {len(stack)} characters; {LONGEST_NAME} are permitted"
        raise Refused(msg)
    try:
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return
        raise
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}:
        msg = (
            f"the first deployment of {stack} failed, and a stack that is {status} can only be deleted. For the "
            f"reason, run: {EVENTS.format(stack)}\nThen: aws cloudformation delete-stack --stack-name {stack}\nWhen it "
            "is deleted, deploy again. What is retained: docs/deploy.md, A failed first deployment"
        )
        raise Refused(msg)


def overrides(parameters: str) -> list[str]:
    """Return parameters for `sam`, every value in quotes, because sam splits at spaces. Raises Refused.

    parameters: `Name=value` pairs, quoted as in a shell.
    """
    try:
        pairs = [pair.partition("=") for pair in shlex.split(parameters)]
    except ValueError as error:
        msg = f"PARAMETERS cannot be read ({error}): {parameters}"
        raise Refused(msg) from error
    for name, equals, _ in pairs:
        if not (equals and name.isalnum()):
            msg = f"PARAMETERS: '{name}' is not Name=value. Quote a value with spaces: Name='a value'"
            raise Refused(msg)
    return ['{}="{}"'.format(name, value.replace('"', '\\"')) for name, _, value in pairs]


def prepare(configuration: str, stack: str, template: Path, parameters: Sequence[str]) -> None:
    """Make `sam` upload the package and create a change set.

    parameters: from `overrides`.
    """
    command = [str(SAM), "deploy", "--stack-name", stack, "--template-file", str(template)]
    # By default, sam reads the configuration beside the template.
    command += ["--config-file", str(CONFIGURATION.absolute()), "--config-env", configuration]
    command += ["--no-execute-changeset", "--no-confirm-changeset"]
    if parameters:
        command += ["--parameter-overrides", *parameters]
    if subprocess.run(command, check=False).returncode:
        msg = "sam deploy could not create the change set; its output is above"
        raise Refused(msg)


def execute(cloudformation: Any, stack: str, change_set: str) -> None:
    """Execute a change set and wait for its end. Raises Refused when CloudFormation failed."""
    status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=change_set)
    awaited = "stack_create_complete" if status == "REVIEW_IN_PROGRESS" else "stack_update_complete"
    try:
        cloudformation.get_waiter(awaited).wait(StackName=stack)
    except WaiterError as error:
        msg = f"CloudFormation failed and rolls back. For the reason, run: {EVENTS.format(stack)}"
        raise Refused(msg) from error


def is_agreed(options: argparse.Namespace, ec2: Any, changes: Sequence[Change]) -> bool:
    """Print a plan, check it and ask for confirmation. Raises Refused."""
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
        msg = "not confirmed: standard input is closed. In scripts: make … OPTIONS=--yes"
        raise Refused(msg) from None


def decide(options: argparse.Namespace, session: Any, change_set: str) -> None:
    """Execute a change set, or delete it for any reason. Raises Refused."""
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
    """Prepare, print, check, ask, execute. Raises Refused.

    session: boto3's.
    """
    parameters = overrides(options.parameters)
    cloudformation = session.client("cloudformation")
    require_deployable(cloudformation, options.stack)
    before = change_sets(cloudformation, options.stack)
    prepare(CONFIGURATIONS[options.which], options.stack, options.template, parameters)
    made = change_sets(cloudformation, options.stack) - before  # older change sets belong to other deployments
    if not made:
        print(f"{options.stack}: nothing changes")
    for change_set in made:
        decide(options, session, change_set)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when deployed, unchanged or declined, 1 when refused."""
    parser = argparse.ArgumentParser(prog="python -m stack.deploy", description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=CONFIGURATIONS)
    parser.add_argument("--stack", required=True, help="the stack's name, as in samconfig.toml")
    parser.add_argument("--template", type=Path, required=True, help="the packaged template")
    parser.add_argument(
        "--parameters", default="", help="Name=value pairs, quoted as in a shell; others keep their values"
    )
    parser.add_argument(
        "--new-address", action="store_true", help="create an address although a registered address is idle"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    try:
        deploy(parser.parse_args(arguments), boto3.Session())
    except (BotoCoreError, ClientError) as error:
        print(f"AWS refused: {error}", file=sys.stderr)
        return 1
    except Refused as refusal:
        print(f"Refused: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
