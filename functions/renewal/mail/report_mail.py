"""The monthly report as a mail: what the RAO must do, then what was renewed and what will be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from renewal.domain.certificate.serial import printed_serial
from renewal.domain.due import Cause
from renewal.domain.order import COMMENT_PREFIX, FinishedOrder
from renewal.mail.findings_mail import finding_item
from renewal.mail.language import Language
from renewal.mail.mail import Mail, mail_of
from renewal.mail.rao_report import NextOrder, RaoReport

MOST_LINES = 100
"""Certificates that a list of the mail names; the report's page has all of them."""


def report_mail(report: RaoReport, language: Language, third_party: str) -> Mail:
    """Return the mail with the essentials of *report*, signed by *third_party*."""
    delegation = report.record.delegation
    values: dict[str, object] = {
        "organisation": delegation.organisation,
        "delegation": delegation.name,
        "department": delegation.department_id,
        "month": language.month(report.month.first),
        "prefix": COMMENT_PREFIX.strip(),
    }
    sections = [
        *_asks(report, language),
        _list(language, "orders", (_order(row, language) for row in report.orders)),
        *(
            [_list(language, "refusals", (_refusal(row, language) for row in report.refusals))]
            if report.refusals
            else []
        ),
        _list(language, "next", (_next(each, language) for each in report.nexts)),
        language.text("report_mail.proof", **values),
    ]
    opening = [language.text("mail.greeting"), language.text("report_mail.intro", **values)]
    signature = language.text("mail.signature", third_party=third_party)
    subject = language.text("report_mail.subject", **values)
    return mail_of(delegation.rao_email, subject, [*opening, *sections, signature])


def _asks(report: RaoReport, language: Language) -> Iterator[str]:
    yield language.text("report_mail.asks" if report.asks else "report_mail.no_asks")
    for number, (finding, otherwise) in enumerate(report.asks.items(), 1):
        line = otherwise.line(report.made_at.date(), language)
        yield finding_item(number, finding, report.record, language, line)
    if report.asks:
        yield language.text("report_mail.otherwise")


def _list(language: Language, name: str, lines: Iterable[str]) -> str:
    found = list(lines)
    left = [language.text("report_mail.more", number=len(found) - MOST_LINES)] if len(found) > MOST_LINES else []
    shown = [f"- {line}" for line in [*found[:MOST_LINES], *left]] or [language.text("report_mail.none")]
    return "\n".join([language.text(f"report_mail.{name}"), *shown])


def _order(row: FinishedOrder, language: Language) -> str:
    until = language.day(row.not_after.date()) if row.not_after else "—"
    serial = printed_serial(row.serial) if row.serial else "—"
    incident = f" ({row.reason})" if Cause.REPLACEMENT in row.causes else ""
    renewed = language.text("report_mail.renewed", until=until, serial=serial)
    return f"{_named(row.certificate, row.names)}{renewed}{incident}"


def _refusal(row: FinishedOrder, language: Language) -> str:
    return f"{_named(row.certificate, row.names)}{language.texts['colon']}{row.error}, {row.text}"


def _next(order: NextOrder, language: Language) -> str:
    spec, served = order.certificate.spec, order.certificate.served
    day = language.text("report_mail.on", day=language.day(order.renewal)) if order.renewal else None
    until = language.text("report_mail.until", until=language.day(served.not_after.date())) if served else ""
    when = day or language.text("report_mail.mandate")
    return f"{_named(spec.name, spec.names)}{language.texts['colon']}{when}{until}"


def _named(certificate: str, names: tuple[str, ...]) -> str:
    first = ", ".join(names[:3])
    return f"{certificate} ({first}{', …' if len(names) > 3 else ''})"
