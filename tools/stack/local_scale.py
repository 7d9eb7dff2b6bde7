"""What `certmandate local run` takes to renew a whole estate: `python -m stack.local_scale 30 10`.

Processor seconds are those of all its processes, memory that of the largest one. Another program on this machine
changes the wall-clock time most.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.written_estate import write_estate


@dataclass(frozen=True, slots=True)
class LocalRun:
    """One local run."""

    renewed: int
    """Certificates."""
    seconds: float
    processor_seconds: float
    mebibytes: float


def measure(delegations: int, certificates: int) -> LocalRun:
    """Renew an estate of *delegations* with *certificates* each. Raises CalledProcessError when the run fails."""
    with tempfile.TemporaryDirectory() as folder:
        estate, output = Path(folder, "estate"), Path(folder, "run")
        estate.mkdir()
        write_estate(estate, delegations, certificates)
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        arguments = ("-m", "certmandate", "local", "run", "--estate", estate, "--output", output, "--json")
        printed = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, check=True).stdout
        seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return LocalRun(json.loads(printed)["report"]["counts"]["renewed"], seconds, processor, after.ru_maxrss / 1024)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every certificate was renewed."""
    parser = argparse.ArgumentParser(prog="python -m stack.local_scale", description=__doc__)
    parser.add_argument("delegations", type=int, help="how many")
    parser.add_argument("certificates", type=int, help="of each delegation")
    options = parser.parse_args(arguments)
    run = measure(options.delegations, options.certificates)
    print(
        f"{run.renewed} of {options.delegations * options.certificates} renewed: {run.seconds:.0f} s, "
        f"{run.processor_seconds:.0f} processor seconds, {run.mebibytes:.0f} MiB"
    )
    return 0 if run.renewed == options.delegations * options.certificates else 1


if __name__ == "__main__":
    sys.exit(main())
