"""What was delegated, and which certificates are renewed under it: the *spec* half of the order book."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import NamedTuple, Self

from renewal.domain.certificate.chain_form import ChainForm
from renewal.domain.endpoint.declaration import GRACE_HOURS, Endpoint
from renewal.domain.errors import KeyRefused, MandateEnded, NameNotDelegated, ProfileRefused, TermRefused
from renewal.domain.key_type import KeyType
from renewal.domain.names import not_permitted
from renewal.records import REQUIRED

_SIZE = re.compile(r"(P-)?[0-9]+")  # as SCM documents sizes of keys (SCM reference §5.3)

S3 = "s3"
ACM = "acm:"
"""Before the region, the name of a store."""
DEFAULT_RATIO = 1 / 3
LANGUAGES = ("fr", "en")
"""Of the texts for RAOs, in the order in which a page or a mail has them."""


class CertificatePath(NamedTuple):
    """`delegation/certificate`: how operators, executions and reports name a certificate."""

    delegation: str
    certificate: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `delegation/certificate`. Raises ValueError when *text* is not two names."""
        names = text.split("/")
        if len(names) != len(cls._fields) or not all(names):
            msg = f"'{text}' is not delegation/certificate"
            raise ValueError(msg)
        return cls(*names)

    def __str__(self) -> str:
        """`delegation/certificate`."""
        return f"{self.delegation}/{self.certificate}"


@dataclass(frozen=True, slots=True)
class RenewalPolicy:
    """When a certificate becomes due by age.

    `ratio` (0.1 to 0.5) is the share of the lifetime that is left when the renewal window begins. `floor_days`
    (0 = none) is the least number of days before expiry; more than half of the lifetime counts as half.
    """

    ratio: float = DEFAULT_RATIO
    floor_days: int = 0


@dataclass(frozen=True, slots=True)
class Delegation:
    """One organisation's mandate to us: which names, in which department, until when."""

    name: str
    organisation: str
    department_id: int
    """SCM's `orgId` of the department, not of the organisation (SCM reference §6.3)."""
    delegated_names: tuple[str, ...]
    """Entries as the RAO delegated them, normalised; their meaning: `renewal.domain.names`."""
    rao_email: str = ""
    language: str = ""
    """Of the mails to the RAO: `fr` or `en`; empty = both, one after the other."""
    mandate_ends: date | None = None
    """Last day on which anything may be ordered; None = until the mandate is withdrawn."""
    address: str = ""
    """The /32 from which the department's access list lets us in; for checks only."""

    def not_delegated(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of *names* that this delegation does not permit."""
        return not_permitted(self.delegated_names, names)

    def require_delegated(self, names: Iterable[str]) -> None:
        """Raise NameNotDelegated when one of *names* is outside the delegation."""
        if outside := self.not_delegated(names):
            msg = (
                f"{', '.join(outside)}: not delegated to department {self.department_id}; "
                f"delegated are {', '.join(self.delegated_names)}"
            )
            raise NameNotDelegated(msg)

    def has_ended(self, now: datetime) -> bool:
        """Return whether the mandate's last day is over (UTC)."""
        return self.mandate_ends is not None and now.date() > self.mandate_ends

    def require_mandate(self, now: datetime) -> None:
        """Raise MandateEnded when nothing may be ordered any more; orders that were placed before are still stored."""
        if self.has_ended(now):
            msg = f"the mandate of {self.organisation} ended on {self.mandate_ends}"
            raise MandateEnded(msg)


@dataclass(frozen=True, slots=True)
class CertificateSpec:
    """One managed certificate: its names, profile, term, key and stores."""

    delegation: str
    name: str
    names: tuple[str, ...]
    profile_id: int
    key_type: KeyType = field(default=KeyType.P_256, metadata=REQUIRED)
    term_days: int | None = None
    """Longest term wanted; None = the longest that the profile offers and the calendar permits."""
    stores: tuple[str, ...] = field(default=(S3,), metadata=REQUIRED)
    """`s3` and/or `acm:<region>`, in the order in which they are written."""
    arns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), metadata=REQUIRED)
    """Region to ARN, of existing ACM certificates that the operator wants to re-import into."""
    policy: RenewalPolicy = field(default=RenewalPolicy(), metadata=REQUIRED)
    custom_fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Name to value of SCM's custom fields, as each order has them (SCM reference §5.4)."""
    external_requester: str = ""
    """E-mail addresses, separated by `, `, as each order has them."""
    chain: ChainForm = ChainForm.COMPATIBLE
    """The issuers that are stored with it."""
    served_at: tuple[Endpoint, ...] = ()
    """Where clients meet it, as far as it is declared."""
    grace_hours: int = GRACE_HOURS
    """How long after a renewal an endpoint may still present the former certificate."""

    @property
    def record_key(self) -> CertificatePath:
        """The key of the certificate's record."""
        return CertificatePath(self.delegation, self.name)

    @property
    def path(self) -> str:
        """`delegation/certificate`."""
        return str(self.record_key)

    @property
    def acm_regions(self) -> tuple[str, ...]:
        """The regions in which ACM must hold the certificate."""
        return tuple(store.removeprefix(ACM) for store in self.stores if store.startswith(ACM))


