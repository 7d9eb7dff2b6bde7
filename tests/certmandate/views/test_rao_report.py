"""The RAO's report: every order and every refusal of a month, from the audit rows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from certmandate.commands.revoke import ReasonCode
from certmandate.views.rao_report import REVOCATION, document, page
from renewal.domain.certificate.chain import Chain
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.due import Cause
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.notices.month import month_before, month_named
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.mail.findings_mail import Otherwise
from renewal.mail.language import mail_language
from renewal.mail.rao_report import Proof, RaoReport, rao_report
from renewal.mail.report_mail import report_mail
from tests.certmandate.rao_samples import APPS, DELEGATION, HEAD, HOSTILE, IDP, SEAL, judged, month, record, row
from tests.throwaway_ca import pem
from tests.unit.leaves import leaf
from tests.unit.orders import an_order
from tests.unit.system import NOW, stored_by


def of(*rows: FinishedOrder, name: str = "2026-11", **changes: Any) -> RaoReport:
    delegation = replace(DELEGATION, **changes)
    found = record(delegation=delegation)
    certificates = judged(found, ManagedCertificate(IDP, stored_by(IDP, age=10)))
    return rao_report(found, certificates, rows, month_named(name), NOW, proof=Proof(HEAD))


def of_certificates(found: DelegationRecord, *certificates: ManagedCertificate) -> RaoReport:
    """A month without an order, of *certificates*."""
    return rao_report(found, judged(found, *certificates), (), month_named("2026-11"), NOW, proof=Proof(HEAD))


def test_the_report_has_the_head_of_the_audit_trail() -> None:
    """Kept by the RAO, it is out of the reach of everyone who could rewrite the audit trail."""
    assert document(month())["audit_head"] == str(HEAD)
    assert HEAD.hash in page(month()).replace("<wbr>", "")
    assert document(month())["audit_sealed"] == {
        "head": str(HEAD),
        "sealed_at": NOW.isoformat(),
        "key": SEAL.fingerprint,
    }
    assert SEAL.fingerprint in page(month()).replace("<wbr>", "")


def test_the_report_has_orders_and_refusals() -> None:
    """A report without the refusals would be no proof."""
    made = document(month())

    assert [(order["certificate"], order["causes"], order["stores"]) for order in made["orders"]] == [
        ("idp", ["age"], ["s3", "acm:eu-west-3"])
    ]
    assert [(refusal["certificate"], refusal["error"]) for refusal in made["refusals"]] == [
        ("apps", "NameNotDelegated")
    ]
    assert [certificate["certificate"] for certificate in made["under_way"]] == ["apps"]
    assert json.loads(json.dumps(made)) == made


def test_page_and_mail_name_the_incident_of_a_replacement() -> None:
    """The RAO of an incident asks why all certificates were ordered again; other reasons are for the page."""
    report = of(row(causes=("replacement",), reason="incident 12"), row(causes=("asked",), reason="a drill"))
    mails = [report_mail(report, mail_language(code), "Example").body for code in ("fr", "en")]

    assert [text in page(report) for text in ("incident 12", "a drill")] == [True, True]
    assert [(" (incident 12)" in mail, "a drill" in mail) for mail in mails] == [(True, False)] * 2


@pytest.mark.parametrize("known_by", ["replacement", "request", "SCM"])
def test_a_revoked_certificate_has_that_mark_in_page_mail_and_json(known_by: str) -> None:
    """The RAO revokes, and compares what the report has with SCM's list."""
    certificate = ManagedCertificate(IDP, stored := stored_by(IDP, age=10))
    rows = [row(serial=stored.serial)]
    inspection = Inspection("run", NOW, revoked=(stored.serial,) if known_by == "request" else ())
    if known_by == "SCM":
        inspection = replace(inspection, withdrawn={stored.serial: Cause.REVOKED})
    if known_by == "replacement":
        rows.append(row(serial="D0", previous_serial=stored.serial, causes=(Cause.REVOKED,)))
    found = replace(record(delegation=DELEGATION), inspection=inspection)

    report = rao_report(found, judged(found, certificate), rows, month_named("2026-11"), NOW, proof=Proof(HEAD))

    assert document(report)["revoked"] == [printed_serial(stored.serial)]
    assert page(report).count("revoked in SCM") == page(report).count("révoqué dans SCM") == 2
    body = report_mail(report, mail_language("en"), "Us").body
    assert body.count(", revoked in SCM") == body.count("is revoked in SCM") == 1
    assert "revoked in SCM" not in page(of(row(serial=stored.serial)))


