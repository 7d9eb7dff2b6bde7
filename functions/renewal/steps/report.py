"""Last step: what the run did, in one object; and whether a person is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from renewal.domain.due import Cause
from renewal.domain.errors import NeedsPerson, PlanUnreadable, UnknownDelegation, every_error
from renewal.domain.forecast import NextRenewal
from renewal.domain.order import FinishedOrder, ManagedCertificate, Served
from renewal.domain.orderable import FOUND_BY_INSPECTION, decide_with
from renewal.domain.setup.egress import ADDRESS_CHANGED
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.ports import Clock, OrderBook, RunArchive
from renewal.steps.map_results import CertificateOutcome, Failure, MapResults, read_map_results
from renewal.steps.metrics import CREDENTIAL_ERRORS, run_metrics
from renewal.steps.preview import preview

ANSWERED = frozenset(one.__name__ for one in every_error() if issubclass(one, NeedsPerson)) - {
    "MandateEnded",
    "CredentialMissing",
}
"""Errors by which SCM let a delegation in, or did not; after any other, nobody knows."""
MISSING = "the run left no result for this delegation"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """Reads the results of a run and the order book, writes `runs/<run id>/report.json`."""

    book: OrderBook
    archive: RunArchive
    clock: Clock

    def __call__(self, run_id: str) -> dict[str, Any]:
        """Write the report; return `{"run_id", "outcome", "counts", "report", "metrics"}`.

        `outcome` is `succeeded` or `failed` (somebody must act); `metrics` are numbers by name, per delegation where it
        helps. Results that are missing or unreadable are told as failures of the delegations they are about. Raises
        PlanUnreadable without the facts of the plan: a run that cannot be told is not a success.
        """
        facts = self.archive.read_facts(run_id)
        outcomes = self._outcomes(run_id)
        now = self.clock()
        rows = [row for name in facts["delegations"] for row in self._rows(name, run_id, facts, outcomes, now)]
        delegations = [self._delegation(name, run_id, outcomes) for name in facts["delegations"]]
        counts = Counter(row["outcome"] for row in rows)
        common_cause = _common_cause(delegations)
        outcome = "failed" if _needs_person(rows, delegations) else "succeeded"
        report = {
            "run_id": run_id,
            "started_at": facts["started_at"],
            "finished_at": now.isoformat(),
            "outcome": outcome,
            "reason": facts["reason"],
            "dry_run": facts["dry_run"],
            "is_daily": not (facts["narrowed"] or facts["dry_run"] or facts["open_orders_only"]),
            "counts": dict(counts),
            "common_cause": common_cause,
            "delegations": delegations,
            "certificates": rows,
        }
        key = self.archive.write_report(run_id, report)
        return {
            "run_id": run_id,
            "outcome": outcome,
            "counts": dict(counts),
            "report": key,
            "metrics": run_metrics(report, now),
        }

    def _outcomes(self, run_id: str) -> MapResults:
        """Nothing when the Map failed as a whole: then the report must still be written, and say so."""
        try:
            return read_map_results(self.archive.read_results(run_id))
        except PlanUnreadable as error:
            return MapResults(missing=f"{MISSING}: {error}")

    def _delegation(self, name: str, run_id: str, outcomes: MapResults) -> Row:
        try:
            record = self.book.delegation(name)
        except UnknownDelegation:
            return _removed(name)
        failure = outcomes.delegations.get(name, _missing(outcomes))
        address, findings = _seen(record.inspection, run_id)
        return {
            "delegation": name,
            "organisation": record.delegation.organisation,
            "rao_email": record.delegation.rao_email,
            "outcome": "failed" if failure else "inspected",
            "error": failure.error if failure else "",
            "text": failure.text if failure else "",
            "findings": [_finding(one) for one in findings],
            "password_expires": _day(record),
            "address": record.delegation.address,
            "seen_address": address,
        }

    def _rows(
        self, name: str, run_id: str, facts: Mapping[str, Any], outcomes: MapResults, now: datetime
    ) -> Iterable[Row]:
        named = facts["named"]
        try:
            record = self.book.delegation(name)
        except UnknownDelegation:
            return
        inspection = record.inspection
        inspected = inspection if inspection and inspection.run_id == run_id else None
        for certificate in self.book.certificates(name):
            path = certificate.spec.path
            if named and name not in named and path not in named:
                continue
            planned = facts["due"].get(path)
            if planned is None and not facts["open_orders_only"]:  # the hourly look at open orders has one subject
                planned = _unplanned(certificate, inspected, now)
            coming = NextRenewal.of(certificate, record, now)
            row = self._row(certificate, planned, outcomes, datetime.fromisoformat(facts["started_at"]), coming)
            if row["outcome"] == "planned":
                row["would"] = preview(certificate, record, inspected, now)
            yield row

    def _row(
        self,
        certificate: ManagedCertificate,
        planned: Mapping[str, Any] | None,
        outcomes: MapResults,
        started_at: datetime,
        coming: NextRenewal,
    ) -> Row:
        spec, served = certificate.spec, certificate.served
        did = outcomes.certificates.get(spec.path)
        ended = self._ended(certificate, did, started_at)
        outcome, failure = _outcome(certificate, planned, outcomes, ended)
        return {
            "delegation": spec.delegation,
            "name": spec.name,
            "names": list(spec.names),
            "outcome": outcome,
            "reason": _reason(planned if outcome != "not-due" else None, ended, coming),
            "ordered_at": certificate.order.opened_at.isoformat() if certificate.order else "",
            "ssl_id": (did and did.ssl_id) or (served.ssl_id if served else None),
            "old_serial": ended.previous_serial
            if ended
            else (served.serial if served and outcome != "renewed" else ""),
            "new_serial": ended.serial if ended and outcome == "renewed" else "",
            "not_before": _iso(served, "not_before"),
            "not_after": _iso(served, "not_after"),
            "key": str(spec.key_type),
            "stores": list(spec.stores),
            "arns": dict(served.arns) if served else {},
            "error": failure.error if failure else "",
            "text": failure.text if failure else "",
            "remarks": _remarks(ended, certificate),
            "would": "",
            "renew_at": coming.renew_at,
        }

    def _ended(
        self, certificate: ManagedCertificate, did: CertificateOutcome | None, started_at: datetime
    ) -> FinishedOrder | None:
        """The audit row of what this run (or one beside it) stored since it began."""
        if did is None or did.status != "stored":
            return None
        rows = self.book.history(certificate.spec.delegation, certificate.spec.name)
        mine = (row for row in rows if row.token == did.token and row.status == "stored")
        return next((row for row in mine if row.ended_at >= started_at), None)


def _removed(name: str) -> Row:
    """Somebody retired it while the run was at work: what became of it is no failure, and no reason for silence."""
    empty = ("organisation", "rao_email", "error", "password_expires", "address", "seen_address")
    text = "removed from the order book during the run"
    return {"delegation": name, "outcome": "removed", "text": text, "findings": [], **dict.fromkeys(empty, "")}


def _missing(outcomes: MapResults) -> Failure:
    return Failure("ResultMissing", outcomes.missing or MISSING)


def _unplanned(
    certificate: ManagedCertificate, inspection: Inspection | None, now: datetime
) -> Mapping[str, Any] | None:
    """What is due without being in the plan: held back, which the index hides until the hold ends, or seen in SCM.

    A hold must be told every day: whoever missed the page about the failed order finds it in the next one.
    """
    decision = decide_with(certificate, inspection, now)
    if not decision.held and not set(FOUND_BY_INSPECTION) & set(decision.causes):
        return None
    return {"causes": list(decision.causes), "state": "held" if decision.held else "planned"}


def _outcome(
    certificate: ManagedCertificate,
    planned: Mapping[str, Any] | None,
    outcomes: MapResults,
    ended: FinishedOrder | None,
) -> tuple[str, Failure | None]:
    """One word for what became of a certificate, and the failure behind it."""
    did = outcomes.certificates.get(certificate.spec.path)
    if did is not None and did.status == "stored":
        # Without an audit row of this time it was not due any more when its turn came: nothing was ordered.
        return ("renewed" if ended else "not-due"), None
    if did is not None:
        return did.status, did.failure
    if planned is None:
        return "not-due", None
    if planned["state"] == "held":
        return "held", _held(certificate)
    if planned["state"] == "deferred":
        return "deferred", None
    failure = outcomes.delegations.get(certificate.spec.delegation)
    if failure is None and certificate.spec.delegation in outcomes.delegations:
        return "deferred", None
    return "failed", failure or _missing(outcomes)


def _held(certificate: ManagedCertificate) -> Failure:
    """The failure that a hold goes back to; `last_error` is its name and its sentence."""
    error, _, text = (certificate.last_error or "OrderRejected").partition(": ")
    until = f"no new order before {certificate.hold_until:%Y-%m-%d %H:%M} UTC unless somebody asks"
    return Failure(error, f"{text}; {until}" if text else until)


def _reason(planned: Mapping[str, Any] | None, ended: FinishedOrder | None, coming: NextRenewal) -> str:
    if ended is not None:
        resumed = [cause for cause in planned["causes"] if cause == Cause.ORDER_OPEN] if planned else []
        return ", ".join([*resumed, *ended.causes])
    if planned is not None:
        return ", ".join(planned["causes"])
    if coming.is_after_the_mandate:
        return f"none: the mandate ends on {coming.mandate_ends}, before its renewal"
    return f"due from {coming.renew_at[:10]}" if coming.renew_at else "nothing to do"


def _remarks(ended: FinishedOrder | None, certificate: ManagedCertificate) -> list[str]:
    """What somebody should know of a success."""
    served = certificate.served
    if ended is None or served is None:
        return []
    remarks = [ended.text] if ended.text else []
    if "key-type-changed" in ended.causes and served.arns:
        made = ", ".join(served.arns.values())
        remarks.append(
            f"ACM never changes the key type of an ARN, so a new one was made: {made}. "
            "Associate it where the old one is in use; the old one stays as it is"
        )
    return remarks


def _seen(inspection: Inspection | None, run_id: str) -> tuple[str, tuple[Finding, ...]]:
    """The address that this run came from, and the open findings.

    What an earlier inspection found is open until another one says otherwise; which address it came from is past.
    """
    if inspection is None:
        return "", ()
    if inspection.address_run == run_id:
        return inspection.seen_address, inspection.findings
    return "", tuple(one for one in inspection.findings if one.code != ADDRESS_CHANGED)


def _finding(finding: Any) -> Row:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "actor": finding.actor,
        "certificate": finding.certificate,
        "text": finding.text,
        "due": finding.due.isoformat() if finding.due else "",
        "screen": finding.screen,
        "security": finding.is_security,
    }


def _day(record: DelegationRecord) -> str:
    expires = record.inspection.password_expires if record.inspection else None
    return expires.isoformat() if expires else ""


def _iso(served: Served | None, name: str) -> str:
    return getattr(served, name).isoformat() if served else ""


def _needs_person(rows: Iterable[Row], delegations: Iterable[Row]) -> bool:
    return any(row["outcome"] in {"failed", "held"} for row in rows) or any(one["error"] for one in delegations)


def _common_cause(delegations: list[Row]) -> str:
    """Many accounts refused at once, and none let in, have one cause: the address that all of them come from."""
    tried = [one for one in delegations if not one["error"] or one["error"] in ANSWERED]
    refused = [one for one in tried if one["error"] in CREDENTIAL_ERRORS]
    if len(refused) < 2 or len(refused) < len(tried):
        return ""
    return (
        f"SCM refused all {len(refused)} accounts at once: most likely that is the address we come from, "
        f"not {len(refused)} passwords. Compare it with the /32 in the access lists (runbook: AddressRefused)"
    )
