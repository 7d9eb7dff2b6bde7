"""Plays everything of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from campaign.cases import CaseOutcome
from campaign.harness import Harness
from campaign.runner import Playable, play_all
from campaign.scenarios import SCENARIOS
from campaign.worlds.lambda_life import life_cases
from campaign.worlds.stale import stale_cases
from campaign.worlds.variant_cases import Surroundings
from campaign.worlds.variants import VARIANTS

Cases = Iterable[Playable[CaseOutcome]]


Group = tuple[str, Callable[[Harness], None], Callable[[Harness], Cases]]
"""(name, what prepares the harness, what returns the cases)."""


def explore(harness: Harness, most: int, *, name: str, jobs: int, seed: int) -> Iterator[tuple[str, list[CaseOutcome]]]:
    """Yield each group of cases whose name contains *name*, played; *most*: sampled faults of a variant, by *seed*."""
    for group, prepare, cases in _groups(most, seed):
        if name in group:
            chosen = list(cases(harness))
            prepare(harness)
            yield group, list(play_all(harness, chosen, jobs=jobs, seed=seed))


def _groups(most: int, seed: int) -> Iterator[Group]:
    for variant in VARIANTS:
        for surroundings in (Surroundings(variant, is_renewal=False), Surroundings(variant, is_renewal=True)):
            yield f"scm: {surroundings}", surroundings.prepare, partial(surroundings.cases, most=most, seed=seed)
    for scenario in SCENARIOS:
        yield f"late aws: {scenario.name}", scenario.prepare, partial(stale_cases, scenario)
        if scenario.is_renewal:
            lives = partial(life_cases, scenario, most=most, seed=seed)
            yield f"lambda: {scenario.name}", scenario.prepare, lives
