from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.certmandate.desk import Desk, seated
from tests.workflow.system import leave

Sit = Callable[..., Desk]


@pytest.fixture(scope="package", autouse=True)
def stop_after_this_folder() -> Iterator[None]:
    """Stop everything after this folder; without `__init__.py` here, "package" would be the whole session."""
    yield
    leave()


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Sit]:
    """Return a function that starts an estate for one test and returns its desk."""
    with ExitStack() as running:
        yield lambda *certificates, **more: running.enter_context(seated(tmp_path / "estate", *certificates, **more))
