"""`python -m campaign`: run the crash campaign, print its table, write build/campaign.json."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from campaign.cases import Case, CaseOutcome, cases, record, recovery_cases
from campaign.environments import unchanged
from campaign.fuzz import play as play_corrupted
from campaign.harness import Harness, freeze_garbage_collector
from campaign.histories.restores import explore as explore_restores
from campaign.mutants import MUTANTS
from campaign.results import lines
from campaign.runner import play_all
from campaign.scenarios import SCENARIOS
from campaign.schedules import ALL, PAIRS
from campaign.schedules import explore as explore_schedules
from campaign.table import Findings, versions, write
from campaign.worlds.explore import explore as explore_worlds

ROOT = Path(__file__).parents[2]
PROGRESS_SECONDS = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 without a violation, 1 with one, 2 on wrong usage."""
    options = _parser().parse_args(arguments)
    warnings.filterwarnings("ignore", category=UserWarning, module="aws_lambda_powertools")
    console, started, began = Console(width=None if sys.stdout.isatty() else 150), datetime.now(UTC), time.monotonic()
    findings = Findings()
    with Harness() as harness:
        freeze_garbage_collector()
        harness.environments.mutate = MUTANTS.get(options.mutant, unchanged)
        _play_all(harness, options, findings, console)
        scheduled = _schedules(harness, options, console)
        corrupted = _fuzz(harness, options, console)
        worlds = _worlds(harness, options, console)
        restored = _restores(harness, options, console)
    model, years = _model(options, console), _years(options, console)
    document = {
        "command": "python -m campaign " + " ".join(sys.argv[1:] if arguments is None else arguments),
        "started_at": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 1),
        "seed": options.seed,
        "mutant": options.mutant,
        "versions": versions(ROOT),
        **findings.document(),
        "schedules": scheduled,
        "corrupted_answers": corrupted,
        "worlds": worlds.document(),
        "restores": restored,
        "model": model,
        "years": years,
    }
    console.print("\n".join(lines([document])), markup=False, soft_wrap=True)
    write(options.output, document)
    failed = [text for part in (scheduled, corrupted, restored, model, years) for text in part["failed"]]
    failed += [f"not reached: {case}" for case in (*findings.not_reached, *worlds.not_reached)]
    for text in failed:
        console.print(text, style="red", markup=False)
    _print_summary(document, options, console)
    return 1 if findings.has_failed or worlds.has_failed or failed else 0


def _print_summary(document: Mapping[str, Any], options: argparse.Namespace, console: Console) -> None:
    schedules, corrupted = document["schedules"], document["corrupted_answers"]
    worlds, restored, model, years = (document[part] for part in ("worlds", "restores", "model", "years"))
    console.print(
        f"{document['boundaries']} boundaries, {document['cases']} cases, {document['cases_of_recovery']} of recovery, "
        f"with {document['violations']} violations, {len(document['not_reached'])} not reached; "
        f"{sum(schedules['played'].values())} schedules with {len(schedules['failed'])}; "
        f"{worlds['cases']} cases of other worlds with {worlds['violations']}; "
        f"{corrupted['runs']} corrupted answers with {len(corrupted['failed'])}; "
        f"{restored['played']} restores with {len(restored['failed'])}; "
        f"{model['sequences']} random histories with {model['violations']}; "
        f"{years['played']} histories of three years with {len(years['failed'])}; "
        f"{document['seconds']} s (seed {options.seed}); {options.output}"
    )


def _play_all(harness: Harness, options: argparse.Namespace, findings: Findings, console: Console) -> None:
    for scenario in SCENARIOS:
        if options.scenario not in scenario.name:
            continue
        boundaries = record(harness, scenario)
        findings.boundaries[scenario.name] = len(boundaries)
        chosen = _chosen([*cases(scenario, boundaries), *recovery_cases(harness, scenario, boundaries)], options)
        scenario.prepare(harness)
        began = printed = time.monotonic()
        for number, outcome in enumerate(play_all(harness, chosen, jobs=options.jobs, seed=options.seed), 1):
            findings.add(outcome)
            _print_violations(outcome, console)
            if time.monotonic() - printed > PROGRESS_SECONDS:
                printed = time.monotonic()
                console.print(f"  {scenario.name}: {number} of {len(chosen)} cases, {printed - began:.0f} s")
        seconds = time.monotonic() - began
        console.print(f"{scenario.name}: {len(boundaries)} boundaries, {len(chosen)} cases, {seconds:.0f} s")


