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
    found = play(options.seed, options.delegations, options.days, healthy=options.healthy)
    print(f"{found.runs} runs in {options.days} days, {options.delegations} delegations, seed {options.seed}")
    print(f"{found.incidents} incidents: {', '.join(f'{name} {count}' for name, count in found.by_name.most_common())}")
    each = found.alerts / max(found.incidents, 1)
    print(f"{found.alerts} alerts with {found.items} problems: {each:.2f} for each incident")
    print(f"messages of alarms: {dict(Counter(f'{message.alarm} {message.state}' for message in found.messages))}")
    kinds = Counter(violation.partition(":")[0] for violation in found.violations)
    print(f"missing: {kinds['missing']}, false: {kinds['false']}, twice: {kinds['twice']}, alarms: {kinds['alarm']}")
    print(*found.violations[:20], sep="\n")
    return 1 if found.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
