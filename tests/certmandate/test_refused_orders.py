"""What a run could not order reaches the RAO's mail, when the RAO can settle it, and until it is settled."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from certmandate.refused_orders import findings_with_orders
from certmandate.views.findings_mail import findings_mail
from certmandate.views.language import language
from renewal.domain.order import FinishedOrder, ManagedCertificate
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.snapshot import DelegatedName
from tests.certmandate.rao_samples import IDP, NOW, record, row

LOOKED = Inspection("run", NOW)
LATER = NOW + timedelta(hours=1)


def refused(error: str) -> tuple[ManagedCertificate, FinishedOrder]:
    """The certificate `idp`, whose order was refused an hour after the inspection."""
    ended = row(status="failed", error=error, text="SCM order 4001 of univ/idp is declined", ended_at=LATER)
    return ManagedCertificate(IDP, failures=1, last_error=error), ended


@pytest.mark.parametrize("error", ["OrderDeclined", "OrganisationNotValidated", "DcvLapsed"])
def test_a_refusal_that_the_rao_can_settle_is_theirs_to_read(error: str) -> None:
    """Nothing of it is in the inspection, which ran before; so their mail said that there was nothing to do."""
    certificate, ended = refused(error)

    (found,) = findings_with_orders(LOOKED, [certificate], [ended])

    assert (found.code, found.severity, found.actor, found.certificate) == (error, "error", "rao", "idp")
    assert found.screen
    assert "idp.univ.example" in found.text


def test_the_mail_names_the_order_that_was_declined() -> None:
    """By its number the RAO finds it in SCM, and who declined it."""
    certificate, ended = refused("OrderDeclined")
    found = findings_with_orders(LOOKED, [certificate], [ended])

    body = findings_mail(record(*found), found, NOW.date(), language("fr")).body

    for words in ("Un administrateur a rejeté notre demande", "SSL ID 4001", "Certificates → SSL Certificates"):
        assert words in body
    assert "is declined" not in body


def test_what_the_operator_has_to_settle_stays_with_the_operator() -> None:
    """The RAO can do nothing about a key that cannot be opened."""
    certificate, ended = refused("OrderRejected")

    assert findings_with_orders(LOOKED, [certificate], [ended]) == ()


def test_what_the_inspection_tells_is_not_told_twice() -> None:
    """One lapsed validation is one thing to do."""
    certificate, ended = refused("DcvLapsed")
    told = Finding("DcvLapsed", "error", "rao", "step 4: idp.univ.example: …")

    assert findings_with_orders(replace(LOOKED, findings=(told,)), [certificate], [ended]) == (told,)


@pytest.mark.parametrize(
    ("error", "is_told"), [("DcvLapsed", False), ("OrganisationNotValidated", False), ("OrderDeclined", True)]
)
def test_what_a_later_inspection_sees_mended_is_not_asked_for_again(error: str, *, is_told: bool) -> None:
    """But nothing in SCM shows that whoever declined an order would not do so again."""
    certificate, ended = refused(error)
    entry = DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", date(2027, 5, 1))
    seen = Inspection(
        "run", LATER + timedelta(hours=1), delegated=(entry,), organisation_validated_until=date(2027, 9, 9)
    )

    assert bool(findings_with_orders(seen, [certificate], [ended])) is is_told


def test_once_it_is_ordered_again_nobody_is_asked() -> None:
    """The failure is history, and stands in the report of the month."""
    certificate, ended = refused("OrderDeclined")

    assert findings_with_orders(LOOKED, [replace(certificate, failures=0, last_error="")], [ended]) == ()
