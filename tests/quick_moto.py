"""moto with the changes that are only for speed; `tests/local/test_speed.py` compares its answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

from moto import mock_aws

from local.moto_repairs.repairs import Repairs
from local.moto_repairs.speed import FOR_SPEED


@contextmanager
def quick_aws() -> Iterator[None]:
    """An empty AWS account."""
    with ExitStack() as stack:
        for change in FOR_SPEED:
            for replacement in change(cast("Repairs", None)):  # none of them reads it
                stack.enter_context(replacement)
        stack.enter_context(mock_aws())
        yield
