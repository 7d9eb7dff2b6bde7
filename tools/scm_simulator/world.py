"""The world: who and what stands on the SCM side before the first call.

Everything here is plain, frozen data. What changes while the simulator runs (orders, passwords, failed
logins, delegations approved) lives in `state`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from .dials import Dials, DomainValidation

KeyTypes = Mapping[str, tuple[str, ...]]
Place = tuple[str | int, ...]
"""Where in a world something stands: ("accounts", 0, "login")."""

SSL_PRIVILEGES = ("sslRequest", "sslRenew", "sslReplace", "sslRevoke", "autoApproveCertificates")
LEAST_PRIVILEGES = ("sslRequest", "sslRenew", "autoApproveCertificates")
"""What an account needs that orders and renews, and nothing else."""
PRIVILEGES = (
    *SSL_PRIVILEGES,
    "sslApprove",
    "sslManage",
    "allowDCV",
    "allowManageDomains",
    "approveDomainDelegation",
)


class WorldError(Exception):
    """A world, or the file that describes it, is not sound; the text says where and what to do."""


@dataclass(frozen=True)
class Domain:
    """A delegation of one entry to a department: `a.org` is that name alone, `*.a.org` all below it.

    dcv_expires_on wins over dcv_expires_in_days (counted from the simulator's start); the validation has
    expired once that moment is past.
    """

    name: str
    status: Literal["ACTIVE", "REQUESTED"] = "ACTIVE"
    state: Literal["ACTIVE", "SUSPENDED"] = "ACTIVE"
    dcv: DomainValidation = "VALIDATED"
    dcv_expires_in_days: int = 180
    dcv_expires_on: date | None = None


@dataclass(frozen=True)
class Department:
    """A department; web_api is its "Web / REST API" tick; profiles none means every profile."""

    id: int
    name: str
    domains: tuple[Domain, ...] = ()
    profiles: tuple[int, ...] = ()
    web_api: bool = True


@dataclass(frozen=True)
class Organisation:
    """An organisation with its departments and the state of its OV validation."""

    id: int
    name: str
    country: str = "FR"
    validation: Literal["VALIDATED", "NOT_VALIDATED", "PENDING", "EXPIRED", "FAILED"] = "VALIDATED"
    validation_expires_in_days: int = 300
    departments: tuple[Department, ...] = ()


@dataclass(frozen=True)
class Account:
    """An administrator: DRAO SSL of `departments`, RAO SSL of `organisations`, or MRAO of all.

    A STANDARD account with a temporary password is refused until it has been changed in the user
    interface (`Simulator.set_password`); an API account is not. password_expires_in_days none: never.
    allowed_addresses are addresses or networks (`192.0.2.7/32`); none means any.
    """

    login: str
    password: str = field(repr=False)
    customer_uri: str = "example"
    type: Literal["STANDARD", "API"] = "API"
    departments: tuple[int, ...] = ()
    organisations: tuple[int, ...] = ()
    mrao: bool = False
    privileges: tuple[str, ...] = LEAST_PRIVILEGES
    temporary_password: bool = False
    password_expires_in_days: int | None = 90
    locked: bool = False
    failed_attempts: int = 0
    allowed_addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class OAuthClient:
    """An API key: an OAuth2 client that acts as one account."""

    client_id: str
    client_secret: str = field(repr=False)
    login: str


@dataclass(frozen=True)
class Profile:
    """A certificate profile: terms in days, key types as SCM lists them."""

    id: int
    name: str
    terms: tuple[int, ...] = (199,)
    key_types: KeyTypes = field(default_factory=lambda: {"RSA": ("2048", "3072", "4096"), "EC": ("P-256", "P-384")})
    description: str = ""
    allows_renew: bool = True
    validation_type: Literal["DV", "OV", "EV"] = "OV"


@dataclass(frozen=True)
class CustomField:
    """A custom field of the customer."""

    name: str
    mandatory: bool = False


@dataclass(frozen=True)
class PastCertificate:
    """A certificate that SCM issued (or was asked for) before the simulator started.

    The simulator makes its key. issued_on wins over issued_days_ago. status none: what the dates say.
    label: free, stored and shown nowhere in the API (`<delegation>/<certificate>`).
    """

    department: int
    names: tuple[str, ...]
    profile: int
    term_days: int
    issued_days_ago: int = 0
    issued_on: date | None = None
    status: Literal["", "Requested", "Approved", "Applied", "Declined", "Rejected", "Invalid", "Revoked"] = ""
    key_type: str = "EC - P-256"
    comments: str = ""
    via: str = "REST API"
    label: str = ""


@dataclass(frozen=True)
class Behaviour:
    """Dials that hold for orders of one name only."""

    name: str
    dials: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """Everything that stands on the SCM side at the start."""

    organisations: tuple[Organisation, ...]
    accounts: tuple[Account, ...]
    profiles: tuple[Profile, ...]
    oauth_clients: tuple[OAuthClient, ...] = ()
    custom_fields: tuple[CustomField, ...] = ()
    certificates: tuple[PastCertificate, ...] = ()
    dials: Dials = field(default_factory=Dials)
    behaviours: tuple[Behaviour, ...] = ()

    def __post_init__(self) -> None:
        complaints = tuple(self.complaints())
        if complaints:
            raise UnsoundWorldError(complaints)

    @staticmethod
    def example() -> World:
        """Return a small world: one organisation, one department, one officer, three profiles."""
        from .example import example_world  # noqa: PLC0415  # example builds worlds; a cycle otherwise

        return example_world()

    @staticmethod
    def load(path: str | Path) -> World:
        """Read a world from a YAML file; raise WorldError naming file, line and field of every fault."""
        from .world_file import read_world  # noqa: PLC0415  # YAML is only needed for files

        return read_world(Path(path))

    @cached_property
    def departments(self) -> Mapping[int, Department]:
        """Every department by id."""
        return {department.id: department for _, department in self.placed_departments()}

    @cached_property
    def parents(self) -> Mapping[int, Organisation]:
        """The organisation of every department, and of every organisation itself, by id."""
        own = {organisation.id: organisation for organisation in self.organisations}
        return own | {d.id: o for o in self.organisations for d in o.departments}

    @cached_property
    def profiles_by_id(self) -> Mapping[int, Profile]:
        """Every profile by id."""
        return {profile.id: profile for profile in self.profiles}

    def placed_departments(self) -> Iterator[tuple[Place, Department]]:
        """Yield every department with its place."""
        for i, organisation in enumerate(self.organisations):
            for j, department in enumerate(organisation.departments):
                yield ("organisations", i, "departments", j), department

    def complaints(self) -> Iterator[tuple[Place, str]]:
        """Yield what is not sound: duplicates, and references to what is not there."""
        from .soundness import complaints  # noqa: PLC0415  # soundness reads worlds; a cycle otherwise

        yield from complaints(self)


class UnsoundWorldError(WorldError):
    """A world with duplicates, or with references to what it does not hold: every one, with its place."""

    def __init__(self, complaints: tuple[tuple[Place, str], ...]) -> None:
        self.complaints = complaints
        super().__init__("\n".join(f"{dotted(place)}: {complaint}" for place, complaint in complaints))


def dotted(place: Place) -> str:
    """Return a place as people write it: `accounts[0].login`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")
