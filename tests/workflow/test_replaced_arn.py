"""A changed key type makes a new ARN: what uses the old one must not keep its certificate until that expires."""

from __future__ import annotations

from pathlib import Path

from moto.acm.models import acm_backends

from local.cloudformation.parameters import ACCOUNT, REGION
from tests.certmandate.desk import operated
from tests.workflow.after_run import notifications
from tests.workflow.conftest import write_estate
from tests.workflow.system import started

BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/idp/1"


def test_a_replaced_arn_is_reported_until_nothing_uses_it(tmp_path: Path) -> None:
    """The record had forgotten the old ARN: `status` called the certificate fine, and its load balancer failed."""
    folder = write_estate(tmp_path / "estate", "idp")
    file = folder / "delegations" / "univ.yaml"
    text = file.read_text(encoding="utf-8").replace("{name: idp,", f'{{name: idp, stores: ["acm:{REGION}"],')
    file.write_text(text, encoding="utf-8")
    with started(folder) as system, operated(system, file.parent) as desk:
        system.run()
        acm = acm_backends[ACCOUNT][REGION]
        (arn,) = desk.stored("idp").arns.values()
        acm.set_certificate_in_use_by(arn, BALANCER)
        file.write_text(text.replace("name: idp,", "name: idp, key: RSA-2048,"), encoding="utf-8")
        assert "under a new ARN" in " ".join(desk.run("plan", file.parent).stdout.split())
        desk.run("apply", file.parent, "--yes")
        system.run()
        before = len(notifications())

        found = [system.run().report for _ in range(2)]
        shown = [desk.document("status")["delegations"][0]["findings"], desk.document("show", "univ/idp")["findings"]]
        alerts = notifications()[before:]
        acm._certificates[arn].in_use_by.clear()
        later = system.run().report

    assert all(report and [each.code for each in report.problems] == ["ArnReplaced"] for report in found)
    assert [[each["code"] for each in document] for document in shown] == [["ArnReplaced"]] * 2
    assert [(alert.count(arn), BALANCER in alert) for alert in alerts] == [(1, True)]
    assert later
    assert later.problems == ()
