"""The mail to the RAO: tasks, deadlines and menu paths, in both languages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from certmandate.views.language import language
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.delegation import CustomField
from renewal.domain.errors import FieldRefused
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import judge
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.judgement.problem import problem_of
from renewal.domain.order import OrderStatus
from renewal.domain.orderable import require_custom_fields
from renewal.domain.setup.checks import review
from renewal.domain.setup.finding import Finding, finding_from
from renewal.domain.setup.foreign_orders import ForeignOrder, ForeignOrders, foreign_findings
from renewal.domain.setup.snapshot import Account, DelegatedName, Domains, Snapshot
from renewal.domain.setup.withdrawal import open_revocations
from renewal.mail.findings_mail import Otherwise, findings_mail, names_in, without_repetitions
from tests.certmandate.rao_samples import DELEGATION, FINDINGS, record
from tests.unit.orders import an_order
from tests.unit.system import NOW, managed


def unless(findings: Iterable[Finding]) -> dict[Finding, Otherwise]:
    """With no consequence."""
    return dict.fromkeys(findings, Otherwise(Consequence.NONE, None))


def mail(code: str, *findings: Finding) -> tuple[str, str]:
    found = findings_mail(record(*findings), unless(findings), NOW.date(), language(code))
    return found.subject, found.body


NOTICE = Finding("PasswordRotation", "info", "rao", "…", due=(NOW + timedelta(days=3)).date())


@pytest.mark.parametrize(
    ("findings", "subject"),
    [
        (FINDINGS, "your action is needed now"),
        (FINDINGS[1:2], "your action is needed, first by 1 December 2026"),
        ((NOTICE,), "for your information"),
        ((), "nothing to do"),
    ],
)
def test_the_subject_has_the_first_deadline_of_the_raos_tasks(findings: tuple[Finding, ...], subject: str) -> None:
    """The RAO must not be alarmed by a notice."""
    assert mail("en", *findings)[0] == f"[Université d'Exemple] Delegated certificates: {subject}"


@pytest.mark.parametrize("code", ["en", "fr"])
@pytest.mark.parametrize(("reason", "detail"), [("incident 12", " (incident 12)"), ("", "")])
def test_an_order_that_awaits_approval_is_identified(code: str, reason: str, detail: str) -> None:
    """The RAO must find it in SCM; they approve at once what a CA revokes tomorrow, and ask about the unexpected."""
    order = an_order(status=OrderStatus.ORDERED, ssl_id=5001, scm_status="REQUESTED", reason=reason)
    problem = judge(managed(age=20, order=order), record(), NOW, ActingTimes()).problem
    assert problem is not None

    _, body = mail(code, Finding(problem.code, "warning", "rao", problem.text, "idp"))

    assert f": SSL ID 5001{detail}\n" in body
    assert f": {order.names[0]}\n" in body


@pytest.mark.parametrize(
    ("code", "detail"),
    [("en", "SSL ID 9, serial number 0A77, keyCompromise"), ("fr", "SSL ID 9, numéro de série 0A77, keyCompromise")],
)
def test_a_requested_revocation_has_its_reason(code: str, detail: str) -> None:
    """The RAO chooses the reason in SCM; the mail referred to that of a request which it did not have."""
    request = RevocationRequest("A77", 9, ("a.example",), "keyCompromise", NOW)
    certificate = replace(managed(age=20), revocations=(request,))
    (finding,) = open_revocations(record(), [certificate], NOW)

    assert detail in mail(code, finding)[1]


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("en", "SSL ID 9, ordered on 28 November 2026, Ann Other, SCM's status: issued"),
        ("fr", "SSL ID 9, demandée le 28 novembre 2026, Ann Other, statut dans SCM\u00a0: «\u00a0issued\u00a0»"),
    ],
)
def test_an_order_that_is_not_ours_is_described_in_words(code: str, detail: str) -> None:
    """The French mail had a bare date and an English status."""
    order = ForeignOrder(
        "9", 9, ("a.example",), "ISSUED", "Ann Other", datetime(2026, 11, 28, tzinfo=UTC), more_names=7
    )
    finding = next(foreign_findings("univ", ForeignOrders(NOW, (order,), 1), None))

    _, body = mail(code, finding)
    assert f": {detail}\n" in body
    assert f": a.example{language(code).text('mail.more', number=7)}\n" in body


@pytest.mark.parametrize(("code", "more"), [("en", " and 5 more"), ("fr", " et 5 de plus")])
def test_orders_without_a_finding_of_their_own_are_listed_by_number(code: str, more: str) -> None:
    """The RAO finds each in SCM by its SSL ID; the sentence around them is in the mail's language."""
    keys = tuple(str(number) for number in range(100, 156))
    order = ForeignOrder("100", 100, ("a.example",), "ISSUED")
    of_all = language(code).text("mail.list_of_all")

    for listed_by, listed in (("run", f"; {of_all}"), ("", "")):
        found = ForeignOrders(NOW, (order,), 56, keys, listed_by=listed_by)
        finding = list(foreign_findings("univ", found, None))[1]
        assert f": SSL ID {', '.join(keys[1:51])}{more}{listed}\n" in mail(code, finding)[1]


