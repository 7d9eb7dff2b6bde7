"""Validation of a world: no duplicates, no references to entries that do not exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scm_simulator.world.world import Place, World, WorldError

Complaint = tuple[Place, str]
Entry = tuple[Place, object]


class InvalidWorldError(WorldError):
    """A world with duplicates or broken references; the text lists each with its place."""


def validate(world: World) -> None:
    """Raise InvalidWorldError with every complaint about *world*."""
    text = "\n".join(f"{dotted(place)}: {complaint}" for place, complaint in complaints(world))
    if text:
        raise InvalidWorldError(text)


def complaints(world: World) -> Iterator[Complaint]:
    """Yield every complaint about *world* with the place that it concerns."""
    yield from _duplicates(world)
    yield from _domains(world)
    yield from _accounts(world)
    yield from _certificates(world)


def dotted(place: Place) -> str:
    """Return a place as text: `accounts[0].login`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def _fields(section: str, records: Iterable[object], field: str) -> Iterator[Entry]:
    for i, record in enumerate(records):
        yield (section, i, field), getattr(record, field)


def _items(place: Place, values: Iterable[object]) -> Iterator[Entry]:
    for i, value in enumerate(values):
        yield (*place, i), value


def _repeated(entries: Iterable[Entry], what: str) -> Iterator[Complaint]:
    known: set[object] = set()
    for place, value in entries:
        if value in known:
            yield place, f"{what} {value!r} is there twice; every {what} must be unique"
        known.add(value)


def _unknown(entries: Iterable[Entry], known: Iterable[object], what: str) -> Iterator[Complaint]:
    values = list(known)
    for place, value in entries:
        if value not in values:
            yield place, f"there is no {what} {value!r}; known: {', '.join(map(str, values)) or 'none'}"


def _duplicates(world: World) -> Iterator[Complaint]:
    departments = (((*place, "id"), department.id) for place, department in world.placed_departments())
    organisations = _fields("organisations", world.organisations, "id")
    yield from _repeated([*organisations, *departments], "organisation or department id")
    yield from _repeated(_fields("accounts", world.accounts, "login"), "login")
    yield from _repeated(_fields("profiles", world.profiles, "id"), "profile id")
    yield from _repeated(_fields("oauth_clients", world.oauth_clients, "client_id"), "client id")
    yield from _repeated(_fields("custom_fields", world.custom_fields, "name"), "custom field")
    behaviours = _fields("behaviours", world.behaviours, "name")
    yield from _repeated(((place, str(name).lower()) for place, name in behaviours), "behaviour")


def _domains(world: World) -> Iterator[Complaint]:
    profiles = [profile.id for profile in world.profiles]
    for place, department in world.placed_departments():
        domains = enumerate(department.domains)
        entries = (((*place, "domains", i, "name"), domain.name.lower()) for i, domain in domains)
        yield from _repeated(entries, "domain")
        yield from _unknown(_items((*place, "profiles"), department.profiles), profiles, "profile")


def _accounts(world: World) -> Iterator[Complaint]:
    organisations = [organisation.id for organisation in world.organisations]
    for i, account in enumerate(world.accounts):
        place: Place = ("accounts", i)
        yield from _unknown(_items((*place, "departments"), account.departments), world.departments, "department")
        yield from _unknown(_items((*place, "organisations"), account.organisations), organisations, "organisation")
    logins = [account.login for account in world.accounts]
    yield from _unknown(_fields("oauth_clients", world.oauth_clients, "login"), logins, "account")


def _certificates(world: World) -> Iterator[Complaint]:
    certificates = world.certificates
    yield from _unknown(_fields("certificates", certificates, "department"), world.departments, "department")
    profiles = [profile.id for profile in world.profiles]
    yield from _unknown(_fields("certificates", certificates, "profile"), profiles, "profile")
