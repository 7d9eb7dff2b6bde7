"""The mail to the RAO: each finding with what to do, by when, and the menu path in SCM."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from renewal.domain.errors import MandateEnded
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.setup.finding import ORDER_NOT_OURS, Finding
from renewal.domain.setup.foreign_orders import STATUS_UNKNOWN, ForeignOrder
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.withdrawal import NOT_REVOKED
from renewal.mail.language import Language, plain
from renewal.mail.mail import Mail, mail_of

_NAME = re.compile(r"(?<![\w@.-])(?:\*\.)?(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*[a-z0-9](?![\w-])")
_DETAILS = {
    "FieldRefused": re.compile(r"custom field ('.+?')(?:: write|; it has)"),
    "OrderPending": re.compile(r"^order (SSL ID \d+(?: \(.+?\))?) of \d"),
    "OrderDeclined": re.compile(r"(SSL ID \d+)"),
    NOT_REVOKED: re.compile(r"certificate \((.+?)\)(?:.*: (\w+)$)?"),
    ORDER_NOT_OURS: re.compile(
        r"order (SSL ID \d+)(?:, (\d{4}-\d\d-\d\d))?(?:, ([^:]+))?, ([^:,]+): "
        r"|more orders that are not ours \(\d+\): (SSL ID [\d, ]*\d)(?: and (\d+) more)?(; `.+ lists each)?"
    ),
    "DepartmentNotFound": re.compile(r"no department (\d+)"),
    MandateEnded.__name__: re.compile(r"(?:ended on|last day,) (\d{4}-\d\d-\d\d)"),
    "PrivilegeExtra": re.compile(r": ([^:]+)$"),
    "PrivilegeMissing": re.compile(r"the privilege ([^:]+):"),
    "RoleExtra": re.compile(r": ([^:]+)$"),
    "RoleMissing": re.compile(r"it has (.+)$"),
    "TypesExtra": re.compile(r"for (.+) too"),
}
"""The part of a finding's text that is the same in every language: identifiers of SCM, days, reasons."""
_OF_ROLES = frozenset({"RoleExtra", "RoleMissing"})
_ROLE = re.compile(r"(\w+) on (\w+)")
_AUTOMATIC = frozenset({"PasswordRotation"})
"""Codes of what happens automatically: the day is no deadline."""
_PAST = MappingProxyType(
    {
        Consequence.EXPIRES: "expired",
        Consequence.NAMES_STOP: "names-stopped",
        Consequence.ORDERS_STOP: "orders-stopped",
    }
)
_RENEWALS = re.compile(r"the next renewals of (.+?)(?: and (\d+) more)?, the first on ")
_MORE = re.compile(r" and (\d+) more(?:: | names)")
MOST_NAMES = 10  # of a finding
_QUOTED = frozenset({"RequestRefused", "ScmRefused"})
"""Codes whose text is SCM's answer, which states what to do."""


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What happens unless the RAO acts, and when; *on* None: it does so already, or the day is not known."""

    consequence: Consequence
    on: date | None

    def line(self, day: date, language: Language) -> str:
        """Return it as it is on *day*; empty when nothing happens."""
        if self.consequence is Consequence.NONE:
            return ""
        key = _PAST.get(self.consequence) if self.on and self.on <= day else None
        return language.text(f"consequences.{key or self.consequence}", day=language.day(self.on) if self.on else "")


def without_repetitions(findings: Mapping[Finding, Otherwise]) -> Mapping[Finding, Otherwise]:
    """Return *findings* without those that one of the whole delegation covers, which then gets the nearest date."""
    kept: dict[Finding, Otherwise] = {}
    for finding, otherwise in findings.items():
        covering = (each for each in findings if finding.certificate and _covers(each, finding))
        target = next(covering, finding)
        kept[target] = min(kept.get(target, otherwise), otherwise, key=lambda what: what.on or date.max)
    return kept


def _covers(of_delegation: Finding, finding: Finding) -> bool:
    # An order at SCM, or a certificate, that another finding is about is another task, whatever its names are.
    is_same = of_delegation.code == finding.code and finding.about in {"", of_delegation.about}
    covered = set(names_in(of_delegation))
    return is_same and not of_delegation.certificate and (not covered or set(names_in(finding)) <= covered)


def findings_mail(
    record: DelegationRecord,
    findings: Mapping[Finding, Otherwise],
    day: date,
    language: Language,
    third_party: str = "",
    orders: Collection[ForeignOrder] = (),
) -> Mail:
    """Return the mail about *findings*, all for the RAO, most urgent first, each with what happens otherwise.

    *day*: of the inspection; *third_party*: the signature; *orders*: all foreign orders, to be listed after the
    findings.
    """
    delegation = record.delegation
    opening = language.text(
        "mail.intro" if findings else "mail.none",
        delegation=delegation.name,
        department=delegation.department_id,
        day=language.day(day),
    )
    items = [
        finding_item(number, finding, record, language, otherwise.line(day, language))
        for number, (finding, otherwise) in enumerate(findings.items(), 1)
    ]
    items += [_listed(orders, language)] if orders else []
    closing = [language.text("mail.closing")] if findings else []
    who = third_party or language.text("mail.operators", delegation=delegation.name)
    signature = language.text("mail.signature", third_party=who)
    parts = [language.text("mail.greeting"), opening, *items, *closing, signature]
    return mail_of(delegation.rao_email, _subject(delegation.organisation, findings, language), parts)


def _listed(orders: Collection[ForeignOrder], language: Language) -> str:
    """Return each of *orders* in a line."""
    colon = language.texts["colon"]
    lines = (f"- {order_details(language, order)}{colon}{', '.join(order.names)}" for order in orders)
    return "\n".join([language.text("mail.all_orders", number=len(orders)), *lines])


def order_details(language: Language, order: ForeignOrder) -> str:
    """Return SSL ID, day, requester and status of a foreign order."""
    day = f"{order.at:%Y-%m-%d}" if order.at else ""
    return _order_details(f"SSL ID {order.ssl_id}", day, order.requester, order.status.lower(), language)


def finding_values(record: DelegationRecord, language: Language) -> dict[str, object]:
    """Return the values of the placeholders in the texts of findings."""
    address = record.delegation.address or language.text("mail.no_address")
    return {"address": address, "expired": _expired(record.inspection, language)}


def _expired(inspection: Inspection | None, language: Language) -> str:
    """Return that the account's password had expired at the last inspection, as far as an earlier login showed it."""
    expires = inspection.password_expires if inspection else None
    if inspection is None or expires is None or expires > inspection.at.date():
        return ""
    return language.text("mail.password_expired", day=language.day(expires))


