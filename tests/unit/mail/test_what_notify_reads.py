"""What notify does not read would change no notice: random estates over weeks, with and without reading all."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from renewal import records
from renewal.deadline import Deadline
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.endpoint.observation import EndpointState, Observation, ServiceRecord
from renewal.domain.errors import MailRefused, RenewalError, StoreRefused, StoreUnavailable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.summary import DelegationSummary
from renewal.domain.limits import Limits
from renewal.domain.notices.notice import Notices
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.snapshot import DelegatedName
from renewal.mail.mail import Mail
from renewal.steps.notify import Notify
from tests.fakes import FakeMailer, interrupted
from tests.unit.random_estate import CountingBook, add, inspection_of, result_of
from tests.unit.system import IDP, NOW, System, child, stored_by

RUN = {"run_id": "run"}
DAYS = (0, 1, 4, 7, 8, 9, 10, 12, 20, 40)
"""From NOW, 23 November: the first days of December and of January are among them."""


def notify(system: System, mailer: FakeMailer, **instead: Any) -> Notify:
    """The step over the system's fakes."""
    archive, clock, book = instead.get("archive", system.archive), system.clock, system.book
    deadline, announcer = Deadline(clock() + timedelta(seconds=600), clock), system.announcer
    new_id = lambda: uuid4().hex  # noqa: E731  # as short as it is dull
    return Notify(
        book, book, archive, book, announcer, mailer, "Us", clock, new_id, ActingTimes(), system.limits, deadline
    )


def without_ids(notices: Notices | None) -> Notices | None:
    """The record without what is random in it."""
    return notices and replace(
        notices,
        topics=tuple(replace(each, notice="") for each in notices.topics),
        sent=tuple(replace(each, id="") for each in notices.sent),
    )


def played(seed: int, *, reads_all: bool) -> tuple[list[Mail], Mapping[str, Notices | None]]:
    """The mails and the records of the notices of weeks."""
    chance, mailer = random.Random(seed), FakeMailer()  # noqa: S311 - no secret
    system = System(limits=Limits(2, 500, 0.5))
    for number in range(6):
        add(system, chance, f"d{number}")
    if chance.random() < 0.3:
        system.book.rules = [ReplacementRule(NOW, "", "incident", delegations=("d1",))]
    for day in DAYS:
        system.clock.now = NOW + timedelta(days=day)
        inspect_some(system, chance)
        system.check_expiry("run", all_due_is_right=True, reason="a test")
        results = [found for name in sorted(system.book.records) if (found := result_of(system, chance, name))]
        for result in results if reads_all else ():
            result["Output"] = result["Output"].replace('"concerns_rao": false', '"concerns_rao": true')
        system.archive.documents.pop(("run", "results"), None)
        system.archive.write_results("run", [*results])
        mailer.error = MailRefused("not verified") if chance.random() < 0.1 else None
        with suppress(MailRefused):
            notify(system, mailer)(RUN)
    return mailer.mails, {name: without_ids(record.notices) for name, record in system.book.records.items()}


def inspect_some(system: System, chance: random.Random) -> None:
    """Half of the inspections find something else; an RAO may have another address."""
    for name, record in system.book.records.items():
        found = inspection_of(chance, system.clock()) if chance.random() < 0.5 else record.inspection
        address = chance.choice(["rao@univ.example"] * 5 + ["successor@univ.example"])
        spec = replace(record.delegation, rao_email=address)
        system.book.records[name] = replace(record, delegation=spec, inspection=found)


@pytest.mark.parametrize("seed", range(10))
def test_what_notify_does_not_read_would_change_no_notice(seed: int) -> None:
    """An RAO who is not notified does not act, and a certificate expires."""
    assert played(seed, reads_all=False) == played(seed, reads_all=True)