@pytest.mark.parametrize(
    ("ended_at", "is_in_report"),
    [
        (datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 1, tzinfo=UTC), True),
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 12, 1, tzinfo=UTC), False),
    ],
)
def test_a_month_is_a_calendar_month_in_utc(ended_at: datetime, *, is_in_report: bool) -> None:
    """Twelve reports must have every order once."""
    assert bool(of(row(ended_at=ended_at)).orders) is is_in_report


def test_december_is_followed_by_january() -> None:
    """The default is the previous month, also in January."""
    assert month_named("2026-12").ends == datetime(2027, 1, 1, tzinfo=UTC)
    assert str(month_before(datetime(2027, 1, 1, tzinfo=UTC))) == "2026-12"


DUE = date(2027, 3, 26)
"""On which the sample certificate becomes due, perhaps after that day's run."""


@pytest.mark.parametrize(
    ("mandate_ends", "is_announced"),
    [(None, True), (date(2027, 1, 31), False), (DUE, False), (DUE + timedelta(days=1), True)],
)
def test_the_next_renewal_is_the_day_of_the_next_order(mandate_ends: date | None, *, is_announced: bool) -> None:
    """The rule is the one that decides what is due: nothing is ordered after the mandate."""
    (found,) = of(mandate_ends=mandate_ends).nexts

    assert (found.renewal is not None and date(2027, 3, 1) < found.renewal < date(2027, 5, 31)) is is_announced


@pytest.mark.parametrize(
    ("ask", "when"),
    [
        (None, "as soon as possible"),
        (Finding("DcvLapsing", "warning", "rao", "another.example expires"), "as soon as possible"),
        (Finding("OrderPending", "warning", "rao", "order", "other"), "as soon as possible"),
        (Finding("OrderNotOurs", "error", "rao", "order SSL ID 9, issued: other.example"), "as soon as possible"),
        (Finding("DcvLapsed", "error", "rao", "other.example has expired"), "as soon as possible"),
        (Finding("DcvLapsed", "error", "rao", f"{IDP.names[0]} has expired"), "as soon as point 1 above is resolved"),
        (Finding("OrderPending", "warning", "rao", "order", "idp"), "as soon as point 1 above is resolved"),
        (Finding("AccountSuspended", "error", "rao", "suspended"), "as soon as point 1 above is resolved"),
    ],
)
def test_the_mail_promises_no_renewal_that_the_rao_must_permit_first(ask: Finding | None, when: str) -> None:
    """It promised one for the day of the mail, although the order waited for the RAO."""
    report = of_certificates(record(), ManagedCertificate(IDP, stored_by(IDP, age=180)))
    report = replace(report, asks={ask: Otherwise(Consequence.NONE, None)} if ask else {})

    assert f": {when} (" in report_mail(report, mail_language("en"), "Us").body


def test_the_mail_has_what_was_recorded_as_the_organisations_own() -> None:
    """`acknowledge --help` promises it: the RAO can contradict; the head of the audit trail is out of our reach."""
    body = report_mail(month(), mail_language("en"), "Us").body

    assert "Orders that we recorded as yours in November 2026; please tell us if they are not:\n- SSL ID" in body
    assert HEAD.hash in body


def test_the_number_of_an_order_is_that_of_scm() -> None:
    """A certificate that SCM has replaced is recorded with the day, which SCM's portal does not know."""
    row = Acknowledgement("univ", "9001@2026-11-20", "the IT desk ordered it", NOW)
    report = replace(month(), acknowledged=(row,))

    for text in (page(report), report_mail(report, mail_language("en"), "Us").body):
        assert "9001" in text
        assert "9001@" not in text


