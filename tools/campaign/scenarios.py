"""The estates that are put through the campaign: small, so that every call of a run has its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from campaign.stage import Stage
from campaign.strikes import Mode
from certmandate.files.specification import Specification
from renewal.domain.delegation import S3, CertificateSpec, Delegation
from renewal.domain.keypair import KeyType
from scm_simulator import Account, Department, Dials, Domain, Organisation, Profile
from scm_simulator.world.world import World

DELEGATION = "univ"
NAME = "idp"
NAMES = ("idp.univ.example", "www.idp.univ.example")
DEPARTMENT = 2001
PROFILE, TERM = 3001, 199
LONG = 3650  # days until a validation lapses: longer than any history
LOGIN = "drao-univ"
PASSWORD = "Stage-password-1"  # noqa: S105 - of a simulator
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
    """Whether the variants of the five modes are played too, at every call that changes something."""
    first_blows: tuple[tuple[str, Mode], ...] = ()
    """Operations and what happens to them, after which the run is struck once more, at every call that follows."""
    due: int = 1
    """Orders that a right run leaves at SCM, beyond those of the preparation."""

    def prepare(self, stage: Stage) -> None:
        """Bring the stage to the moment before the run that is to be struck."""
        dials = Dials(**{"issuance_polls": 0, **self.dials})
        stage.begin(world(), [specification(self.stores)], {DELEGATION: credential()}, dials)
        if self.is_renewal:
            stage.played.simulator.dials.issuance_polls = 0
            stage.played.simulator.dials.issuance_seconds = 0.0
            first = stage.run()
            if first.status != "SUCCEEDED":
                message = f"scenario {self.name}: its first run ended {first.status} ({first.error})"
                raise RuntimeError(message)
            for name, value in self.dials.items():
                setattr(stage.played.simulator.dials, name, value)
            stage.time.pass_seconds(DAYS_UNTIL_DUE * 86_400)


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
    """What is stored in Secrets Manager for the account."""
    return {"login": LOGIN, "password": password, "customer_uri": "example"}


def specification(stores: tuple[str, ...], key_type: KeyType = KeyType.P_256, **changes: Any) -> Specification:
    """The delegation file: one certificate with two names."""
    delegation = Delegation(DELEGATION, "University of Example", DEPARTMENT, ("idp.univ.example", "*.idp.univ.example"))
    spec = {"names": NAMES, "profile_id": PROFILE, "key_type": key_type, "stores": stores, **changes}
    return Specification(delegation, (CertificateSpec(DELEGATION, NAME, **spec),))


ENROLL = "POST /api/ssl/v1/enroll"
SLOW = {"issuance_polls": 2}
NEXT_DAY = {"issuance_polls": 0, "issuance_seconds": 20 * 3600.0}
"""Longer than the patience of one run: the next one collects."""

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("s3, first, immediate", (S3,), every_mode=True, first_blows=((ENROLL, Mode.ANSWERS_LOST),)),
    Scenario(
        "s3, renewal, slow",
        (S3,),
        SLOW,
        is_renewal=True,
        every_mode=True,
        first_blows=((ENROLL, Mode.KILLED_AFTER),),
    ),
    Scenario("s3, first, next day", (S3,), NEXT_DAY),
    Scenario(
        "acm, first import, immediate",
        (PARIS,),
        every_mode=True,
        first_blows=(("ImportCertificate", Mode.KILLED_AFTER),),
    ),
    Scenario("acm, first import, slow", (PARIS,), SLOW),
    Scenario("acm, re-import, immediate", (PARIS,), is_renewal=True),
    Scenario("acm, re-import, slow", (PARIS,), SLOW, is_renewal=True, every_mode=True),
    Scenario("acm, two regions, first, immediate", (PARIS, VIRGINIA), every_mode=True),
    Scenario("acm, two regions, re-import, slow", (PARIS, VIRGINIA), SLOW, is_renewal=True),
)
