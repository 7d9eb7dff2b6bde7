"""Between the Maps of a run: which orders are polled next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from renewal.domain.run.map_results import read_map_results
from renewal.domain.run.payload import Progress
from renewal.domain.run.plan import PlanFacts
from renewal.ports.runs import RunArchive


@dataclass(frozen=True, slots=True)
class PlanCollection:
    """Lists the open orders that the run polls next, from what its Maps have left so far."""

    archive: RunArchive

    def __call__(self, run_id: str, polls: int) -> dict[str, Any]:
        """Write which orders are polled, after *polls* times.

        Each open order is polled once, and then those that are unfinished, except in an hourly run: the next
        one is an hour away. A delegation is left to the next run when the child execution that polled it failed: what
        ends one without a result, such as an output that is too large, would end the next one too.

        Returns `{"run_id", "is_daily", "delegations", "polls", "plan": {"bucket", "key"}, "results": prefix}`;
        `delegations` is how many have an order to be polled. Raises PlanUnreadable without the facts of the plan;
        results that cannot be read are left to the report.
        """
        orders: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        facts = self.archive.read_facts(run_id)
        for progress in self._polled(run_id, facts):
            orders[progress.delegation].append(progress.payload())
        items: list[Mapping[str, Any]] = [
            {"run_id": run_id, "delegation": name, "orders": polled} for name, polled in sorted(orders.items())
        ]
        bucket, key = self.archive.write_collection(run_id, items)
        return {
            "run_id": run_id,
            "is_daily": facts.is_daily,
            "delegations": len(items),
            "polls": polls + 1,
            "plan": {"bucket": bucket, "key": key},
            "results": f"runs/{run_id}/results",
        }

    def _polled(self, run_id: str, facts: PlanFacts) -> Iterator[Progress]:
        results = read_map_results(*self.archive.read_results(run_id))
        for path, result in results.certificates.items():
            delegation, _, certificate = path.partition("/")
            is_polled = result.is_uncollected or (result.is_unfinished and not facts.is_hourly)
            if is_polled and delegation not in results.not_collected:
                order = result.token, result.ssl_id or 0, result.status
                yield Progress(run_id, delegation, certificate, *order, facts.started_at)
