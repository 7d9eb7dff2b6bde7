"""A deployment's first night, without an account: `python -m stack.rehearsal --aws PATH --python PATH [--build DIR]`.

The bundles that `sam build` made run in their own processes, on the runtime's own Python, with nothing on their
import path but themselves, the layer and the standard library. The public AWS CLI starts the execution, follows
it, reads its history and fetches what came out. AWS is played on this machine, SCM by the simulator.

With `--ministack PYTHON`, a second half on another emulator, which enforces IAM: `stack.rehearsal_enforced`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from local.estate import load_estate
from local.run import LocalSystem
from stack.bytecode import bundles, compiled_at_import
from stack.rehearsal_enforced import rehearse_enforced

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "rehearsal"
_PATIENCE_SECONDS = 300.0
_ISOLATED = (
    "import runpy, sys; sys.argv.pop(0); sys.path.insert(0, sys.argv.pop(0)); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


class Unrehearsed(Exception):
    """Something did not go as it has to; the text says what."""


def built_template(build: Path) -> Path:
    """Return `sam build`'s template without the sources' folder, which its functions do not use any more."""
    source = build / "template.yaml"
    if not source.is_file():
        msg = f"{source} is not there: run `make build` first"
        raise Unrehearsed(msg)
    text = source.read_text(encoding="utf-8").replace("    CodeUri: functions/\n", "", 1)
    target = build / "rehearsal.yaml"
    target.write_text(text, encoding="utf-8")
    return target


def layer(python: str) -> Path:
    """Make the layer as for Lambda, but for this machine's processor; return the folder that goes on the path."""
    machine, source = platform.machine(), ROOT / "infra" / "dependencies"
    recipe = b"".join((source / name).read_bytes() for name in ("Makefile", "requirements.txt"))
    target = WORK / f"layer-{hashlib.sha256(recipe + python.encode()).hexdigest()[:12]}"
    command = ["make", "--silent", "--directory", str(source), "build-Dependencies"]
    command += [f"ARTIFACTS_DIR={target}", f"PYTHON={python}"]
    command += [f"PLATFORMS=manylinux_2_28_{machine} manylinux2014_{machine}"]
    if not (target / "python").is_dir():
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(command, check=True)
    return target / "python"


def check_bytecode(options: argparse.Namespace, packages: Path) -> int:
    """Import every module of each bundle in a fresh process; return the number of bundles.

    Raises Unrehearsed when a module is compiled.
    """
    folders = list(bundles(options.build.resolve()))
    for folder in folders:
        if found := compiled_at_import(options.python, folder, packages):
            msg = f"{folder.name}: compiled at every cold start: {', '.join(found)}; run `make build` again"
            raise Unrehearsed(msg)
    return len(folders)


