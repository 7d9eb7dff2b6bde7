"""`certmandate report` and `findings`: the RAO's report, and the mail to the RAO."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from certmandate.commands.rao.foreign import listed_orders
from certmandate.deployment import deployed
from certmandate.exit import NotInspected, exit_on_error
from certmandate.files.atomic_files import write_together
from certmandate.options import DelegationArgument, JsonOption
from certmandate.run_failures import judged_delegation
from certmandate.stored_credential.untried import StoredCredentials
from certmandate.views.html_page import pdf
from certmandate.views.language import language
from certmandate.views.notices import notice_documents, notice_lines
from certmandate.views.printing import print_json, print_left_out
from certmandate.views.rao_report import document, finding_document, foreign_documents, page
from renewal.domain.delegation import LANGUAGES
from renewal.domain.errors import UnknownDelegation
from renewal.domain.notices.month import month_before, month_named
from renewal.domain.order import FinishedOrder, ManagedCertificate
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import ForeignOrderList
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.mail.asks import asks_of
from renewal.mail.findings_mail import Otherwise, findings_mail, without_repetitions
from renewal.mail.mail import Mail
from renewal.mail.rao_report import Proof, rao_report
from renewal.ports.order_book import Listing

if TYPE_CHECKING:
    from certmandate.deployment import Deployment
    from certmandate.judged_estate import JudgedEstate

ThirdPartyOption = Annotated[
    str,
    typer.Option(
        envvar="CERTMANDATE_THIRD_PARTY",
        help="Your own name, as the RAO knows it; it signs. Default: the stack's ThirdParty.",
    ),
]


def report_command(
    context: typer.Context,
    name: DelegationArgument,
    month: Annotated[str, typer.Option(help="For example 2026-11. Default: last month.")] = "",
    output: Annotated[Path, typer.Option(help="Folder for the page.")] = Path(),
    third_party: ThirdPartyOption = "",
    as_pdf: Annotated[bool, typer.Option("--pdf", help="Write a PDF too (needs WeasyPrint).")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the RAO's report on a month.

    A page in French and English, from the audit rows; with --json, a JSON document.
    """
    now = datetime.now(UTC)
    try:
        chosen = month_named(month) if month else month_before(now)
    except ValueError:
        msg = f"'{month}' is not a month; pass it as 2026-11"
        raise typer.BadParameter(msg, param_hint="--month") from None
    if chosen.begins > now:
        msg = f"{chosen} is in the future"
        raise typer.BadParameter(msg, param_hint="--month")
    with deployed(context) as deployment:
        book = deployment.book
        certificates, history = book.certificates(name), book.history(name, "")
        acknowledged, (record, retired_at) = book.acknowledgements(name), _record(deployment, name)
        proof = Proof(deployment.audit_trails.head(name), deployment.seals.newest(name))
        judged = _judged(deployment, record, certificates, now)
        report = rao_report(record, judged.certificates, history, chosen, now, acknowledged=acknowledged, proof=proof)
        asks = without_repetitions(_asks(judged, record, history))
        foreign = listed_orders(deployment, record, acknowledged)
        report = replace(report, asks=asks, foreign=foreign, retired_at=retired_at)
        who = third_party or deployment.facts.get("ThirdParty", "")
    print_left_out((*certificates.unreadable, *history.unreadable, *acknowledged.unreadable))
    if as_json:
        print_json(document(report))
        return
    _write(page(report, who), output / f"{name}-report-{chosen}", as_pdf=as_pdf)