def _worlds(harness: Harness, options: argparse.Namespace, console: Console) -> Findings:
    findings = Findings()
    if not options.worlds:
        return findings
    for name, outcomes in explore_worlds(
        harness, options.worlds, name=options.world, jobs=options.jobs, seed=options.seed
    ):
        for outcome in outcomes:
            findings.add(outcome)
            _print_violations(outcome, console)
        console.print(f"{name}: {len(outcomes)} cases")
    return findings


def _print_violations(outcome: CaseOutcome, console: Console) -> None:
    if outcome.violations:
        console.print(f"{outcome.scenario}: {outcome.boundary}, {outcome.mode}", style="red", markup=False)
        console.print("\n".join(f"    {text}" for text in outcome.violations), markup=False)


def _chosen(every: list[Case], options: argparse.Namespace) -> list[Case]:
    matching = [case for case in every if options.boundary in str(case)]
    most = options.cases or len(matching)
    return random.Random(options.seed).sample(matching, min(most, len(matching)))  # noqa: S311


def _schedules(harness: Harness, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    played, failed = {}, []
    for pair in [pair for pair in PAIRS if options.schedules and options.pair in pair.name]:
        began = printed = time.monotonic()
        outcomes = []
        for outcome in explore_schedules(harness, pair, options.schedules, jobs=options.jobs, seed=options.seed):
            outcomes.append(outcome)
            failed += [f"{outcome.schedule}: {text}" for text in outcome.violations]
            if time.monotonic() - printed > PROGRESS_SECONDS:
                printed = time.monotonic()
                console.print(f"  {pair.name}: {len(outcomes)} schedules, {len(failed)} violations")
        played[pair.name] = len(outcomes)
        console.print(f"{pair.name}: {len(outcomes)} schedules, {time.monotonic() - began:.0f} s")
    return {"played": played, "failed": failed}


def _fuzz(harness: Harness, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    failed = []
    if options.fuzz:
        console.print(f"fuzzer: {options.fuzz} corrupted answers")
    recorded = [record(harness, scenario) for scenario in SCENARIOS] if options.fuzz else []
    for seed in range(options.seed, options.seed + options.fuzz):
        number = seed % len(SCENARIOS)
        what, found = play_corrupted(harness, SCENARIOS[number], seed, recorded[number])
        failed += [f"seed {seed}, {what}: {text}" for text in found]
    return {"runs": options.fuzz, "failed": failed}


def _restores(harness: Harness, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    if not options.restores:
        return {"played": 0, "failed": []}
    outcomes = list(explore_restores(harness, jobs=options.jobs, seed=options.seed))
    console.print(f"restores: {len(outcomes)}")
    return {"played": len(outcomes), "failed": list(filter(None, outcomes))}


def _model(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    if not options.model:
        return {"sequences": 0, "violations": 0, "failed": []}
    from campaign.histories.machine import explore  # noqa: PLC0415 - only this part needs hypothesis

    console.print(f"model: {options.model} random histories")
    return explore(options.model, options.seed, options.jobs)


def _years(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    if not options.years:
        return {"played": 0, "failed": []}
    from campaign.histories.years import explore  # noqa: PLC0415 - only this part needs it

    console.print(f"years: {options.years} histories of three years")
    return explore(options.years, options.seed, options.jobs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m campaign", description=__doc__)
    parser.add_argument(
        "--cases", type=int, default=0, help="number of cases of each scenario, chosen by the seed; 0: all"
    )
    parser.add_argument("--seed", type=int, default=1, help="for the choice of cases, jitter and random histories")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="parallel processes")
    parser.add_argument("--scenario", default="", help="only scenarios whose name contains this text")
    parser.add_argument("--boundary", default="", help="only boundaries that contain this text")
    parser.add_argument(
        "--schedules",
        type=lambda text: ALL if text == "all" else int(text),
        default=0,
        help="number of schedules with two switches of each pair of runs, by the seed, or `all` (hours)",
    )
    parser.add_argument("--pair", default="", help="only pairs of runs whose name contains this text")
    parser.add_argument(
        "--worlds", type=int, default=0, help="number of faults in each variant of SCM, AWS and Lambda, by the seed"
    )
    parser.add_argument("--world", default="", help="only variants whose name contains this text")
    parser.add_argument("--fuzz", type=int, default=0, help="number of corrupted answers of SCM to play, one a run")
    parser.add_argument("--restores", action="store_true", help="put the table back to before each write of two runs")
    parser.add_argument("--model", type=int, default=0, help="number of random histories to play")
    parser.add_argument("--years", type=int, default=0, help="number of histories of three years to play, one a seed")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="", help="remove a protection on purpose")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "campaign.json", help="file to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
