"""Notices to RAOs: each at most once, with a mail or without; the report once a month; bounces."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from renewal.deadline import Deadline
from renewal.domain.errors import (
    AcmWouldRefuse,
    InvalidRequest,
    MailRefused,
    PermissionMissing,
    ScmUnavailable,
    StoreUnavailable,
    UnknownDelegation,
)
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.notices.notice import MailOutcome, Notice
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from renewal.ports.order_book import Listing
from renewal.steps.notify import Notify
from tests.fakes import FakeMailer, FakeOrderBook, HandClock, Killed, interrupted, killed
from tests.unit.system import DELEGATION, IDP, NOW, System, caught, child, stored_by

RAO = "rao@univ.example"
RUN = {"run_id": "run"}
DCV = Finding(
    "DcvLapsing", "warning", "rao", "idp.univ.example expires on 2027-01-08", due=date(2027, 1, 1), about="univ.example"
)


def notify(system: System, mailer: FakeMailer | None, **instead: Any) -> Notify:
    """The step over the system's fakes."""
    book, archive = instead.get("book", system.book), instead.get("archive", system.archive)
    announcer, name = instead.get("announcer", system.announcer), "Hébergeur Exemple"
    clock = system.clock
    deadline = Deadline(clock() + timedelta(seconds=instead.get("seconds", 600)), clock)
    return Notify(
        book,
        book,
        archive,
        book,
        announcer,
        mailer,
        name,
        clock,
        lambda: uuid4().hex,
        ActingTimes(),
        system.limits,
        deadline,
    )


def sent(system: System) -> list[Notice]:
    """The history of the delegation's notices."""
    notices = system.book.delegation("univ").notices
    return list(notices.sent) if notices else []


def found(system: System, *findings: Finding, **delegation: Any) -> None:
    """An inspection of today has *findings*."""
    record = system.book.delegation("univ")
    of = replace(record.delegation, **{"rao_email": RAO, **delegation})
    system.book.records["univ"] = replace(
        record, delegation=of, inspection=Inspection("run", system.clock(), findings=findings)
    )


def test_a_mail_has_what_the_rao_must_do_in_both_languages(system: System) -> None:
    """N3, N11: until the file names a language, neither is guessed; the third party signs."""
    found(system, DCV, Finding("PasswordExpiring", "warning", "operator", "…"))
    mailer = FakeMailer()

    assert notify(system, mailer)(RUN) == {"sent": 1}

    (mail,) = mailer.mails
    assert mail.to == RAO
    assert "première échéance le 1er janvier 2027 / [Université d'Exemple] Delegated" in mail.subject
    assert "Validez de nouveau le domaine" in mail.body
    assert "Validate the domain univ.example again" in mail.body
    assert "Otherwise: from 1 January 2027, certificates with these names cannot be ordered or renewed" in mail.body
    assert "password" not in mail.body
    assert mail.body.count("Hébergeur Exemple") == 2
    (notice,) = sent(system)
    assert (notice.to, notice.codes, notice.outcome) == (RAO, ("DcvLapsing",), MailOutcome.SENT)
    assert mailer.tags == [{"delegation": "univ", "notice": notice.id}]


def test_a_certificate_that_cannot_be_renewed_is_notified_until_it_expires(system: System) -> None:
    """N1: a certificate expired while every run succeeded; the RAO is notified at each stage of its last weeks."""
    system.book.adopt(IDP.record_key, stored_by(IDP, age=150), NOW)  # it expires on 11 January
    expired = Finding("DcvLapsed", "error", "rao", "idp.univ.example has expired", certificate="idp")
    days: list[int] = []
    bodies: list[str] = []
    for day in range(60):
        system.clock.now = NOW + timedelta(days=day)
        found(system, expired, language="en")
        mailer = FakeMailer()
        notify(system, mailer)(RUN)
        bodies += [mail.body for mail in mailer.mails if "report for" not in mail.subject]
        days += [49 - day] * (len(bodies) - len(days))

    assert days == [49, 14, 7, 3, 1, 0]
    assert "Otherwise: the certificate stops working on 11 January 2027" in bodies[0]
    assert "Otherwise: the certificate stays unusable, as it has been since 11 January 2027" in bodies[-1]


