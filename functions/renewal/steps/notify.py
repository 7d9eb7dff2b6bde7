"""In the daily run, before its report: each RAO is notified of what needs them, and gets the monthly report.

At most once: a notice is claimed in the order book before its mail is sent, and what became of it is recorded after. A
function that is killed in between leaves the claim, and nothing is sent again. Every notice is also an event, with or
without a mail.

What is read: the delegations of which the run's inspection has found that a notice may be due, those that the run
worked on, and those without an inspection in the results. The audit rows, which the mails quote, only for a mail.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from renewal.deadline import Deadline
from renewal.domain.delegation import LANGUAGES
from renewal.domain.errors import Failure, MailRefused, RenewalError, StoreRefused, StoreUnavailable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import Judgement, judge
from renewal.domain.judgement.delegation import problems_of
from renewal.domain.judgement.outdated import without_resolved
from renewal.domain.judgement.problem import Problem
from renewal.domain.limits import NOTHING_LEFT_OUT, LeftOut, Limits
from renewal.domain.notices.escalation import Topic, claimed, notices_due
from renewal.domain.notices.mail_event import MailEvent
from renewal.domain.notices.month import Month, month_before
from renewal.domain.notices.notice import MailOutcome, Notice, NoticeKind, Notices
from renewal.domain.order import FinishedOrder, ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.run.map_results import read_map_results
from renewal.domain.run.outcome import RunResults, outcome_of
from renewal.domain.run.report import Outcome
from renewal.domain.run.turns import in_turn
from renewal.domain.run.unforeseen import unforeseen
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord
from renewal.mail.asks import asks_of
from renewal.mail.findings_mail import Otherwise, findings_mail, without_repetitions
from renewal.mail.language import Language, mail_language
from renewal.mail.mail import Mail, in_all_languages
from renewal.mail.rao_report import Proof, rao_report
from renewal.mail.report_mail import report_mail
from renewal.ports.audit import AuditHeads
from renewal.ports.environment import Clock
from renewal.ports.notices import Mailer, NoticeAnnouncer, NoticeBook
from renewal.ports.order_book import OrderIndex
from renewal.ports.runs import RunArchive
from renewal.steps.next_plan import left_out_next

LEAST_SECONDS = 80.0
"""Before a delegation is begun, and before a notice is claimed: with less, it could be claimed and not sent. A mail
takes 22 s at most."""
_VARYING = re.compile(r"\d{4}-\d{2}-\d{2}(?:T[\d:.+Z]+)?|\b\d+ (?:days?|hours?|h|times)\b")
"""The parts of a finding's text that change while the topic stays the same."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Claims, sends and records the notices of every delegation."""

    book: OrderIndex
    trails: AuditHeads
    archive: RunArchive
    notices: NoticeBook
    announcer: NoticeAnnouncer
    mailer: Mailer | None
    """None = mails are off."""
    third_party: str
    """Signs the mails; empty = the operators of the delegation."""
    clock: Clock
    new_id: Callable[[], str]
    """Makes random ids."""
    times: ActingTimes
    limits: Limits
    """Of the next daily run."""
    deadline: Deadline
    """When Lambda kills the function."""

    def __call__(self, event: dict[str, Any]) -> dict[str, int]:
        """Send the notices that are due, or record the bounce that *event* of Amazon SES is about.

        *event*: `{"run_id"}`, or SES's. Return the number of notices by outcome. A delegation that fails stops no
        other; its error is raised at the end: MailRefused, StoreUnavailable, StoreRefused, RecordUnreadable,
        OrderConflict. StoreUnavailable of those for which no time was left: the next daily run begins with another
        delegation.
        """
        if mail_event := MailEvent.parse(event):
            return self._bounced(mail_event)
        sent: Counter[str] = Counter()
        errors: dict[str, RenewalError] = {}
        run = self._run(event["run_id"])
        for name in self._to_read(run.results):
            try:
                self._require_time()
                for notice in self._delegation(name, run):
                    sent[notice.outcome.value] += 1
                    if notice.outcome is MailOutcome.REFUSED:
                        errors[name] = MailRefused(notice.text)
            except RenewalError as error:
                errors[name] = error
            except Exception as error:  # noqa: BLE001 - a bug costs the delegation that leads to it
                errors[name] = unforeseen(error, name)
        for first in errors.values():
            raise type(first)("; ".join(f"{name}: {each}" for name, each in errors.items()))
        return dict(sent)

    def _run(self, run_id: str) -> _Run:
        rules, now = tuple(self.book.replacement_rules()), self.clock()
        return _Run(self._results(run_id), rules, cache(lambda: left_out_next(self.book, rules, self.limits, now)))

    def _to_read(self, results: RunResults) -> Iterator[str]:
        """Yield the delegations whose RAO may have to be notified."""
        worked_on = {path.partition("/")[0] for path in results.certificates}  # whatever stands in the results
        for name in in_turn(self.book.delegations(), self.clock().toordinal()):
            if name in worked_on or results.summary_of(name).concerns_rao:
                yield name

    def _results(self, run_id: str) -> RunResults:
        try:
            return read_map_results(*self.archive.read_results(run_id))
        except (StoreUnavailable, StoreRefused):
            return RunResults()  # every delegation is read: no notice depends on the objects of the run

    def _require_time(self) -> None:
        if self.deadline.seconds_left() < LEAST_SECONDS:
            msg = "no time was left for its notices; the next daily run begins with another delegation"
            raise StoreUnavailable(msg)

    def _bounced(self, event: MailEvent) -> dict[str, int]:
        if not event.is_lost:
            return {}
        self.notices.change_notices(
            event.delegation, lambda notices: notices.bounced(event.notice, event.message_id, event.text)
        )
        return {MailOutcome.BOUNCED.value: 1}

    def _delegation(self, name: str, run: _Run) -> Iterator[Notice]:
        record, certificates = self.book.delegation(name), self.book.certificates(name)
        now = self.clock()
        if not certificates.unreadable:
            record = without_resolved(record, certificates, now)
        facts = _Facts(record, certificates, run, now, self.times)
        to = record.delegation.rao_email if self.mailer else ""
        yield from self._problems(facts, to)
        yield from self._report(facts, to)

    def _problems(self, facts: _Facts, to: str) -> Iterator[Notice]:
        problems = {_key(problem): problem for problem in facts.problems()}
        topics = [_topic(problem) for problem in problems.values()]
        is_due = notices_due(topics, facts.notices, to, facts.now.date())
        # Before the claim: a read that fails after it would leave a notice that is never sent.
        history = self.book.history(facts.name, "") if is_due else ()
        self._require_time()
        claim = Notice(self.new_id(), facts.now, NoticeKind.PROBLEMS, to)
        after = self.notices.change_notices(facts.name, lambda notices: claimed(notices, topics, claim))
        if after.notice(claim.id):
            named = facts.listed([problems[key] for key in after.named_by(claim.id)], history)
            day = facts.now.date()
            yield self._sent(facts, claim, lambda language, who: findings_mail(facts.record, named, day, language, who))

    def _report(self, facts: _Facts, to: str) -> Iterator[Notice]:
        if not facts.notices.is_report_due(facts.now):
            return
        month, history = month_before(facts.now), self.book.history(facts.name, "")
        if not facts.existed_in(month, history):
            return
        acknowledged, proof = self.book.acknowledgements(facts.name), Proof(self.trails.head(facts.name))
        self._require_time()
        claim = Notice(self.new_id(), facts.now, NoticeKind.REPORT, to, (str(month),))
        after = self.notices.change_notices(
            facts.name, lambda notices: notices if notices.has_report(str(month)) else notices.with_notice(claim)
        )
        if after.notice(claim.id):
            record, judged, now = facts.record, facts.judged(facts.run.left_out()), facts.now
            report = rao_report(record, judged, history, month, now, acknowledged=acknowledged, proof=proof)
            report = replace(report, asks=facts.listed(facts.problems(), history))
            yield self._sent(facts, claim, lambda language, who: report_mail(report, language, who))

    def _sent(self, facts: _Facts, claim: Notice, render: Callable[[Language, str], Mail]) -> Notice:
        """Send the mail of a claimed notice, record what became of it, and publish the event."""
        mail = in_all_languages([render(language, self._signature(facts, language)) for language in facts.languages])
        outcome, message_id, text = self._delivered(facts.name, claim, mail)
        after = self.notices.change_notices(
            facts.name, lambda notices: notices.delivered(claim, outcome, message_id=message_id, text=text)
        )
        notice = after.notice(claim.id) or claim
        self.announcer.announce_notice(facts.name, notice)
        return notice

    def _delivered(self, delegation: str, claim: Notice, mail: Mail) -> tuple[MailOutcome, str, str]:
        if self.mailer is None or not claim.to:
            return MailOutcome.OFF, "", ""
        try:
            return MailOutcome.SENT, self.mailer.send(mail, {"delegation": delegation, "notice": claim.id}), ""
        except (MailRefused, StoreRefused) as error:
            return MailOutcome.REFUSED, "", str(error)
        except StoreUnavailable as error:
            return MailOutcome.REFUSED if error.had_no_effect else MailOutcome.CLAIMED, "", str(error)

    def _signature(self, facts: _Facts, language: Language) -> str:
        return self.third_party or language.text("mail.operators", delegation=facts.name)


