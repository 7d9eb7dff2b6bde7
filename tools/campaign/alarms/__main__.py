"""`python -m campaign.alarms`: two years of an estate with random trouble; prints the alerts for each incident."""

from __future__ import annotations

import argparse
from collections import Counter

from campaign.alarms.play import play


def main() -> int:
    """Return 0 without a violation, 1 with one."""
    parser = argparse.ArgumentParser(prog="python -m campaign.alarms", description=__doc__)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--delegations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--healthy", action="store_true", help="without trouble")
    options = parser.parse_args()
    played = play(options.seed, options.delegations, options.days, healthy=options.healthy)
    print(f"{played.runs} runs in {options.days} days, {options.delegations} delegations, seed {options.seed}")
    print(
        f"{played.incidents} incidents: {', '.join(f'{name} {count}' for name, count in played.by_name.most_common())}"
    )
    each = played.alerts / max(played.incidents, 1)
    print(f"{played.alerts} alerts with {played.items} problems: {each:.2f} for each incident")
    print(f"messages of alarms: {dict(Counter(f'{message.alarm} {message.state}' for message in played.messages))}")
    kinds = Counter(violation.partition(":")[0] for violation in played.violations)
    print(f"missing: {kinds['missing']}, false: {kinds['false']}, twice: {kinds['twice']}, alarms: {kinds['alarm']}")
    print(*played.violations[:20], sep="\n")
    return 1 if played.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
