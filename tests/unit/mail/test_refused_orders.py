"""What is asked for has the text of the order that SCM refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from renewal.domain.judgement.consequence import Consequence
from renewal.domain.judgement.problem import Problem
from renewal.domain.order import FinishedOrder, ManagedCertificate
from renewal.domain.setup.finding import Finding
from renewal.mail.asks import asks_of
from renewal.mail.findings_mail import Otherwise
from tests.certmandate.rao_samples import IDP, row
from tests.unit.system import NOW

LATER = NOW + timedelta(hours=1)
DECLINED = Problem(
    delegation="univ",
    certificate="idp",
    code="OrderDeclined",
    severity="error",
    actor="rao",
    text="-183",
    due=date(2026, 12, 8),
    consequence=Consequence.EXPIRES,
    screen="Certificates → SSL Certificates",
)


def refused() -> tuple[ManagedCertificate, FinishedOrder]:
    """The certificate `idp`, whose order was declined."""
    ended = row(status="failed", error="OrderDeclined", text="SCM order 4001 of univ/idp is declined", ended_at=LATER)
    return ManagedCertificate(IDP, failures=1, last_error="OrderDeclined"), ended


def the_ask(certificate: ManagedCertificate, *history: FinishedOrder) -> tuple[Finding, Otherwise]:
    (ask,) = asks_of([DECLINED], [certificate], history).items()
    return ask


def test_a_refused_order_is_named_with_its_ssl_id() -> None:
    """Only the RAO can find out who declined it, and searches for it in SCM."""
    certificate, ended = refused()

    finding, _ = the_ask(certificate, ended)

    assert finding.text.endswith(f"(SSL ID {ended.ssl_id}, idp.univ.example): SCM order 4001 of univ/idp is declined")
    assert (finding.severity, finding.actor, finding.screen) == ("error", "rao", DECLINED.screen)


def test_the_rao_must_act_now_although_the_certificate_expires_later() -> None:
    """The last day of the certificate is what happens otherwise, and no deadline."""
    finding, otherwise = the_ask(*refused())

    assert (finding.due, otherwise.consequence) == (None, Consequence.EXPIRES)


def test_an_order_that_another_one_followed_is_not_named() -> None:
    """It has nothing to do with what fails now."""
    certificate, ended = refused()

    assert the_ask(replace(certificate, failures=0, last_error=""), ended)[0].text == "-183"
    assert the_ask(certificate)[0].text == "-183"
