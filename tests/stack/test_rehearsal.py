"""What the rehearsal excuses must be there to be excused."""

from __future__ import annotations

from pathlib import Path

from stack.policy import statements
from stack.rehearsal_permissions import ROLES, UNNOTICED
from stack.resolved import Stack

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"


def test_only_permissions_that_exist_are_excused_from_being_missed() -> None:
    """An excuse that outlives its permission would hide the next one of that name."""
    stack = Stack(TEMPLATE)
    granted = {
        f"{role} {statement.sid} {action}"
        for role in ROLES
        for statement in statements(stack.policies(role))
        for action in statement.actions
        if statement.effect == "Allow"
    }
    assert set(UNNOTICED) <= granted
    assert len(granted - set(UNNOTICED)) >= 25
