"""The mail that tells a RAO what to do: each finding with what, by when and on which screen."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from certmandate.views.language import Language, plain
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord

_NAME = re.compile(r"(?<![\w@.-])(?:\*\.)?(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*[a-z0-9](?![\w-])")
_DETAILS = {
    "OrderDeclined": re.compile(r"(SSL ID \d+)"),
    "DepartmentNotFound": re.compile(r"no department (\d+)"),
    "PrivilegeExtra": re.compile(r": ([^:]+)$"),
    "PrivilegeMissing": re.compile(r"the privilege ([^:]+):"),
    "RoleExtra": re.compile(r": ([^:]+)$"),
    "RoleMissing": re.compile(r"it has (.+)$"),
    "TypesExtra": re.compile(r"for (.+) too"),
}
"""What of a finding's own sentence is the same in every language: identifiers of SCM."""
_OF_ROLES = frozenset({"RoleExtra", "RoleMissing"})
_ROLE = re.compile(r"(\w+) on (\w+)")
_BY_ITSELF = frozenset({"PasswordRotation"})
"""Codes of what happens without anybody: its day is no deadline."""
_QUOTED = frozenset({"RequestRefused", "ScmRefused"})
"""Codes whose sentence is SCM's answer: only it says what to do."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that is ready to be sent: plain text."""

    to: str
    subject: str
    body: str


def findings_mail(
    record: DelegationRecord, findings: Iterable[Finding], day: date, language: Language, third_party: str = ""
) -> Mail:
    """Return the mail about *findings*, most urgent first. *day*: when they were found; *third_party*: who signs."""
    listed = tuple(findings)
    delegation = record.delegation
    opening = language.text(
        "mail.intro" if listed else "mail.none",
        delegation=delegation.name,
        department=delegation.department_id,
        day=language.day(day),
    )
    items = ["\n".join(_item(number, one, record, language)) for number, one in enumerate(listed, 1)]
    closing = [language.text("mail.closing")] if listed else []
    who = third_party or language.text("mail.operators", delegation=delegation.name)
    signature = language.text("mail.signature", third_party=who)
    parts = [language.text("mail.greeting"), opening, *items, *closing, signature]
    return Mail(delegation.rao_email, _subject(delegation.organisation, listed, language), "\n\n".join(parts) + "\n")


def told_values(record: DelegationRecord, language: Language) -> dict[str, object]:
    """Return what stands for the placeholders in the words of findings."""
    return {"address": record.delegation.address or language.text("mail.no_address")}


def names_in(finding: Finding) -> tuple[str, ...]:
    """Return the domain names that the finding's sentence is about, each once."""
    return tuple(dict.fromkeys(_NAME.findall(finding.text)))


def _subject(organisation: str, findings: tuple[Finding, ...], language: Language) -> str:
    """One line whatever stands in the organisation's name: a line feed would begin another header."""
    kind, day = "none", ""
    if findings:
        acting = [one for one in findings if one.severity != "info" and one.actor == "rao"]
        days = [one.due for one in acting if one.due]
        kind = "info" if not acting else "now" if len(days) < len(acting) else "urgent"
        day = language.day(min(days)) if kind == "urgent" else ""
    return " ".join(language.text(f"mail.subject_{kind}", organisation=organisation, day=day).split())


def _item(number: int, finding: Finding, record: DelegationRecord, language: Language) -> Iterator[str]:
    words = language.at("findings")
    told = words.get(finding.code, words["unknown"])
    security = f" ({language.text('mail.security')})" if finding.is_security else ""
    yield f"{number}. {told['what']}{security}"
    for key, value in (
        ("certificate", finding.certificate),
        ("names", ", ".join(names_in(finding))),
        ("detail", _detail(finding, words, language)),
        ("do", plain(told["do"], told_values(record, language))),
        ("where", finding.screen if finding.actor == "rao" else ""),
        ("planned" if finding.code in _BY_ITSELF else "when", _day(finding, language)),
        ("who", language.text(f"mail.{finding.actor}") if finding.actor != "rao" else ""),
    ):
        if value:
            yield f"   {language.text(f'mail.{key}')}{language.texts['colon']}{value}"


def _day(finding: Finding, language: Language) -> str:
    return language.day(finding.due) if finding.due else language.text("mail.now")


def _detail(finding: Finding, known: Container[str], language: Language) -> str:
    pattern = _DETAILS.get(finding.code)
    if pattern is None:
        return finding.text if finding.code in _QUOTED or finding.code not in known else ""
    match = pattern.search(finding.text)
    detail = match[1] if match else finding.text
    return _roles(detail, language) if match and finding.code in _OF_ROLES else detail


def _roles(detail: str, language: Language) -> str:
    """`RAO_SSL on 5002, MRAO on everything`, or `no role`, in the mail's language: the names of roles are SCM's."""
    if detail == "no role":
        return language.text("mail.no_role")

    def said(match: re.Match[str]) -> str:
        place = language.text("mail.everything") if match[2] == "everything" else match[2]
        return language.text("mail.role_on", role=match[1], place=place)

    return _ROLE.sub(said, detail)
