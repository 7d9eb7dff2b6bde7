"""`certmandate report`, `findings` and `acknowledge`: the RAO's report, the mail to the RAO, and the RAO's answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from certmandate.deployment import deployed, to_change
from certmandate.exit import NotInspected, Refused, exit_on_error
from certmandate.files.atomic_files import write_together
from certmandate.options import DelegationArgument, JsonOption, YesOption, confirm
from certmandate.run_failures import judged_delegation
from certmandate.stored_credential.untried import StoredCredentials
from certmandate.views.html_page import pdf
from certmandate.views.language import language
from certmandate.views.notices import notice_documents, notice_lines
from certmandate.views.printing import print_json, print_left_out, print_result
from certmandate.views.rao_report import document, finding_document, page
from renewal.domain.delegation import LANGUAGES
from renewal.domain.notices.month import month_before, month_named
from renewal.domain.order import FinishedOrder, ManagedCertificate
from renewal.domain.setup.domain_checks import some
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.foreign_orders import Acknowledgement, ssl_id_of
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
        acknowledged, record = book.acknowledgements(name), book.delegation(name)
        proof = Proof(deployment.audit_trails.head(name), deployment.seals.newest(name))
        judged = _judged(deployment, record, certificates, now)
        report = rao_report(record, judged.certificates, history, chosen, now, acknowledged=acknowledged, proof=proof)
        report = replace(report, asks=without_repetitions(_asks(judged, record, history)))
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
        who = third_party or deployment.facts.get("ThirdParty", "")
        day = _inspection(record).at.date()
        asks = _asks(_judged(deployment, record, certificates, datetime.now(UTC)), record, history)
    print_left_out((*certificates.unreadable, *history.unreadable))
    codes = [language_code] if language_code else LANGUAGES
    mail = partial(findings_mail, record, without_repetitions(asks), day)
    mails = {code: mail(language(code), who) for code in codes}
    if as_json:
        print_json(_document(record, asks, mails))
    else:
        typer.echo(_text(mails))
        if lines := notice_lines(record):
            typer.echo("\n".join(["\nNotices to the RAO, newest first:", *(f"- {line}" for line in lines)]))


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


def acknowledge_command(
    context: typer.Context,
    name: DelegationArgument,
    ssl_ids: Annotated[list[int], typer.Argument(metavar="SSL_ID", help="SSL IDs of the finding OrderNotOurs.")],
    reason: Annotated[
        str, typer.Option("--reason", help="Whose order it is and who said so; it is stored, and mailed to the RAO.")
    ],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record that orders at SCM are the organisation's own.

    They are no longer reported as OrderNotOurs. The record is never changed, and the RAO's report has it.
    """
    with to_change(context) as deployment:
        inspection = deployment.book.delegation(name).inspection
        keys = _orders_not_ours(inspection)
        if unknown := [str(ssl_id) for ssl_id in ssl_ids if ssl_id not in keys]:
            listed = some([str(ssl_id) for ssl_id in keys]) or "none"
            msg = f"the last inspection of {name} does not report SSL ID {', '.join(unknown)}; it reports {listed}"
            raise Refused(msg)
        if not reason.strip():
            msg = "--reason is empty: pass whose order it is and who said so"
            raise Refused(msg)
        listed = ", ".join(keys[ssl_id].replace("@", " as replaced on ") for ssl_id in ssl_ids)
        confirm(f"Record SSL ID {listed} as ordered by the organisation of {name} itself?", yes=yes)
        now = datetime.now(UTC)
        for ssl_id in ssl_ids:
            deployment.editor.acknowledge(Acknowledgement(name, keys[ssl_id], reason.strip()[:500], now))
    document = {"delegation": name, "acknowledged": ssl_ids, "reason": reason.strip()[:500]}
    print_result(document, f"Acknowledged: SSL ID {listed}. The next inspection does not report it.", as_json=as_json)


def _orders_not_ours(inspection: Inspection | None) -> dict[int, str]:
    """Return the key of each foreign order by its SSL ID, the last to be found, first."""
    return {ssl_id_of(key): key for key in (inspection.foreign.noticed if inspection and inspection.foreign else ())}


def _document(record: DelegationRecord, asks: Iterable[Finding], mails: dict[str, Mail]) -> dict[str, object]:
    return {
        "delegation": record.delegation.name,
        "to": record.delegation.rao_email or None,
        "findings": [finding_document(finding) for finding in asks],
        "orders_not_ours": list(_orders_not_ours(record.inspection)),
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
