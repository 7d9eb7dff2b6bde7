"""examples/troubled: each cause of a failure once; all other certificates are renewed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workflow.system import Ended, System, started

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

EXPECTED = {
    "altenwald/mensa": "CredentialRefused",
    "duinkade/www": "MandateEnded",
    "fjordnes/down": "ScmUnavailable",
    "fjordnes/film": "StoreUnavailable",
    "fjordnes/old": "renewed",
    "fjordnes/slow": "OrderPending",
    "fjordnes/www": "renewed",
    "pietrafonda/posta": "AddressRefused",
    "rivemort/annuaire": "DcvLapsed",
    "rivemort/api": "PermissionMissing",
    "rivemort/bank": "ProfileRefused",
    "rivemort/blog": "OrderRevoked",
    "rivemort/brief": "TermRefused",
    "rivemort/cdn": "AcmWouldRefuse",
    "rivemort/forum": "OrderRejected",
    "rivemort/intranet": "NameNotDelegated",
    "rivemort/legacy": "KeyRefused",
    "rivemort/maps": "CertificateMismatch",
    "rivemort/media": "renewed",
    "rivemort/portal": "renewed",
    "rivemort/press": "OrderDeclined",
    "rivemort/shop": "OrganisationNotValidated",
    "rivemort/video": "ChainBroken",
    "vieux-moulin/ent": "CredentialRefused",
}


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """The troubled estate."""
    with started(EXAMPLES / "troubled") as running:
        yield running


@pytest.fixture(scope="module")
def ended(system: System) -> Ended:
    """Its run."""
    return system.run()


def test_servers_that_were_not_reloaded_are_named(ended: Ended) -> None:
    """Both certificates were renewed, and clients do not meet them, or not everywhere."""
    services = {row.path: row.service for row in ended.report.certificates} if ended.report else {}

    assert {path: services[path] for path in ("fjordnes/www", "fjordnes/old", "rivemort/portal")} == {
        "fjordnes/www": "not served",
        "fjordnes/old": "partly served",
        "rivemort/portal": "not declared",
    }


def test_every_certificate_ends_with_the_expected_outcome(ended: Ended) -> None:
    """The error's name is what the operator, the runbook and the alarms go by."""
    outcomes = ended.outcomes

    assert outcomes == EXPECTED | {"fjordnes/slow": "pending"}


def test_a_run_that_needs_attention_fails(ended: Ended) -> None:
    """The alarm watches failed executions; a run that succeeds sends no alarm."""
    assert (ended.status, ended.execution["error"]) == ("FAILED", "RunNeedsPerson")
    assert ended.report is not None
    assert ended.report.needs_attention


def test_a_refused_credential_is_tried_once(system: System, ended: Ended) -> None:
    """SCM counts failed attempts and locks accounts."""
    for login in ("drao-vieux-moulin", "drao-altenwald", "drao-pietrafonda"):
        assert [call.status for call in system.simulator.calls if call.login == login] in ([401], [403, 403])


def test_nothing_is_ordered_where_a_refusal_can_be_foreseen(system: System, ended: Ended) -> None:
    """Each order is a certificate that is paid for or must be explained."""
    ordered = {name for order in system.simulator.orders if order.via == "REST API" for name in order.names}
    foreseen = {f"{name}.web.rivemort.example" for name in ("bank", "brief", "legacy")}

    assert not ordered & foreseen


def test_a_second_run_orders_nothing_again(system: System, ended: Ended) -> None:
    """What failed is held, still refused, or still open: a run an hour later must not multiply orders."""
    before = {order.ssl_id for order in system.simulator.orders}

    again = system.run()

    assert {order.ssl_id for order in system.simulator.orders} == before
    assert again.row("rivemort/press").outcome == "held"
    assert again.outcomes["rivemort/press"] == "OrderDeclined"
    assert again.status == "FAILED"


def test_the_hourly_run_for_open_orders_does_not_report_holds(system: System, ended: Ended) -> None:
    """The daily page is enough; the same message every hour would be ignored."""
    hourly = system.run({"open_orders_only": True, "scheduled_at": "2026-11-29T05:00:00Z"})

    assert hourly.status == "SUCCEEDED"
    assert hourly.report is not None
    assert hourly.report.outcome == "reported-before"
    assert hourly.row("rivemort/press").outcome == "not-due"
