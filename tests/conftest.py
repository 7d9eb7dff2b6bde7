"""What every test of the repository gets."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from campaign.harness import Harness

# Powertools reads these when a handler is imported, and whichever test imports it first decides for all.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "certmandate")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "certmandate")

# Once a test has used EC2, moto would make its hundreds of machine images again at the end of every test with an AWS.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

# One set of examples per commit: a red test stays red until it is fixed. `--hypothesis-profile=explore` plays new
# ones.
settings.register_profile("steady", derandomize=True, deadline=None, database=None, max_examples=60)
settings.register_profile("explore", deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    """A started harness, one for each file: `begin` starts a new history. Some folders share theirs."""
    from campaign.harness import Harness  # noqa: PLC0415  # it takes a second to import, and most tests need none

    with Harness() as started:
        yield started


WHOLE_ESTATES = ("workflow", "faults", "campaign", "certmandate", "model", "local", "stack", "secrecy", "silence")
"""Folders whose files take seconds: they come first, so that no worker is left with a long one at the end."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; within them nothing changes place."""
    rank = {name: number for number, name in enumerate(WHOLE_ESTATES)}
    items.sort(key=lambda item: rank.get(item.nodeid.split("/")[1], len(rank)))


def pytest_collection_finish() -> None:
    """Exclude what is imported now from garbage collection, which took a fifth of all the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
