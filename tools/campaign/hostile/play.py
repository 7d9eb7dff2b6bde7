"""Plays hostile input in a child process, and measures time and memory of all of it."""

from __future__ import annotations

import multiprocessing
import random
import resource
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from campaign.hostile import answers, deliveries, files

MOST_MEBIBYTES = 256
"""Of the whole process, with Python and its libraries."""
MOST_SECONDS = 60.0
"""For one input: the shortest time that a function which reads such input has left for it."""
KINDS: Mapping[str, Callable[[random.Random], str]] = {
    "answers": answers.play,
    "files": files.play,
    "deliveries": deliveries.play,
}
"""Each plays one input and returns the outcome: `result`, or the name of an error of ours. Raises everything else."""


@dataclass
class Measured:
    """What came of all inputs."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    mebibytes: int = 0
    """The most that the process had in memory."""


def play(count: int, seed: int) -> Measured:
    """Play *count* inputs in a new process; the kinds take turns."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(play_here, (count, seed))


def play_here(count: int, seed: int) -> Measured:
    """Play *count* inputs in this process."""
    played, kinds = Measured(), list(KINDS)
    warnings.simplefilter("ignore")
    for number in range(seed, seed + count):
        kind = kinds[number % len(kinds)]
        began = time.monotonic()
        try:
            played.outcomes[f"{kind}: {KINDS[kind](random.Random(number))}"] += 1  # noqa: S311
        except Exception as error:  # noqa: BLE001 - that it is unnamed is the finding
            played.failed.append(f"hostile {kind} {number}: {type(error).__name__}: {str(error)[:200]}")
        seconds = time.monotonic() - began
        played.slowest_seconds = round(max(played.slowest_seconds, seconds), 2)
        if seconds > MOST_SECONDS:
            played.failed.append(f"hostile {kind} {number}: {seconds:.0f} s")
    played.mebibytes = _most_mebibytes()
    if played.mebibytes > MOST_MEBIBYTES:
        played.failed.append(f"hostile input from {seed}: {played.mebibytes} MiB")
    return played


def _most_mebibytes() -> int:
    """Return the most that this process had. On Linux, ru_maxrss includes what its parent had before the exec."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024
