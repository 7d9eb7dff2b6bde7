"""The world: organisations, accounts, profiles and certificates in SCM before the first call.

Everything here is plain, frozen data. What changes while the simulator runs (orders, passwords, failed
logins, approved delegations) is in `backend.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from ipaddress import ip_network
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, GetPydanticSchema
from pydantic_core import core_schema

from scm_simulator.world.dials import Dials, DomainValidation
from scm_simulator.world.domain_names import a_labels, is_domain_name

KeyTypes = Mapping[str, tuple[str, ...]]
Place = tuple[str | int, ...]
"""The path to a value in a world: ("accounts", 0, "login")."""

SSL_PRIVILEGES = ("sslRequest", "sslRenew", "sslReplace", "sslRevoke", "autoApproveCertificates")
LEAST_PRIVILEGES = ("sslRequest", "sslRenew", "autoApproveCertificates")
"""What an account needs to order and to renew, and nothing else."""
PRIVILEGES = (
    *SSL_PRIVILEGES,
    "sslApprove",
    "sslManage",
    "allowDCV",
    "allowManageDomains",
    "approveDomainDelegation",
)


class WorldError(Exception):
    """A world, or the file that describes it, is not valid; the text names the place and the fix."""


def _domain_name(text: str) -> str:
    name = a_labels(text)
    if not is_domain_name(name):
        message = f"{text!r} is not a domain name; write `a.example.org` or `*.example.org`"
        raise ValueError(message)
    return name


def _network(text: str) -> str:
    return str(ip_network(text))


def _entry(value: Any) -> Any:
    """Return a domain, which a file may write as its name alone."""
    return {"name": value} if isinstance(value, str) else value


def _grouped(value: Any) -> Any:
    """Return a behaviour, whose dials a file writes beside its name."""
    if not isinstance(value, dict):
        return value
    name = {key: value[key] for key in ("name",) if key in value}
    return name | {"dials": {key: dial for key, dial in value.items() if key != "name"}}


def _changes(value: Any, handler: Callable[[Any], Dials]) -> dict[str, Any]:
    """Return the dials in *value*, checked, without those that it does not set."""
    dials = handler(value)
    return {name: getattr(dials, name) for name in value}


@dataclass(frozen=True)
class Domain:
    """A delegation of one entry to a department: `a.org` is that name alone, `*.a.org` every name below it.

    dcv_expires_on takes precedence over dcv_expires_in_days (counted from the simulator's start). What SCM shows of a
    persistent validation is not documented: dcv_method may be any name, the expiry may be left out (dcv_dated), or
    begin again when it is reached (dcv_rolls).
    """

    name: Annotated[str, AfterValidator(_domain_name)]
    status: Literal["ACTIVE", "REQUESTED"] = "ACTIVE"
    state: Literal["ACTIVE", "SUSPENDED"] = "ACTIVE"
    dcv: DomainValidation = "VALIDATED"
    dcv_expires_in_days: int = 180
    dcv_expires_on: date | None = None
    dcv_rolls: bool = False
    dcv_dated: bool = True
    dcv_method: str = ""


@dataclass(frozen=True)
class Department:
    """A department; web_api is its "Web / REST API" setting; no profiles means every profile."""

    id: int
    name: str
    domains: tuple[Annotated[Domain, BeforeValidator(_entry)], ...] = ()
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

    A STANDARD account with a temporary password is refused until the password is changed in the user
    interface (`Simulator.set_password`); an API account is not. password_expires_in_days None: never.
    allowed_addresses are addresses or networks (`192.0.2.7/32`); empty means any.
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
    allowed_addresses: tuple[Annotated[str, AfterValidator(_network)], ...] = ()


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
    """A certificate that was issued or requested before the simulator started.

    The simulator makes its key. issued_on takes precedence over issued_days_ago. An empty status follows from
    the dates. label is free text (`<delegation>/<certificate>`) that the API does not return.
    """

    department: int
    names: Annotated[tuple[Annotated[str, AfterValidator(a_labels)], ...], Field(min_length=1)]
    profile: int
    term_days: Annotated[int, Field(ge=1)]
    issued_days_ago: int = 0
    issued_on: date | None = None
    status: Literal["", "Requested", "Approved", "Applied", "Declined", "Rejected", "Invalid", "Revoked"] = ""
    key_type: str = "EC - P-256"
    comments: str = ""
    via: str = "REST API"
    label: str = ""


_DIAL_CHANGES = GetPydanticSchema(
    lambda _, handler: core_schema.no_info_wrap_validator_function(_changes, handler(Dials))
)


@dataclass(frozen=True)
class Behaviour:
    """Dials that hold for orders of one name only."""

    name: Annotated[str, AfterValidator(a_labels)]
    dials: Annotated[Mapping[str, Any], _DIAL_CHANGES] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """Everything in SCM at the start.

    `world_file` checks fields by their types and annotations, `validation` duplicates and references.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    organisations: tuple[Organisation, ...]
    accounts: tuple[Account, ...]
    profiles: tuple[Profile, ...]
    oauth_clients: tuple[OAuthClient, ...] = ()
    custom_fields: tuple[CustomField, ...] = ()
    certificates: tuple[PastCertificate, ...] = ()
    dials: Dials = field(default_factory=Dials)
    behaviours: tuple[Annotated[Behaviour, BeforeValidator(_grouped)], ...] = ()

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
