"""`python -m local`: bring the shipped template up once and say how long it took."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from local import LocalAws

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"


def main() -> int:
    """Start, provision, stop; print one line."""
    template = Path(sys.argv[1]) if len(sys.argv) > 1 else TEMPLATE
    started = time.perf_counter()
    with LocalAws(template) as aws:
        up = time.perf_counter()
        calls, outputs = len(aws.calls), len(aws.outputs)
    closed = time.perf_counter()
    counted = f"{calls} calls, {outputs} outputs"
    print(f"{template.name}: up in {up - started:.1f} s ({counted}), closed in {closed - up:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
