"""The mail to the RAO: what, by when and on which screen, in both languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from certmandate.views.findings_mail import findings_mail, names_in
from certmandate.views.language import language
from renewal.domain.setup.checks import review
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.snapshot import Account, DelegatedName, Snapshot
from tests.certmandate.rao_samples import DELEGATION, FINDINGS, NOW, record


def mail(code: str, *findings: Finding) -> tuple[str, str]:
    found = findings_mail(record(*findings), findings, NOW.date(), language(code))
    return found.subject, found.body


def test_each_finding_says_what_by_when_and_where() -> None:
    """The RAO must not have to ask back."""
    subject, body = mail("en", *FINDINGS)

    assert subject == "[Université d'Exemple] Delegated certificates: your action is needed now"
    assert "1. A name that a certificate needs is not delegated to the department" in body
    assert "Names: b.univ.example, c.univ.example" in body
    assert "In SCM: Settings → Organizations → Departments → Domains" in body
    assert "By: 1 December 2026" in body


def test_the_french_mail_is_french() -> None:
    """Also where the finding's own sentence is English."""
    subject, body = mail("fr", FINDINGS[1])

    assert subject.endswith("votre intervention est nécessaire, première échéance le 1er décembre 2026")
    assert "Échéance\u00a0: 1er décembre 2026" in body
    assert "lapses" not in body


def test_a_finding_that_nobody_has_words_for_is_quoted() -> None:
    """Better English than silence."""
    _, body = mail("fr", FINDINGS[3])

    assert "La délégation présente un défaut" in body
    assert "texte d'origine, en anglais\u00a0: «\u00a0unheard of" in body


def test_what_only_the_operator_can_do_does_not_ask_the_rao_for_anything() -> None:
    """Somebody who forwards the whole list must not alarm anybody."""
    subject, body = mail("en", FINDINGS[2])

    assert subject.endswith("for your information")
    assert "Who: the operator, nothing for you to do" in body


def test_an_address_that_the_file_does_not_have_is_not_made_up() -> None:
    """The guide has it in any case."""
    finding = Finding("AddressRefused", "error", "rao", "…")
    found = record(finding, delegation=replace(DELEGATION, address=""))

    assert "our address (see the guide) and" in findings_mail(found, [finding], NOW.date(), language("en")).body


def test_an_organisations_name_cannot_add_a_header() -> None:
    """The subject is one line."""
    found = record(delegation=replace(DELEGATION, organisation="Univ\r\nBcc: evil@example.org"))

    assert "\n" not in findings_mail(found, FINDINGS, NOW.date(), language("fr")).subject


def test_nothing_to_do_is_said_as_such() -> None:
    """An empty mail would be read as a fault of ours."""
    subject, body = mail("en")

    assert subject.endswith("nothing to do")
    assert "found nothing for you to do" in body


def test_a_notice_alone_does_not_cry_wolf() -> None:
    """A password that is replaced by itself needs nobody."""
    notice = Finding("PasswordRotation", "info", "rao", "…", due=(NOW + timedelta(days=3)).date())

    assert mail("en", notice)[0].endswith("for your information")


def test_what_happens_by_itself_has_a_day_and_no_deadline() -> None:
    """Nothing to do, above a deadline, is read as something to do."""
    notice = Finding("PasswordRotation", "info", "rao", "…", due=(NOW + timedelta(days=3)).date())

    _, body = mail("fr", notice)

    assert "Date prévue\u00a0: 26 novembre 2026" in body
    assert "Échéance" not in body
    assert "À faire\u00a0: Rien à faire de votre côté\u00a0;" in body


def test_whom_the_rao_knows_signs() -> None:
    """They have a contract with the third party, and have never heard of a program."""
    found = record(*FINDINGS)

    signed = findings_mail(found, FINDINGS, NOW.date(), language("fr"), "Réseau Exemple").body
    unsigned = findings_mail(found, FINDINGS, NOW.date(), language("fr")).body

    assert signed.endswith("\n\nRéseau Exemple\n")
    assert unsigned.endswith("\n\nLes exploitants de la délégation «\u00a0univ\u00a0»\n")
    assert "certmandate" not in signed + unsigned


@pytest.mark.parametrize(
    ("text", "french"),
    [
        ("the account needs DRAO_SSL on department 7; it has no role", "aucun rôle"),
        ("… it has RAO_SSL on 5002, MRAO on everything", "RAO_SSL sur 5002, MRAO sur l'ensemble"),
    ],
)
def test_roles_are_told_in_french(text: str, french: str) -> None:
    """Their names are SCM's; the words between them are not."""
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
def test_domain_names_are_found_in_a_findings_sentence(text: str, names: tuple[str, ...]) -> None:
    """They are what the sentence is about, in every language."""
    assert names_in(Finding("X", "error", "rao", text)) == names


def test_the_privileges_and_roles_that_are_too_many_are_named() -> None:
    """Taking away every other one is of no use to somebody who does not see which."""
    account = Account(
        "drao", "API", True, (("DRAO_SSL", 1698), ("RAO_SMIME", 7)), frozenset({"sslRequest", "allowCreate"})
    )
    entry = DelegatedName("idp.univ.example", True, frozenset({"SSL", "SMIME"}))
    seen = Snapshot(account=account, delegated=(entry,), unavailable=frozenset())
    remarks = review(DELEGATION, [], seen, NOW)

    _, body = mail("fr", *(finding for remark in remarks for finding in remark.findings()))

    for detail in ("Précisions\u00a0: RAO_SMIME sur 7", "Précisions\u00a0: allowCreate", "Précisions\u00a0: SMIME"):
        assert detail in body
