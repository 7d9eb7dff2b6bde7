"""Every change made to moto, each with an input, moto's answer and AWS's; undone when the context ends.

The seams are private members of moto 5.2.5, so its version is checked first. Only `speed` and, in part,
`definitions_are_parsed_once` are for speed.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import moto

from local.moto_repairs.map_states import MAP_STATES
from local.moto_repairs.repairs import Repairs
from local.moto_repairs.secrets_manager import secrets_rotate_as_on_aws
from local.moto_repairs.speed import FOR_SPEED
from local.moto_repairs.step_functions import STEP_FUNCTIONS
from local.moto_repairs.storage import bucket_policies_have_conditions, keys_are_found_by_arn, storage_takes_turns

PINNED = "5.2.5"
_STORAGE = (bucket_policies_have_conditions, storage_takes_turns, keys_are_found_by_arn, secrets_rotate_as_on_aws)


class WrongMoto(Exception):
    """The repairs are for another version of moto."""


@contextmanager
def repaired(repairs: Repairs) -> Iterator[None]:
    """Repair moto for as long as the context lasts. Raises WrongMoto."""
    if moto.__version__ != PINNED:
        message = f"the repairs of moto are for {PINNED}, this is {moto.__version__}: install moto=={PINNED}"
        raise WrongMoto(message)
    with ExitStack() as stack:
        # All of the interpreter, because some repairs replace a name wherever it was imported.
        importlib.import_module("moto.stepfunctions.parser.models")
        for repair in (*STEP_FUNCTIONS, *MAP_STATES, *_STORAGE, *FOR_SPEED):
            for replacement in repair(repairs):
                stack.enter_context(replacement)
        stack.enter_context(repairs.acm.installed())
        yield