@contextmanager
def isolated_functions(python: str, packages: Path, template: Path) -> Iterator[None]:
    """Have the local AWS run the built bundles, on that Python, with those packages and no others."""
    pool: Any = import_module("local.function_pool")
    run: Any = import_module("local.run")
    originals = pool._start_zygote, run.TEMPLATE  # noqa: SLF001 - the seam between a function and what runs it
    kept = pool._KEPT  # noqa: SLF001

    def start(root: Path) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair()
        script = str(Path(str(pool.__file__)).with_name("zygote.py"))
        with theirs, (root / "zygote.log").open("ab") as log:
            process = subprocess.Popen(
                [python, "-I", "-S", "-c", _ISOLATED, str(packages), script, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={name: os.environ[name] for name in kept if name in os.environ},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        return ours, process

    pool._start_zygote, run.TEMPLATE = start, template  # noqa: SLF001
    try:
        yield
    finally:
        pool._start_zygote, run.TEMPLATE = originals  # noqa: SLF001


class Cli:
    """The public AWS CLI, told of the local AWS as any user would tell it."""

    def __init__(self, program: str, exports: Mapping[str, str]) -> None:
        self._program = program
        self._environment = {"PATH": "/usr/bin:/bin", **exports}

    def __call__(self, *arguments: str) -> Any:
        """Run one command; return its answer. Raises Unrehearsed."""
        done = subprocess.run(
            [self._program, *arguments, "--output", "json"],
            env=self._environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            msg = f"aws {' '.join(arguments[:2])}: {done.stderr.strip()}"
            raise Unrehearsed(msg)
        return json.loads(done.stdout) if done.stdout.strip() else {}


def execution(aws: Cli, machine: str) -> dict[str, Any]:
    """Start an execution by hand, wait for its end, and return its description. Raises Unrehearsed."""
    started = aws(
        "stepfunctions", "start-execution", "--state-machine-arn", machine, "--name", "rehearsal", "--input", "{}"
    )
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        described: dict[str, Any] = aws(
            "stepfunctions", "describe-execution", "--execution-arn", started["executionArn"]
        )
        if described["status"] != "RUNNING":
            return described
        time.sleep(1)
    msg = f"the execution still runs after {_PATIENCE_SECONDS:.0f} s"
    raise Unrehearsed(msg)


def states_passed(aws: Cli, execution_arn: str) -> list[str]:
    """Return the names of the states that the history shows."""
    history = aws("stepfunctions", "get-execution-history", "--execution-arn", execution_arn)
    return [one["stateEnteredEventDetails"]["name"] for one in history["events"] if "stateEnteredEventDetails" in one]


def stored_pairs(aws: Cli, bucket: str) -> Iterator[str]:
    """Fetch what the S3 store serves, see that every certificate fits its key, and yield the certificates' names."""
    with tempfile.TemporaryDirectory(prefix="certmandate-rehearsal-") as folder:  # private keys: gone at the end
        store = Path(folder)
        aws("s3", "cp", "--recursive", "--only-show-errors", f"s3://{bucket}/certificates/", f"{folder}/certificates/")
        for pointer in sorted(store.rglob("current.json")):
            path = store / json.loads(pointer.read_bytes())["path"]
            leaf = x509.load_pem_x509_certificate((path / "cert.pem").read_bytes())
            private = load_pem_private_key((path / "privkey.pem").read_bytes(), None)
            if _spki(private.public_key()) != _spki(leaf.public_key()):
                msg = f"{path.relative_to(store)}: the certificate and the key do not belong together"
                raise Unrehearsed(msg)
            yield pointer.parent.relative_to(store / "certificates").as_posix()


def _spki(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def rehearse(options: argparse.Namespace) -> None:
    """Do the whole of it, a line a step. Raises Unrehearsed."""
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)

    packages = layer(options.python)
    say(f"the layer for this machine: {packages.relative_to(ROOT)}")
    say(f"{check_bytecode(options, packages)} functions imported: no module of theirs or of the layer was compiled")
    estate = load_estate(ROOT / "examples" / "campus", datetime.now(UTC))
    with isolated_functions(options.python, packages, built_template(options.build)), LocalSystem(estate) as system:
        say("the template that sam built is provisioned; the estate is planted")
        aws, outputs = Cli(options.aws, system.aws.exports()), system.aws.outputs
        ended = execution(aws, outputs["StateMachineArn"])
        if ended["status"] != "SUCCEEDED":
            msg = f"the run ended {ended['status']}: {ended.get('error')} {ended.get('cause')}"
            raise Unrehearsed(msg)
        say(f"the AWS CLI started a run, and saw it end: {', '.join(states_passed(aws, ended['executionArn']))}")
        names = list(stored_pairs(aws, outputs["StoreBucket"]))
        if not names:
            msg = "no certificate came out"
            raise Unrehearsed(msg)
        say(f"{len(names)} certificates in S3, each with its own key: {', '.join(names)}")
    if options.ministack:
        rehearse_enforced(options, packages, say)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when all went as it has to, else 1."""
    parser = argparse.ArgumentParser(prog="python -m stack.rehearsal", description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build", help="what `sam build` made")
    parser.add_argument("--aws", required=True, help="the AWS CLI")
    parser.add_argument("--python", required=True, help="a Python of the functions' runtime")
    parser.add_argument("--ministack", default="", help="Python of that runtime with ministack: the second half, too")
    try:
        rehearse(parser.parse_args(arguments))
    except (Unrehearsed, RuntimeError, subprocess.CalledProcessError) as fault:
        print(f"rehearsal failed: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
