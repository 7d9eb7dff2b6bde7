"""`python -m campaign.hostile 2000`: play hostile input; 1 when an outcome has no name, or needs too much."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from campaign.hostile.play import MOST_MEBIBYTES, MOST_SECONDS, play


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every outcome was a result or an error of ours, in little memory and time, else 1."""
    parser = argparse.ArgumentParser(prog="python -m campaign.hostile", description=__doc__)
    parser.add_argument("count", type=int, help="how many inputs")
    parser.add_argument("--seed", type=int, default=1, help="the number of the first")
    options = parser.parse_args(arguments)
    played = play(options.count, options.seed)
    for outcome, count in sorted(played.outcomes.items()):
        print(f"{count:6} {outcome}")
    print("\n".join(played.failed))
    print(
        f"{options.count} hostile inputs from {options.seed}: {len(played.failed)} failed; {played.mebibytes} MiB of "
        f"{MOST_MEBIBYTES}; the slowest {played.slowest_seconds} s of {MOST_SECONDS:.0f}"
    )
    return 1 if played.failed else 0


if __name__ == "__main__":
    sys.exit(main())