def test_a_file_with_a_language_gets_a_mail_in_it(system: System) -> None:
    """An RAO of a French administration gets no English text."""
    found(system, DCV, language="fr")
    mailer = FakeMailer()
    notify(system, mailer)(RUN)

    assert "Validate" not in mailer.mails[0].body + mailer.mails[0].subject


@pytest.mark.parametrize("address", ["", RAO])
def test_without_a_mail_there_is_still_an_event_and_a_record(system: System, address: str) -> None:
    """Mails are off until a sender is configured; a ticket system may use the event."""
    found(system, DCV, rao_email=address)
    mailer = None if address else FakeMailer()

    assert notify(system, mailer)(RUN) == {"off": 1}
    assert notify(system, mailer)(RUN) == {}

    (notice,) = sent(system)
    assert (notice.to, notice.outcome) == ("", MailOutcome.OFF)
    assert system.announcer.notices == [("univ", notice)]


def test_a_function_that_is_killed_sends_nothing_twice(system: System) -> None:
    """Whether SES had accepted the mail is not known; the record shows it, and the RAO is not notified twice."""
    for number, (before, after) in enumerate(((killed, None), (None, killed))):
        found(system, replace(DCV, certificate=f"number {number}"))
        mailer = FakeMailer()
        with pytest.raises(Killed):
            notify(system, interrupted(mailer, "send", before=before, after=after))(RUN)

        assert notify(system, mailer)(RUN) == {}
        assert len(mailer.mails) == number
        assert sent(system)[-1].outcome is MailOutcome.CLAIMED


def test_an_answer_that_is_lost_leaves_the_mail_as_claimed(system: System) -> None:
    """A second mail is worse than a mail that the operator finds in the record."""
    found(system, DCV)
    mailer = FakeMailer(error=StoreUnavailable("no answer"))
    notify(system, mailer)(RUN)
    mailer.error = None

    assert notify(system, mailer)(RUN) == {}
    assert (sent(system)[0].outcome, sent(system)[0].text) == (MailOutcome.CLAIMED, "no answer")
    system.inspect(system.item())
    (finding,) = [each for each in system.inspection().findings if each.code == "RaoMailUndelivered"]
    assert "may not have reached the RAO: claimed, no answer" in finding.text


def test_a_refused_mail_is_an_error_and_tried_the_next_day(system: System) -> None:
    """A sender that is not verified yet: the alarm RaoNoticesFailed goes off, and nothing is lost."""
    found(system, DCV)
    mailer = FakeMailer(error=MailRefused("the identity is not verified"))
    with pytest.raises(MailRefused, match="univ: the identity is not verified"):
        notify(system, mailer)(RUN)

    mailer.error = None
    system.clock.advance(days=1)
    assert notify(system, mailer)(RUN) == {"sent": 1}


def test_no_notice_is_claimed_that_may_not_be_sent_in_time(system: System) -> None:
    """A function that is killed between the claim and the mail leaves the RAO without it."""
    found(system, DCV)
    mailer = FakeMailer()

    with pytest.raises(StoreUnavailable, match="univ: no time was left for its notices"):
        notify(system, mailer, seconds=60)(RUN)
    assert (mailer.mails, sent(system)) == ([], [])

    notify(system, mailer)(RUN)
    assert len(mailer.mails) == 1


class SlowOrderBook(FakeOrderBook):
    """Many certificates: a delegation takes a minute to read."""

    clock: HandClock

    def certificates(self, delegation: str) -> Listing[ManagedCertificate]:
        """Read them."""
        self.clock.advance(seconds=60)
        return super().certificates(delegation)


def test_each_rao_is_notified_though_one_day_does_not_suffice() -> None:
    """Each day the first nine of twenty delegations were reached, and no other one ever."""
    slow = SlowOrderBook()
    system = System(book=slow)
    slow.clock = system.clock
    for number in range(20):
        delegation = replace(DELEGATION, name=f"d{number:02}", rao_email=RAO)
        system.add(delegation=delegation)
        inspection = Inspection("run", NOW, findings=(DCV,))
        slow.records[delegation.name] = replace(slow.records[delegation.name], inspection=inspection)

    for day in range(4):
        system.clock.now = NOW + timedelta(days=day)
        with pytest.raises(StoreUnavailable, match="no time was left"):
            notify(system, FakeMailer())(RUN)

    assert {name for name, record in slow.records.items() if not record.notices} == set()


