"""The page: what needs attention, the next twelve months, the estate, and the history of each certificate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from certmandate.views.html_page import html
from certmandate.views.language import languages, what_is_wrong
from certmandate.views.status import EstateStatus, password_end
from certmandate.views.status_page.pictures import SPAN, Planned, Timeline, Weeks
from certmandate.workload import Start, order_days, starts_of_book
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.endpoint.observation import ServiceState
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.judgement.certificate_state import CertificateState
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.judgement.order_wait import awaits_approval
from renewal.domain.judgement.problem import Problem
from renewal.domain.order import FinishedOrder, StoredCertificate
from renewal.domain.service.state import current_service
from renewal.domain.setup.inspection import DelegationRecord
from renewal.mail.findings_mail import Otherwise
from renewal.mail.language import Language

SOON_DAYS = 30
_MOST_HISTORY = 12  # orders of a certificate; a year of monthly renewals
_MOST_OPEN = 60  # certificates; of a larger estate the delegations are folded
_MOST_TASKS = 12
_DATED = frozenset((Consequence.EXPIRES, Consequence.NAMES_STOP, Consequence.ORDERS_STOP))
_URGENT = frozenset(
    (
        CertificateState.EXPIRED,
        CertificateState.REVOKED,
        CertificateState.NEAR_EXPIRY,
        CertificateState.FAILING,
        CertificateState.MANDATE_ENDED,
        CertificateState.BLOCKED,
    )
)


@dataclass(frozen=True, slots=True)
class NeededAction:
    """One cause in one delegation: what the operator or the RAO must do, for all certificates that it affects."""

    problems: tuple[Problem, ...]

    @property
    def problem(self) -> Problem:
        """The most urgent one."""
        return self.problems[0]

    @property
    def certificates(self) -> tuple[str, ...]:
        """Names; empty: the whole delegation."""
        names = (problem.certificate for problem in self.problems)
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def commands(self) -> tuple[str, ...]:
        """What the operator runs, each once."""
        return tuple(dict.fromkeys(problem.command for problem in self.problems if problem.command))

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts in English, each once."""
        return tuple(dict.fromkeys(problem.text for problem in self.problems if problem.text))


@dataclass(frozen=True, slots=True)
class Part:
    """One delegation with its certificates, most urgent first."""

    name: str
    record: DelegationRecord | None
    """None when it cannot be read."""
    certificates: tuple[Judgement, ...]

    @property
    def urgent(self) -> int:
        """The number of certificates that need attention."""
        return sum(each.needs_attention for each in self.certificates)

    @property
    def expires(self) -> date | None:
        """The nearest expiry; None while nothing was stored."""
        return min(
            (each.certificate.stored.not_after.date() for each in self.certificates if each.certificate.stored),
            default=None,
        )


def status_page(estate: EstateStatus, finished: Iterable[FinishedOrder], stack: Mapping[str, str], first: str) -> str:
    """Return the page, in both languages.

    finished: the audit rows of its certificates; stack: account, region and name, empty = on this machine; first: the
    language that is shown first.
    """
    today, judged = estate.at.date(), estate.judged
    planned = _planned(estate, today)
    rows: dict[str, list[FinishedOrder]] = {}
    for row in sorted(finished, key=lambda row: row.ended_at, reverse=True):
        rows.setdefault(f"{row.delegation}/{row.certificate}", []).append(row)
    ended = ((row.ended_at.date(), row.status.value) for each in rows.values() for row in each)
    return html(
        "status.html.j2",
        shown=sorted(languages(), key=lambda language: language.code != first),
        estate=estate,
        stack=stack,
        today=today,
        tasks={severity: tuple(_tasks(judged.problems, severity)) for severity in ("error", "warning", "info")},
        parts=tuple(_parts(estate)),
        figures=_figures(judged.certificates, estate.at),
        timeline=Timeline.of(planned, today),
        weeks=Weeks.of(ended, (day for each in planned for day in each.renewals), today),
        history=lambda judgement: rows.get(str(judgement.path), ()),
        most_history=_MOST_HISTORY,
        most_open=_MOST_OPEN,
        most_tasks=_MOST_TASKS,
        page_id=_page_id,
        tone=_tone,
        what=what_is_wrong,
        otherwise=_otherwise,
        next_step=_next_step,
        service=_service,
        service_tone=_service_tone,
        current_service=current_service,
        password_end=password_end,
        printed_serial=printed_serial,
    )


def _planned(estate: EstateStatus, today: date) -> tuple[Planned, ...]:
    judged = estate.judged.of_delegations()
    by_delegation = [
        (record, [each.certificate for each in judged.get(name, ())]) for name, record in estate.delegations.items()
    ]
    starts, _ = starts_of_book(by_delegation, estate.at)
    shut_out = {
        each.path
        for each in estate.judged.certificates
        if each.decision.causes and (each.obstacle or each.mandate_ends)
    }
    stored = {each.path: each.certificate.stored for each in estate.judged.certificates}
    return tuple(
        _of_start(start, stored[start.spec.path], today, is_shut_out=start.spec.path in shut_out) for start in starts
    )


