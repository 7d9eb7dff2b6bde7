"""Soundness of a world: no duplicates, no references to what is not there."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .names import is_domain_name

if TYPE_CHECKING:
    from .world import Place, World

Complaint = tuple["Place", str]


def complaints(world: World) -> Iterator[Complaint]:
    """Yield every complaint about *world* with the place that it concerns."""
    yield from _duplicates(world)
    yield from _domains(world)
    yield from _references(world)
    yield from _certificates(world)


def _repeated(entries: Iterable[tuple[Place, object]], what: str) -> Iterator[Complaint]:
    seen: set[object] = set()
    for place, value in entries:
        if value in seen:
            yield place, f"{what} {value!r} is there twice; every {what} must be unique"
        seen.add(value)


def _unknown(entries: Iterable[tuple[Place, object]], known: Iterable[object], what: str) -> Iterator[Complaint]:
    at_hand = list(known)
    for place, value in entries:
        if value not in at_hand:
            yield place, f"there is no {what} {value!r}; known: {', '.join(map(str, at_hand)) or 'none'}"


def _duplicates(world: World) -> Iterator[Complaint]:
    ids: list[tuple[Place, object]] = [(("organisations", i, "id"), o.id) for i, o in enumerate(world.organisations)]
    ids += [((*place, "id"), d.id) for place, d in world.placed_departments()]
    yield from _repeated(ids, "organisation or department id")
    yield from _repeated(((("accounts", i, "login"), a.login) for i, a in enumerate(world.accounts)), "login")
    yield from _repeated(((("profiles", i, "id"), p.id) for i, p in enumerate(world.profiles)), "profile id")
    clients = ((("oauth_clients", i, "client_id"), c.client_id) for i, c in enumerate(world.oauth_clients))
    yield from _repeated(clients, "client id")
    fields = ((("custom_fields", i, "name"), c.name) for i, c in enumerate(world.custom_fields))
    yield from _repeated(fields, "custom field")
    behaviours = ((("behaviours", i, "name"), b.name.lower()) for i, b in enumerate(world.behaviours))
    yield from _repeated(behaviours, "behaviour")


def _domains(world: World) -> Iterator[Complaint]:
    for place, department in world.placed_departments():
        entries = [((*place, "domains", k, "name"), d.name) for k, d in enumerate(department.domains)]
        yield from _repeated(((where, name.lower()) for where, name in entries), "domain")
        for where, name in entries:
            if not is_domain_name(name):
                yield where, f"{name!r} is not a domain name; write `a.example.org` or `*.example.org`"
        profiles = (((*place, "profiles", k), p) for k, p in enumerate(department.profiles))
        yield from _unknown(profiles, [p.id for p in world.profiles], "profile")


def _references(world: World) -> Iterator[Complaint]:
    departments = [d.id for _, d in world.placed_departments()]
    organisations = [o.id for o in world.organisations]
    for i, account in enumerate(world.accounts):
        here: Place = ("accounts", i)
        own = (((*here, "departments", k), d) for k, d in enumerate(account.departments))
        yield from _unknown(own, departments, "department")
        above = (((*here, "organisations", k), o) for k, o in enumerate(account.organisations))
        yield from _unknown(above, organisations, "organisation")
        yield from _addresses(here, account.allowed_addresses)
    logins = ((("oauth_clients", i, "login"), c.login) for i, c in enumerate(world.oauth_clients))
    yield from _unknown(logins, [a.login for a in world.accounts], "account")


def _addresses(here: Place, addresses: Iterable[str]) -> Iterator[Complaint]:
    for k, address in enumerate(addresses):
        try:
            ipaddress.ip_network(address)
        except ValueError as wrong:
            yield (*here, "allowed_addresses", k), f"{wrong}; write 192.0.2.7 or 192.0.2.0/24"


def _certificates(world: World) -> Iterator[Complaint]:
    departments = [d.id for _, d in world.placed_departments()]
    profiles = [p.id for p in world.profiles]
    for i, past in enumerate(world.certificates):
        here: Place = ("certificates", i)
        yield from _unknown([((*here, "department"), past.department)], departments, "department")
        yield from _unknown([((*here, "profile"), past.profile)], profiles, "profile")
        if not past.names:
            yield (*here, "names"), "a certificate needs at least one name"
        if past.term_days < 1:
            yield (*here, "term_days"), "must be at least 1"