def test_a_delegation_that_fails_does_not_stop_the_others(system: System) -> None:
    """One unreadable record must not keep every RAO from being notified."""
    found(system, DCV)
    system.book.records = {"lost": system.book.records["univ"], **system.book.records}
    broken = interrupted(system.book, "delegation", before=lambda: system.book.records.pop("lost"))
    mailer = FakeMailer()

    with pytest.raises(UnknownDelegation, match="lost"):
        notify(system, mailer, book=broken)(RUN)
    assert len(mailer.mails) == 1


def test_the_report_is_sent_once_in_the_first_days_of_a_month(system: System) -> None:
    """N3: the guide promises a monthly report. A daily run that is missed on the first does not lose it."""
    found(system, DCV)
    system.book.adopt(IDP.record_key, stored_by(IDP, age=10), NOW)
    mailer = FakeMailer()
    days = []
    for day in range(45):
        system.clock.now = NOW + timedelta(days=day)
        if day != 8 and notify(system, mailer)(RUN):  # 1 December
            days.append(system.clock.now.date())
    reports = [mail for mail in mailer.mails if "report for" in mail.subject]

    assert len(reports) == 2
    assert date(2026, 12, 2) in days
    body = reports[0].body
    assert body.index("Ce que nous attendons de vous") < body.index("Demandés et enregistrés en ")
    assert "idp (idp.univ.example)\u00a0: le " in body
    assert "idp (idp.univ.example): on " in body
    assert "stops working at the end of its validity" in body
    assert "Our audit trail has 0 rows" in body


def test_the_report_waits_for_the_operator_as_status_does(system: System) -> None:
    """A daily run refuses what is due all at once: the RAO read "as soon as possible", `status` named the operator."""
    system.clock.now = NOW.replace(month=12, day=1)
    for number in range(20):
        spec = replace(IDP, name=f"c{number}")
        system.add(spec)
        system.book.adopt(spec.record_key, stored_by(spec, age=160), NOW)
    found(system, language="en")
    mailer = FakeMailer()
    notify(system, mailer)(RUN)

    (mail,) = mailer.mails
    assert mail.body.count("after the operator has acted") == 20


def test_the_report_names_who_must_act_after_a_failed_run(system: System) -> None:
    """`status` named the operator, whose file ACM would refuse, and the RAO read "as soon as possible"."""
    system.clock.now = NOW.replace(month=12, day=1)
    found(system, language="en")
    system.book.adopt(IDP.record_key, stored_by(IDP, age=160), NOW)
    mailer = FakeMailer()
    for error in (AcmWouldRefuse("RSA-8192"), ScmUnavailable("503")):
        failed = {"certificate": "idp", "status": "failed", "error": caught(error)}
        system.archive.documents.pop(("run", "results"), None)
        system.archive.write_results("run", [child("univ", {"delegation": "univ", "certificates": [failed]})])
        record = system.book.records["univ"]
        system.book.records["univ"] = replace(record, notices=None)
        notify(system, mailer)(RUN)

    refused, unavailable = (mail.body for mail in mailer.mails)
    assert "idp (idp.univ.example): after the operator has acted" in refused
    assert "idp (idp.univ.example): as soon as possible" in unavailable


def test_what_only_the_run_has_failed_for_is_notified(system: System) -> None:
    """The order book keeps no request that SCM has refused: the run and `status` named the RAO, whom nobody asked."""
    found(system, language="en")
    system.book.adopt(IDP.record_key, stored_by(IDP, age=160), NOW)
    failed = {"certificate": "idp", "status": "failed", "error": caught(PermissionMissing("code -226"))}
    system.archive.write_results("run", [child("univ", {"delegation": "univ", "certificates": [failed]})])
    mailer = FakeMailer()
    notify(system, mailer)(RUN)

    (mail,) = mailer.mails
    assert "lacks a permission for orders" in mail.body
    assert [notice.codes for notice in sent(system)] == [("PermissionMissing",)]