@pytest.mark.parametrize(
    ("expires", "is_known"), [(date(2026, 11, 1), True), (date(2027, 11, 1), False), (None, False)]
)
def test_a_refused_login_names_a_password_that_has_expired(expires: date | None, *, is_known: bool) -> None:
    """The RAO was to check the lock, the type and the list, though an earlier login had shown the day."""
    finding = Finding("LoginRefused", "error", "rao", "refused")
    refused = record(finding)
    assert refused.inspection is not None
    refused = replace(refused, inspection=replace(refused.inspection, password_expires=expires))

    body = findings_mail(refused, unless([finding]), NOW.date(), language("en")).body

    assert ("The password expired on 1 November 2026, which is the most likely cause." in body) is is_known


@pytest.mark.parametrize(("code", "day"), [("en", "1 November 2026"), ("fr", "1er novembre 2026")])
def test_a_mandate_that_has_ended_has_its_day(code: str, day: str) -> None:
    """The RAO must know which mandate to extend, and from when."""
    ended = record()
    ended = replace(ended, delegation=replace(ended.delegation, mandate_ends=date(2026, 11, 1)))
    problem = judge(managed(age=180), ended, NOW, ActingTimes()).problem
    assert problem is not None

    assert f": {day}\n" in mail(code, Finding(problem.code, "error", "rao", problem.text, "idp"))[1]


def test_each_finding_has_its_task_deadline_and_menu_path() -> None:
    """The RAO must not have to ask."""
    _, body = mail("en", *FINDINGS)

    assert "1. A name that a certificate needs is not delegated to the department" in body
    assert "Names: b.univ.example, c.univ.example" in body
    assert "In SCM: Settings → Organizations → Departments → Domains" in body
    assert "Deadline: 1 December 2026" in body
    assert "found nothing for you to do" in mail("en")[1]


def test_the_french_mail_has_no_english_text() -> None:
    """The finding's own text is English."""
    subject, body = mail("fr", FINDINGS[1])

    assert subject.endswith("votre intervention est nécessaire, première échéance le 1er décembre 2026")
    assert "Échéance\u00a0: 1er décembre 2026" in body
    assert "expires" not in body


def test_a_finding_without_a_text_is_quoted_as_english() -> None:
    """A quoted English text is better than no text."""
    _, body = mail("fr", FINDINGS[2])

    assert "La délégation présente un défaut" in body
    assert "texte d\u2019origine, en anglais\u00a0: «\u00a0unheard of" in body


