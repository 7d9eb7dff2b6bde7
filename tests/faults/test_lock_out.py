"""Refused logins (401): tried once, told once, and nobody else suffers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from campaign.evidence import gather
from campaign.history import replay
from campaign.invariants import ALWAYS, AT_REST, violations
from campaign.scenarios import DELEGATION, LOGIN, account, credential, specification, world
from campaign.stage import PEER, Run, Stage
from certmandate.files.specification import Specification
from certmandate.views.incident import incidents_of
from renewal.domain.delegation import S3, CertificateSpec, Delegation
from renewal.domain.run_report import DelegationRow
from scm_simulator import Account, Department, Dials, Domain, Organisation
from scm_simulator.world.world import World

OTHERS = ("first", "second")
IMMEDIATE = {"issuance_polls": 0}

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


def begin(stage: Stage, *others: str, everybody: dict[str, Any] | None = None, **changes: Any) -> None:
    """An estate with the delegation `univ`, whose account is changed so, and others that are well.

    everybody: what is changed of all accounts.
    """
    first = world(account(**changes, **(everybody or {})))
    departments = tuple(Department(3000 + i, name, (Domain(f"{name}.example"),)) for i, name in enumerate(others))
    estate: World = replace(
        first,
        organisations=(*first.organisations, Organisation(2999, "Others", departments=departments)),
        accounts=(*first.accounts, *(_account_of(name, 3000 + i, everybody or {}) for i, name in enumerate(others))),
    )
    stage.begin(
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
    """What the report says of a delegation."""
    assert run.report is not None
    return next(row for row in run.report.delegations if row.delegation == delegation)


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
def test_a_refused_login_is_tried_once_and_stops_nobody_else(stage: Stage, wrong: dict[str, Any]) -> None:
    """Four causes look alike; each further attempt would bring the lock nearer."""
    begin(stage, *OTHERS, **wrong)

    run = stage.run()

    assert run.status == "FAILED"
    assert row(run, DELEGATION).error == "CredentialRefused"
    assert [row(run, name).error for name in OTHERS] == ["", ""]
    refused = [call for call in stage.played.simulator.calls if call.status == 401]
    assert [call.login for call in refused] == [LOGIN]
    served = {item["delegation"] for item in gather(stage).of_kind("certificate") if "served" in item}
    assert served == set(OTHERS)


def test_the_hourly_look_at_an_open_order_does_not_lock_the_account(stage: Stage) -> None:
    """A password that changed while SCM worked: 24 failed logins a day would be worse than one late certificate."""
    begin(stage)
    stage.played.simulator.dials.issuance_seconds = 10 * 24 * 3600.0
    assert stage.run().status == "SUCCEEDED"
    stage.played.simulator.set_password(LOGIN, "changed in the portal")

    for _ in range(3):
        stage.time.pass_seconds(2 * 3600)
        assert stage.run(open_orders_only=True).status == "FAILED"

    assert len([call for call in stage.played.simulator.calls if call.status == 401]) == 1
    stage.run()
    assert len([call for call in stage.played.simulator.calls if call.status == 401]) == 2, "the daily run tries it"


def test_one_finding_lists_the_causes_and_how_to_tell_them_apart(stage: Stage) -> None:
    """An operator at 3 a.m. works a list, likeliest cause first, and does not guess."""
    begin(stage, locked=True)

    run = stage.run()

    (finding,) = (found for found in row(run, DELEGATION).findings if found.code == "CredentialRefused")
    text = finding.text.lower()
    causes = [text.index(cause) for cause in ("password", "locked", "address", "customeruri")]
    assert causes == sorted(causes), "the likeliest cause comes first"


def test_all_accounts_refused_at_once_have_one_cause(stage: Stage) -> None:
    """The address is lost: N pages about N passwords would send N people the wrong way."""
    begin(stage, *OTHERS)
    for login in (LOGIN, *(f"drao-{name}" for name in OTHERS)):
        stage.played.simulator.set_password(login, "so that every login is refused")

    run = stage.run()

    assert run.report is not None
    assert "address" in run.report.common_cause
    assert len([call for call in stage.played.simulator.calls if call.status == 401]) == 3


def test_an_address_that_all_lists_lack_is_one_page(stage: Stage) -> None:
    """Three rows with three passwords to look at would be read as three faults."""
    begin(stage, *OTHERS, everybody={"allowed_addresses": ("198.51.100.1/32",)})

    run = stage.run()

    assert run.report is not None
    (incident,) = incidents_of(run.report)
    assert incident.title == "every delegation"
    assert len(incident.paths) == 3
    assert incident.where.startswith("AWS: VPC"), "the operator's address comes before the RAOs' lists"
    findings = [finding for delegation in run.report.delegations for finding in delegation.findings]
    assert all(incident.covers(DELEGATION, finding) for finding in findings if finding.code == "LoginRefused")
    assert run.metrics["AddressesRefused"] == 3
    assert run.metrics["CredentialsRefused"] == 0


def test_one_refused_account_among_many_is_no_common_cause(stage: Stage) -> None:
    """The address cannot be wrong for one and right for the others."""
    begin(stage, *OTHERS, password="another")

    run = stage.run()

    assert run.report is not None
    assert run.report.common_cause == ""


def test_an_unlocked_account_needs_no_new_password(stage: Stage) -> None:
    """Kept from a random history: a warm function remembered the refusal for as long as it lived."""
    replay(stage, [("lock", {}), ("run", {}), ("run", {})])


def test_a_password_that_was_just_rotated_costs_one_refusal(stage: Stage) -> None:
    """A function that still has the old one in its cache reads the new one and goes on."""
    begin(stage)
    stage.run()
    stage.played.simulator.set_password(LOGIN, "Rotated-password-2")
    stage.store_credential(DELEGATION, credential("Rotated-password-2"))
    stage.editor.ask(DELEGATION, "idp", "drill", stage.time())

    run = stage.run()

    assert run.status == "SUCCEEDED", row(run, DELEGATION)
    assert violations(gather(stage), [*ALWAYS, *AT_REST]) == []


def test_the_stage_comes_from_one_address(stage: Stage) -> None:
    """Otherwise the test of the access list would prove nothing."""
    begin(stage, allowed_addresses=(f"{PEER}/32",))

    assert stage.run().status == "SUCCEEDED"