def names_in(finding: Finding) -> tuple[str, ...]:
    """Return the domain names in the finding's text, each once."""
    return tuple(dict.fromkeys(_NAME.findall(finding.text)))


def _subject(organisation: str, findings: Collection[Finding], language: Language) -> str:
    kind, day = "none", ""
    if findings:
        to_do = [finding for finding in findings if finding.severity != "info"]
        days = [finding.due for finding in to_do if finding.due]
        kind = "info" if not to_do else "now" if len(days) < len(to_do) else "urgent"
        day = language.day(min(days)) if kind == "urgent" else ""
    return language.text(f"mail.subject_{kind}", organisation=organisation, day=day)


def finding_item(number: int, finding: Finding, record: DelegationRecord, language: Language, otherwise: str) -> str:
    """Return the lines about a finding: what, where, what to do, by when, and what happens otherwise."""
    return "\n".join(_lines(number, finding, record, language, otherwise))


def _lines(
    number: int, finding: Finding, record: DelegationRecord, language: Language, otherwise: str
) -> Iterator[str]:
    known = language.at("findings")
    texts = known.get(finding.code, known["unknown"])
    security = f" ({language.text('mail.security')})" if finding.is_security else ""
    day = language.day(finding.due) if finding.due else language.text("mail.now")
    yield f"{number}. {texts['what']}{security}"
    for key, value in (
        ("certificate", finding.certificate),
        ("certificates", certificates_in(language, finding)),
        ("names", _names(finding, language)),
        ("detail", detail_in(language, finding) or _quoted(finding, known, language)),
        ("do", plain(texts["do"], finding_values(record, language) | {"domain": finding.about})),
        ("where", finding.screen + language.meaning(finding.screen)),
        ("planned" if finding.code in _AUTOMATIC else "when", day),
        ("otherwise", otherwise),
    ):
        if value:
            yield f"   {language.text(f'mail.{key}')}{language.texts['colon']}{value}"


def certificates_in(language: Language, finding: Finding) -> str:
    """Return the certificates whose next renewals the finding's text names, if they are several."""
    found = _RENEWALS.search(finding.text)
    return (found[1] + (language.text("mail.more", number=found[2]) if found[2] else "")) if found else ""


def _names(finding: Finding, language: Language) -> str:
    """Return the first names, and how many the finding has besides, listed in its text or not."""
    names = names_in(finding)
    left = len(names[MOST_NAMES:]) + sum(int(number) for number in _MORE.findall(finding.text))
    return ", ".join(names[:MOST_NAMES]) + (language.text("mail.more", number=left) if left else "")


def detail_in(language: Language, finding: Finding) -> str:
    """Return the part of the finding's text that is the same in every language; empty when there is none."""
    pattern = _DETAILS.get(finding.code)
    match = pattern.search(finding.text) if pattern else None
    if match is None:
        return ""
    if finding.code in _OF_ROLES:
        return _roles(match[1], language)
    if finding.code == ORDER_NOT_OURS:
        return _foreign_order(match, language)
    if finding.code == MandateEnded.__name__:
        return language.day(date.fromisoformat(match[1]))
    detail = ", ".join(filter(None, match.groups()))
    if finding.code == "DepartmentNotFound":
        return f"OrgID {detail}"
    return detail.replace("serial", language.text("mail.serial")) if finding.code == NOT_REVOKED else detail


def _foreign_order(match: re.Match[str], language: Language) -> str:
    number, day, requester, status, several, left, are_listed = match.groups()
    if several:
        more = language.text("mail.more", number=left) if left else ""
        return several + more + (f"; {language.text('mail.list_of_all')}" if are_listed else "")
    return _order_details(number, day, requester, "" if status == STATUS_UNKNOWN else status, language)


def _order_details(number: str, day: str, requester: str, status: str, language: Language) -> str:
    ordered = language.text("mail.ordered_on", day=language.day(date.fromisoformat(day))) if day else ""
    shown = language.text("mail.scm_status", status=status) if status else ""
    return ", ".join(part for part in (number, ordered, requester, shown) if part)


def _quoted(finding: Finding, known: Container[str], language: Language) -> str:
    is_needed = finding.code in _DETAILS or finding.code in _QUOTED or finding.code not in known
    return language.text("mail.quoted", text=finding.text) if is_needed else ""


def _roles(detail: str, language: Language) -> str:
    """Translate `RAO_SSL on 5002, MRAO on everything`, or `no role`; the names of the roles are SCM's."""
    if detail == "no role":
        return language.text("mail.no_role")

    def translated(match: re.Match[str]) -> str:
        place = language.text("mail.everything") if match[2] == "everything" else match[2]
        return language.text("mail.role_on", role=match[1], place=place)

    return _ROLE.sub(translated, detail)
