"""Administrators: oneself, those below, and the own password (SCM reference §9)."""

from __future__ import annotations

from typing import Any

from scm_simulator import passwords
from scm_simulator.body import Body
from scm_simulator.dates import ISO, written
from scm_simulator.details import with_missing
from scm_simulator.login import password_expired
from scm_simulator.paging import page, total
from scm_simulator.refusals import not_found
from scm_simulator.routing import Call, route
from scm_simulator.state import Admin
from scm_simulator.wire import NO_CONTENT, Response, json_answer
from scm_simulator.world import PRIVILEGES


def _seen(call: Call) -> list[Admin]:
    """Return the account itself and those that manage nothing but what it manages too."""
    me, everyone = call.admin, call.state.admins.values()
    if me.spec.mrao:
        return list(everyone)
    mine = call.state.visible(me) if me.spec.organisations else frozenset[int]()
    return [one for one in everyone if one is me or (not one.spec.mrao and call.state.visible(one) <= mine)]


def _credentials(admin: Admin) -> list[dict[str, Any]]:
    spec = admin.spec
    master: list[dict[str, Any]] = [{"role": "MRAO"}] if spec.mrao else []
    above = [{"role": "RAO_SSL", "orgId": place} for place in spec.organisations]
    return master + above + [{"role": "DRAO_SSL", "orgId": place} for place in spec.departments]


@route("GET", "/api/admin/v1")
def admins(call: Call) -> Response:
    """List administrators."""
    query, place = call.request.query, call.request.number("orgId", low=1)
    state = query.get("activeState", "").upper()
    found = [
        admin
        for admin in _seen(call)
        if query.get("login", "").lower() in admin.login.lower()
        and query.get("email", "").lower() in _email(admin)
        and query.get("type", "") in ("", admin.spec.type)
        and state in ("", _active(admin))
        and any(
            query.get("role", "") in ("", one["role"]) and place in (None, one.get("orgId"))
            for one in _credentials(admin)
        )
    ]
    return json_answer([_identity(admin) for admin in page(call, found)], headers=[total(found)])


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
    """Tell one administrator."""
    number = call.number("adminId")
    for admin in _seen(call):
        if admin.id == number:
            return json_answer(_shown(call, admin))
    raise call.hidden(not_found(-5101, number))


def _shown(call: Call, admin: Admin) -> dict[str, Any]:
    created = written(admin.created_at, ISO)
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
        "passwordExpiryDate": _expiry(admin),
        "failedAttempts": admin.failed_attempts,
        "failedDate": written(admin.failed_at, ISO) if admin.failed_at else None,
    }
    return with_missing(members, call.state.dials)


def _password_state(call: Call, admin: Admin) -> str:
    if password_expired(call.state, admin):
        return "EXPIRED"
    return "NEVER_EXPIRE" if admin.password_expires_at is None else "ALIVE"


def _expiry(admin: Admin) -> str | None:
    return written(admin.password_expires_at, ISO) if admin.password_expires_at else None


@route("GET", "/api/admin/v1/password")
def password(call: Call) -> Response:
    """Tell the state of the caller's own password."""
    members = {"expirationDate": _expiry(call.admin), "state": _password_state(call, call.admin)}
    return json_answer(with_missing(members, call.state.dials))


@route("POST", "/api/admin/v1/changepassword")
def change_password(call: Call) -> Response:
    """Change the caller's own password; the old one is proved by the `password` header."""
    new = Body(call.request.object()).needed_text("newPassword")
    passwords.check_new(call.admin, new)
    passwords.change(call.state, call.admin, new)
    return NO_CONTENT
