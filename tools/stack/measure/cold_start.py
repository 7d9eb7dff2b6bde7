"""What a cold start takes: `python -m stack.measure.cold_start --python PYTHON3.13`.

A new process imports a handler as it is built, and makes its step and the clients of AWS that every invocation uses
(`CALLED`), on the layer's import path. What only some invocations use (the clients of ACM and SNS, and in an inspection
what parses certificates) comes on top.
In turn with it runs what is typical of such functions: boto3 as it is installed with clients of S3 and Secrets Manager,
httpx, cryptography, Powertools. Processor time is compared pair by pair; what is printed is the median of the ratios.
Lambda adds the runtime and the download of the code to both.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from stack.bytecode import compile_bundle
from stack.rehearsal.bundles import ROOT, layer
from stack.resolved import Stack

PAIRS = 15
LIMITS = {"check_expiry": 0.7, "report": 0.7}
OTHERS = 0.95
"""Largest ratio of the other functions."""
CALLED = {
    "check_expiry": ("dynamodb", "s3", "stepfunctions"),
    "inspect_delegation": ("dynamodb", "secretsmanager"),
    "enroll": ("dynamodb", "secretsmanager", "kms"),
    "plan_collection": ("s3",),
    "collect": ("dynamodb", "secretsmanager"),
    "verify_served": ("dynamodb",),
    "report": ("dynamodb", "s3"),
    "notify": ("dynamodb", "s3"),
    "seal_audit": ("dynamodb", "s3"),
    "rotate_password": ("secretsmanager",),
}
"""The services that every invocation calls. `collect` finds its order pending: it polls more often than it stores."""

_WORK = ROOT / "build" / "cold-start"
BUILT = """
import sys
sys.path[:0] = sys.argv[1:3]
class LambdaContext:
    def get_remaining_time_in_millis(self): return 60_000
module = __import__(sys.argv[3])
build = getattr(module.wiring, sys.argv[3])
build(*[LambdaContext()][:getattr(build, "__wrapped__", build).__code__.co_argcount])
for service in sys.argv[4:]: module.wiring.aws.client(service).meta
"""
"""Imports a handler, makes its step, and clients; arguments: its bundle, the layer, its name, the services."""
_TYPICAL = """
import sys
sys.path.insert(0, sys.argv[1])
import json, logging
from dataclasses import dataclass
from datetime import UTC, datetime
import boto3, httpx
from aws_lambda_powertools import Logger, Metrics
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
Logger(), Metrics(), httpx.Client(), boto3.client("s3"), boto3.client("secretsmanager")
"""


@dataclass(frozen=True, slots=True)
class ColdStart:
    """The cold starts of one function, compared with the typical one."""

    function: str
    ratio: float
    """Of the processor time, in the median of the pairs."""

    @property
    def limit(self) -> float:
        """The largest ratio that is accepted."""
        return LIMITS.get(self.function, OTHERS)


def measured(python: str, pairs: int) -> Iterator[ColdStart]:
    """Yield the median of *pairs* for each function of the template."""
    variables = environment()
    typical = [python, "-I", "-S", "-B", "-c", _TYPICAL, str(_typical_packages(python))]
    built = [python, "-I", "-S", "-B", "-c", BUILT, str(_bundle(python)), str(layer(python))]
    for name in functions():
        costs = [(_cost([*built, name, *CALLED[name]], variables), _cost(typical, variables)) for _ in range(pairs)]
        yield ColdStart(name, median(ours / theirs for ours, theirs in costs))


def functions() -> list[str]:
    """The functions of the template, by the names of their handlers."""
    functions = Stack(ROOT / "template.yaml").resources("AWS::Lambda::Function")
    return [function.properties["Handler"].removesuffix(".handler") for function in functions]


def environment() -> dict[str, str]:
    """The environment variables of every function, with keys that AWS does not know."""
    (function, *_) = Stack(ROOT / "template.yaml").resources("AWS::Lambda::Function")
    variables = {name: str(value) for name, value in function.properties["Environment"]["Variables"].items()}
    keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "eu-west-3"}
    return {**variables, **keys, "PATH": os.environ["PATH"]}


def _bundle(python: str) -> Path:
    """Return the functions as they are packaged, with their bytecode."""
    target = _WORK / "functions"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "functions", target, ignore=shutil.ignore_patterns("__pycache__"))
    compile_bundle(python, target)
    return target


def _typical_packages(python: str) -> Path:
    """Install what the layer consists of, untrimmed, for this machine's processor."""
    requirements = ROOT / "infra" / "dependencies" / "requirements.txt"
    target = _WORK / f"typical-{hashlib.sha256(requirements.read_bytes() + python.encode()).hexdigest()[:12]}"
    if not target.is_dir():
        platforms = [f"--platform={name}_{platform.machine()}" for name in ("manylinux_2_28", "manylinux2014")]
        command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps", "--compile"]
        command += ["--only-binary=:all:", "--require-hashes", f"--requirement={requirements}", *platforms]
        subprocess.run([*command, f"--target={target}"], check=True)
    return target


def _cost(command: Sequence[str], environment: dict[str, str]) -> float:
    """Return the seconds of the processor that a new process takes."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each function's ratio; return 1 when one exceeds its limit."""
    parser = argparse.ArgumentParser(prog="python -m stack.measure.cold_start", description="What a cold start takes.")
    parser.add_argument("--python", required=True, help="path of a Python of the functions' runtime")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="processes of each kind; the median counts")
    options = parser.parse_args(arguments)
    exceeded = 0
    for found in measured(options.python, options.pairs):
        mark = "" if found.ratio <= found.limit else f"  exceeds {found.limit}"
        print(f"{found.function:20} {found.ratio:5.2f} of the typical{mark}", flush=True)
        exceeded += found.ratio > found.limit
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