def _of_start(start: Start, stored: StoredCertificate | None, today: date, *, is_shut_out: bool) -> Planned:
    days = () if is_shut_out else tuple(order_days(start, today + SPAN))
    return Planned(start.spec.delegation, stored.not_after.date() if stored else None, days)


def _tasks(problems: Iterable[Problem], severity: str) -> Iterator[NeededAction]:
    """Yield the tasks in the order of their most urgent problem."""
    grouped: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        if problem.severity == severity:
            grouped.setdefault((problem.delegation, problem.code, problem.actor), []).append(problem)
    return (NeededAction(tuple(each)) for each in grouped.values())


def _parts(estate: EstateStatus) -> Iterable[Part]:
    """Return the delegations, those with urgent certificates first."""
    judged = estate.judged.of_delegations()
    names = {*estate.delegations, *judged}
    parts = (Part(name, estate.delegations.get(name), tuple(judged.get(name, ()))) for name in names)
    return sorted(parts, key=lambda part: (not part.urgent, part.name))


def _figures(certificates: Sequence[Judgement], now: datetime) -> dict[str, dict[str, int]]:
    services = [each.service for each in certificates if each.certificate.spec.served_at]
    ends = [each.certificate.stored.not_after for each in certificates if each.certificate.stored]
    return {
        "valid": {"number": sum(end > now for end in ends)},
        "soon": {"number": sum(end <= now + timedelta(days=SOON_DAYS) for end in ends)},
        "open": {"number": sum(each.certificate.order is not None for each in certificates)},
        "served": {"number": services.count(ServiceState.SERVED), "of": len(services)},
    }


# ---- Called by the template ------------------------------------------------------------------------------------------


def _page_id(language: Language, path: str) -> str:
    """Return the anchor of a certificate."""
    return f"{language.code}-{path}"


def _tone(judgement: Judgement) -> str:
    """Return how a state is coloured: `bad`, `warn`, `open` or `good`."""
    if judgement.needs_attention or judgement.state in _URGENT:
        return "bad"
    if judgement.state in {CertificateState.DUE, CertificateState.NEW} or judgement.severity:
        return "warn"
    return "open" if judgement.state is CertificateState.PENDING else "good"


def _service(judgement: Judgement) -> ServiceState:
    """Return whether clients meet the certificate; `not verified` also before its endpoints were verified at all."""
    is_known = not judgement.certificate.spec.served_at or current_service(judgement.certificate) is not None
    return judgement.service if is_known else ServiceState.NOT_VERIFIED


def _service_tone(judgement: Judgement) -> str:
    """Return how the state of the endpoints is coloured; `soft` where nothing is known."""
    tones = {ServiceState.SERVED: "good", ServiceState.PARTLY: "warn", ServiceState.NOT_SERVED: "bad"}
    return tones.get(_service(judgement), "soft")


def _otherwise(language: Language, action: NeededAction, today: date) -> tuple[str, ...]:
    """Return what happens to the first certificate, and where the most urgent one has none, that too."""
    nearest = min(action.problems, key=lambda problem: problem.consequence_on or date.max)
    lines = (_consequence(language, problem, today) for problem in (nearest, action.problem))
    return tuple(dict.fromkeys(line for line in lines if line))


def _consequence(language: Language, problem: Problem, today: date) -> str:
    if problem.consequence is Consequence.MISUSE:  # the mail addresses the RAO
        return language.text("status.attention.misuse")
    if problem.consequence in _DATED and problem.consequence_on is None:
        return ""
    return Otherwise(problem.consequence, problem.consequence_on).line(today, language)


def _next_step(language: Language, judgement: Judgement) -> str:
    """Return what happens next, as `certmandate.views.problems.next_step` has it in English."""
    key, values = _next(language, judgement)
    return language.text(f"status.next.{key}", **values) if key else ""


def _next(language: Language, judgement: Judgement) -> tuple[str, dict[str, object]]:
    certificate, order = judgement.certificate, judgement.certificate.order
    if order is not None:
        if order.storing_error:
            return "trouble", {"what": what_is_wrong(language, order.storing_error)}
        return "awaits" if awaits_approval(order) else order.status.value, {}
    if judgement.decision.is_held and certificate.hold_until:
        return "held", {"day": language.day(certificate.hold_until.date())}
    if judgement.mandate_ends:
        return "mandate", {"day": language.day(judgement.mandate_ends)}
    if judgement.decision.causes:
        return _due(language, judgement)
    return ("planned", {"day": language.day(judgement.renew_at.date())}) if judgement.renew_at else ("", {})


def _due(language: Language, judgement: Judgement) -> tuple[str, dict[str, object]]:
    if judgement.obstacle:
        return "blocked", {"what": what_is_wrong(language, judgement.obstacle.code)}
    if judgement.limit:
        return "limited", {"limit": judgement.limit}
    if judgement.certificate.stored is None and not judgement.last_failure:
        return "first", {}
    causes = (language.at("causes").get(cause, cause) for cause in judgement.decision.causes)
    return "again" if judgement.last_failure else "due", {"causes": ", ".join(causes)}
