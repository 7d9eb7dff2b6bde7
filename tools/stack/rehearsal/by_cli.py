"""A run that is started and followed by the AWS CLI, and the certificates that it stored."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from stack.rehearsal.bundles import RehearsalFailed

_RUN_SECONDS = 300.0


class Cli:
    """The AWS CLI, configured for the local AWS by its environment."""

    def __init__(self, program: str, exports: Mapping[str, str]) -> None:
        self._program = program
        self._environment = {"PATH": "/usr/bin:/bin", **exports}

    def __call__(self, *arguments: str) -> Any:
        """Run one command; return its answer. Raises RehearsalFailed."""
        done = subprocess.run(
            [self._program, *arguments, "--output", "json"],
            env=self._environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            msg = f"aws {' '.join(arguments[:2])}: {done.stderr.strip()}"
            raise RehearsalFailed(msg)
        return json.loads(done.stdout) if done.stdout.strip() else {}


def run_to_its_end(aws: Cli, machine: str) -> dict[str, Any]:
    """Start an execution by hand, wait for its end, and return its description. Raises RehearsalFailed."""
    started = aws(
        "stepfunctions", "start-execution", "--state-machine-arn", machine, "--name", "rehearsal", "--input", "{}"
    )
    deadline = time.monotonic() + _RUN_SECONDS
    while time.monotonic() < deadline:
        described: dict[str, Any] = aws(
            "stepfunctions", "describe-execution", "--execution-arn", started["executionArn"]
        )
        if described["status"] != "RUNNING":
            return described
        time.sleep(1)
    msg = f"the execution still runs after {_RUN_SECONDS:.0f} s"
    raise RehearsalFailed(msg)


def entered_states(aws: Cli, execution_arn: str) -> list[str]:
    """Return the names of the states that the history shows."""
    history = aws("stepfunctions", "get-execution-history", "--execution-arn", execution_arn)
    return [
        event["stateEnteredEventDetails"]["name"] for event in history["events"] if "stateEnteredEventDetails" in event
    ]


def stored_pairs(aws: Cli, bucket: str) -> Iterator[str]:
    """Fetch the S3 store and yield the names of its certificates. Raises RehearsalFailed when a key does not fit."""
    with tempfile.TemporaryDirectory(
        prefix="certmandate-rehearsal-"
    ) as folder:  # deleted at the end: it holds private keys
        store = Path(folder)
        aws("s3", "cp", "--recursive", "--only-show-errors", f"s3://{bucket}/certificates/", f"{folder}/certificates/")
        for pointer in sorted(store.rglob("current.json")):
            path = store / json.loads(pointer.read_bytes())["path"]
            leaf = x509.load_pem_x509_certificate((path / "cert.pem").read_bytes())
            private = load_pem_private_key((path / "privkey.pem").read_bytes(), None)
            if _spki(private.public_key()) != _spki(leaf.public_key()):
                msg = f"{path.relative_to(store)}: the certificate and the key do not belong together"
                raise RehearsalFailed(msg)
            yield pointer.parent.relative_to(store / "certificates").as_posix()


def _spki(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
