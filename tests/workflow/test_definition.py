"""What the state machine's file promises: its error names, its time budget, its quiet period."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gate.asl.error_names import AWS
from renewal.domain.errors import NeedsAttention, every_error
from renewal.domain.order import IMPORT_LEASE

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "infra" / "renewal.asl.yaml").read_text(encoding="utf-8")
MACHINE = yaml.safe_load(TEXT)
TEMPLATE = (ROOT / "template.yaml").read_text(encoding="utf-8")


def named_states(states: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in states.items():
        yield name, state
        yield from named_states(state.get("ItemProcessor", {}).get("States", {}))


STATES = dict(named_states(MACHINE["States"]))


def retry_of(state: str, error: str) -> Mapping[str, Any]:
    retries = [retry for retry in STATES[state]["Retry"] if error in retry["ErrorEquals"]]
    assert len(retries) == 1, f"{state}: {error} is in {len(retries)} retries"
    return dict(retries[0])


def waits(state: str, error: str) -> list[float]:
    """The longest waits between the tries, in seconds."""
    retry = retry_of(state, error)
    growing = (retry["IntervalSeconds"] * retry["BackoffRate"] ** n for n in range(retry["MaxAttempts"]))
    return [min(wait, retry["MaxDelaySeconds"]) for wait in growing]


def default(parameter: str) -> int:
    """A parameter's default in template.yaml."""
    found = re.search(rf"^  {parameter}:\n(?:    .*\n)*?    Default: (\d+)$", TEMPLATE, re.MULTILINE)
    assert found, parameter
    return int(found[1])


def timeout_of(function: str) -> int:
    found = re.search(rf"^  {function}:\n(?:    .*\n)*?      Timeout: (\d+)", TEMPLATE, re.MULTILINE)
    assert found, function
    return int(found[1])


def test_every_error_that_is_waited_for_can_be_raised() -> None:
    """A misspelt name in ErrorEquals matches nothing, and nothing complains."""
    ours = {kind.__name__ for kind in every_error()}
    waited_for = {
        error
        for state in STATES.values()
        for rule in (*state.get("Retry", ()), *state.get("Catch", ()))
        for error in rule["ErrorEquals"]
    }

    assert waited_for <= ours | AWS


def test_no_error_that_needs_attention_is_retried() -> None:
    """Trying a refused password again locks the account; trying a declined order again annoys who declined it."""
    final = {kind.__name__ for kind in every_error() if issubclass(kind, NeedsAttention)}
    retried = {e for s in STATES.values() for r in s.get("Retry", ()) for e in r["ErrorEquals"]}

    assert not retried & final
    assert not retried & {"States.ALL", "States.TaskFailed"}


def test_the_time_budget_of_the_header_is_the_one_of_the_states() -> None:
    """The header's sum is what TimeoutSeconds rests on; both must follow when a number changes."""
    lost = sum(waits("Enroll", "OrderUnconfirmed"))
    pending = math.floor(sum(waits("Collect", "OrderPending")))
    login = sum(waits("InspectDelegation", "ScmUnavailable"))
    waves = math.ceil(default("OrdersPerDelegation") / STATES["RenewCertificates"]["MaxConcurrency"])
    total = waves * (lost + pending) + login

    header = TEXT[: TEXT.index("Comment:")].replace(",", "")
    for number in (lost, pending, lost + pending, login, waves, total, MACHINE["TimeoutSeconds"]):
        assert f"{number:.0f}" in header
    assert total < MACHINE["TimeoutSeconds"]


def test_an_unconfirmed_order_is_queried_beyond_the_quiet_period() -> None:
    """Only a query after it may lead to a second POST; a run that never gets there leaves that to the next day."""
    queries = waits("Enroll", "OrderUnconfirmed")

    assert sum(queries[:3]) > default("QuietSeconds")
    assert len(queries) > 2


def test_the_quiet_period_outlasts_the_enroll_function() -> None:
    """A function that posted lives for its Timeout at the most; the quiet period must outlast it."""
    assert default("QuietSeconds") > timeout_of("EnrollFunction")


def test_every_task_may_take_longer_than_its_function() -> None:
    """Otherwise the state machine gives up a function that still works, and starts a second beside it."""
    for name in ("CheckExpiry", "InspectDelegation", "Enroll", "Collect", "Report"):
        assert STATES[name]["TimeoutSeconds"] > timeout_of(f"{name}Function")


def test_a_claimed_import_is_waited_for_until_its_lease_is_over() -> None:
    """A killed import keeps its claim; tries that end before its lease would leave the certificate to the next day."""
    assert timeout_of("CollectFunction") < IMPORT_LEASE.total_seconds() < sum(waits("Collect", "OrderConflict"))
