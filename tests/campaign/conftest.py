"""Without `__init__.py` here "package" would be the whole session to pytest, and the next folder's AWS be refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaign.stage import Stage


@pytest.fixture(scope="package")
def stage() -> Iterator[Stage]:
    """One stage for all of this folder: starting it takes longer than most cases. `begin` starts afresh on it."""
    with Stage() as one:
        yield one
