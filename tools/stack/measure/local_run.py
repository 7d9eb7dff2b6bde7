"""What it takes to renew a whole estate on this machine: `python -m stack.measure.local_run DELEGATIONS CERTIFICATES`.

The run is that of `certmandate local run`, on as many delegations with as many certificates each, all new. The cap
`OrdersPerRun` is raised, so that one run orders them all. Processor seconds and memory are those of the process with
AWS and SCM, which is the largest and does most; the functions' own processes are not counted. The wall-clock time
depends most on what else runs on this machine.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from local.artifacts import write_artifacts
from local.estate import load_estate
from local.run import LocalSystem
from renewal.domain.run.report import Outcome
from stack.written_estate import write_estate

CAP = "10000"


def measure(delegations: int, certificates: int) -> str:
    """Renew the estate in another process; return what that took. Raises CalledProcessError when the run fails."""
    with tempfile.TemporaryDirectory() as folder:
        each = [f"c{number}" for number in range(certificates)]
        write_estate(Path(folder), {f"d{number}": each for number in range(1, delegations + 1)})
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "stack.measure.local_run", "--run", folder], check=True)
        seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{seconds:.0f} s, {processor:.0f} processor seconds, {after.ru_maxrss / 1024:.0f} MiB"


def run(folder: Path) -> bool:
    """Renew the estate in *folder*; return whether every certificate was renewed."""
    estate = load_estate(folder, datetime.now(UTC))
    with LocalSystem(estate, deployed_with={"OrdersPerRun": CAP}) as system:
        finished = system.execute({}, lambda _history: None)
        write_artifacts(system, finished, folder / "run")
    rows = finished.report.certificates if finished.report else ()
    renewed = sum(row.outcome is Outcome.RENEWED for row in rows)
    print(f"{renewed} of {len(estate.certificates)} certificates renewed")
    return renewed == len(estate.certificates)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every certificate was renewed."""
    parser = argparse.ArgumentParser(prog="python -m stack.measure.local_run", description=__doc__)
    parser.add_argument("delegations", type=int, nargs="?", default=30, help="how many; default 30")
    parser.add_argument("certificates", type=int, nargs="?", default=10, help="of each delegation; default 10")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.run:
        return 0 if run(options.run) else 1
    print(measure(options.delegations, options.certificates))
    return 0


if __name__ == "__main__":
    sys.exit(main())