def findings_command(
    context: typer.Context,
    name: DelegationArgument,
    language_code: Annotated[
        Literal["fr", "en"] | None, typer.Option("--language", help="Language of the mail. Default: both.")
    ] = None,
    third_party: ThirdPartyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Print the findings as a mail to the RAO.

    What the RAO has to do, in French and English; `status --delegation NAME` has the operator's tasks, too. Then the
    notices that were sent, to whom and when.
    """
    with deployed(context) as deployment:
        book = deployment.book
        record, certificates, history = book.delegation(name), book.certificates(name), book.history(name, "")
        foreign = listed_orders(deployment, record, book.acknowledgements(name))
        who = third_party or deployment.facts.get("ThirdParty", "")
        day = _inspection(record).at.date()
        asks = _asks(_judged(deployment, record, certificates, datetime.now(UTC)), record, history)
    print_left_out((*certificates.unreadable, *history.unreadable))
    codes = [language_code] if language_code else LANGUAGES
    mail = partial(findings_mail, record, without_repetitions(asks), day)
    mails = {code: mail(language(code), who, foreign.orders) for code in codes}
    if as_json:
        print_json(_document(record, asks, foreign, mails))
    else:
        typer.echo(_text(mails))
        if lines := notice_lines(record):
            typer.echo("\n".join(["\nNotices to the RAO, newest first:", *(f"- {line}" for line in lines)]))


def _record(deployment: Deployment, name: str) -> tuple[DelegationRecord, datetime | None]:
    """Return the delegation and None, or what is left of one that was ended, and when. Raises UnknownDelegation."""
    try:
        return deployment.book.delegation(name), None
    except UnknownDelegation:
        for retired in (*deployment.book.retired(), *deployment.book.removed()):
            if retired.delegation == name:
                return retired.record, retired.retired_at
        raise


def _inspection(record: DelegationRecord) -> Inspection:
    if record.inspection is not None:
        return record.inspection
    name = record.delegation.name
    msg = f"'{name}' has not been inspected: wait for the daily run, or run certmandate check {name}"
    raise NotInspected(msg)


def _judged(
    deployment: Deployment, record: DelegationRecord, certificates: Listing[ManagedCertificate], now: datetime
) -> JudgedEstate:
    """Return the judgement of the delegation. Raises NotInspected when a refused login may be past."""
    name = record.delegation.name
    if StoredCredentials(deployment).with_untried(record) is not record:
        msg = (
            f"the last inspection of '{name}' could not log in, and a credential was stored since: what the RAO has to "
            f"do is not known; run certmandate check {name} first"
        )
        raise NotInspected(msg)
    return judged_delegation(deployment, record, certificates, now)


def _asks(
    judged: JudgedEstate, record: DelegationRecord, history: Iterable[FinishedOrder]
) -> Mapping[Finding, Otherwise]:
    """Return what the RAO is asked to do, most urgent first."""
    problems = [problem for problem in judged.problems_of(record.delegation.name) if problem.actor == "rao"]
    return asks_of(problems, [each.certificate for each in judged.certificates], history)


def _document(
    record: DelegationRecord, asks: Iterable[Finding], foreign: ForeignOrderList, mails: dict[str, Mail]
) -> dict[str, object]:
    return {
        "delegation": record.delegation.name,
        "to": record.delegation.rao_email or None,
        "findings": [finding_document(finding) for finding in asks],
        **foreign_documents(foreign),
        "notices": notice_documents(record),
        "mails": {code: {"subject": mail.subject, "body": mail.body} for code, mail in mails.items()},
    }


def _text(mails: dict[str, Mail]) -> str:
    headings = {"fr": "À", "en": "To"}, {"fr": "Objet", "en": "Subject"}
    parts = []
    for code, mail in mails.items():
        colon = language(code).texts["colon"]
        to, subject = (names[code] for names in headings)
        parts.append(f"{to}{colon}{mail.to or '—'}\n{subject}{colon}{mail.subject}\n\n{mail.body}")
    return f"\n{'-' * 72}\n\n".join(parts)


def _write(text: str, stem: Path, *, as_pdf: bool) -> None:
    files = {stem.with_name(f"{stem.name}.html"): text.encode()}
    with exit_on_error():
        if as_pdf:
            files[stem.with_name(f"{stem.name}.pdf")] = pdf(text)
        write_together(files, force=True)
    for path in files:
        typer.echo(f"written: {path}")