def test_without_an_address_the_mail_refers_to_the_guide() -> None:
    """The guide has the address in any case."""
    finding = Finding("AddressRefused", "error", "rao", "…")
    found = record(finding, delegation=replace(DELEGATION, address=""))

    assert "our address (see the guide) and" in findings_mail(found, unless([finding]), NOW.date(), language("en")).body


def test_an_organisations_name_cannot_add_a_mail_header() -> None:
    """The subject is one line."""
    found = record(delegation=replace(DELEGATION, organisation="Univ\r\nBcc: evil@example.org"))

    assert "\n" not in findings_mail(found, unless(FINDINGS), NOW.date(), language("fr")).subject


def test_an_automatic_rotation_has_a_date_and_no_deadline() -> None:
    """A deadline would be read as a task."""
    _, body = mail("fr", NOTICE)

    assert "Date prévue\u00a0: 26 novembre 2026" in body
    assert "Échéance" not in body
    assert "À faire\u00a0: Rien à faire de votre côté\u00a0;" in body


def test_the_mail_is_signed_by_the_third_party() -> None:
    """The RAO has a contract with the third party and none with certmandate."""
    found = record(*FINDINGS)

    signed = findings_mail(found, unless(FINDINGS), NOW.date(), language("fr"), "Réseau Exemple").body
    unsigned = findings_mail(found, unless(FINDINGS), NOW.date(), language("fr")).body

    assert signed.endswith("\n\nRéseau Exemple\n")
    assert unsigned.endswith("\n\nLes exploitants de la délégation «\u00a0univ\u00a0»\n")
    assert "certmandate" not in signed + unsigned


@pytest.mark.parametrize(
    ("text", "french"),
    [
        ("the account needs DRAO_SSL on department 7; it has no role", "aucun rôle"),
        ("… it has RAO_SSL on 5002, MRAO on everything", "RAO_SSL sur 5002, MRAO sur l\u2019ensemble"),
    ],
)
def test_the_french_mail_translates_the_scope_of_roles(text: str, french: str) -> None:
    """The names of the roles are SCM's; the words between them are not."""
    assert f"Précisions\u00a0: {french}" in mail("fr", Finding("RoleMissing", "error", "rao", text))[1]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("step 4: idp.univ.example, *.apps.univ.example: not delegated", ("idp.univ.example", "*.apps.univ.example")),
        ("account a.b@univ.example is suspended", ()),
        ("the validation ends on 2026-12-08, at 10.5 days", ()),
        ("xn--bcher-kva.univ.example is delegated and was not agreed", ("xn--bcher-kva.univ.example",)),
    ],
)
def test_domain_names_are_found_in_the_text_of_a_finding(text: str, names: tuple[str, ...]) -> None:
    """They are the same in every language."""
    assert names_in(Finding("X", "error", "rao", text)) == names


def test_extra_privileges_and_roles_are_named() -> None:
    """The RAO must see which to remove."""
    account = Account(
        "drao", "API", True, (("DRAO_SSL", 1698), ("RAO_SMIME", 7)), frozenset({"sslRequest", "allowCreate"})
    )
    entry = DelegatedName("idp.univ.example", True, frozenset({"SSL", "SMIME"}))
    snapshot = Snapshot(account=account, domains=Domains((entry,)), unavailable=frozenset())
    results = review(DELEGATION, [], snapshot, NOW)

    _, body = mail("fr", *(finding for result in results for finding in result.findings()))

    for detail in ("Précisions\u00a0: RAO_SMIME sur 7", "Précisions\u00a0: allowCreate", "Précisions\u00a0: SMIME"):
        assert detail in body


@pytest.mark.parametrize(
    ("given", "named"), [({}, "'Cost centre'"), ({"Cost centre": "1", "Projekt": "2", "Nr": "3"}, "'Projekt', 'Nr'")]
)
def test_a_custom_field_is_named(given: dict[str, str], named: str) -> None:
    """The RAO must send its value, or the right name."""
    with pytest.raises(FieldRefused) as refused:
        require_custom_fields(given, (CustomField("Cost centre", is_mandatory=True),))

    for code in ("en", "fr"):
        assert f"{named}\n" in mail(code, finding_from(refused.value, "idp"))[1]


