"""Fixtures of the unit tests."""

from __future__ import annotations

import pytest

from tests.unit.system import IDP, System


@pytest.fixture
def system() -> System:
    """The steps over fakes, with one delegation and its certificate `idp`, for which nothing is served yet."""
    made = System()
    made.add(IDP)
    return made
