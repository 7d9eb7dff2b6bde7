"""Renew side by side with PyPI's cert-manager 4.0.0: `python -m stack.measure.side_by_side`.

Both renew 200 certificates of 20 delegations, with P-256 keys, in turn, from the same simulated SCM over HTTPS, which
takes 50 ms for each request. cert-manager (`requirements/peer.txt`, in an environment of its own below build/) renews
one after another; certmandate's steps work as the state machine calls them (`ours`).

Not part of it: AWS, which certmandate calls besides (`stack.measure.one_renewal`), and cold starts
(`stack.measure.cold_start`).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
import venv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from stack.measure.side_by_side import scm
from stack.measure.side_by_side.rounds import Worker

ROOT = Path(__file__).resolve().parents[4]
DELEGATIONS, CERTIFICATES, ROUNDS = 20, 10, 3
PROCESSES = 2
"""Of the simulated SCM and of certmandate: one for each processor."""
OF_A_RENEWAL = (
    "POST /api/ssl/v1/enroll",
    "GET /api/ssl/v1/collect/{sslId}",
    "POST /api/ssl/v1/renew/manual/{sslId}",
    "GET /api/ssl/v1",
)
"""Requests that certmandate makes for each certificate; all others are of the inspection of its delegation."""
_PACKAGE = "stack.measure.side_by_side"


@dataclass(frozen=True, slots=True)
class Took:
    """What one side took for one round."""

    seconds: float
    cpu: float
    """Processor seconds of the client."""
    scm_cpu: float
    """Processor seconds of the simulated SCM."""
    requests: Mapping[str, int]
    """To SCM, by operation."""


class Comparison:
    """The simulated SCM and certmandate's processes; cert-manager's where it is wanted."""

    def __init__(self, delegations: int, certificates: int, processes: int, exits: ExitStack) -> None:
        self._size, self._exits = (delegations, certificates), exits
        self._scm = [self._started("scm", delegations) for _ in range(processes)]
        share = -(-delegations // processes)
        self._ours = []
        for first, each in zip(range(1, delegations + 1, share), self._scm, strict=True):
            there, last = each.started, min(delegations, first + share - 1)
            numbers = (first, last, certificates)
            self._ours.append(self._started("ours", there["url"], there["roots"], *numbers, ca=there["ca"]))

    def ours(self) -> Took:
        """Renew all certificates with certmandate; the first time, none is replaced."""
        return self._round(self._ours)

    def theirs(self, python: Path) -> Iterator[Took]:
        """Yield round after round of cert-manager."""
        script, there = Path(__file__).with_name("theirs.py"), self._scm[0].started
        login = (there["url"], scm.LOGIN, scm.PASSWORD, scm.CUSTOMER, scm.PROFILE_NAME, scm.TERM_DAYS)
        command = [str(python), "-I", str(script), *map(str, (*login, *self._size))]
        worker = Worker(command, {"PATH": os.environ["PATH"], "REQUESTS_CA_BUNDLE": there["ca"]})
        self._exits.callback(worker.end)
        while True:
            yield self._round([worker])

    def _round(self, workers: Sequence[Worker]) -> Took:
        before, began = self._served(), time.monotonic()
        for worker in workers:
            worker.begin()
        cpu = sum(worker.result()["cpu"] for worker in workers)
        seconds, after = time.monotonic() - began, self._served()
        return Took(seconds, cpu, after[0] - before[0], after[1])

    def _served(self) -> tuple[float, Counter[str]]:
        """The processor time of SCM until now, and the requests since it was last read."""
        for each in self._scm:
            each.begin()
        answers = [each.result() for each in self._scm]
        return sum(answer["cpu"] for answer in answers), sum((Counter(each["requests"]) for each in answers), Counter())

    def _started(self, module: str, *arguments: object, ca: str = "") -> Worker:
        environment = {**os.environ, **({"SSL_CERT_FILE": ca} if ca else {})}
        worker = Worker([sys.executable, "-m", f"{_PACKAGE}.{module}", *map(str, arguments)], environment, ROOT)
        self._exits.callback(worker.end)
        return worker


@contextmanager
def comparison(
    delegations: int = DELEGATIONS, certificates: int = CERTIFICATES, processes: int = PROCESSES
) -> Iterator[Comparison]:
    """Start the processes; each side's first certificates are not measured."""
    with ExitStack() as exits:
        started = Comparison(delegations, certificates, processes, exits)
        started.ours()
        yield started


def environment() -> Path:
    """Return the Python of an environment that has cert-manager; make it when there is none."""
    requirements = ROOT / "requirements" / "peer.txt"
    folder = ROOT / "build" / f"peer-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not folder.is_dir():
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps"]
        subprocess.run([*pip, "--require-hashes", f"--requirement={requirements}"], check=True)
    return python


def _line(name: str, took: Took) -> str:
    return f"{name:13} {took.seconds:6.2f} s  {took.cpu:6.2f} processor seconds, and {took.scm_cpu:.2f} of SCM"


def _summary(pairs: Sequence[tuple[Took, Took]]) -> Iterator[str]:
    seconds, cpu = (median(getattr(b, each) / getattr(a, each) for a, b in pairs) for each in ("seconds", "cpu"))
    yield f"certmandate takes 1/{1 / seconds:.1f} of the time and {cpu:.1f} times the processor time (medians)"
    both = median(ours.cpu + ours.scm_cpu for _, ours in pairs)
    yield f"with SCM {both:.1f} processor seconds, which two processors need {both / 2:.1f} s for"
    theirs, ours = (Counter(took.requests) for took in pairs[-1])
    renewing, renewals = sum(ours[each] for each in OF_A_RENEWAL), DELEGATIONS * CERTIFICATES
    inspecting = (ours.total() - renewing) / DELEGATIONS
    yield f"requests to SCM for a renewal: {theirs.total() / renewals:.2f} and {renewing / renewals:.2f},"
    yield f"and {inspecting:.0f} more for the inspection of a delegation"
    answers = inspecting + renewing / DELEGATIONS / scm.AT_A_TIME
    waits = [count * scm.SECONDS for count in (theirs.total(), answers)]
    yield f"waiting for answers, one after another: {waits[0]:.1f} s and {waits[1]:.1f} s (1/{waits[0] / waits[1]:.0f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print each round and the medians."""
    parser = argparse.ArgumentParser(prog=f"python -m {_PACKAGE}", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each side, in turn")
    options = parser.parse_args(arguments)
    python, pairs = environment(), []
    with comparison() as started:
        theirs = started.theirs(python)
        for _ in range(options.rounds):
            pairs.append((next(theirs), started.ours()))
            for name, took in zip(("cert-manager", "certmandate"), pairs[-1], strict=True):
                print(_line(name, took), flush=True)
    print(*_summary(pairs), sep="\n")


if __name__ == "__main__":
    main()