def test_an_unfinished_and_an_empty_month_are_marked() -> None:
    """The first must not be filed as the whole month; the second must state that nothing was ordered."""
    unfinished, empty = page(of()), page(of(name="2026-10"))

    assert "Le mois n\u2019est pas terminé" in unfinished
    assert "Le mois n\u2019est pas terminé" not in empty
    assert "Nothing was ordered in October 2026." in empty
    assert "No order was refused or failed in October 2026." in empty
    assert "Aucune demande n\u2019a été refusée ni n\u2019a échoué en octobre 2026." in empty


def test_what_was_never_issued_is_to_be_ordered_and_not_renewed() -> None:
    """*Due now* beside *not issued yet* leaves the RAO to guess what there is to renew."""
    report = of_certificates(record(), ManagedCertificate(APPS))
    french, _, english = page(report).partition('<section class="language" id="en"')

    for text, (never, first) in {
        french: ("pas encore émis", "première demande dès que possible"),
        english: ("not issued yet", "ordered for the first time as soon as possible"),
    }.items():
        assert first in text.partition(never)[2].partition("</tr>")[0]


def ordered(**changes: Any) -> ManagedCertificate:
    """`idp` with an open order, while the former certificate is valid."""
    order = replace(an_order(certificate="idp", status=OrderStatus.ORDERED, ssl_id=4002), **changes)
    return ManagedCertificate(IDP, stored_by(IDP, age=180), order)


WEB_API = Finding("WebApiOff", "error", "rao", "step 2: 'Web API' is not ticked")
HELD = ManagedCertificate(IDP, stored_by(IDP, age=150), failures=1, last_error="OrderRejected")
DUE_AGAIN = ManagedCertificate(IDP, stored_by(IDP, age=180), failures=1, last_error="OrderRejected")


@pytest.mark.parametrize(
    ("certificate", "found", "english", "french"),
    [
        (ordered(scm_status="APPLIED"), (), "an order is open", "demande en cours, en attente"),
        (ordered(scm_status="REQUESTED"), (), "after you have acted", "après votre intervention"),
        (
            ordered(storing_error="AcmRefused"),
            (),
            "after the operator has acted",
            "après une intervention de l\u2019exploitant",
        ),
        (ordered(storing_error="StoreUnavailable"), (), "an order is open", "demande en cours, en attente"),
        (DUE_AGAIN, (), "as soon as possible", "dès que possible"),
        (replace(HELD, hold_until=NOW + timedelta(days=2)), (), "on 25 November 2026", "le 25 novembre 2026"),
        (replace(DUE_AGAIN, last_error="OrderDeclined"), (), "after you have acted", "après votre intervention"),
        (replace(DUE_AGAIN, failures=0), (WEB_API,), "after you have acted", "après votre intervention"),
        (replace(DUE_AGAIN, stored=stored_by(IDP, age=10), asked_reason="drill"), (), "as soon as", "dès que possible"),
    ],
)
def test_the_next_renewal_waits_for_what_status_names(
    certificate: ManagedCertificate, found: tuple[Finding, ...], english: str, french: str
) -> None:
    """The RAO read a date for what the next run tries again, and *as soon as possible* for what no run orders."""
    report = of_certificates(record(*found), certificate)

    for code, text in (("en", english), ("fr", french)):
        for shown in (report_mail(report, mail_language(code), "Us").body, page(report)):
            assert text in shown


def test_a_certificate_that_has_expired_is_not_called_valid() -> None:
    """The mail of 1 December had *is valid until 27 November*."""
    report = of_certificates(record(), ManagedCertificate(IDP, stored_by(IDP, age=210)))

    for code, text in (
        ("en", " (the current certificate expired on "),
        ("fr", " (le certificat actuel a expiré le "),
    ):
        body = report_mail(report, mail_language(code), "Us").body
        assert text in body
        assert "is valid until" not in body
        assert "est valide jusqu" not in body


