"""What `certmandate check` shows: the result of each setup step, the names, profiles, next renewals and findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from certmandate.judged_estate import JudgedEstate
from certmandate.views import printing
from certmandate.views.problems import by_cause, next_step, problem_lines
from renewal.domain.delegation import CustomField
from renewal.domain.judgement.problem import Problem
from renewal.domain.order import ManagedCertificate
from renewal.domain.order_search import SearchProof
from renewal.domain.run.report import RunReport
from renewal.domain.setup.check_result import STEP_PREFIX, CheckResult, CheckStatus, SetupStep
from renewal.domain.setup.finding import ORDER_NOT_OURS
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import DelegatedName, entry_for
from renewal.records import to_json

_TITLES = {
    SetupStep.DEPARTMENT: "Department",
    SetupStep.WEB_API: "Web API",
    SetupStep.ORG_ID: "OrgID",
    SetupStep.DOMAINS: "Domains",
    SetupStep.ADMIN: "Account and role",
    SetupStep.FIRST_LOGIN: "First login and password",
    SetupStep.API_ONLY: "Web API use only",
    SetupStep.ACCESS_LIST: "Access list",
}
_LABELS = {
    CheckStatus.PASSED: ("passed", "green"),
    CheckStatus.FAILED: ("FAILED", "bold red"),
    CheckStatus.WARNING: ("warning", "yellow"),
    CheckStatus.SUSPECTED: ("suspected", "yellow"),
    CheckStatus.MANUAL: ("check manually", "cyan"),
    CheckStatus.NOT_CHECKED: ("not checked", "yellow"),
}
_SECURITY = ("SECURITY", "bold magenta")

_NAME_COLUMNS = ("name", "delegated by", "domain validation (DCV)", "until")
_DCV = {"VALIDATED": "validated", "NOTVALIDATED": "MISSING", "EXPIRED": "EXPIRED", "": "not requested"}


@dataclass(frozen=True, slots=True)
class Coverage:
    """One name with the entry that permits it; None: no entry permits it."""

    name: str
    entry: DelegatedName | None

    def row(self) -> printing.Row:
        """Return the name as a row of a table."""
        if self.entry is None:
            return self.name, "NOT DELEGATED", "", ""
        state = "" if self.entry.is_active else " (not active)"
        dcv = _DCV.get(self.entry.dcv_status, self.entry.dcv_status.lower())
        if self.entry.persistent and not self.entry.persistent.fault:
            dcv += ", persistent record"
        return self.name, f"{self.entry.entry}{state}", dcv, str(self.entry.dcv_expires or "")

    def document(self) -> dict[str, Any]:
        """Return the name as JSON has it."""
        entry = self.entry
        return {
            "name": self.name,
            "entry": entry.entry if entry else None,
            "active": entry.is_active if entry else None,
            "dcv_status": entry.dcv_status or None if entry else None,
            "dcv_expires": entry.dcv_expires if entry else None,
            "dcv_method": entry.dcv_method or None if entry else None,
            "persistent": to_json(entry.persistent) if entry and entry.persistent else None,
        }


def coverage(record: DelegationRecord, certificates: Iterable[ManagedCertificate]) -> tuple[Coverage, ...]:
    """Return the names of *certificates*, or the mandate's if there are none; () when SCM showed no domains."""
    inspection = record.inspection
    if inspection is None or not _was_observed(inspection):
        return ()
    wanted = dict.fromkeys(name for certificate in certificates for name in certificate.spec.names)
    names = tuple(wanted) or record.delegation.delegated_names
    return tuple(Coverage(name, entry_for(inspection.delegated, name)) for name in names)


def _was_observed(inspection: Inspection) -> bool:
    unknown = {CheckStatus.MANUAL, CheckStatus.NOT_CHECKED, CheckStatus.SUSPECTED}
    return any(result.step is SetupStep.DOMAINS and result.status not in unknown for result in inspection.check_results)


@dataclass(frozen=True, slots=True)
class Checked:
    """A delegation after the dry run of a check."""

    record: DelegationRecord
    inspection: Inspection
    """Of the dry run."""
    covered: tuple[Coverage, ...]
    judged: JudgedEstate
    """As `status` judges it."""
    run_id: str
    report: RunReport | None
    """Of the dry run; None when it has none."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Of the delegation, as `status` has them."""
        return self.judged.problems_of(self.record.delegation.name)

    @property
    def is_good(self) -> bool:
        """Whether nothing needs attention; warnings are for later."""
        return self.report is not None and not self.errors

    @property
    def errors(self) -> list[Problem]:
        """The problems that need attention."""
        return [problem for problem in self.problems if problem.needs_attention]


def page(checked: Checked) -> list[RenderableType]:
    """Return the page."""
    record, inspection, covered = checked.record, checked.inspection, checked.covered
    delegation = record.delegation
    title = f"\n{delegation.organisation}: department {delegation.department_id}, {printing.minute(inspection.at)}"
    parts: list[RenderableType] = [Text(title, style="bold")]
    parts.append(printing.table(["step", "result", "observed", "where in SCM"], map(_row, inspection.check_results)))
    if covered:
        parts += [printing.heading("Names"), printing.table(_NAME_COLUMNS, (name.row() for name in covered))]
        until = inspection.organisation_validated_until
        known = f"valid until {until}" if until else "SCM shows no end date"
        parts += printing.bullets("Organisation validation (OV)", [known])
    read = printing.inspected(inspection, inspection.at)
    parts += printing.bullets("Read from SCM", [read])
    parts += printing.bullets("Certificate profiles of the department", _profiles(inspection))
    parts += printing.bullets("Custom fields of orders", map(_custom_field, inspection.custom_fields or ()))
    parts += printing.bullets("Search for orders at SCM", [_search(record)])
    parts += printing.bullets("Next renewals", _renewals(checked))
    others = [problem for problem in checked.problems if not problem.text.startswith(STEP_PREFIX)]
    parts += printing.bullets("Findings, errors first", problem_lines(others, inspection.at.date()))
    return [*parts, Text(), _summary(checked)]