def inspected(system: System, *findings: Finding, **found: Any) -> None:
    """The daily run has inspected the delegation, whose certificate is in order, and worked on nothing."""
    record = system.book.delegation("univ")
    inspection = Inspection("run", system.clock(), findings=findings, **found)
    record = system.book.records["univ"] = replace(record, inspection=inspection)
    summary = DelegationSummary.of(record, system.book.certificates("univ"), (), system.clock(), ActingTimes())
    output = {"certificates": [], "summary": records.to_json(summary)}
    system.archive.documents.pop(("run", "results"), None)
    system.archive.write_results("run", [child("univ", output)])


@pytest.fixture
def counted() -> System:
    """A delegation with one stored certificate; the order book counts what is read."""
    system = System(book=CountingBook())
    system.add(IDP)
    system.book.adopt(IDP.record_key, stored_by(IDP, age=30), NOW)
    return system


def read(system: System) -> tuple[int, int]:
    """How many certificates notify reads, and how often audit rows."""
    assert isinstance(system.book, CountingBook)
    system.book.read = system.book.histories = 0
    notify(system, FakeMailer())(RUN)
    return system.book.read, system.book.histories


def test_notify_does_not_read_a_delegation_in_order(counted: System) -> None:
    """It read every certificate and every audit row of the estate, every day."""
    inspected(counted)

    assert read(counted) == (0, 0)


def test_audit_rows_are_read_for_a_mail_only(counted: System) -> None:
    """A problem lasts for weeks, and the RAO is notified of it a few times; the audit trail grows for years."""
    for days, expected in ((0, (1, 1)), (1, (1, 0)), (24, (1, 1))):
        counted.clock.now = NOW + timedelta(days=days)
        inspected(counted, Finding("DcvLapsing", "warning", "rao", "it expires", due=NOW.date() + timedelta(days=30)))
        assert read(counted) == expected, days


def test_what_only_a_replacement_rule_makes_a_problem_is_notified(counted: System) -> None:
    """No inspection reads the rules; the cap has deferred the certificate, so the run has not worked on it."""
    expired = DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", NOW.date() - timedelta(days=1))
    inspected(counted, delegated=(expired,))
    counted.book.rules = [ReplacementRule(NOW, "", "incident")]

    assert notify(counted, FakeMailer())(RUN) == {"off": 1}


def test_a_server_that_is_reloaded_after_the_inspection_lets_the_rao_be_asked(counted: System) -> None:
    """The endpoints are verified between the inspection and notify; the request waited for another day."""
    request = RevocationRequest("0AB", 4001, IDP.names, "superseded", NOW)
    old = Observation("idp.univ.example:443", EndpointState.OLD, NOW, serial=request.serial)
    presented = replace(
        counted.book.managed[IDP.record_key], revocations=(request,), service=ServiceRecord("ABC", NOW, (old,))
    )
    counted.book.managed[IDP.record_key] = presented
    inspected(counted)
    assert notify(counted, FakeMailer())(RUN) == {}

    counted.book.managed[IDP.record_key] = replace(presented, service=ServiceRecord("ABC", NOW, ()))

    assert notify(counted, FakeMailer())(RUN) == {"off": 1}


def test_a_strange_result_stops_no_notice(counted: System) -> None:
    """No version of ours writes such a name; every RAO would have to wait for its correction."""
    inspected(counted, Finding("WebApiOff", "error", "rao", "step 2"))
    counted.archive.documents.pop(("run", "results"), None)
    counted.archive.write_results("run", [child("univ", {"certificates": [{"certificate": ""}]})])

    assert notify(counted, FakeMailer())(RUN) == {"off": 1}


@pytest.mark.parametrize("error", [StoreUnavailable, StoreRefused])
def test_every_delegation_is_read_when_the_results_cannot_be(counted: System, error: type[RenewalError]) -> None:
    """An RAO is notified although S3 does not answer."""
    inspected(counted, Finding("WebApiOff", "error", "rao", "step 2"))
    mailer, archive = FakeMailer(), interrupted(counted.archive, "read_results", before=fails_with(error))

    assert notify(counted, mailer, archive=archive)(RUN) == {"off": 1}


def fails_with(error: type[RenewalError]) -> Callable[..., None]:
    """What raises *error*."""

    def fail(*_: object) -> None:
        raise error("no answer")

    return fail