@dataclass(frozen=True, slots=True)
class _Run:
    """What the notices of all delegations follow from."""

    results: RunResults
    rules: tuple[ReplacementRule, ...]
    left_out: Callable[[], LeftOut]
    """Reads, once, what the plan of the next daily run leaves out; no problem of an RAO depends on it."""

    def failure(self, certificate: ManagedCertificate) -> Failure | None:
        """Return why the run failed for *certificate*, as its report has it; None when it did not."""
        outcome, failed = outcome_of(certificate, None, self.results, None)
        return failed if outcome is Outcome.FAILED else None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the order book has of a delegation, without its audit rows."""

    record: DelegationRecord
    certificates: tuple[ManagedCertificate, ...]
    run: _Run
    now: datetime
    times: ActingTimes

    @property
    def name(self) -> str:
        return self.record.delegation.name

    @property
    def languages(self) -> list[Language]:
        chosen = self.record.delegation.language
        return [mail_language(code) for code in ([chosen] if chosen in LANGUAGES else LANGUAGES)]

    @property
    def notices(self) -> Notices:
        return self.record.notices or Notices()

    def judged(self, left_out: LeftOut = NOTHING_LEFT_OUT) -> list[Judgement]:
        """Return the judgement of each certificate."""
        return [
            judge(
                each,
                self.record,
                self.now,
                self.times,
                replacements=self.run.rules,
                failure=self.run.failure(each),
                left_out=left_out,
            )
            for each in self.certificates
        ]

    def problems(self) -> list[Problem]:
        """Return on what the RAO must act, most urgent first."""
        failure = self.run.results.failure_of(self.name)
        problems = problems_of(self.name, self.record, self.judged(), self.now, self.times, failure=failure)
        today = self.now.date()
        return sorted((each for each in problems if each.actor == "rao"), key=lambda each: each.urgency(today))

    def listed(self, problems: Iterable[Problem], history: Iterable[FinishedOrder]) -> Mapping[Finding, Otherwise]:
        """Return what a mail lists of *problems*. *history*: the delegation's audit rows, oldest first."""
        return without_repetitions(asks_of(problems, self.certificates, history))

    def existed_in(self, month: Month, history: Iterable[FinishedOrder]) -> bool:
        """Return whether anything was stored, refused or served before the end of *month*."""
        times = [row.ended_at for row in history]
        times += [certificate.stored.stored_at for certificate in self.certificates if certificate.stored]
        return any(at < month.ends for at in times)


def _topic(problem: Problem) -> Topic:
    return Topic(_key(problem), problem.code, problem.severity, problem.consequence_on or problem.due)


def _key(problem: Problem) -> str:
    """Identify a problem from day to day; what a list of names is about is the list."""
    if problem.certificate or problem.about:
        return problem.key
    return f"{problem.key} {hashlib.sha256(_VARYING.sub('', problem.text).encode()).hexdigest()[:12]}"
