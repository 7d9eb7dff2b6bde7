"""Administrators: the account itself, the accounts below it, and its password (SCM reference §9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from scm_simulator.backend.state import Admin
from scm_simulator.dates import ISO, format_date
from scm_simulator.http.messages import NO_CONTENT, Response, json_response
from scm_simulator.http.routing import Call, route, total
from scm_simulator.refusals import not_found, refuse
from scm_simulator.routes.certificate_view import with_missing
from scm_simulator.world.world import PRIVILEGES

_SHORTEST, _LONGEST = 8, 32
_PASSWORD_RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("1 or more uppercase characters", lambda text: any(c.isupper() for c in text)),
    ("1 or more lowercase characters", lambda text: any(c.islower() for c in text)),
    ("1 or more digit characters", lambda text: any(c.isdigit() for c in text)),
    (f"{_SHORTEST} or more characters", lambda text: len(text) >= _SHORTEST),
)


def _visible(call: Call) -> list[Admin]:
    """Return the account itself and those that manage no more than it does."""
    me, state = call.admin, call.state
    if me.spec.mrao:
        return list(state.admins.values())
    mine = state.managed_ids(me) if me.spec.organisations else frozenset[int]()
    return [
        admin
        for admin in state.admins.values()
        if admin is me or (not admin.spec.mrao and state.managed_ids(admin) <= mine)
    ]


def _credentials(admin: Admin) -> list[dict[str, Any]]:
    spec = admin.spec
    mrao: list[dict[str, Any]] = [{"role": "MRAO"}] if spec.mrao else []
    rao = [{"role": "RAO_SSL", "orgId": place} for place in spec.organisations]
    return mrao + rao + [{"role": "DRAO_SSL", "orgId": place} for place in spec.departments]


@route("GET", "/api/admin/v1")
def admins(call: Call) -> Response:
    """List administrators."""
    query, place = call.request.query, call.request.number("orgId", low=1)
    state = query.get("activeState", "").upper()
    found = [
        admin
        for admin in _visible(call)
        if query.get("login", "").lower() in admin.login.lower()
        and query.get("email", "").lower() in _email(admin)
        and query.get("type", "") in ("", admin.spec.type)
        and state in ("", _active(admin))
        and any(
            query.get("role", "") in ("", credential["role"]) and place in (None, credential.get("orgId"))
            for credential in _credentials(admin)
        )
    ]
    return json_response([_identity(admin) for admin in call.page(found)], headers=[total(found)])


def _email(admin: Admin) -> str:
    return f"{admin.login.lower()}@simulator.invalid"


def _active(admin: Admin) -> str:
    return "SUSPENDED" if admin.locked else "ACTIVE"


def _identity(admin: Admin) -> dict[str, Any]:
    return {
        "id": admin.id,
        "type": admin.spec.type,
        "login": admin.login,
        "forename": admin.login,
        "surname": admin.login,
        "email": _email(admin),
    }


@route("GET", "/api/admin/v1/{adminId}")
def details(call: Call) -> Response:
    """Return an administrator."""
    number = call.number("adminId")
    for admin in _visible(call):
        if admin.id == number:
            return json_response(_details(call, admin))
    raise call.foreign(not_found(-5101, number))


def _details(call: Call, admin: Admin) -> dict[str, Any]:
    created = _date(admin.created_at)
    members = _identity(admin) | {
        "status": _active(admin).capitalize(),
        "activeState": _active(admin).capitalize(),
        "activeStatus": _active(admin),
        "created": created,
        "modified": created,
        "lastPasswordChange": created,
        "credentials": _credentials(admin),
        "privileges": list(PRIVILEGES if admin.spec.mrao else admin.spec.privileges),
        "passwordState": _password_state(call, admin),
        "passwordExpiryDate": _date(admin.password_expires_at),
        "failedAttempts": admin.failed_attempts,
        "failedDate": _date(admin.failed_at),
    }
    return with_missing(members, call.state.dials)


def _date(time: datetime | None) -> str | None:
    return format_date(time, ISO) if time else None


def _password_state(call: Call, admin: Admin) -> str:
    if call.state.password_expired(admin):
        return "EXPIRED"
    return "NEVER_EXPIRE" if admin.password_expires_at is None else "ALIVE"


@route("GET", "/api/admin/v1/password")
def password(call: Call) -> Response:
    """Return the state of the caller's own password."""
    members = {
        "expirationDate": _date(call.admin.password_expires_at),
        "state": _password_state(call, call.admin),
    }
    return json_response(with_missing(members, call.state.dials))


@route("POST", "/api/admin/v1/changepassword")
def change_password(call: Call) -> Response:
    """Change the caller's own password; the `password` header has the old one."""
    new = call.body().needed_text("newPassword")
    _check_password(call.admin, new)
    call.admin.set_password(new, call.state.now())
    return NO_CONTENT


def _check_password(admin: Admin, new: str) -> None:
    """Refuse a new password that the policy does not allow: -976, -220, -982 or -7306."""
    if len(new) > _LONGEST:
        raise refuse(-976, _SHORTEST)
    if new == admin.password:
        raise refuse(-220)
    if admin.login.lower() in new.lower():
        raise refuse(-982)
    broken = [rule for rule, holds in _PASSWORD_RULES if not holds(new)]
    if broken:
        raise refuse(-7306, " ".join(f"Password must contain {rule}." for rule in broken))