def test_a_new_delegation_gets_no_report_on_the_time_before_it(system: System) -> None:
    """An empty report would be the first mail of the RAO."""
    found(system)
    system.clock.now = NOW.replace(day=1)

    assert notify(system, FakeMailer())(RUN) == {}


def bounce(kind: str = "Permanent", subtype: str = "NoEmail", **detail: Any) -> dict[str, Any]:
    """An event as AWS documents it (ses/latest/dg/event-publishing-retrieving-sns-contents.html)."""
    recipients = [{"emailAddress": RAO, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 no such user"}]
    body = {
        "eventType": "Bounce",
        "mail": {"messageId": "message-1", "destination": [RAO], "tags": {"delegation": ["univ"]}},
        "bounce": {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": recipients},
    }
    return {"source": "aws.ses", "detail-type": "Email Bounced", "detail": body | detail}


def test_a_bounce_is_recorded_and_becomes_a_finding_of_the_operator(system: System) -> None:
    """N3: nothing stops; but the RAO does not know what they must do."""
    found(system, DCV)
    mailer = FakeMailer()
    notify(system, mailer)(RUN)

    assert notify(system, mailer)(bounce()) == {"bounced": 1}

    assert sent(system)[0].text == "Bounce Permanent NoEmail smtp; 550 5.1.1 no such user"
    system.inspect(system.item())
    (finding,) = [each for each in system.inspection().findings if each.code == "RaoMailUndelivered"]
    assert (finding.actor, finding.severity) == ("operator", "warning")
    assert RAO in finding.text
    found(system, rao_email="successor@univ.example")
    system.inspect(system.item())
    assert "RaoMailUndelivered" not in {each.code for each in system.inspection().findings}


def test_a_bounce_that_is_faster_than_the_record_of_its_mail_is_kept(system: System) -> None:
    """SES may publish it before the function has recorded the id of the mail."""
    found(system, DCV)
    mailer = FakeMailer()

    def bounced(*_: object) -> None:
        (notice,) = sent(system)
        detail = bounce()["detail"]["mail"] | {"tags": {"delegation": ["univ"], "notice": [notice.id]}}
        notify(system, mailer)(bounce(mail=detail))

    notify(system, interrupted(mailer, "send", before=None, after=bounced))(RUN)

    assert [notice.outcome for notice in sent(system)] == [MailOutcome.BOUNCED]


def test_the_second_of_two_problems_of_a_certificate_is_notified(system: System) -> None:
    """The code and the certificate are those of the first: orders of a thief, revocations that were asked for."""
    first, second = (
        Finding("OrderNotOurs", "error", "rao", f"order SSL ID {number}", "idp", about=str(number))
        for number in (101, 102)
    )
    mailer = FakeMailer()
    for day, findings in enumerate(((first,), (first, second))):
        system.clock.now = NOW + timedelta(days=day)
        found(system, *findings, language="en")
        notify(system, mailer)(RUN)

    assert [number in mail.body for mail in mailer.mails for number in ("101", "102")] == [True, False, False, True]


def test_an_absence_notice_is_no_bounce(system: System) -> None:
    """SES reports it as a transient bounce; the mail has arrived."""
    found(system, DCV)
    mailer = FakeMailer()
    notify(system, mailer)(RUN)

    assert notify(system, mailer)(bounce("Transient", "General")) == {}
    assert sent(system)[0].outcome is MailOutcome.SENT


def test_an_event_that_is_not_documented_is_refused_by_name(system: System) -> None:
    """A traceback would not name what to look for."""
    with pytest.raises(InvalidRequest, match="Amazon SES"):
        notify(system, None)(bounce(mail={}))


def test_two_functions_at_once_send_one_mail(system: System) -> None:
    """Step Functions may deliver a task twice."""
    found(system, DCV)
    mailer = FakeMailer()
    other = notify(system, mailer)

    notify(system, mailer, book=interrupted(system.book, "change_notices", before=lambda: other(RUN)))(RUN)

    assert len(mailer.mails) == 1
    assert system.book.delegation("univ").delegation.name == DELEGATION.name