def _row(result: CheckResult) -> printing.Row:
    label, style = _SECURITY if result.is_security else _LABELS[result.status]
    who = "the RAO" if result.actor == "rao" else "the operator"
    until = f" (by {result.due}, {who})" if result.due else ""
    return (
        f"{result.step.value} {_TITLES[result.step]}",
        Text(label, style=style),
        f"{result.text}{until}",
        "" if result.status in {CheckStatus.PASSED, CheckStatus.NOT_CHECKED} else result.screen,
    )


def _profiles(inspection: Inspection) -> Iterator[str]:
    for profile in inspection.profiles:
        keys = "; ".join(f"{name} {', '.join(sizes)}" for name, sizes in profile.key_types.items())
        terms = ", ".join(str(term) for term in profile.terms)
        yield f"{profile.profile_id} {profile.name}: {terms} days" + (f"; keys {keys}" if keys else "")


def _custom_field(field: CustomField) -> str:
    return f"{field.name}{' (mandatory)' if field.is_mandatory else ''}"


def _search(record: DelegationRecord) -> str:
    """Whether an order whose answer is lost would be found."""
    proof = record.search_proof or SearchProof()
    if unproven := proof.unproven(record.delegation.department_id):
        return f"not proven: {unproven}. An order whose answer is lost waits for the operator"
    at = printing.minute(proof.proven_at) if proof.proven_at else ""
    return f"proven {at}: found by {proof.found_by}, {proof.latency_seconds} s after the order"


def _renewals(checked: Checked) -> Iterator[str]:
    """What the dry run has found; for what the daily run would leave out, that instead: a dry run has other limits."""
    left_out = {each.path: next_step(each) for each in checked.judged.certificates if each.is_left_out}
    for row in checked.report.certificates if checked.report else ():
        cause = row.error or row.reason
        then = f"a run would {row.would} ({cause})" if row.would else f"{row.outcome.replace('-', ' ')}, {cause}"
        yield f"{row.path}: {left_out.get(row.path, then)}"


def _summary(checked: Checked) -> Text:
    if suspected := _suspected(checked.record):
        text = f"One of the steps {suspected} is wrong; SCM does not report which. Renewals have stopped."
        return Text(text, style="bold red")
    problems, errors = checked.problems, by_cause(checked.errors)
    if not checked.is_good:
        if errors and all(problem.code == ORDER_NOT_OURS for problem in checked.errors):
            return Text("Renewals work, but SCM has orders that are not ours: act now.", style="bold magenta")
        return Text(f"{printing.counted(len(errors), 'error needs', 'errors need')} attention now.", style="bold red")
    security = sum(problem.is_security for problem in problems)
    warnings = sum(problem.severity == "warning" for problem in problems if not problem.is_security)
    rest = f", {printing.counted(warnings, 'warning')}" if warnings else ""
    if security:
        text = f"Renewals work; {printing.counted(security, 'security finding')}{rest}."
        return Text(text, style="bold magenta")
    return Text(f"All automatic checks passed{rest}; do the manual checks.", style="bold green")


def _suspected(record: DelegationRecord) -> str:
    """The steps of which one is wrong, as in `5, 6, 7, 8`; empty when the wrong step is known."""
    results = record.inspection.check_results if record.inspection else ()
    suspected = (result for result in results if result.status is CheckStatus.SUSPECTED)
    return ", ".join(dict.fromkeys(result.step.value for result in suspected))


def document(checked: Checked) -> dict[str, Any]:
    """Return the check as JSON has it."""
    record, inspection, report = checked.record, checked.inspection, checked.report
    fields = inspection.custom_fields
    return {
        "delegation": record.delegation.name,
        "run_id": checked.run_id,
        "at": inspection.at,
        "inspected_in_full_at": inspection.full_at,
        "good": checked.is_good,
        "steps": [_result_document(result) for result in inspection.check_results],
        "search": _search_document(record),
        "profiles": [
            {
                "profile_id": profile.profile_id,
                "name": profile.name,
                "terms": list(profile.terms),
                "key_types": {name: list(sizes) for name, sizes in profile.key_types.items()},
            }
            for profile in inspection.profiles
        ],
        "custom_fields": None if fields is None else [{"name": f.name, "mandatory": f.is_mandatory} for f in fields],
        "names": [name.document() for name in checked.covered],
        "organisation_validated_until": inspection.organisation_validated_until,
        "password_expires": inspection.password_expires,
        "findings": [to_json(problem) for problem in checked.problems],
        "report": report.document() if report else None,
    }


def _search_document(record: DelegationRecord) -> dict[str, Any]:
    proof = record.search_proof or SearchProof()
    unproven = proof.unproven(record.delegation.department_id)
    return {
        "proven": not unproven,
        "text": unproven,
        "proven_at": proof.proven_at,
        "latency_seconds": proof.latency_seconds if proof.proven_at else None,
        "found_by": proof.found_by,
    }


def _result_document(result: CheckResult) -> dict[str, Any]:
    return {
        "step": int(result.step.value),
        "title": _TITLES[result.step],
        "verdict": result.status.value,
        "code": result.code,
        "text": result.text,
        "actor": result.actor,
        "due": result.due,
        "screen": result.screen,
        "security": result.is_security,
    }
