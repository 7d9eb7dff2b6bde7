from dataclasses import replace
from tests.unit.steps.test_foreign_orders import STOLEN, begun, inspect, show  # noqa
from tests.unit.system import System
def test_retry(begun: System) -> None:
    show(begun, STOLEN)
    begun.check_expiry("today")
    begun.archive.write_results("today", [begun._child(t) for t in begun.plan("today")])
    step = begun.report_step()
    first = step("today")["metrics"]; second = step("today")["metrics"]
    print("METRICS", first["NewOrdersNotOurs"], second["NewOrdersNotOurs"])
    assert second["NewOrdersNotOurs"] == 1
