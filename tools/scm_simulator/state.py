"""State: everything that changes while the simulator runs. It lives in memory and ends with the process."""

from __future__ import annotations

import copy
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from random import Random
from threading import RLock
from typing import Any

from .ca import CertificateAuthority
from .dates import midnight
from .dials import Dials
from .fault import Fault
from .names import permits
from .order import Order
from .world import Account, Department, Domain, Profile, World

_FIRST_SSL_ID = 10001
_FIRST_DOMAIN_ID = 401
_FIRST_ADMIN_ID = 1601
_VALIDATED_BEFORE = timedelta(days=10)
_VALIDATION = timedelta(days=190)
_RENEW_ID_LETTERS = string.ascii_letters + string.digits
_RENEW_ID_LENGTH = 20


@dataclass
class Admin:
    """An account as it stands now."""

    id: int
    spec: Account
    password: str = field(repr=False)
    temporary: bool
    created_at: datetime
    password_expires_at: datetime | None
    locked: bool
    failed_attempts: int
    failed_at: datetime | None = None

    @property
    def login(self) -> str:
        """The login, which never changes."""
        return self.spec.login


@dataclass
class DelegatedDomain:
    """A domain entry (`a.org` or `*.a.org`) with its validation and its delegations: department → status."""

    id: int
    name: str
    state: str
    dcv: str
    validated_at: datetime
    expires_at: datetime
    delegations: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Token:
    """An OAuth2 access token: whom it acts for, and until when."""

    login: str
    expires_at: datetime


