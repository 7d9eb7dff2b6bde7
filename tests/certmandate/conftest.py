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


@pytest.fixture(scope="module")
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The desk of `ESTATE`, for all tests of a module; none may depend on what another one changes."""
    with seated(tmp_path_factory.mktemp("estate"), *request.module.ESTATE) as running:
        yield running


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Sit]:
    """Return a function that starts an estate for one test and returns its desk."""
    with ExitStack() as running:
        yield lambda *certificates, **more: running.enter_context(seated(tmp_path / "estate", *certificates, **more))
