from __future__ import annotations
from dataclasses import replace
from datetime import timedelta
import pytest
from renewal.domain.errors import PlanUnreadable
from renewal.domain.due import Cause, Decision
from renewal.domain.limits import DueCertificate, Limits, reached, select
from renewal.domain.order import CLOSED
from renewal.domain.replacement_rule import Caps, ReplacementRule
from renewal.domain.run.outcome import why_deferred
from renewal.domain.run.result import CertificateResult, ResultStatus
from tests.unit.system import IDP, NOW, PATH, System, served_by, managed

def test_late_rule_after_close(system: System) -> None:
    """closed last week; now deferred because the run is long: remark"""
    c = replace(managed(age=10), last_error=CLOSED, failures=1)
    text = why_deferred(c, None, CertificateResult(ResultStatus.DEFERRED), NOW)
    print(text)
    assert "operator has closed" not in text

def test_lost_order_enroll(system: System) -> None:
    """A restored table has lost the open order between plan and enroll."""
    system.enroll()
    del system.book.orders[PATH]
    with pytest.raises(PlanUnreadable):
        system.enroll(system.task(causes=("order-open",)))

def due(n, name, rules=()):
    return [DueCertificate(name, f"c{i}", Decision((Cause.REPLACEMENT,) if rules else (Cause.AGE,), NOW), NOW + timedelta(days=9), 0, False, rules) for i in range(n)]

def test_reached(system):
    import inspect
    print(inspect.signature(ReplacementRule))
    rule = ReplacementRule(NOW, "x", "r", caps=Caps(50, 1000), certificates=60)
    limits = Limits(20, 500, .4)
    taken, deferred = select(due(60, "univ", (rule,)), limits, "r")
    print(len(taken), len(deferred), set(reached(taken, deferred, limits).values()))
    assert set(reached(taken, deferred, limits).values()) == {"OrdersPerDelegation=50"}

from tests.unit.steps.test_check_expiry import serving, planned
from renewal.domain.setup.snapshot import DelegatedName
import inspect as ins
def test_wrong_clock_orders_by_dcv(system):
    print(ins.signature(DelegatedName))
    serving(system, **{f"univ__c{n}": 60 for n in range(30)})
    serving(system, **{f"univ__y{n}": 0 for n in range(5)})
    del system.book.kept["univ", "idp"]
    system.clock.advance(days=100)
    wrong = system.clock()
    system.scm.delegated = tuple(DelegatedName(name, True, frozenset({"SSL"}), "VALIDATED", wrong.date() + timedelta(days=5)) for name in {n for c in system.book.kept.values() for n in c.spec.names})
    report = system.daily_run()
    print(report.outcome, [(r.name, r.outcome, r.reason, r.error) for r in report.certificates if r.outcome != "failed"][:8], len(system.scm.orders))
    assert not system.scm.orders
