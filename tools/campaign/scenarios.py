"""The campaign's estates: small, so that every call of a run has a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from campaign.fault_injection import Mode
from campaign.harness import Harness
from certmandate.files.specification import Specification
from renewal.domain.delegation import S3, CertificateSpec, Delegation
from renewal.domain.key_type import KeyType
from scm_simulator import Account, Department, Dials, Domain, Organisation, Profile
from scm_simulator.world.world import World

DELEGATION = "univ"
NAME = "idp"
NAMES = ("idp.univ.example", "www.idp.univ.example")
DEPARTMENT = 2001
PROFILE, TERM = 3001, 199
LONG = 3650  # days until a validation expires: longer than any history
LOGIN = "drao-univ"
PASSWORD = "Harness-password-1"  # noqa: S105 - of a simulator
PARIS, VIRGINIA = "acm:eu-west-3", "acm:us-east-1"
DAYS_UNTIL_DUE = 160.0
"""Of 199: inside the renewal window, wherever in it the name's hash falls."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One estate, and what SCM is like."""

    name: str
    stores: tuple[str, ...]
    dials: Mapping[str, Any] = field(default_factory=dict)
    is_renewal: bool = False
    """Whether a first certificate is stored already, and due by age."""
    every_mode: bool = False
    """Whether all modes are played at every write, not only the canonical ones."""
    first_faults: tuple[tuple[str, Mode], ...] = ()
    """(operation, mode) of first faults; every later call of the same run gets a second fault."""
    due: int = 1
    """Orders that a correct run makes."""

    def prepare(self, harness: Harness) -> None:
        """Prepare the harness for the run with the fault."""
        harness.begin(world(), [specification(self.stores)], {DELEGATION: credential()}, Dials(issuance_polls=0))
        harness.prove_search(DELEGATION, DEPARTMENT)
        if self.is_renewal:
            first = harness.run()
            if first.status != "SUCCEEDED":
                message = f"scenario {self.name}: its first run ended {first.status} ({first.error})"
                raise RuntimeError(message)
            harness.time.pass_seconds(DAYS_UNTIL_DUE * 86_400)
        for name, value in self.dials.items():
            setattr(harness.played.simulator.dials, name, value)


def world(*accounts: Account) -> World:
    """One organisation with one department, two profiles, and one account that may order."""
    names = ("idp.univ.example", "*.idp.univ.example")
    domains = tuple(Domain(name, dcv_expires_in_days=LONG) for name in names)
    department = Department(id=DEPARTMENT, name="Delegated services", domains=domains)
    return World(
        organisations=(
            Organisation(2000, "University of Example", validation_expires_in_days=LONG, departments=(department,)),
        ),
        accounts=accounts or (account(),),
        profiles=(Profile(PROFILE, "OV multi domain", terms=(90, TERM)), Profile(3002, "OV short", terms=(30,))),
    )


def account(**changes: Any) -> Account:
    """The account of the delegation; its password does not expire while a scenario lasts."""
    fixed: dict[str, Any] = {"departments": (DEPARTMENT,), "password_expires_in_days": None}
    return Account(**{"login": LOGIN, "password": PASSWORD, **fixed, **changes})


def credential(password: str = PASSWORD) -> Mapping[str, str]:
    """The account's secret in Secrets Manager."""
    return {"login": LOGIN, "password": password, "customer_uri": "example"}


def specification(stores: tuple[str, ...], **changes: Any) -> Specification:
    """The delegation file: one certificate with two names."""
    delegation = Delegation(DELEGATION, "University of Example", DEPARTMENT, ("idp.univ.example", "*.idp.univ.example"))
    spec = {"names": NAMES, "profile_id": PROFILE, "key_type": KeyType.P_256, "stores": stores, **changes}
    return Specification(delegation, (CertificateSpec(DELEGATION, NAME, **spec),))


ENROLL = "POST /api/ssl/v1/enroll"
SLOW = {"issuance_polls": 2}
NEXT_DAY = {"issuance_polls": 0, "issuance_seconds": 20 * 3600.0}
"""Longer than one run polls: the next run collects."""

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("s3, first, immediate", (S3,), every_mode=True, first_faults=((ENROLL, Mode.ANSWERS_LOST),)),
    Scenario(
        "s3, renewal, slow",
        (S3,),
        SLOW,
        is_renewal=True,
        every_mode=True,
        first_faults=((ENROLL, Mode.KILLED_AFTER),),
    ),
    Scenario("s3, first, next day", (S3,), NEXT_DAY),
    Scenario(
        "acm, first import, immediate",
        (PARIS,),
        every_mode=True,
        first_faults=(("ImportCertificate", Mode.KILLED_AFTER),),
    ),
    Scenario("acm, first import, slow", (PARIS,), SLOW),
    Scenario("acm, re-import, immediate", (PARIS,), is_renewal=True),
    Scenario("acm, re-import, slow", (PARIS,), SLOW, is_renewal=True, every_mode=True),
    Scenario("acm, two regions, first, immediate", (PARIS, VIRGINIA), every_mode=True),
    Scenario("acm, two regions, re-import, slow", (PARIS, VIRGINIA), SLOW, is_renewal=True),
)
