"""`python -m stack.rehearsal --aws PATH --python PATH [--build DIR] [--ministack PYTHON]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from local.estate import load_estate
from local.run import LocalSystem
from stack.rehearsal.bundles import ROOT, RehearsalFailed, built_template, check_bytecode, isolated_functions, layer
from stack.rehearsal.by_cli import Cli, entered_states, run_to_its_end, stored_pairs
from stack.rehearsal.documented import execute_documents
from stack.rehearsal.enforced import rehearse_enforced


def rehearse(options: argparse.Namespace) -> None:
    """Run both halves and print each step. Raises RehearsalFailed, RuntimeError, CalledProcessError."""
    started = time.monotonic()

    def log(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)

    packages = layer(options.python)
    log(f"the layer for this machine: {packages.relative_to(ROOT)}")
    count = check_bytecode(options.build, options.python, packages)
    log(f"{count} functions imported: no module of theirs or of the layer was compiled")
    with isolated_functions(options.python, packages, built_template(options.build)):
        _run_by_cli(options.aws, log)
        done, left = execute_documents(options.aws)
        log(f"{done} aws commands of the documents were executed; {left} are in the table of those that are not")
    if options.ministack:
        rehearse_enforced(options.build, options.ministack, packages, log)


def _run_by_cli(program: str, log: Callable[[str], None]) -> None:
    with LocalSystem(load_estate(ROOT / "examples" / "campus", datetime.now(UTC))) as system:
        log("the template that sam built is provisioned, and the estate is set up")
        aws, outputs = Cli(program, system.aws.exports()), system.aws.outputs
        ended = run_to_its_end(aws, outputs["StateMachineArn"])
        if ended["status"] != "SUCCEEDED":
            msg = f"the run ended {ended['status']}: {ended.get('error')} {ended.get('cause')}"
            raise RehearsalFailed(msg)
        log(f"the AWS CLI started a run and followed it: {', '.join(entered_states(aws, ended['executionArn']))}")
        names = list(stored_pairs(aws, outputs["StoreBucket"]))
        if not names:
            msg = "the run stored no certificate in S3"
            raise RehearsalFailed(msg)
        log(f"{len(names)} certificates in S3, each with its own key: {', '.join(names)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every step succeeded, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m stack.rehearsal", description="A first deployment and its first run."
    )
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build", help="output of `sam build`")
    parser.add_argument("--aws", required=True, help="path of the AWS CLI")
    parser.add_argument("--python", required=True, help="path of a Python of the functions' runtime")
    parser.add_argument("--ministack", default="", help="path of a Python of that runtime with ministack: second half")
    try:
        rehearse(parser.parse_args(arguments))
    except (RehearsalFailed, RuntimeError, subprocess.CalledProcessError) as fault:
        print(f"rehearsal failed: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