def test_the_mail_numbers_what_a_renewal_waits_for() -> None:
    """*As soon as the point above is resolved* stood below five points."""
    other = Finding("DcvLapsed", "error", "rao", "other.example has expired")
    asks = (other, WEB_API, Finding("DcvLapsed", "error", "rao", f"{IDP.names[0]} has expired"))
    report = replace(
        of_certificates(record(WEB_API), ManagedCertificate(IDP, stored_by(IDP, age=180))),
        asks=dict.fromkeys(asks, Otherwise(Consequence.NONE, None)),
    )

    assert "as soon as points 2, 3 above are resolved" in report_mail(report, mail_language("en"), "Us").body
    assert "dès que les points 2, 3 ci-dessus seront réglés" in page(report)


def test_the_page_begins_with_what_the_rao_must_do() -> None:
    """N11: it came last, without what happens otherwise, and nothing named who had written it."""
    report = month()

    french = page(report, "Réseau Exemple").partition('<section class="language" id="en"')[0]

    asks, _, rest = french.partition("Ce qui a été demandé")
    assert asks.count("Sinon\u00a0: le certificat cessera de fonctionner le 8 décembre 2026.") == len(report.asks) > 1
    assert "Établi le 23 novembre 2026 par Réseau Exemple" in asks
    assert "prévenez immédiatement Réseau Exemple" in " ".join(rest.split())


def test_the_page_has_the_day_on_which_everything_was_read_in_scm() -> None:
    """The asks depend on it, and an inspection does not read everything each day."""
    inspection = Inspection("run", NOW, full_at=NOW - timedelta(days=3))
    report = of()
    report = replace(report, record=replace(report.record, inspection=inspection))

    assert "the password and the orders as of 23 November 2026, all else as of 20 November 2026" in page(report)
    assert document(report)["inspected_in_full_at"] == (NOW - timedelta(days=3)).isoformat()


def test_a_serial_is_printed_in_whole_bytes() -> None:
    """N7: SCM has `0A77`, and a search for `A77` finds nothing there."""
    assert "<code>0A77</code>" in page(of(row(serial="A77")))


@pytest.mark.parametrize(
    ("error", "english", "french"),
    [
        ("OrderRevoked", "The new certificate was revoked", "Le nouveau certificat a été révoqué"),
        ("ClosedByOperator", "The operator closed the order", "L\u2019exploitant a clos la demande"),
    ],
)
def test_a_refused_order_is_found_in_scm_by_its_numbers(error: str, english: str, french: str) -> None:
    """The French page had `OrderRevoked` only, and none had the SSL ID by which the RAO finds the order."""
    report = of(row(status="failed", error=error, ssl_id=10020, serial="A77"))
    pages = page(report).partition('<section class="language" id="en"')
    mails = [report_mail(report, mail_language(code), "Us").body for code in ("fr", "en")]

    for sentence, shown, mail in zip((french, english), (pages[0], pages[2]), mails, strict=True):
        assert f"{sentence}" in shown
        assert "<code>0A77</code><br>SSL ID 10020" in shown
        assert f"{sentence}" in mail
        assert f"({error}, SSL ID 10020, " in mail
        assert " 0A77)" in mail
    assert document(report)["refusals"][0]["serial"] == "0A77"


def test_an_order_that_was_issued_and_not_stored_has_its_serial() -> None:
    """The guide promises the serial number of each certificate that was ordered in the organisation's name."""
    chain = Chain.parse(pem(leaf(names=list(IDP.names))))
    order = an_order(certificate="idp", status=OrderStatus.ISSUED, ssl_id=4002)
    order = replace(order, chain=chain.pem(), storing_error="AcmRefused")
    serial = printed_serial(chain.leaf.serial)

    assert f"<code>{serial}</code><br>SSL ID 4002" in page(
        of_certificates(record(), ManagedCertificate(IDP, None, order))
    )
    closed = order.failed_row("ClosedByOperator", "closed", NOW)
    assert f"<code>{serial}</code><br>SSL ID 4002" in page(of(closed))
    assert replace(order, chain="damaged").failed_row("ClosedByOperator", "closed", NOW).serial == ""


