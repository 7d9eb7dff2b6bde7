"""The memory of this process."""

from __future__ import annotations

from pathlib import Path


def highest_memory() -> float:
    """MiB; the `ru_maxrss` of a process is at least what its parent had when it was started (getrusage(2))."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
