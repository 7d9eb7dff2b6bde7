"""Refused logins (401): tried once, reported once, and no other delegation is affected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from campaign.evidence import gather
from campaign.harness import PEER, Harness
from campaign.order_book_invariants import ALWAYS, AT_REST, violations
from campaign.run import Run
from campaign.scenarios import DELEGATION, LOGIN, account, credential, specification, world
from certmandate.files.specification import Specification
from certmandate.views.incident import incidents_of
from renewal.domain.delegation import S3, CertificateSpec, Delegation
from renewal.domain.run.report import DelegationRow
from scm_simulator import Account, Department, Dials, Domain, Organisation
from scm_simulator.world.world import World

OTHERS = ("first", "second")
IMMEDIATE = {"issuance_polls": 0}


def begin(harness: Harness, *others: str, every_account: dict[str, Any] | None = None, **changes: Any) -> None:
    """An estate with the delegation `univ`, whose account has *changes*, and others.

    every_account: changes of all accounts.
    """
    first = world(account(**changes, **(every_account or {})))
    departments = tuple(Department(3000 + i, name, (Domain(f"{name}.example"),)) for i, name in enumerate(others))
    estate: World = replace(
        first,
        organisations=(*first.organisations, Organisation(2999, "Others", departments=departments)),
        accounts=(
            *first.accounts,
            *(_account_of(name, 3000 + i, every_account or {}) for i, name in enumerate(others)),
        ),
    )
    harness.begin(
        estate,
        [specification((S3,)), *(_specification_of(name, 3000 + i) for i, name in enumerate(others))],
        {DELEGATION: credential(), **{name: {**credential(), "login": f"drao-{name}"} for name in others}},
        Dials(**IMMEDIATE),  # type: ignore[arg-type]  # by name
    )


def _account_of(name: str, department: int, changes: dict[str, Any]) -> Account:
    return account(login=f"drao-{name}", departments=(department,), **changes)


def _specification_of(name: str, department: int) -> Specification:
    delegation = Delegation(name, f"University {name}", department, (f"{name}.example",))
    return Specification(delegation, (CertificateSpec(name, "web", (f"{name}.example",), 3001),))


def row(run: Run, delegation: str) -> DelegationRow:
    """The report's row of a delegation."""
    assert run.report is not None
    return next(found for found in run.report.delegations if found.delegation == delegation)


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "another"},
        {"locked": True},
        {"customer_uri": "another"},
        {"allowed_addresses": ("198.51.100.1/32",)},
    ],
    ids=["password", "lock", "customerUri", "address"],
)
def test_a_refused_login_is_tried_once_and_stops_no_other(harness: Harness, wrong: dict[str, Any]) -> None:
    """Four causes give the same answer; each further attempt may lock the account. The others share no cause."""
    begin(harness, *OTHERS, **wrong)

    run = harness.run()

    assert run.status == "FAILED"
    assert row(run, DELEGATION).error == "CredentialRefused"
    assert [row(run, name).error for name in OTHERS] == ["", ""]
    assert run.report is not None
    assert run.report.common_cause == ""
    refused = [call for call in harness.played.simulator.calls if call.status == 401]
    assert [call.login for call in refused] == [LOGIN]
    stored = {item["delegation"] for item in gather(harness).of_kind("certificate") if "served" in item}
    assert stored == set(OTHERS)


def test_the_hourly_run_does_not_lock_the_account(harness: Harness) -> None:
    """The password changed while the order was open: 24 failed logins a day are worse than a late certificate."""
    begin(harness)
    harness.played.simulator.dials.issuance_seconds = 10 * 24 * 3600.0
    assert harness.run().status == "SUCCEEDED"
    harness.played.simulator.set_password(LOGIN, "changed in the portal")

    for status in ("FAILED", "SUCCEEDED", "SUCCEEDED"):  # the first has reported it for this day
        harness.time.pass_seconds(2 * 3600)
        hourly = harness.run(open_orders_only=True, scheduled_at="hourly")
        assert (hourly.status, row(hourly, DELEGATION).error) == (status, "CredentialRefused")

    assert len([call for call in harness.played.simulator.calls if call.status == 401]) == 1
    harness.run()
    assert len([call for call in harness.played.simulator.calls if call.status == 401]) == 2, "the daily run tries it"


def test_a_run_by_hand_logs_in_after_the_account_was_unlocked(harness: Harness) -> None:
    """Minutes after the refusal, in the same warm environments: only hourly runs stay quiet."""
    begin(harness)
    harness.played.simulator.set_password(LOGIN, "set by the RAO")
    assert harness.run().status == "FAILED"
    harness.played.simulator.set_password(LOGIN, credential()["password"])

    harness.time.pass_seconds(300)

    assert harness.run().status == "SUCCEEDED"


def test_a_run_by_hand_for_open_orders_logs_in_after_an_unlock(harness: Harness) -> None:
    """The operator collects what is open; only hourly runs stay quiet after a refusal."""
    begin(harness)
    harness.played.simulator.dials.issuance_seconds = 3600.0
    assert harness.run().status == "SUCCEEDED"
    harness.played.simulator.set_password(LOGIN, "set by the RAO")
    assert harness.run().status == "FAILED"
    harness.played.simulator.set_password(LOGIN, credential()["password"])
    harness.time.pass_seconds(7200)

    assert row(harness.run(open_orders_only=True, scheduled_at="hourly"), DELEGATION).error == "CredentialRefused"
    assert harness.run(open_orders_only=True).status == "SUCCEEDED"


def test_a_refused_login_lists_its_causes_likeliest_first(harness: Harness) -> None:
    """The operator checks them in this order."""
    begin(harness, locked=True)

    run = harness.run()

    (finding,) = (found for found in row(run, DELEGATION).findings if found.code == "CredentialRefused")
    text = finding.text.lower()
    causes = [text.index(cause) for cause in ("password", "locked", "address", "customeruri")]
    assert causes == sorted(causes), "the likeliest cause comes first"


def test_an_address_that_no_list_allows_is_one_incident(harness: Harness) -> None:
    """Three rows about three passwords would be read as three faults."""
    begin(harness, *OTHERS, every_account={"allowed_addresses": ("198.51.100.1/32",)})

    run = harness.run()

    assert run.report is not None
    (incident,) = incidents_of(run.report)
    assert incident.title == "every delegation"
    assert len(incident.paths) == 3
    assert incident.tasks[0].remedy.startswith("AWS: VPC"), "the operator's address comes before the RAOs' lists"
    assert {problem.code for problem in incident.problems} == {"CredentialRefused", "LoginRefused"}
    (alert,) = harness.played.alerts
    assert "SCM refused all 3 accounts at once: most likely that is the address we come from" in alert


def test_a_password_that_was_just_rotated_costs_one_refusal(harness: Harness) -> None:
    """A function that has the old password in its cache reads the new one and continues."""
    begin(harness)
    harness.run()
    harness.played.simulator.set_password(LOGIN, "Rotated-password-2")
    harness.store_credential(DELEGATION, credential("Rotated-password-2"))
    harness.editor.ask(DELEGATION, "idp", "drill")

    run = harness.run()

    assert run.status == "SUCCEEDED", row(run, DELEGATION)
    assert violations(gather(harness), [*ALWAYS, *AT_REST]) == []


def test_the_harness_calls_from_the_allowed_address(harness: Harness) -> None:
    """Otherwise the tests of the access list would prove nothing."""
    begin(harness, allowed_addresses=(f"{PEER}/32",))

    assert harness.run().status == "SUCCEEDED"
