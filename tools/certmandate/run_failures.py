"""What a judgement needs of runs: failures that the order book does not have, and what the next plan leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from certmandate.judged_estate import JudgedEstate, judged_estate
from certmandate.stored_credential.untried import StoredCredentials
from renewal import records
from renewal.domain.alerts.memory import NotifiedProblems
from renewal.domain.errors import Failure, RecordUnreadable
from renewal.domain.limits import DueCertificate, LeftOut, left_out
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.run.report import CertificateRow, DelegationRow, RunReport
from renewal.domain.setup.inspection import DelegationRecord, not_applied_again, record_missing
from renewal.ports.order_book import Listing
from renewal.steps.next_plan import left_out_next

if TYPE_CHECKING:
    from datetime import datetime

    from certmandate.deployment import Deployment
    from certmandate.estate_changes import Stored

T = TypeVar("T")
_MOST_REPORTS = 5
"""Of the runs that failed last; each daily run fails again for what lasts."""


def judged_with_runs(
    deployment: Deployment,
    delegations: Mapping[str, DelegationRecord],
    certificates: Iterable[ManagedCertificate],
    now: datetime,
    *,
    replacements: Iterable[ReplacementRule] = (),
    unreadable: Iterable[RecordUnreadable] = (),
    estate: Collection[ManagedCertificate] | None = None,
) -> JudgedEstate:
    """Return `judged_estate`, with the failures that only the reports of runs have; each names its run and time.

    It also considers the credentials that were stored since the last inspections, and what the next daily run leaves
    out.
    *estate*: every certificate; None: what is due is read from the index.
    """
    credentials = StoredCredentials(deployment)
    known = {name: credentials.with_untried(record) for name, record in delegations.items()}
    current = [credentials.without_past_refusal(known.get(each.spec.delegation), each) for each in certificates]
    rules, damaged = tuple(replacements), tuple(unreadable)
    left = _left_out(deployment, estate, rules, now)

    def judged(failures: Mapping[str, Failure]) -> JudgedEstate:
        return judged_estate(
            known,
            current,
            now,
            deployment.acting_times,
            replacements=rules,
            unreadable=damaged,
            failures=failures,
            left_out=left,
        )

    stored = judged({})
    failures = dict(_failures(deployment, stored, known, credentials))
    return judged(failures) if failures else stored


def _left_out(
    deployment: Deployment,
    estate: Collection[ManagedCertificate] | None,
    rules: Iterable[ReplacementRule],
    now: datetime,
) -> LeftOut:
    """Return what the plan of a daily run would leave out now."""
    if estate is None:
        return left_out_next(deployment.book, rules, deployment.limits, now)
    in_force = [rule for rule in rules if rule.issued_before <= now]
    due = (DueCertificate.at(certificate, in_force, now) for certificate in estate)
    return left_out([each for each in due if each.decision.causes], partial(min, len(estate)), deployment.limits)


def judged_order_book(
    deployment: Deployment, stored: Stored, replacements: Listing[ReplacementRule], now: datetime, whole: Stored
) -> JudgedEstate:
    """Return the judgement of *stored*, which is all or a part of the *whole* order book."""
    return judged_with_runs(
        deployment,
        stored.delegations,
        stored.certificates.values(),
        now,
        replacements=replacements,
        unreadable=(*stored.unreadable, *replacements.unreadable),
        estate=whole.certificates.values(),
    )


def judged_delegation(
    deployment: Deployment, record: DelegationRecord, certificates: Listing[ManagedCertificate], now: datetime
) -> JudgedEstate:
    """Return the judgement of one delegation with all of its *certificates*, as the next run judges it."""
    return judged_with_runs(
        deployment,
        {record.delegation.name: record},
        certificates,
        now,
        replacements=deployment.book.replacement_rules(),
        unreadable=certificates.unreadable,
    )


def with_lost(deployment: Deployment, stored: Stored) -> Stored:
    """Return *stored* with an error for each delegation that is not there, and was not removed or is so no more."""
    damaged = (error.delegation for error in stored.unreadable)
    undone = deployment.book.undone_retirements()
    missing = {*notified_problems(deployment).delegations, *undone}.difference(stored.delegations, damaged)
    lost = sorted(missing - set(deployment.book.removed_among(missing)))
    errors = (not_applied_again(name) if name in undone else record_missing(name) for name in lost)
    return replace(stored, unreadable=(*stored.unreadable, *errors))


def _failures(
    deployment: Deployment,
    judged: JudgedEstate,
    delegations: Mapping[str, DelegationRecord],
    credentials: StoredCredentials,
) -> Iterator[tuple[str, Failure]]:
    """Yield each failure that lasts and is not judged from the order book, by the path of what it is about.

    Of an issued certificate that was not stored, the order book has the name of the error without its reason.
    """
    certificates = {each.path: each.certificate for each in judged.certificates}
    unstored = {f"{path}: {each.order.storing_error}" for path, each in certificates.items() if each.order}
    known = {problem.key for problem in judged.problems} - unstored
    entries = notified_problems(deployment).problems.items()
    failed = {
        key: entry
        for key, entry in entries
        if entry.failed_by and key not in known and key.partition(": ")[0] in {*certificates, *delegations}
    }
    runs = {entry.failed_by: entry.failed_at for entry in failed.values()}
    for run in sorted(runs, key=lambda run: str(runs[run]), reverse=True)[:_MOST_REPORTS]:
        for path, row, at in _rows(deployment, run, certificates, delegations):
            entry, record = failed.get(f"{path}: {row.error}"), delegations.get(row.delegation)
            if entry and entry.failed_by == run and not _is_past(credentials, row.error, at, record):
                yield path, Failure(row.error, f"{row.text} (run of {at:%Y-%m-%d %H:%M}Z, {run})")


def _is_past(credentials: StoredCredentials, error: str, at: datetime, record: DelegationRecord | None) -> bool:
    if record is None:
        return False
    is_shown = record.inspection is not None and record.inspection.supersedes(error, at)
    return is_shown or credentials.may_resolve(record, error, at)


def _rows(
    deployment: Deployment,
    run: str,
    certificates: Mapping[str, ManagedCertificate],
    delegations: Mapping[str, DelegationRecord],
) -> Iterator[tuple[str, CertificateRow | DelegationRow, datetime]]:
    """Yield the rows of a run's report, with their paths, that are as they were."""
    report = _parsed(RunReport.parse, deployment.run_object(f"{run}/report.json"))
    if report is None:
        return
    for row in report.certificates:
        if row.path in certificates and _is_unchanged(row, certificates[row.path]):
            yield row.path, row, report.finished_at
    for about in report.delegations:
        if about.delegation in delegations:
            yield about.delegation, about, report.finished_at


def _is_unchanged(row: CertificateRow, certificate: ManagedCertificate) -> bool:
    """Whether no order was opened, ended or stored since the report."""
    stored, order = certificate.stored, certificate.order
    return (row.not_after, row.ordered_at) == (stored.not_after if stored else None, order.opened_at if order else None)


def notified_problems(deployment: Deployment) -> NotifiedProblems:
    """Return what the last run has left to the next; empty when nothing can be read."""
    remembered = _parsed(
        lambda document: records.read(NotifiedProblems, document), deployment.run_object("notified.json")
    )
    return remembered or NotifiedProblems()


def _parsed(read: Callable[[Any], T], content: bytes | None) -> T | None:
    """Return what *read* makes of the object; None when there is none, or it is of another version."""
    try:
        return read(json.loads(content)) if content else None
    except (ValueError, RecursionError, records.Unreadable):
        return None
