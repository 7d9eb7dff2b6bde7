"""The harness of this folder. With `__init__.py`, "package" is the folder and not the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaign.harness import Harness


@pytest.fixture(scope="package")
def harness() -> Iterator[Harness]:
    """Start the harness once for this folder: that takes longer than most cases. `begin` starts a new history."""
    with Harness() as started:
        yield started
