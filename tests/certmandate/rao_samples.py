"""Samples for the RAO's pages: an onboarding and a month, with everything that a page can show."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from certmandate.files.third_party import LegalIdentity
from certmandate.onboarding import Answers
from renewal.domain.audit.hash_chain import ChainHead
from renewal.domain.audit.seal import Seal, SealStatement
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import Judgement, judge
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.notices.month import month_named
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.mail.findings_mail import Otherwise
from renewal.mail.rao_report import Proof, RaoReport, rao_report
from tests.unit import system
from tests.unit.orders import an_order
from tests.unit.system import NOW, stored_by

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}[[x]]`y`{department}"
IDENTITY = LegalIdentity(
    legal_identity="Groupement d'intérêt public Réseau Exemple, SIREN 123 456 789",
    postal_address="12 rue de l'Exemple, 75013 Paris, France",
    signatory="Jeanne Exemple, directrice",
    telephone="+33 1 23 45 67 89",
)
ANSWERS = Answers(
    delegation="univ",
    organisation="Université d'Exemple",
    domains=("univ.example",),
    certificates={
        "idp": ("idp.univ.example",),
        "apps": ("*.apps.univ.example", "a-rather-long-name-of-a-service.apps.univ.example"),
    },
    rao_email="rao@univ.example",
    third_party="Réseau Exemple",
    role_email="certificats@reseau.example",
    address="51.15.20.30/32",
    delegate=("idp.univ.example", "*.apps.univ.example"),
    mandate_ends="2028-12-31",
    identity=IDENTITY,
)

FACTS = (
    "--organisation=Université d'Exemple",
    "--domain=univ.example",
    "--certificate=idp=idp.univ.example",
    "--rao-email=rao@univ.example",
    "--third-party=Réseau Exemple",
    "--role-email=certificats@reseau.example",
    "--address=51.15.20.30/32",
)
"""Options of `certmandate onboard` that leave no question."""


def answers(**changes: Any) -> Answers:
    """Return the sample facts with *changes*."""
    return replace(ANSWERS, **changes)


DELEGATION = replace(
    system.DELEGATION, rao_email="rao@univ.example", mandate_ends=date(2028, 12, 31), address="51.15.20.30/32"
)
IDP = replace(system.IDP, stores=("s3", "acm:eu-west-3"))
APPS = CertificateSpec("univ", "apps", ("*.apps.univ.example",), 1018)


HEAD = ChainHead(7, "0123456789abcdef" * 4)
SEAL = Seal(SealStatement("univ", HEAD, ChainHead(5, "5" * 64), NOW), "a2V5", "c2lnbmF0dXJl")


def row(certificate: str = "idp", *, ended_at: datetime = NOW, status: str = "stored", **changes: Any) -> FinishedOrder:
    """An audit row of an order that was opened an hour before its end."""
    found = FinishedOrder(
        delegation="univ",
        certificate=certificate,
        token=f"t-{ended_at.isoformat()}",
        status=OrderStatus(status),
        ended_at=ended_at,
        opened_at=ended_at - timedelta(hours=1),
        names=("idp.univ.example",),
        causes=("age",),
        run_id="run-1",
        ssl_id=4001,
    )
    if status == "stored":
        found = replace(
            found,
            serial="C0FFEE00D15EA5E00C0FFEE00D15EA5E",
            not_before=ended_at,
            not_after=ended_at + timedelta(days=199),
            stores=("s3", "acm:eu-west-3"),
        )
    return replace(found, **changes)


REFUSED = row(
    "apps",
    status="failed",
    error="NameNotDelegated",
    text=f"SCM refused: {HOSTILE}",
    ssl_id=None,
    ended_at=NOW - timedelta(days=2),
)
FINDINGS = (
    Finding(
        "NameNotDelegated",
        "error",
        "rao",
        "step 4: b.univ.example, c.univ.example: not delegated to the department",
        screen="Settings → Organizations → Departments → Domains",
    ),
    Finding(
        "DcvLapsing",
        "warning",
        "rao",
        "step 4: the domain control validation of idp.univ.example expires on 2026-12-08; renew it",
        certificate="idp",
        due=date(2026, 12, 1),
        screen="Settings → Organizations → Departments → Domains",
    ),
    Finding("SomethingNew", "warning", "rao", f"unheard of {HOSTILE}"),
)


def record(*findings: Finding, delegation: Delegation = DELEGATION) -> DelegationRecord:
    """Return the delegation with the findings of its last inspection."""
    return DelegationRecord(delegation, Inspection("run-1", NOW, findings=findings))


def judged(found: DelegationRecord, *certificates: ManagedCertificate) -> list[Judgement]:
    """Judge *certificates* of the delegation *found*."""
    return [judge(each, found, NOW, ActingTimes()) for each in certificates]


def month(*, name: str = "2026-11", organisation: str = DELEGATION.organisation) -> RaoReport:
    """A month with an order, a refusal, an order under way, and a certificate that was never issued."""
    managed = [
        ManagedCertificate(IDP, stored_by(IDP)),
        ManagedCertificate(APPS, None, an_order(certificate="apps", names=APPS.names)),
    ]
    delegation = replace(DELEGATION, organisation=organisation)
    rows, own = [REFUSED, row()], [Acknowledgement("univ", "4711", "ordered by the library", NOW)]
    found = record(*FINDINGS, delegation=delegation)
    certificates = judged(found, *managed)
    report = rao_report(found, certificates, rows, month_named(name), NOW, acknowledged=own, proof=Proof(HEAD, SEAL))
    return replace(report, asks=dict.fromkeys(FINDINGS, Otherwise(Consequence.EXPIRES, date(2026, 12, 8))))