def test_a_fault_of_the_delegation_is_not_repeated_for_each_certificate() -> None:
    """The RAO acts once; the date is that of the certificate that expires first."""
    whole = Finding("DcvLapsed", "error", "rao", "a.univ.example and b.univ.example have expired")
    first = Finding("DcvLapsed", "error", "rao", "a.univ.example has expired", certificate="a")
    other = Finding("DcvLapsed", "error", "rao", "c.univ.example has expired", certificate="c")
    none, expires = Otherwise(Consequence.NO_CERTIFICATE, None), Otherwise(Consequence.EXPIRES, NOW.date())

    assert without_repetitions({first: expires, whole: none, other: none}) == {whole: expires, other: none}


def test_a_fault_without_names_covers_every_certificate() -> None:
    """A suspended account was three numbered tasks, and the urgent one was the last."""
    whole = Finding("AccountSuspended", "error", "rao", "the account is suspended")
    part = Finding("AccountSuspended", "error", "rao", "suspended; it orders a.univ.example", certificate="a")
    none, expires = Otherwise(Consequence.NO_CERTIFICATE, None), Otherwise(Consequence.EXPIRES, NOW.date())

    assert without_repetitions({whole: none, part: expires}) == {whole: expires}


@pytest.mark.parametrize("code", ["OrderNotOurs", "NotRevoked"])
@pytest.mark.parametrize("named", ["", ": a.univ.example, b.univ.example"])
def test_what_is_about_another_certificate_of_scm_stays(code: str, named: str) -> None:
    """A stolen order for exactly our names vanished beside one that SCM lists without names."""
    first = Finding(code, "error", "rao", f"9001{named}", about="9001")
    second = Finding(code, "error", "rao", "9002: a.univ.example", certificate="a", about="9002")
    found = dict.fromkeys((first, second), Otherwise(Consequence.IMPERSONATION, None))

    assert without_repetitions(found) == found


def test_of_many_names_the_first_ten_and_the_number_of_others_are_listed() -> None:
    """The mail listed eight of twenty names as if they were all."""
    some_names = ", ".join(f"n{number}.univ.example" for number in range(11))
    _, body = mail("en", Finding("NotForSsl", "error", "rao", f"{some_names} and 12 more: not for SSL"))

    assert "n9.univ.example and 13 more\n" in body
    assert "n10." not in body


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("en", "from 1 December 2026, certificates with these names cannot be ordered or renewed"),
        ("fr", "à partir du 1er décembre 2026, les certificats comportant ces noms ne pourront plus"),
    ],
)
def test_a_domain_that_expires_stops_the_orders_of_its_names_only(code: str, line: str) -> None:
    """The RAO read that nothing at all can be ordered; the task names the entry to validate."""
    finding = Finding("DcvLapsing", "warning", "rao", "a.x.example", due=date(2026, 12, 1), about="*.x.example")
    problem = problem_of(finding, "univ", [], NOW.date(), ActingTimes())
    otherwise = Otherwise(problem.consequence, problem.consequence_on)

    body = findings_mail(record(finding), {finding: otherwise}, date(2026, 11, 1), language(code)).body

    assert line in body
    assert "*.x.example" in body


@pytest.mark.parametrize("code", ["en", "fr"])
def test_the_rao_reads_an_internationalised_name_as_they_write_it(code: str) -> None:
    """They know `université.example`; SCM and certificates have `xn--universit-j4a.example`."""
    name = "xn--universit-j4a.example"
    finding = Finding("DcvLapsing", "warning", "rao", f"{name}: it expires", due=NOW.date(), about=name)

    assert mail(code, finding)[1].count(f"université.example ({name})") == 2
