"""The `aws` commands of the documents, executed by the AWS CLI against the local AWS.

All blocks of a document, and the commands in its sentences, are typed into one shell, so that variables have what
earlier blocks set. What cannot be executed here is in the document's table *Commands that no test executes*, with the
reason.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.estate import load_estate
from local.run import LocalSystem
from stack.rehearsal.bundles import ROOT, RehearsalFailed
from stack.rehearsal.by_cli import Cli, run_to_its_end
from stack.written_estate import write_estate

SHELLS = (("docs/runbook.md", "CHANGELOG.md"), ("docs/deploy.md", "docs/first-account.md"), ("docs/servers.md",))
"""The documents with commands of `aws`; those of one shell build on each other."""
HEADING = "Commands that no test executes"
_NOT_HERE = ("certmandate", "certmandate-fetch", "git", "jq", "make", "sleep", "sudo")
"""Programs that other tests call (`tests/certmandate/documents`, `tests/stack`, `tests/fetch`), or that only wait."""
_AWS = """#!/bin/bash
errors=$(mktemp)
program=$AWS_PROGRAM
[[ "$1 $2" == 'cloudformation describe-stacks' ]] && program=describe-stacks
"$program" "$@" 2> "$errors"
code=$?
printf '%s\\x1f' "$code" "$(tail -c 400 "$errors")" "$@" >> "$CALLS"
printf '\\x1e' >> "$CALLS"
exit $code
"""
_DESCRIBE_STACKS = f"""#!{sys.executable}
import json, os, sys, jmespath
option = dict(zip(sys.argv[3:], sys.argv[4:]))
stack = json.loads(os.environ["STACKS"])[option["--stack-name"]]
found = jmespath.search(option["--query"], {{"Stacks": [stack]}})
print("\\t".join(found) if option.get("--output") == "text" and isinstance(found, list) else json.dumps(found))
"""
"""The local AWS has no CloudFormation: this answers from the local stack, by the document's own query."""
_NEXT = "\n#"
_NAME = r"certmandate (?:audit )?[\w-]+|aws [\w-]+ [\w-]+"
"""A command's name without its arguments."""
_NETWORK = {
    "RegisteredAddress": "198.51.100.7",
    "AllocationId": "eipalloc-0",
    "SubnetIds": "subnet-0",
    "SecurityGroupIds": "sg-0",
}
_NAMES = {"first": ("portal", "declined"), "example-university": ("portal",), "valombre": ("idp",)}
"""The delegations and certificates that the documents name, and one whose order is declined: the run fails."""


