"""The monthly report as a mail: what the RAO must do, then what was renewed and what will be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from renewal.domain.certificate.serial import printed_serial
from renewal.domain.delegation import CertificateSpec
from renewal.domain.due import Cause
from renewal.domain.order import COMMENT_PREFIX, FinishedOrder
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.mail.findings_mail import finding_item, names_in
from renewal.mail.language import Language
from renewal.mail.mail import Mail, mail_of
from renewal.mail.rao_report import NextOrder, RaoReport, Waits

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
        _list(language, "orders", values, (_order(row, report, language) for row in report.orders)),
        *(
            [_list(language, "refusals", values, (_refusal(row, language) for row in report.refusals))]
            if report.refusals
            else []
        ),
        _list(language, "next", values, (_next(each, report, language) for each in report.nexts)),
        *(
            [_list(language, "acknowledged", values, (_acknowledged(row, language) for row in report.acknowledged))]
            if report.acknowledged
            else []
        ),
        language.text("report_mail.proof", **values),
        *_head(report, language),
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


def _list(language: Language, name: str, values: Mapping[str, object], lines: Iterable[str]) -> str:
    every = list(lines)
    left = [language.text("report_mail.more", number=len(every) - MOST_LINES)] if len(every) > MOST_LINES else []
    shown = [f"- {line}" for line in [*every[:MOST_LINES], *left]] or [language.text("report_mail.none")]
    return "\n".join([language.text(f"report_mail.{name}", **values), *shown])


def _order(row: FinishedOrder, report: RaoReport, language: Language) -> str:
    until = language.day(row.not_after.date()) if row.not_after else "—"
    serial = printed_serial(row.serial) if row.serial else "—"
    incident = f" ({row.reason})" if Cause.REPLACEMENT in row.causes else ""
    renewed = language.text("report_mail.renewed", until=until, serial=serial)
    revoked = language.text("report_mail.revoked") if row.serial in report.revoked else ""
    return f"{_named(row.certificate, row.names)}{renewed}{revoked}{incident}"


def _refusal(row: FinishedOrder, language: Language) -> str:
    known = language.at("findings")
    what = known.get(row.error, known["unknown"])["what"]
    number = f", SSL ID {row.ssl_id}" if row.ssl_id else ""
    number += f", {language.text('mail.serial')} {printed_serial(row.serial)}" if row.serial else ""
    return f"{_named(row.certificate, row.names)}{language.texts['colon']}{what} ({row.error}{number})"


def _next(order: NextOrder, report: RaoReport, language: Language) -> str:
    spec, stored = order.certificate.spec, order.certificate.stored
    is_past = stored is not None and stored.not_after <= report.made_at
    is_revoked = stored is not None and stored.serial in report.revoked
    key = "expired" if is_past else "until_revoked" if is_revoked else "until"
    until = language.text(f"report_mail.{key}", until=language.day(stored.not_after.date())) if stored else ""
    when = renewal_text(order, report, language)
    return f"{_named(spec.name, spec.names)}{language.texts['colon']}{when}{until}"


def renewal_text(order: NextOrder, report: RaoReport, language: Language) -> str:
    """Return when a certificate is renewed, or for what it waits; of what the RAO is asked, with the numbers."""
    if order.renewal and order.renewal > report.made_at.date():
        return language.text("report_mail.on", day=language.day(order.renewal))
    points = [str(number) for number, ask in enumerate(report.asks, 1) if _stops(ask, order.certificate.spec)]
    if points and order.waits_for in {Waits.RUN, Waits.RAO}:
        key = "after_point" if len(points) == 1 else "after_points"
        return language.text(f"report_mail.{key}", numbers=", ".join(points))
    key = "first" if order.waits_for is Waits.RUN and order.certificate.stored is None else order.waits_for.value
    return language.text(f"report_mail.waits.{key}")


def _stops(finding: Finding, spec: CertificateSpec) -> bool:
    """Return whether *finding* may stop the renewal: one of the certificate, or an error that names none of others."""
    if finding.certificate:
        return finding.certificate == spec.name
    names = names_in(finding)
    is_stop = finding.severity == "error" and not finding.is_security
    return is_stop and (not names or not set(names).isdisjoint(spec.names))


def _acknowledged(row: Acknowledgement, language: Language) -> str:
    return f"SSL ID {row.key.partition('@')[0]}{language.texts['colon']}{row.reason} ({language.day(row.at.date())})"


def _head(report: RaoReport, language: Language) -> Iterator[str]:
    if report.proof:
        head = report.proof.head
        yield language.text("report_mail.head", number=head.sequence, hash=head.hash)


def _named(certificate: str, names: tuple[str, ...]) -> str:
    first = ", ".join(names[:3])
    return f"{certificate} ({first}{', …' if len(names) > 3 else ''})"
