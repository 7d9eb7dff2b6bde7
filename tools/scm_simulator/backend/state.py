"""State: everything that changes while the simulator runs, in memory only."""

from __future__ import annotations

import copy
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from random import Random
from threading import RLock
from typing import Any

from scm_simulator.backend.order import Order
from scm_simulator.ca.authority import CertificateAuthority
from scm_simulator.dates import midnight
from scm_simulator.world.dials import Dials
from scm_simulator.world.domain_names import permits
from scm_simulator.world.fault import Fault
from scm_simulator.world.world import Account, Department, Domain, Profile, World

_FIRST_SSL_ID = 10001
_FIRST_DOMAIN_ID = 401
_FIRST_ADMIN_ID = 1601
_VALIDATED_BEFORE = timedelta(days=10)
_VALIDATION = timedelta(days=190)
_RENEW_ID_LETTERS = string.ascii_letters + string.digits
_RENEW_ID_LENGTH = 20


@dataclass
class Admin:
    """An account in its current state."""

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

    def set_password(self, password: str, now: datetime, *, temporary: bool = False) -> None:
        """Set another password, which expires later than the old one; unlock the account."""
        days = self.spec.password_expires_in_days
        self.password, self.temporary = password, temporary
        self.password_expires_at = None if days is None else now + timedelta(days=max(days, 1))
        self.unlock()

    def unlock(self) -> None:
        """Unlock the account and reset its failed attempts."""
        self.locked, self.failed_attempts = False, 0


@dataclass
class DelegatedDomain:
    """A domain entry (`a.org` or `*.a.org`) with its validation and its delegations: department → status."""

    id: int
    name: str
    state: str
    dcv: str
    validated_at: datetime
    expires_at: datetime
    spec: Domain
    delegations: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Token:
    """An OAuth2 access token: its account and its expiry."""

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
        """Apply *changes* of the dials to orders of *name*; faults among them apply to that name only."""
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
        """Return the dials for a certificate with *names*."""
        changes: dict[str, Any] = {}
        for name in names:
            changes |= self.behaviours.get(name.lower(), {})
        return self.dials.overlaid(changes)

    def faults_for(self, operation: str) -> Iterator[Fault]:
        """Yield the faults that match *operation*; the caller checks `name` and `login`."""
        yield from (fault for fault in self.dials.faults if _matches(fault.operation, operation))

    # Accounts

    def managed_ids(self, admin: Admin) -> frozenset[int]:
        """Return the ids of the organisations and departments that *admin* manages."""
        world, account = self.world, admin.spec
        if account.mrao:
            return frozenset(world.parents)
        below = {d.id for o in world.organisations if o.id in account.organisations for d in o.departments}
        return frozenset(account.departments) | frozenset(account.organisations) | below

    def orders_of(self, admin: Admin) -> list[Order]:
        """Return the orders of the departments that *admin* manages, by ssl_id."""
        ids = self.managed_ids(admin)
        return [order for order in self.orders.values() if order.department_id in ids]

    def password_expired(self, admin: Admin) -> bool:
        """Return whether the password of *admin* has expired."""
        return admin.password_expires_at is not None and admin.password_expires_at <= self.now()

    # Orders

    def new_order_id(self) -> tuple[int, str]:
        """Return an unused ssl_id and renewId (20 letters and digits)."""
        renew_id = "".join(self.random.choices(_RENEW_ID_LETTERS, k=_RENEW_ID_LENGTH))
        return max(self.orders, default=_FIRST_SSL_ID - 1) + 1, renew_id

    def lists(self, order: Order) -> bool:
        """Return whether lists and reports have *order*, by the dial listing_delay_seconds."""
        return self.now() >= order.requested_at + timedelta(seconds=self.dials.listing_delay_seconds)

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
        """Add a domain entry, or its delegations to the existing entry of that name."""
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
            spec=entry,
            delegations=dict(delegations),
        )
        self.domains[domain.id] = domain
        return domain

    def delegated(self, name: str, department_id: int) -> DelegatedDomain | None:
        """Return the active delegation that permits *name* in the department; the exact entry before a wildcard."""
        entries = [
            domain
            for domain in self.domains.values()
            if domain.delegations.get(department_id) == "ACTIVE" and permits(domain.name, name)
        ]
        return max(entries, key=lambda domain: len(domain.name), default=None)

    def domain_validation(self, domain: DelegatedDomain, *names: str) -> str:
        """Return VALIDATED, NOT_VALIDATED or EXPIRED, from the dials or else from the entry."""
        by_dial = self.dials_for([domain.name, *names]).dcv
        if by_dial:
            return by_dial
        is_over = domain.expires_at <= self.now() and not domain.spec.dcv_rolls
        return "EXPIRED" if domain.dcv == "VALIDATED" and is_over else domain.dcv

    def validation_period(self, domain: DelegatedDomain) -> tuple[datetime, datetime]:
        """Return begin and end of a current or expired validation, consistent with domain_validation."""
        validation, now = self.domain_validation(domain), self.now()
        if domain.spec.dcv_rolls:
            span = max(domain.expires_at - self.started, timedelta(days=1))
            begins = self.started + (now - self.started) // span * span
            return begins, begins + span
        if validation == "EXPIRED" and domain.expires_at > now:
            ended = self.started - timedelta(days=1)
            return ended - _VALIDATION, ended
        if validation == "VALIDATED" and domain.expires_at <= now:
            return now - _VALIDATED_BEFORE, now - _VALIDATED_BEFORE + _VALIDATION
        return domain.validated_at, domain.expires_at

    def organisation_validation(self, department_id: int, names: Iterable[str] = ()) -> str:
        """Return the validation status of the organisation that a department belongs to."""
        return self.dials_for(names).organisation_validation or self.world.parents[department_id].validation

    def web_api(self, department: Department, names: Iterable[str]) -> bool:
        """Return whether enrollment through the API is enabled for the department."""
        return department.web_api and self.dials_for(names).web_api


def _matches(pattern: str, operation: str) -> bool:
    """Return whether *operation* fits a pattern in which `*` matches any text and `{sslId}` itself."""
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(expression, operation) is not None
