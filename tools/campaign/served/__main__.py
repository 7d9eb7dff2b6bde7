"""`python -m campaign.served 300`: play runs with servers in random conditions; 1 when the auditor disagrees."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from campaign.harness import Harness
from campaign.served.play import Agreement, play

_RUNS = 30  # of one history


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when the auditor agrees with everything that was recorded, else 1."""
    parser = argparse.ArgumentParser(prog="python -m campaign.served", description=__doc__)
    parser.add_argument("runs", type=int, help=f"how many, in histories of {_RUNS}")
    parser.add_argument("--seed", type=int, default=1, help="of the first history")
    options = parser.parse_args(arguments)
    total = Agreement()
    with Harness() as harness:
        for number in range(-(-options.runs // _RUNS)):
            played = play(harness, options.seed + number, min(_RUNS, options.runs - number * _RUNS))
            total.states.update(played.states)
            total.violations += played.violations
    print("\n".join(total.violations))
    states = ", ".join(f"{count} {state}" for state, count in total.states.most_common())
    print(f"{options.runs} runs from seed {options.seed}: {total.states.total()} addresses compared ({states}),")
    print(f"{len(total.violations)} disagreements")
    return 1 if total.violations else 0


if __name__ == "__main__":
    sys.exit(main())
