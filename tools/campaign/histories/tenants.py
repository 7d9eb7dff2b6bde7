"""The estate of a history: two delegations at one SCM, each with a department and accounts of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from campaign.scenarios import DELEGATION, DEPARTMENT, LONG, PARIS, PASSWORD, PROFILE, VIRGINIA
from certmandate.files.specification import Specification
from renewal.domain.delegation import S3, CertificateSpec, Delegation
from renewal.domain.key_type import KeyType
from scm_simulator import Account, Department, Domain, Organisation, Profile
from scm_simulator.world.world import World

NEIGHBOUR = "lycee"
"""The delegation whose credential, mandate and items nothing touches."""
SHORT_PROFILE = 3002
STORES = ((S3,), (PARIS,), (S3, PARIS), (PARIS, VIRGINIA))
NAMES = {
    "idp": (("idp.univ.example",), ("idp.univ.example", "login.idp.univ.example")),
    "www": (("www.idp.univ.example",), ("www.idp.univ.example", "web.idp.univ.example")),
    "ent": (("ent.lycee.example",), ("ent.lycee.example", "web.ent.lycee.example")),
}
"""By certificate, the names of the two versions of its delegation file."""


@dataclass(slots=True)
class Tenant:
    """One organisation with its delegation: what its file has, and what is stored for its account."""

    name: str
    department: int
    domain: str
    logins: tuple[str, str]
    """The account in use, and another one of the same department."""
    specs: dict[str, CertificateSpec] = field(default_factory=dict)
    """By the certificate's name."""
    mandate_ends: date | None = None

    @property
    def entries(self) -> tuple[str, str]:
        """What the RAO delegates: the domain and every name below it."""
        return self.domain, f"*.{self.domain}"

    def specification(self) -> Specification:
        """Return its delegation file."""
        organisation = f"{self.name} of Example"
        delegation = Delegation(self.name, organisation, self.department, self.entries, mandate_ends=self.mandate_ends)
        return Specification(delegation, tuple(self.specs.values()))

    def respecify(self, certificate: str, *, names: int, stores: int, key: str, profile: int) -> None:
        """Change a certificate in the file."""
        self.specs[certificate] = replace(
            self.specs[certificate],
            names=NAMES[certificate][names],
            stores=STORES[stores],
            key_type=KeyType(key),
            profile_id=profile,
        )


def tenants(certificates: Sequence[str] = ("idp", "www")) -> Mapping[str, Tenant]:
    """Return both, by name: one with *certificates*, which are renewed in parallel, and its neighbour with one."""
    univ = _tenant(DELEGATION, DEPARTMENT, "idp.univ.example", certificates)
    return {DELEGATION: univ, NEIGHBOUR: _tenant(NEIGHBOUR, DEPARTMENT + 1, "ent.lycee.example", ("ent",))}


def _tenant(name: str, department: int, domain: str, certificates: Sequence[str]) -> Tenant:
    specs = {each: CertificateSpec(name, each, NAMES[each][0], PROFILE) for each in certificates}
    return Tenant(name, department, domain, (f"drao-{name}", f"second-{name}"), specs)


def scm_of(every: Mapping[str, Tenant], *, validated_days: int = LONG, terms: tuple[int, ...] = (90, 199)) -> World:
    """Return what SCM holds for *every* tenant; validations last *validated_days*, profiles offer *terms*."""
    organisations = tuple(
        Organisation(
            each.department + 1000,
            f"{each.name} of Example",
            validation_expires_in_days=LONG,
            departments=(
                Department(
                    each.department,
                    each.name,
                    domains=tuple(Domain(entry, dcv_expires_in_days=validated_days) for entry in each.entries),
                ),
            ),
        )
        for each in every.values()
    )
    accounts = tuple(
        Account(login, PASSWORD, departments=(each.department,), password_expires_in_days=None)
        for each in every.values()
        for login in each.logins
    )
    profiles = Profile(PROFILE, "OV multi domain", terms=terms), Profile(SHORT_PROFILE, "OV short", terms=(30,))
    return World(organisations=organisations, accounts=accounts, profiles=profiles)