class State:
    """Orders, admins, domains and tokens, with the dials, the clock and the CA."""

    def __init__(self, world: World, dials: Dials, clock: Callable[[], datetime], random: Random) -> None:
        self.world = world
        self.dials = dials
        self.now = clock
        self.random = random
        self.lock = RLock()
        self.started = clock()
        self.authority = CertificateAuthority(self.started, random)
        self.behaviours: dict[str, dict[str, Any]] = {}
        self.orders: dict[int, Order] = {}
        self.tokens: dict[str, Token] = {}
        self.admins = {a.login: self._admin(i, a) for i, a in enumerate(world.accounts, _FIRST_ADMIN_ID)}
        self.domains: dict[int, DelegatedDomain] = {}
        for department in world.departments.values():
            for entry in department.domains:
                self.add_domain(entry, {department.id: entry.status})
        for behaviour in world.behaviours:
            self.behave(behaviour.name, copy.deepcopy(dict(behaviour.dials)))

    def _admin(self, number: int, account: Account) -> Admin:
        days = account.password_expires_in_days
        return Admin(
            id=number,
            spec=account,
            password=account.password,
            temporary=account.temporary_password,
            created_at=self.started,
            password_expires_at=None if days is None else self.started + timedelta(days=days),
            locked=account.locked,
            failed_attempts=account.failed_attempts,
        )

    # Dials

    def behave(self, name: str, changes: Mapping[str, Any]) -> None:
        """Let *changes* of the dials hold for orders of *name*; faults among them are bound to it."""
        kept = dict(changes)
        unknown = kept.keys() - {field.name for field in fields(Dials)}
        if unknown:
            message = f"no such dial: {', '.join(sorted(unknown))}"
            raise ValueError(message)
        for fault in kept.pop("faults", []):
            fault.name = name
            self.dials.faults.append(fault)
        self.behaviours.setdefault(name.lower(), {}).update(kept)

    def dials_for(self, names: Iterable[str]) -> Dials:
        """Return the dials that hold for a certificate with *names*."""
        changes: dict[str, Any] = {}
        for name in names:
            changes |= self.behaviours.get(name.lower(), {})
        return self.dials.overlaid(changes)

    def faults_for(self, operation: str) -> Iterator[Fault]:
        """Yield the faults that might concern *operation*; `name` and `login` are for the caller to check."""
        yield from (fault for fault in self.dials.faults if _matches(fault.operation, operation))

    # What an account sees

    def visible(self, admin: Admin) -> frozenset[int]:
        """Return the ids of the organisations and departments that *admin* manages."""
        world, account = self.world, admin.spec
        if account.mrao:
            return frozenset(world.parents)
        below = {d.id for o in world.organisations if o.id in account.organisations for d in o.departments}
        return frozenset(account.departments) | frozenset(account.organisations) | below

    def orders_seen_by(self, admin: Admin) -> list[Order]:
        """Return the orders within *admin*'s sight, by ssl_id."""
        ids = self.visible(admin)
        return [order for order in self.orders.values() if order.department_id in ids]

    # Orders

    def new_order_id(self) -> tuple[int, str]:
        """Return an ssl_id and a renewId (20 letters and digits) that nobody has."""
        renew_id = "".join(self.random.choices(_RENEW_ID_LETTERS, k=_RENEW_ID_LENGTH))
        return max(self.orders, default=_FIRST_SSL_ID - 1) + 1, renew_id

    def profile(self, order: Order) -> Profile:
        """Return the profile of *order*."""
        return self.world.profiles_by_id[order.profile_id]

    def profiles_of(self, department_id: int) -> list[Profile]:
        """Return the profiles that a department (or organisation) may use."""
        department = self.world.departments.get(department_id)
        chosen = department.profiles if department else ()
        return [p for p in self.world.profiles if not chosen or p.id in chosen]

    # Domains

    def add_domain(self, entry: Domain, delegations: Mapping[int, str]) -> DelegatedDomain:
        """Add a domain entry, or the delegations to the one that has its name."""
        for domain in self.domains.values():
            if domain.name == entry.name.lower():
                domain.delegations.update(delegations)
                return domain
        start = self.started
        on, days = entry.dcv_expires_on, entry.dcv_expires_in_days
        ends = midnight(on) if on else start + timedelta(days=days)
        domain = DelegatedDomain(
            id=max(self.domains, default=_FIRST_DOMAIN_ID - 1) + 1,
            name=entry.name.lower(),
            state=entry.state,
            dcv=entry.dcv or "NOT_VALIDATED",
            validated_at=min(start - _VALIDATED_BEFORE, ends - _VALIDATION),
            expires_at=ends,
            delegations=dict(delegations),
        )
        self.domains[domain.id] = domain
        return domain

    def delegated(self, name: str, department_id: int) -> DelegatedDomain | None:
        """Return the active delegation that permits *name* there; the exact entry before a star."""
        entries = [
            domain
            for domain in self.domains.values()
            if domain.delegations.get(department_id) == "ACTIVE" and permits(domain.name, name)
        ]
        return max(entries, key=lambda domain: len(domain.name), default=None)

    def domain_validation(self, domain: DelegatedDomain, *names: str) -> str:
        """Return VALIDATED, NOT_VALIDATED or EXPIRED, as the dials or else the entry say."""
        turned = self.dials_for([domain.name, *names]).dcv
        if turned:
            return turned
        return "EXPIRED" if domain.dcv == "VALIDATED" and domain.expires_at <= self.now() else domain.dcv

    def validation_period(self, domain: DelegatedDomain) -> tuple[datetime, datetime]:
        """Return begin and end of a validation that is, or was: an end that goes with what domain_validation says."""
        validation, now = self.domain_validation(domain), self.now()
        if validation == "EXPIRED" and domain.expires_at > now:
            ended = self.started - timedelta(days=1)
            return ended - _VALIDATION, ended
        if validation == "VALIDATED" and domain.expires_at <= now:
            return now - _VALIDATED_BEFORE, now - _VALIDATED_BEFORE + _VALIDATION
        return domain.validated_at, domain.expires_at

    def organisation_validation(self, department_id: int, names: Iterable[str] = ()) -> str:
        """Return the validation status of the organisation that a department belongs to."""
        turned = self.dials_for(names).organisation_validation
        return turned or self.world.parents[department_id].validation

    def web_api(self, department: Department, names: Iterable[str]) -> bool:
        """Return whether enrolment through the API is switched on for the department."""
        return department.web_api and self.dials_for(names).web_api


def _matches(pattern: str, operation: str) -> bool:
    """Return whether *operation* fits a pattern in which `*` stands for anything and `{sslId}` for itself."""
    parts = pattern.split("*")
    if len(parts) == 1:
        return operation == pattern
    head, *middle, tail = parts
    if not (operation.startswith(head) and operation.endswith(tail)) or len(operation) < len(head) + len(tail):
        return False
    rest = operation[len(head) : len(operation) - len(tail) or None]
    for part in middle:
        _, found, rest = rest.partition(part)
        if part and not found:
            return False
    return True
