"""Three calendar years of an estate, over which terms and the reuse of validations are shortened twice.

A run is played on each day on which anything is due, expires, is scheduled or is not finished. A sample of the days
between shows that their runs change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from multiprocessing import get_context
from random import Random
from typing import Any

from campaign.evidence import Evidence, Item
from campaign.harness import Harness, freeze_garbage_collector
from campaign.histories.disturbances import Disturbance, Step, drawn
from campaign.histories.history import DAYS_TO_REST, History, Violated
from campaign.histories.tenants import NEIGHBOUR, tenants
from campaign.order_book_invariants import AT_REST, terms_are_permitted, violations
from campaign.run import Run
from renewal.adapters.order_book.reader import DynamoDbOrderReader
from renewal.adapters.order_book.table import Key, OrderTables
from renewal.domain.forecast import NextRenewal
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.inspection import DelegationRecord

YEARS = timedelta(days=3 * 365)
REUSE_DAYS = (
    (datetime(2026, 3, 15, tzinfo=UTC), 198),
    (datetime(2027, 3, 15, tzinfo=UTC), 98),
    (datetime(2029, 3, 15, tzinfo=UTC), 10),
)
"""Since when a domain validation may be used again for how many days (ballot SC-081v3; SCM's numbers)."""
TERMS = (46, 99, 199)
CALENDAR = tuple(datetime(*day, tzinfo=UTC) for day in ((2027, 2, 10), (2027, 3, 15), (2028, 3, 15), (2029, 3, 15)))
"""Days on which the rules of public TLS change."""
MARGIN = timedelta(days=7)
"""How long before a validation expires a run may renew because of it (docs/estate.md)."""
PERSISTENT = 0.5
"""Of the histories, those in which the first delegation's domains are validated by a record in DNS."""
SAMPLE = 0.2
"""Of the spans without a run, those of which one day is played."""
HOURLY_RUNS = 0.1
"""Of the daily runs, those after which an hourly run is played."""
DAYS_UNTIL_OPERATOR_ACTS = 3
FEW_DAYS, EVERY_DAYS = 3, 6
"""While a disturbance lasts, runs are played on its first days and then every so many days."""


@dataclass(slots=True)
class Years:
    """One history of three years, by its seed."""

    harness: Harness
    seed: int
    history: History = field(init=False)
    random: Random = field(init=False)
    begins: datetime = field(init=False)
    scheduled: list[tuple[int, tuple[Step, ...]]] = field(default_factory=list)
    """(day, steps), the first day first."""
    obstructed: list[tuple[int, int, Disturbance]] = field(default_factory=list)
    """(first day, last day, disturbance)."""
    validated: dict[str, int] = field(default_factory=dict)
    """By delegation: the day on which its domains are validated again."""
    expiries: dict[str, int] = field(default_factory=dict)
    """By delegation: the day on which the validation of its domains expires; without those validated persistently."""
    unfinished: int = 0
    """Runs in a row after which the estate was not at rest."""
    undisturbed: int = 0
    """Of those, the last ones that nothing obstructed."""
    clear: dict[str, list[datetime]] = field(default_factory=dict)
    """By delegation: the runs that nothing kept from renewing it."""
    runs: int = 0
    skipped: int = 0
    sampled: int = 0

    def play(self) -> None:
        """Play all three years. Raises Violated."""
        self._begin()
        while self.day < YEARS.days:
            self._pass(self._next_day() - self.day)
            self._step_scheduled()
            self._run()
        self.history.finish()
        self.history.require(list(terms_are_permitted(self.history.world)))

    @property
    def day(self) -> int:
        """Days since the beginning."""
        return (self.harness.time() - self.begins).days

    def _begin(self) -> None:
        self.random = Random(self.seed)  # noqa: S311 - of a history
        self.history = History(self.harness, tenants(("idp",)), validated_days=198, terms=TERMS)
        self.begins = self.harness.time()
        if is_persistent := self.random.random() < PERSISTENT:
            self.history.step("validate_persistently")
        for first, last, disturbance in drawn(self.random, YEARS.days - DAYS_TO_REST, is_persistent=is_persistent):
            self.scheduled += [(first, disturbance.begins), (last, disturbance.ends)]
            if disturbance.ends:
                self.obstructed.append((first, last, disturbance))
        self.scheduled += [((day - self.begins).days + 1, ()) for day in CALENDAR]
        self.scheduled.sort(key=lambda entry: entry[0])
        for name in self.history.tenants:
            self.clear[name] = []
            if name == NEIGHBOUR or not is_persistent:
                self._expect_validation(name, 198)
        self._run()

    # ---- Days --------------------------------------------------------------------------------------------------------

    def _next_day(self) -> int:
        """The next day on which anything is due, expires, is scheduled or is not finished."""
        is_long = self.unfinished > FEW_DAYS and self._is_obstructed(self.history.affected.name)
        if self.unfinished and not is_long:
            return self.day + 1
        days = [YEARS.days, *(day for day, _ in self.scheduled), *self.validated.values(), *self._due()]
        if is_long:
            days.append(self.day + EVERY_DAYS)
        return max(min(days), self.day + 1)

    def _due(self) -> Iterator[int]:
        """Days on which a certificate is due: by its age, or because of a validation in the second half of its life."""
        now = self.harness.time()
        for certificate, record in self._certificates():
            renew_at = NextRenewal.of(certificate, record, now).renew_at
            if renew_at is None:
                continue
            yield self._day_of(renew_at)
            if certificate.spec.delegation not in self.expiries:
                continue
            expiry = self.begins + timedelta(days=self.expiries[certificate.spec.delegation])
            expiry = expiry.replace(hour=0, minute=0, second=0, microsecond=0)  # a run reads its date
            if now < expiry <= renew_at:
                yield max(self._day_of(expiry - MARGIN), self._day_of(self._half_of(certificate.spec.path)))

    def _certificates(self) -> Iterator[tuple[ManagedCertificate, DelegationRecord]]:
        """Those that this version can read."""
        items: Any = _Items(self.history.world.items)
        reader = DynamoDbOrderReader(OrderTables(items, items))
        for name in self.history.tenants:
            record = reader.delegation(name)
            yield from ((each, record) for each in reader.certificates(name))

    def _half_of(self, path: str) -> datetime:
        orders = [order for order in self.harness.played.simulator.orders if order.comments.endswith(f" {path}")]
        issued = [order.certificate for order in orders if order.certificate is not None]
        if not issued:
            return self.harness.time()
        begins, ends = issued[-1].not_valid_before_utc, issued[-1].not_valid_after_utc
        return begins + (ends - begins) / 2

    def _day_of(self, time: datetime) -> int:
        """The coming day whose run is the first at or after *time*."""
        return self.day + max(-((self.harness.time() - time) // timedelta(days=1)), 1)

    def _pass(self, days: int) -> None:
        """Let *days* pass; of a span without runs, play one day by chance."""
        if days > 2 and not self.unfinished and self.random.random() < SAMPLE:
            first = self.random.randint(1, days - 1)
            self.history.step("days", count=first - 1)
            self._run_without_effect()
            days -= first
        if days > 1:
            self.skipped += days - 1
            self.history.step("days", count=days - 1)

    def _run_without_effect(self) -> None:
        before = _stored(self.history.world)
        after = _stored(self.history.step("run"))
        self.sampled += 1
        run = self.harness.played.runs[-1]
        changed = [what for what, stored in before.items() if stored != after[what]]
        if changed or not (_is_well(run) or any(map(self._is_obstructed, self.history.tenants))):
            self.history.require(
                [f"the run of a day on which nothing was due ended {run.status} and changed {changed}"]
            )

    # ---- One day -----------------------------------------------------------------------------------------------------

    def _step_scheduled(self) -> None:
        """What happens before the run of the coming day: at most its morning's run is replaced by one with a fault."""
        while self.scheduled and self.scheduled[0][0] <= self.day + 1:
            for name, arguments in self.scheduled.pop(0)[1]:
                self.history.step(name, **arguments)
        for name, day in tuple(self.validated.items()):
            if day <= self.day + 1:
                days = [reuse for since, reuse in REUSE_DAYS if since <= self.harness.time()][-1]
                self.history.step("validate", delegation=name, days=days)
                self._expect_validation(name, days)

    def _expect_validation(self, name: str, days: int) -> None:
        """The RAO, or SCM itself, validates in the last days before the expiry; sometimes after it."""
        self.expiries[name] = self.day + days
        late = self.random.randint(1, 12) if self.random.random() < 0.04 else 0
        before = self.random.randint(1, 3) if days < 30 else self.random.randint(1, 20)
        self.validated[name] = self.expiries[name] + (late or -before)
        if late:
            ends = Disturbance((), (), late, obstructs_neighbour=name == NEIGHBOUR)
            self.obstructed.append((self.expiries[name], self.validated[name] + 1, ends))

    def _run(self) -> None:
        evidence = self.history.step("run")
        self.runs += 1
        free = [name for name in self.history.tenants if not self._is_obstructed(name)]
        for name in free:
            self.clear[name].append(self.harness.time())
        is_at_rest = not violations(evidence, AT_REST) and _is_well(self.harness.played.runs[-1])
        self.unfinished = 0 if is_at_rest else self.unfinished + 1
        self.undisturbed = self.undisturbed + 1 if self.unfinished and len(free) == len(self.clear) else 0
        self.history.require(list(self._expired(evidence)))
        if self.undisturbed > DAYS_TO_REST:
            self.history.require(violations(evidence, AT_REST))
        if self.undisturbed > DAYS_UNTIL_OPERATOR_ACTS:
            self.history.step("follow_runbook")
        if self.random.random() < HOURLY_RUNS:
            self.history.step("hourly_run")

    def _is_obstructed(self, name: str) -> bool:
        """Whether something keeps the delegation from being renewed today."""
        lasting = [each for first, last, each in self.obstructed if first <= self.day <= last]
        return any(name != NEIGHBOUR or each.obstructs_neighbour for each in lasting)

    # ---- What only years can show ------------------------------------------------------------------------------------

    def _expired(self, evidence: Evidence) -> Iterator[str]:
        """No certificate expires when two runs in the last tenth of its life could have renewed it."""
        for path, event in evidence.announced().items():
            ends = datetime.fromisoformat(event["not_after"])
            if ends > evidence.now:
                continue
            tenth = (ends - self._half_of(path)) / 5
            could = [run for run in self.clear[event["delegation"]] if ends - tenth <= run < ends]
            if len(could) >= 2:
                yield f"{path} expired on {ends:%Y-%m-%d}, and {len(could)} runs could have renewed it"


@dataclass(frozen=True, slots=True)
class _Items:
    """The items of the order book as a table to read; without open orders, by which no date is decided."""

    every: Sequence[Item]

    def query(self, partition: str, prefix: str) -> Iterator[Item]:
        """The items of a partition whose sort key begins with *prefix*."""
        matching = (each for each in self.every if each["delegation"] == partition and each["item"].startswith(prefix))
        return (each for each in matching if not each["item"].startswith("order#"))

    def read(self, keys: Iterable[Key]) -> Mapping[Key, Item]:
        """The items with these keys."""
        wanted = set(keys)
        return {key: each for each in self.every if (key := (each["delegation"], each["item"])) in wanted}


def _is_well(run: Run) -> bool:
    """Whether all that needs attention has a day that is still to come, such as a validation that expires soon."""
    problems = [problem for problem in run.report.problems if problem.needs_attention] if run.report else []
    return run.status == "SUCCEEDED" or (bool(problems) and all(problem.due for problem in problems))


def _stored(evidence: Evidence) -> Mapping[str, Any]:
    """What a run changes when it renews."""
    return {
        "orders": [(order.ssl_id, order.serial) for order in evidence.scm],
        "objects": evidence.objects,
        "acm": [(imported.arn, imported.certificate.serial_number) for imported in evidence.acm],
        "events": len(evidence.events),
    }


def explore(count: int, seed: int, jobs: int) -> dict[str, Any]:
    """Play *count* histories from *seed* on in *jobs* processes; return the result."""
    seeds = list(range(seed, seed + count))
    shares = [seeds[first::jobs] for first in range(min(jobs, count))]
    with ProcessPoolExecutor(len(shares), get_context("spawn")) as processes:
        played = list(chain.from_iterable(processes.map(_explored, shares)))
    return {
        "played": len(played),
        "runs": sum(runs for runs, _, _ in played),
        "days_sampled": sum(sampled for _, sampled, _ in played),
        "failed": [failure for _, _, failure in played if failure],
    }


def _explored(seeds: Sequence[int]) -> list[tuple[int, int, str]]:
    """Runs, sampled days, and the violation of each seed."""
    results = []
    with Harness() as harness:
        freeze_garbage_collector()
        for seed in seeds:
            years, failure = Years(harness, seed), ""
            try:
                years.play()
            except Violated as violated:
                failure = f"seed {seed}, day {years.day}: {violated}"
            results.append((years.runs, years.sampled, failure))
            print(f"  seed {seed}: {years.runs} runs, {years.sampled} days sampled {failure}", flush=True)
    return results
