from __future__ import annotations
from dataclasses import replace
from datetime import timedelta
from renewal.domain.alerts.memory import Notified, NotifiedProblems
from renewal.domain.judgement.problem import problem_of
from renewal.domain.setup.foreign_orders import Acknowledgement
from tests.unit.judgement import test_reading  # noqa
from tests.unit.steps.test_foreign_orders import STOLEN, begun, inspect, show  # noqa
from tests.unit.system import NOW, System
from renewal.domain.judgement.acting_times import ActingTimes

def problems(system, run_id):
    found = inspect(system, run_id)
    return [problem_of(f, "univ", (), NOW.date(), system_times(system)) for f in found]

def system_times(system):
    return test_reading_times

from inspect import signature
test_reading_times = None

def setup_module():
    global test_reading_times
    from tests.unit import system as s
    test_reading_times = getattr(s, "TIMES", None)
    if test_reading_times is None:
        from renewal.domain.judgement.acting_times import ActingTimes
        print(signature(ActingTimes))
        test_reading_times = ActingTimes(1, 5)

def remembered(found):
    return NotifiedProblems({p.key: Notified(p.severity, NOW, NOW) for p in found})

def test_replaced_after_acknowledgement(begun: System) -> None:
    show(begun, STOLEN)
    first = problems(begun, "today")
    memory = remembered(first)
    begun.book.acknowledgements.append(Acknowledgement("univ", "9001", "the RAO's", NOW))
    show(begun, replace(STOLEN, serial="WORSE", replaced=NOW - timedelta(hours=1)))
    second = problems(begun, "tomorrow")
    print([p.key for p in first], [p.key for p in second], [o.key for o in begun.inspection().foreign.orders])
    assert second
    assert any(p.about for p in memory.news(second)), "the replaced certificate is neither alerted nor alarmed"
