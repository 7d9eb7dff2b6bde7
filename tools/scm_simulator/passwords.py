"""Passwords: the policy, their change and their life (SCM reference §9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from .refusals import refuse
from .state import Admin, State

_SHORTEST, _LONGEST = 8, 32
_RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("1 or more uppercase characters", lambda text: any(c.isupper() for c in text)),
    ("1 or more lowercase characters", lambda text: any(c.islower() for c in text)),
    ("1 or more digit characters", lambda text: any(c.isdigit() for c in text)),
    (f"{_SHORTEST} or more characters", lambda text: len(text) >= _SHORTEST),
)


def check_new(admin: Admin, new: str) -> None:
    """Refuse a new password that the policy does not allow: -976, -220, -982 or -7306."""
    if len(new) > _LONGEST:
        raise refuse(-976, _SHORTEST)
    if new == admin.password:
        raise refuse(-220)
    if admin.login.lower() in new.lower():
        raise refuse(-982)
    broken = [rule for rule, holds in _RULES if not holds(new)]
    if broken:
        raise refuse(-7306, " ".join(f"Password must contain {rule}." for rule in broken))


def change(state: State, admin: Admin, new: str, *, temporary: bool = False) -> None:
    """Give *admin* another password; its life starts anew, an old lock ends."""
    days = admin.spec.password_expires_in_days
    admin.password, admin.temporary = new, temporary
    admin.password_expires_at = None if days is None else state.now() + timedelta(days=max(days, 1))
    admin.locked, admin.failed_attempts = False, 0