_LEFT: Mapping[str, Any] = {
    "TableName": "left",
    "AttributeDefinitions": [{"AttributeName": "item", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "item", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
    "DeletionProtectionEnabled": True,
}
"""The table that a failed first deployment has left."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command that a shell has called."""

    words: tuple[str, ...]
    code: int
    error: str

    @property
    def operation(self) -> str:
        """`dynamodb get-item`."""
        return " ".join(self.words[:2])


def execute_documents(program: str) -> tuple[int, int]:
    """Execute all commands; return how many, and how many the table leaves out. Raises RehearsalFailed."""
    with tempfile.TemporaryDirectory(prefix="certmandate-documents-") as folder:
        declined = [{"name": "declined.first.example", "outcome": "declined"}]
        stores = ["s3", "acm:eu-west-3"]
        written = write_estate(Path(folder), _NAMES, stores=stores, issued_days_ago=150, behaviours=declined)
        with LocalSystem(load_estate(written, datetime.now(UTC))) as system:
            environment = system.aws.exports() | _variables(system)
            run_to_its_end(Cli(program, environment), system.aws.outputs["StateMachineArn"])
            commands = [each for names in SHELLS for each in _typed(program, environment, names)]
    require_marks(commands, marked())
    failed = sum(each.code != 0 for each in commands)
    return len(commands) - failed, failed


def require_marks(commands: list[Command], marks: Mapping[str, str]) -> None:
    """Compare the commands that failed with the table. Raises RehearsalFailed for each difference."""
    failed = {each.operation: each for each in commands if each.code}
    done = {each.operation for each in commands if not each.code}
    faults = [
        f"aws {' '.join(each.words)}: {each.error}"
        for operation, each in failed.items()
        if operation not in marks or operation in done
    ]
    faults += [
        f"aws {operation} is executed: remove it from the table" for operation in marks if operation not in failed
    ]
    if faults:
        msg = "commands of the documents:\n" + "\n".join(faults)
        raise RehearsalFailed(msg)


def marked() -> Mapping[str, str]:
    """Return the reason by operation of `aws`, from the tables of all documents that are executed."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for names in SHELLS for name in names]
    rows = {command: reason for text in texts for command, reason in not_executed(text).items()}
    return {command.removeprefix("aws "): reason for command, reason in rows.items() if command.startswith("aws ")}


def not_executed(text: str) -> Mapping[str, str]:
    """Return the reason by command, from the table of a document; empty without one."""
    section = re.split(rf"^#+ {HEADING}\n", text, maxsplit=1, flags=re.MULTILINE)[1:]
    rows = re.findall(r"^\| (`.*`) \| (.+) \|$", "".join(section).partition("\n#")[0], flags=re.MULTILINE)
    return {command: reason for commands, reason in rows for command in re.findall(r"`(.+?)`", commands)}


def in_sentences(text: str, programs: Collection[str]) -> list[str]:
    """Return the commands of *programs* in the sentences and tables of a document; a name alone is none.

    Without the table of what is not executed.
    """
    head, _, rest = text.partition(f" {HEADING}\n")
    prose = re.sub(r"^```.*?^```", "", f"{head}\n{rest.partition(_NEXT)[2]}", flags=re.MULTILINE | re.DOTALL)
    names = "|".join(map(re.escape, programs))
    matches = re.findall(rf"`((?:\.venv/bin/)?(?:{names}) [^`]*)`", prose)
    commands = [" ".join(command.replace("\\|", "|").split()) for command in matches]
    return [command for command in commands if not re.fullmatch(_NAME, command)]


def _typed(program: str, environment: Mapping[str, str], names: tuple[str, ...]) -> Iterator[Command]:
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in names]
    with tempfile.TemporaryDirectory(prefix="certmandate-shell-") as folder:
        shell = Path(folder)
        _write_files(shell, texts)
        calls = shell / "calls"
        own = {
            "PATH": f"{folder}:/usr/bin:/bin",
            "HOME": folder,
            "CALLS": str(calls),
            "AWS_PROGRAM": str(Path(program).absolute()),
        }
        blocks = [block for text in texts for block in (*_blocks("sh", text), *in_sentences(text, ["aws"]))]
        # PATH stays as it is here: the first block of a document adds .venv/bin.
        typed = ["cd() { :; }", "readonly PATH", *blocks]
        subprocess.run(
            ["/bin/bash", "-c", "\n".join(typed)], env={**environment, **own}, cwd=folder, stdin=subprocess.DEVNULL,
            capture_output=True, check=False,
        )  # fmt: skip
        for line in calls.read_text(encoding="utf-8").split("\x1e")[:-1]:
            code, error, *words = line.split("\x1f")[:-1]
            yield Command(tuple(words), int(code), error.strip())


def _blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def _write_files(folder: Path, texts: list[str]) -> None:
    scripts = {
        "aws": _AWS,
        "describe-stacks": _DESCRIBE_STACKS,
        **dict.fromkeys(_NOT_HERE, "#!/bin/bash\ncat > /dev/null\n"),
    }
    for name, script in scripts.items():
        (folder / name).write_text(script, encoding="utf-8")
        (folder / name).chmod(0o700)
    for role in (block for text in texts for block in _blocks("json", text) if "STORE_KEY_ARN" in block):
        given = role.replace("STORE_KEY_ARN", "arn:aws:kms:eu-west-3:123456789012:key/store")
        (folder / "role.json").write_text(given.replace("STORE_BUCKET", "store"), encoding="utf-8")


def _variables(system: LocalSystem) -> dict[str, str]:
    """What the operator sets, and the stacks as CloudFormation describes them."""
    stacks: dict[str, Any] = {
        "certmandate": {
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in system.aws.outputs.items()],
            "Parameters": [{"ParameterKey": key, "ParameterValue": each} for key, each in system.facts().items()],
        },
        "certmandate-network": {
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in _NETWORK.items()]
        },
    }
    own = {"DELEGATION": "first", "CERTIFICATE": "portal", "NAME": "RunFailed", "RUN": "rehearsal", "LEFT": "left"}
    system.aws.client("dynamodb").create_table(**_LEFT)
    acm = system.aws.client("acm")
    held = acm.list_certificates(Includes={"keyTypes": ["EC_prime256v1"]})["CertificateSummaryList"]
    region = {"REGION": system.aws.client("s3").meta.region_name, "AWS_MAX_ATTEMPTS": "1"}
    return {**own, **region, "ARN": held[0]["CertificateArn"], "STACKS": json.dumps(stacks)}