def test_an_expired_certificate_is_marked() -> None:
    """N11: it was a row like any other."""
    report = month()
    late = replace(report, made_at=report.made_at + timedelta(days=400))

    assert "expired on 10 June 2027" in page(late)
    assert "expired on" not in page(report)


def test_the_page_is_complete_in_both_languages() -> None:
    """Serial, names, cause and stores."""
    made = page(month()).replace("<wbr>", "")

    for text in ("C0FFEE00D15EA5E00C0FFEE00D15EA5E", "acm:eu-west-3", "idp.univ.example"):
        assert made.count(text) >= 2
    path = "Settings → Organizations → Departments → Domains"
    assert f'<code class="screen" lang="en">{path}</code> (Paramètres → ' in made
    assert "due by age" in made
    assert "échéance de renouvellement atteinte" in made


def test_the_operators_reason_is_beside_the_cause() -> None:
    """The RAO will ask why the operator requested it."""
    made = of(row(causes=("asked",), reason="laptop <stolen>"))

    assert 'à la demande de l\u2019exploitant\u00a0: <span class="any">laptop &lt;stolen&gt;</span>' in page(made)
    assert document(made)["orders"][0]["reason"] == "laptop <stolen>"


@pytest.mark.parametrize("code", ReasonCode)
def test_the_reason_of_a_revocation_is_in_the_pages_language(code: ReasonCode) -> None:
    """`certmandate revoke` stores it in English; the operator's text stays as it is."""
    made = page(of(row(causes=("asked",), reason=f"{REVOCATION}{code.value}, key in a log")))

    assert "révocation, motif" in made
    assert made.count(", key in a log") == 2
    assert REVOCATION not in made


def test_a_mismatched_certificate_is_not_reported_as_pending() -> None:
    """The CA has issued; the RAO may have to revoke the certificate."""
    order = an_order(certificate="idp", status=OrderStatus.ORDERED, ssl_id=4002)
    now, then = (
        of_certificates(record(), ManagedCertificate(IDP, None, item))
        for item in (order, replace(order, storing_error="CertificateMismatch"))
    )

    assert "en attente de l\u2019autorité de certification" in page(now)
    assert "en attente" not in page(then)
    assert "SCM a émis un certificat différent de la demande" in page(then)
    assert document(then)["under_way"][0]["trouble"] == "CertificateMismatch"


@pytest.mark.parametrize(
    ("status", "state"), [("REQUESTED", "waiting for your approval in SCM"), ("APPLIED", "waiting for the certificate")]
)
def test_an_order_that_awaits_the_rao_is_reported_as_such(status: str, state: str) -> None:
    """The RAO had to approve it, and read that the certificate authority had to act."""
    order = an_order(status=OrderStatus.ORDERED, ssl_id=5001, scm_status=status)

    assert state in page(of_certificates(record(), ManagedCertificate(IDP, None, order)))


def test_adopted_certificates_are_excepted_from_the_comment() -> None:
    """An adopted certificate has no comment and would be taken for another's."""
    assert "ceux que nous avons repris" in " ".join(page(of()).split())


def test_a_name_is_wrapped_only_after_its_dots() -> None:
    """A wrap inside a label looks like another name; hostile names stay text."""
    made = page(of(row(names=("archives.valombre.example", "<b>.example"))))

    assert "<code>archives.<wbr>valombre.<wbr>example</code>" in made
    assert "<code>&lt;b&gt;.<wbr>example</code>" in made


def test_a_hostile_answer_or_name_is_escaped() -> None:
    """SCM's answers and an organisation's name are untrusted input."""
    made = page(month(organisation=HOSTILE))

    assert "<script" not in made
    assert "alert(1)" in made


def test_every_date_on_the_page_is_in_words() -> None:
    """In 2026-01-02 a RAO might mistake the month for the day."""
    made = page(month())

    assert not re.search(r"\d{4}-\d{2}-\d{2}", made)
    assert "23 novembre 2026 à 7\u00a0h\u00a000 → 8\u00a0h\u00a000" in made
    assert "23 November 2026, 07:00 → 08:00" in made
