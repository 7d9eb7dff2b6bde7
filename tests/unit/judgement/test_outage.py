"""An outage of SCM or AWS is early only where nothing else is wrong, and never in place of what the operator named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from certmandate.judged_estate import judged_estate
from renewal.domain.due import Cause
from renewal.domain.errors import Failure, ScmUnavailable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import Judgement, judge
from renewal.domain.judgement.delegation import problems_of
from renewal.domain.order import ManagedCertificate, OrderStatus
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.inspection import DelegationRecord
from tests.unit.orders import an_order
from tests.unit.system import DELEGATION, IDP, NOW, PATH, System, managed, stored_by

RECORD, TIMES = DelegationRecord(DELEGATION), ActingTimes()
DOWN = Failure("ScmUnavailable", "503")
ORDERED = an_order(status=OrderStatus.ORDERED, ssl_id=5001, causes=(Cause.AGE,))


def declined(hours: int) -> ManagedCertificate:
    """A certificate whose order was declined, and whose hold ends in *hours*."""
    until = NOW + timedelta(hours=hours)
    return managed(age=150, failures=1, last_error="OrderDeclined", hold_until=until)


ERRORS = {
    "CertificateMismatch": managed(age=150, order=replace(ORDERED, storing_error="CertificateMismatch")),
    "OrderDeclined, held": declined(48),
    "OrderDeclined, due again": declined(-48),
    "OrderPending": managed(age=39, days=47, order=replace(ORDERED, scm_status="REQUESTED")),
}
"""Each is an error that no outage has caused, with time left until the certificate expires."""


def judged(certificate: ManagedCertificate, failure: Failure | None = DOWN, **more: Any) -> Judgement:
    """Return its judgement after a run that ended with *failure*."""
    return judge(certificate, RECORD, NOW, TIMES, failure=failure, **more)


@pytest.mark.parametrize("outage", ["ScmUnavailable", "StoreUnavailable"])
@pytest.mark.parametrize("name", ERRORS)
def test_an_outage_hides_no_error(name: str, outage: str) -> None:
    """A run with an order that nobody approved in time, or a mismatched certificate, succeeded while SCM was down."""
    alone, both = judged(ERRORS[name], None), judged(ERRORS[name], Failure(outage, "503"))

    assert [(each.code, each.severity) for each in both.problems] == [
        (name.partition(",")[0], "error"),
        (outage, "warning"),
    ]
    assert both.problem == alone.problem


@pytest.mark.parametrize("name", ERRORS)
def test_an_outage_of_the_delegation_hides_no_error_of_its_certificates(name: str) -> None:
    """What stopped the delegation is a warning beside the error, and `status` needs attention all the same."""
    certificate = ERRORS[name]
    listed = problems_of("univ", RECORD, [judged(certificate)], NOW, TIMES, failure=DOWN)

    assert {(each.path, each.severity) for each in listed if each.code == DOWN.error} == {
        ("univ", "warning"),
        ("univ/idp", "warning"),
    }
    for failures in ({}, {"univ": DOWN}, {"univ/idp": DOWN}):
        assert judged_estate({"univ": RECORD}, [certificate], NOW, TIMES, failures=failures).needs_attention


def test_an_error_is_listed_beside_an_outage_that_is_one_too() -> None:
    """The outage ends by itself; the mismatched certificate does not."""
    late = managed(age=190, order=replace(ORDERED, storing_error="CertificateMismatch"))

    assert [each.code for each in judged(late).problems] == ["ScmUnavailable", "CertificateMismatch"]


def test_an_outage_is_the_reason_why_a_renewal_is_overdue() -> None:
    """`RenewalOverdue` means that nothing is known to stop it."""
    assert [(each.code, each.severity) for each in judged(managed(age=190)).problems] == [("ScmUnavailable", "error")]


def test_an_order_for_age_cannot_wait_when_a_rule_has_come_since() -> None:
    """The CA revokes tomorrow what the order of last week would replace."""
    ordered, rule = managed(age=150, order=ORDERED), ReplacementRule(NOW, "", "incident", NOW + timedelta(days=1))

    assert judged(ordered).severity == "warning"
    assert judged(ordered, replacements=[rule]).severity == "error"


# ---- Runs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ill(system: System) -> System:
    """A certificate that is due by age, with an SCM that does not answer."""
    system.add(IDP)
    system.book.adopt(PATH, stored_by(IDP, age=150), NOW)
    for question in ("profiles", "departments", "delegated", "reported", "collect", "details", "login"):
        system.scm.answers[question] = ScmUnavailable("503")
    return system


def test_a_run_fails_for_a_mismatch_while_scm_is_down(ill: System) -> None:
    """It succeeded on each day of the outage, and the order that needs the operator was nowhere."""
    answers, ill.scm.answers = ill.scm.answers, {}
    ill.check_expiry("earlier")
    ill.enroll(ill.task(causes=("age",)))
    order = ill.book.certificate(*PATH).order
    assert order
    ill.book.note(order, storing_error="CertificateMismatch")
    ill.scm.answers = answers
    ill.clock.advance(hours=24)

    report = ill.daily_run()

    assert report.outcome == "failed"
    assert report.failures == {"univ/idp: CertificateMismatch"}


@pytest.mark.parametrize("named", [{}, {"certificates": ["univ/idp"]}, {"delegations": ["univ"]}], ids=str)
def test_a_run_that_did_not_do_what_it_was_named_for_is_no_success(ill: System, named: dict[str, Any]) -> None:
    """`certmandate renew univ/idp` exited 0 and renewed nothing; the daily run has time."""
    report = ill.daily_run(**named)

    assert report.outcome == ("failed" if named else "succeeded")
    assert report.counts == {"failed": 1}
    assert not report.failures


def test_a_named_delegation_that_was_not_inspected_is_no_success(ill: System) -> None:
    """Whether anything was revoked there is not known."""
    ill.book.adopt(PATH, stored_by(IDP, age=20), NOW)

    report = ill.daily_run(delegations=["univ"])

    assert (report.outcome, dict(report.counts)) == ("failed", {"not-due": 1})
