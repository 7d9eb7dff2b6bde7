"""`python -m campaign`: run the crash campaign, print its table, write build/campaign.json."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from campaign.cases import Case, Outcome, after_blows, cases, record
from campaign.fuzz import play as spoil
from campaign.runner import play_all
from campaign.sabotage import SABOTAGES
from campaign.scenarios import SCENARIOS
from campaign.stage import Stage, leave_alone
from campaign.table import Findings, show, versions, write

ROOT = Path(__file__).parents[2]
PROGRESS_SECONDS = 20
QUICK = 6
"""Cases a scenario of a quick campaign."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 without a violation, 1 with one, 2 on wrong usage."""
    options = _parser().parse_args(arguments)
    warnings.filterwarnings("ignore", category=UserWarning, module="aws_lambda_powertools")
    console, started, began = Console(width=None if sys.stdout.isatty() else 150), datetime.now(UTC), time.monotonic()
    findings = Findings()
    with Stage() as stage:
        leave_alone()
        stage.environments.sabotage = SABOTAGES.get(options.sabotage, stage.environments.sabotage)
        _strike_all(stage, options, findings, console)
        spoilt = _spoil(stage, options, console)
    model = _model(options, console)
    document = {
        "command": "python -m campaign " + " ".join(sys.argv[1:] if arguments is None else arguments),
        "started_at": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 1),
        "seed": options.seed,
        "sabotage": options.sabotage,
        "versions": versions(ROOT),
        **findings.document(),
        "spoilt_answers": spoilt,
        "model": model,
    }
    show(findings, console)
    write(options.output, document)
    for text in (*(f"not reached: {one}" for one in findings.not_reached), *spoilt["failed"], *model["failed"]):
        console.print(text, style="red", markup=False)
    console.print(
        f"{document['boundaries']} boundaries, {document['cases']} cases, {document['cases_of_recovery']} of recovery, "
        f"with {document['violations']} violations, {len(findings.not_reached)} not reached; "
        f"{spoilt['runs']} spoilt answers with {len(spoilt['failed'])}; "
        f"{model['sequences']} random histories with {model['violations']}; "
        f"{document['seconds']} s (seed {options.seed}); {options.output}"
    )
    return 1 if findings.has_failed or spoilt["failed"] or model["failed"] else 0


def _strike_all(stage: Stage, options: argparse.Namespace, findings: Findings, console: Console) -> None:
    for scenario in SCENARIOS:
        if options.scenario not in scenario.name:
            continue
        boundaries = record(stage, scenario)
        findings.boundaries[scenario.name] = len(boundaries)
        chosen = _chosen([*cases(scenario, boundaries), *after_blows(stage, scenario, boundaries)], options)
        scenario.prepare(stage)
        before = told = time.monotonic()
        for number, outcome in enumerate(play_all(stage, chosen, jobs=options.jobs, seed=options.seed), 1):
            findings.add(outcome)
            _tell(outcome, console)
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                console.print(f"  {scenario.name}: {number} of {len(chosen)} cases, {told - before:.0f} s")
        seconds = time.monotonic() - before
        console.print(f"{scenario.name}: {len(boundaries)} boundaries, {len(chosen)} cases, {seconds:.0f} s")


def _tell(outcome: Outcome, console: Console) -> None:
    if outcome.violations:
        console.print(f"{outcome.scenario}: {outcome.boundary}, {outcome.mode}", style="red", markup=False)
        console.print("\n".join(f"    {text}" for text in outcome.violations), markup=False)


def _chosen(every: list[Case], options: argparse.Namespace) -> list[Case]:
    matching = [case for case in every if options.boundary in str(case)]
    most = QUICK if options.quick else options.cases or len(matching)
    return random.Random(options.seed).sample(matching, min(most, len(matching)))  # noqa: S311


def _spoil(stage: Stage, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    failed = []
    if options.fuzz:
        console.print(f"fuzzer: {options.fuzz} spoilt answers")
    recorded = [record(stage, one) for one in SCENARIOS] if options.fuzz else []
    for seed in range(options.seed, options.seed + options.fuzz):
        number = seed % len(SCENARIOS)
        what, found = spoil(stage, SCENARIOS[number], seed, recorded[number])
        failed += [f"seed {seed}, {what}: {text}" for text in found]
    return {"runs": options.fuzz, "failed": failed}


def _model(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    if not options.model:
        return {"sequences": 0, "violations": 0, "failed": []}
    from campaign.histories import explore  # noqa: PLC0415 - hypothesis is wanted by this part only

    console.print(f"model: {options.model} random histories")
    return explore(Stage, options.model, options.seed, options.jobs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m campaign", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} cases of each scenario, chosen by the seed")
    parser.add_argument("--cases", type=int, default=0, help="so many of each scenario, by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1, help="for the choice of cases, jitter and random histories")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--scenario", default="", help="only scenarios whose name holds this text")
    parser.add_argument("--boundary", default="", help="only boundaries that hold this text")
    parser.add_argument("--fuzz", type=int, default=0, help="also spoil so many answers of SCM, a run each")
    parser.add_argument("--model", type=int, default=0, help="also play so many random histories")
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES), default="", help="break a protection on purpose")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "campaign.json", help="where to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