@dataclass(frozen=True, slots=True)
class Profile:
    """A certificate profile as the department may use it (`/types`, SCM reference §5.3)."""

    profile_id: int
    name: str
    terms: tuple[int, ...]
    key_types: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Algorithm to sizes, e.g. `{"RSA": ("2048",), "EC": ("P-256",)}`; empty = not returned (older releases)."""

    def require_key_type(self, key_type: KeyType) -> None:
        """Raise KeyRefused when the profile does not take *key_type*; a list in unknown words refuses nothing."""
        sizes = self.key_types.get(key_type.algorithm, ())
        is_understood = self.key_types.keys() <= {"RSA", "EC"} and all(map(_SIZE.fullmatch, sizes))
        if self.key_types and is_understood and key_type.size not in sizes:
            offered = ", ".join(f"{name} {'/'.join(sizes)}" for name, sizes in self.key_types.items())
            msg = f"profile {self.profile_id} does not take {key_type} keys; it offers {offered}"
            raise KeyRefused(msg)

    def term_for(self, wanted: int | None, longest_allowed: int) -> int:
        """Return the term to ask for: the longest offered, not above *wanted* nor, where possible, *longest_allowed*.

        All in days. Raises TermRefused when nothing that short is offered.
        """
        if not self.terms:
            msg = f"profile {self.profile_id} offers no term at all"
            raise TermRefused(msg)
        fitting = [term for term in self.terms if wanted is None or term <= wanted]
        if not fitting:
            msg = (
                f"profile {self.profile_id} offers terms of {_days(self.terms)}; "
                f"none is as short as the {wanted} days wanted"
            )
            raise TermRefused(msg)
        return max([term for term in fitting if term <= longest_allowed] or [min(fitting)])


@dataclass(frozen=True, slots=True)
class CustomField:
    """A custom field that SCM defines for the customer's orders (`/customFields`, SCM reference §5.3)."""

    name: str
    is_mandatory: bool = field(default=False, metadata={"stored": "mandatory"})


def _days(terms: Iterable[int]) -> str:
    return ", ".join(str(term) for term in sorted(terms)) + " days"


def profile_of(spec: CertificateSpec, profiles: Iterable[Profile]) -> Profile:
    """Return the profile that *spec* asks for. Raises ProfileRefused when the department does not have it."""
    offered = tuple(profiles)
    for profile in offered:
        if profile.profile_id == spec.profile_id:
            return profile
    known = ", ".join(f"{profile.profile_id} ({profile.name})" for profile in offered) or "none"
    msg = f"the department has no certificate profile {spec.profile_id}; it has {known}"
    raise ProfileRefused(msg)
