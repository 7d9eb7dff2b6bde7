"""The estate as `certmandate status` shows it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from certmandate.judged_estate import JudgedEstate
from certmandate.views import printing
from certmandate.views.json_records import certificate_document
from certmandate.views.problems import by_cause, next_step, problem_lines
from certmandate.views.replacement.plan import rule_document
from certmandate.views.replacement.progress import lines as replacement_lines
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.errors import SHOWN_BY_A_LOGIN, RecordUnreadable
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.judgement.problem import Problem
from renewal.domain.judgement.replacement_progress import ReplacementProgress
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.inspection import DelegationRecord
from renewal.records import to_json

if TYPE_CHECKING:
    from certmandate.files.operator_records import Retired

_PASSWORD_SOON = 30  # days; a password that expires later is not mentioned


@dataclass(frozen=True)
class EstateStatus:
    """Everything that `status` shows."""

    delegations: Mapping[str, DelegationRecord]
    judged: JudgedEstate
    replacements: tuple[ReplacementRule, ...]
    retired: tuple[Retired, ...]
    """Retired delegations of which a certificate is still valid."""
    removed: tuple[Retired, ...]
    """Those that `apply --prune` removed, of which a certificate is still valid or a revocation is open."""
    unreadable: tuple[RecordUnreadable, ...]
    """The items that cannot be read, and are therefore not above."""
    unfinished_apply: datetime | None
    runs: list[dict[str, Any]]
    """The last executions, newest first."""
    at: datetime
    progress: Mapping[ReplacementRule, ReplacementProgress] = field(default_factory=dict)
    """Of each rule; empty when a part of the estate was read."""

    def only(self, states: Collection[str], expires_before: datetime | None = None) -> EstateStatus:
        """Return the estate with the certificates in *states*, any when empty, that expire before a day in UTC.

        With their delegations, and of what cannot be read, that of these or of no delegation: the state of a
        certificate that cannot be read is not known.
        """
        before = expires_before.replace(tzinfo=UTC) if expires_before else None
        if not states and before is None:
            return self
        judged = self.judged.only(states, before)
        selected = judged.of_delegations()
        return replace(
            self,
            judged=judged,
            delegations={name: record for name, record in self.delegations.items() if name in selected},
            unreadable=tuple(
                each for each in self.unreadable if not each.certificate and each.delegation in {"", *selected}
            ),
        )

    @property
    def needs_attention(self) -> bool:
        """Whether the operator or a RAO must act."""
        return self.judged.needs_attention or bool(self.unreadable) or self.unfinished_apply is not None


def page(estate: EstateStatus) -> list[RenderableType]:
    """Return the page: the certificates, findings, notes, the last runs, a sentence for all."""
    parts: list[RenderableType] = []
    if estate.unfinished_apply:
        started = printing.minute(estate.unfinished_apply)
        parts.append(Text(f"The apply of {started} was interrupted: apply its files again.", style="bold red"))
    columns = ["certificate", "state", "expires", "days#", "what happens next"]
    parts.append(printing.table(columns, map(_row, estate.judged.certificates)))
    parts += printing.bullets("Cannot be read, so nothing is ordered for it", map(str, estate.unreadable))
    found = problem_lines(estate.judged.problems, estate.at.date())
    parts += printing.bullets("Findings, errors first", found)
    parts += printing.bullets("Notes", _notes(estate))
    runs = (f"{run['run_id']}: {run['status']}, started {printing.minute(run['started_at'])}" for run in estate.runs)
    parts += printing.bullets("Last runs", runs)
    return [*parts, Text(), _summary(estate)]


def _row(state: Judgement) -> printing.Row:
    stored = state.certificate.stored
    return (
        state.path,
        printing.state_text(state.state.label, state.severity),
        printing.day(stored.not_after) if stored else "none stored",
        "" if state.days_left is None else str(state.days_left),
        next_step(state),
    )


def _notes(estate: EstateStatus) -> Iterator[str]:
    for name, record in estate.delegations.items():
        if record.inspection is None:
            yield f"{name} has not been inspected: `certmandate check {name}`"
            continue
        last = record.inspection
        again = f"; `certmandate check {name}` shows whether its findings still apply" if last.findings else ""
        yield f"{name} was last inspected on {printing.inspected(last, estate.at)}{again}"
        if end := password_end(estate, name):
            yield from _password_note(name, end, estate.at.date())
    yield from map(_rule_line, estate.replacements)
    yield from replacement_lines(estate.progress.values())
    for retired in estate.retired:
        yield f"{retired.delegation} is retired; {_left(retired)}"
    for removed in estate.removed:
        name, day = removed.delegation, printing.day(removed.retired_at)
        what = f"{name} was removed from the order book on {day}, and not retired: no run renews or inspects it"
        act = f"Apply its file again, or run `certmandate retire {name}`, which deletes its credential, too"
        yield f"{what}; {_left(removed)}. {act}"


def _left(ended: Retired) -> str:
    """What is left of a delegation that has ended."""
    serials = ", ".join(printed_serial(request.serial) for request in ended.revocations)
    owed = f"; SCM did not show the revocation of serial {serials} at that time" if serials else ""
    if not ended.certificates:
        return f"no certificate of it is valid{owed}"
    return f"its last certificate expires on {printing.day(ended.valid_until)}{owed}"


def password_end(estate: EstateStatus, delegation: str) -> date | None:
    """Return the last day of the password as far as it is known.

    The inspection knows the earlier password only when a credential was stored since. Of one that SCM refuses, only an
    end that is over is known.
    """
    record = estate.delegations.get(delegation)
    end = record.inspection.password_expires if record and record.inspection else None
    codes = {problem.code for problem in estate.judged.problems_of(delegation)}
    is_unknown = "CredentialUntried" in codes or (
        end is not None and end > estate.at.date() and bool(codes & SHOWN_BY_A_LOGIN)
    )
    return None if is_unknown else end


def _password_note(name: str, expires: date, today: date) -> Iterator[str]:
    days = (expires - today).days
    if days < 0:
        yield f"{name}: its password expired on {expires} ({printing.counted(-days, 'day')} ago)"
    elif days <= _PASSWORD_SOON:
        left = f"in {printing.counted(days, 'day')}" if days else "today"
        yield f"{name}: its password expires on {expires} ({left})"


def _rule_line(rule: ReplacementRule) -> str:
    scope = (
        f"{printing.counted(len(rule.serials), 'serial')}"
        if rule.serials
        else f"certificates of {rule.issuer or 'any issuer'}"
    )
    where = f" in {', '.join(rule.delegations)}" if rule.delegations else ""
    before = "" if rule.serials else f" from before {printing.minute(rule.issued_before)}"
    deadline = f", deadline {printing.minute(rule.deadline)} (`certmandate replace status`)" if rule.deadline else ""
    return f"a replacement rule covers {scope}{where}{before}{deadline}: {rule.reason}"


def _summary(estate: EstateStatus) -> Text:
    total = printing.counted(len(estate.judged.certificates), "certificate")
    where = f"{total} of {printing.counted(len(estate.delegations), 'delegation')}"
    if not estate.needs_attention:
        return Text(f"{where}: nothing needs attention.", style="bold green")
    urgent = len(by_cause(problem for problem in estate.judged.problems if problem.needs_attention))
    what = f"{printing.counted(urgent, 'error needs', 'errors need')} attention now" if urgent else "see above"
    return Text(f"{where}: {what}.", style="bold red")


CSV_COLUMNS = (
    "delegation", "name", "state", "needs_person", "days_left", "not_after", "renew_at", "causes", "next",
    "last_error", "failures", "ssl_id", "serial", "names", "issuer", "stores",
)  # fmt: skip


def csv_rows(estate: EstateStatus) -> Iterator[dict[str, object]]:
    """Yield each certificate as JSON has it, and of what is stored the members that a list needs."""
    for state in estate.judged.certificates:
        stored, names = state.certificate.stored, " ".join(state.certificate.spec.names)
        row = {**dict.fromkeys(CSV_COLUMNS), **certificate_document(state), "names": names}
        if stored:
            row |= {"ssl_id": stored.ssl_id or None, "serial": printed_serial(stored.serial), "issuer": stored.issuer}
            row |= {"stores": " ".join(stored.stores)}
        yield row | {"causes": " ".join(state.decision.causes)}


def document(estate: EstateStatus) -> dict[str, Any]:
    """Return the estate as JSON has it."""
    problems = estate.judged.problems_of_delegations()
    return {
        "at": estate.at,
        "needs_person": estate.needs_attention,
        "certificates": [certificate_document(state) for state in estate.judged.certificates],
        "delegations": [
            _delegation_document(name, record, problems.get(name, ())) for name, record in estate.delegations.items()
        ],
        "replacements": [rule_document(rule) for rule in estate.replacements],
        "retired": [_ended_document(each) for each in estate.retired],
        "removed": [_ended_document(each) for each in estate.removed],
        "unreadable": [
            {"delegation": error.delegation, "certificate": error.certificate, "text": str(error)}
            for error in estate.unreadable
        ],
        "unfinished_apply": estate.unfinished_apply,
        "runs": estate.runs,
    }


def _ended_document(ended: Retired) -> dict[str, Any]:
    return {"delegation": ended.delegation, "valid_until": ended.valid_until}


def _delegation_document(name: str, record: DelegationRecord, problems: Iterable[Problem]) -> dict[str, Any]:
    return {
        "delegation": name,
        "organisation": record.delegation.organisation,
        "mandate_ends": record.delegation.mandate_ends,
        "inspected_at": record.inspection.at if record.inspection else None,
        "inspected_in_full_at": record.inspection.full_at if record.inspection else None,
        "password_expires": record.inspection.password_expires if record.inspection else None,
        "findings": [to_json(problem) for problem in problems],
    }
