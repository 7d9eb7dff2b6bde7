"""Every damaged item at once: each is reported under its name, and every neighbour is renewed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from campaign.harness import Harness
from campaign.run import Run
from campaign.scenarios import DAYS_UNTIL_DUE, DELEGATION, PROFILE, credential, specification, world
from renewal.domain.delegation import S3, CertificateSpec
from scm_simulator import Dials
from tests.poison import NEWER, poisoned

Item = dict[str, Any]
OTHER = "lycee"
HEALTHY = {f"{DELEGATION}/www", f"{OTHER}/www"}
ENUMS = ("spec.key_type newer", "spec.stores.0 newer", "served.key_type newer", "status newer", "key_type newer")
"""What a newer version may write for which this version has no meaning."""


@dataclass
class Estate:
    """The table of the harness, and what in it is damaged."""

    harness: Harness
    certificates: dict[str, str] = field(default_factory=dict)
    """`delegation/certificate` to what was done to its item, or to its open order."""
    delegations: dict[str, str] = field(default_factory=dict)
    """Delegation to what was done to its item."""

    @property
    def _table(self) -> dict[str, Any]:
        return {"TableName": self.harness.aws.outputs["OrdersTable"]}

    def read(self, delegation: str, item: str) -> Item:
        key = {"delegation": {"S": delegation}, "item": {"S": item}}
        answer = self.harness.aws.client("dynamodb").get_item(**self._table, Key=key)
        return {name: TypeDeserializer().deserialize(value) for name, value in answer["Item"].items()}

    def put(self, stored: Mapping[str, Any], **key: str) -> None:
        wire = {name: TypeSerializer().serialize(value) for name, value in {**stored, **key}.items()}
        self.harness.aws.client("dynamodb").put_item(**self._table, Item=wire)

    def damage(self, certificate: Item, order: Item, delegation: Item) -> None:
        """Add a copy of each item for each way to damage it."""
        for how, item in _unreadable(certificate):
            name = f"c{len(self.certificates)}"
            self.put(item, item=f"certificate#{name}")
            self.certificates[f"{DELEGATION}/{name}"] = how
        for how, item in _unreadable(order):
            name = f"c{len(self.certificates)}"
            self.put(certificate, item=f"certificate#{name}")
            self.put(item, item=f"order#{name}")
            self.certificates[f"{DELEGATION}/{name}"] = how
        for how, item in _unreadable(
            {name: delegation[name] for name in delegation.keys() - {"inspection", "search_proof", "notices"}}
        ):
            name = f"d{len(self.delegations)}"
            self.put(item, delegation=name)
            self.put(certificate, delegation=name)
            self.delegations[name] = how


def _unreadable(item: Item) -> Iterator[tuple[str, Item]]:
    for how, damaged in poisoned(item):
        is_refused = how.endswith(" retyped") or how in ENUMS or how in {"spec removed", "revision removed"}
        if is_refused or how in {"action removed", "next_action_at removed", "action newer", "token removed"}:
            yield how, damaged


@dataclass(frozen=True)
class Played:
    """The estate after a daily run over it."""

    estate: Estate
    run: Run
    ordered: int


@pytest.fixture(scope="module")
def played(harness: Harness) -> Played:
    """Two delegations with three certificates; all are due, and everything that can be damaged is."""
    names = {"idp": "idp.univ.example", "www": "www.idp.univ.example"}
    specs = tuple(CertificateSpec(DELEGATION, name, (host,), PROFILE) for name, host in names.items())
    univ = replace(specification((S3,)), certificates=specs)
    lycee = replace(
        univ,
        delegation=replace(univ.delegation, name=OTHER),
        certificates=(CertificateSpec(OTHER, "www", ("lycee.idp.univ.example",), PROFILE),),
    )
    secrets = {DELEGATION: credential(), OTHER: credential()}
    harness.begin(world(), [univ, lycee], secrets, Dials(issuance_polls=0, issuance_seconds=20 * 3600.0))
    estate = Estate(harness)
    harness.run()
    order = estate.read(DELEGATION, "order#idp")
    harness.daily_run()
    harness.played.simulator.dials.issuance_seconds = 0
    harness.time.pass_seconds(DAYS_UNTIL_DUE * 86_400)
    before = len(harness.played.simulator.orders)

    estate.damage(estate.read(DELEGATION, "certificate#idp"), order, estate.read(DELEGATION, "delegation"))
    idp = estate.read(DELEGATION, "certificate#idp")
    estate.put({**idp, "spec": {**idp["spec"], "key_type": NEWER}})
    estate.certificates[f"{DELEGATION}/idp"] = "spec.key_type newer"
    other = estate.read(OTHER, "delegation")
    other["inspection"]["remarks"][0]["verdict"] = NEWER
    estate.put(other)
    estate.put({"issued_before": NEWER, "issuer": "", "reason": "r"}, delegation="#estate", item="replacement#bad#")

    run = harness.run()
    return Played(estate, run, len(harness.played.simulator.orders) - before)


def test_every_neighbour_is_renewed(played: Played) -> None:
    """In the same delegation and in another one, also where the stored inspection cannot be read."""
    assert played.run.report
    outcomes = {row.path: row.outcome for row in played.run.report.certificates}

    assert {path for path, outcome in outcomes.items() if outcome == "renewed"} == HEALTHY


def test_nothing_is_ordered_for_a_damaged_item(played: Played) -> None:
    """An open order that cannot be read may exist at SCM; a second one would be paid for too."""
    assert played.ordered == len(HEALTHY)


def test_every_damaged_certificate_is_reported_by_its_name(played: Played) -> None:
    """A certificate of which nothing is reported would expire unnoticed."""
    assert played.run.report
    rows = {row.path: row for row in played.run.report.certificates}

    missed = {how for path, how in played.estate.certificates.items() if rows[path].error != "RecordUnreadable"}

    assert not missed
    assert len(played.estate.certificates) > 60
    assert "'certificate#idp' of 'univ' cannot be read: 'spec': 'key_type'" in rows[f"{DELEGATION}/idp"].text
    assert all(row.outcome == "failed" for path, row in rows.items() if path in played.estate.certificates)


def test_every_damaged_delegation_is_reported_by_its_name(played: Played) -> None:
    """Also when the index has lost it: then its due certificates name it."""
    assert played.run.report
    rows = {row.delegation: row for row in played.run.report.delegations}

    missed = {how for name, how in played.estate.delegations.items() if rows[name].error != "RecordUnreadable"}

    assert not missed
    assert len(played.estate.delegations) > 8
    assert {rows[DELEGATION].outcome, rows[OTHER].outcome} == {"inspected"}


def test_a_damaged_replacement_rule_is_reported(played: Played) -> None:
    """It was written ahead of a mass revocation."""
    assert played.run.report
    (row,) = played.run.report.rules

    assert row.error == "RecordUnreadable"
    assert "'replacement#bad#' of '#estate' cannot be read: 'issued_before'" in row.text


def test_the_run_fails_with_its_report_and_its_metrics(played: Played) -> None:
    """The alarm watches failed executions, and the absence of metrics."""
    metrics = played.run.metrics

    assert (played.run.status, played.run.error) == ("FAILED", "RunNeedsPerson")
    assert (metrics["DailyRunCompleted"], metrics["CertificatesRenewed"]) == (1, len(HEALTHY))
    assert metrics["DelegationsFailed"] == len(played.estate.delegations)


def test_the_next_run_orders_nothing_again(played: Played) -> None:
    """What is damaged stays as it is until an operator acts."""
    harness = played.estate.harness
    before = len(harness.played.simulator.orders)

    again = harness.daily_run()

    assert (again.status, len(harness.played.simulator.orders)) == ("FAILED", before)
    assert _unreadable_paths(again) == _unreadable_paths(played.run)


def test_a_run_for_a_damaged_certificate_reports_it(played: Played) -> None:
    """The order book has it, so `UnknownDelegation` would be wrong; its neighbours are not part of that run."""
    run = played.estate.harness.run(certificates=[f"{DELEGATION}/idp"])

    assert run.report
    assert [(row.path, row.error) for row in run.report.certificates] == [(f"{DELEGATION}/idp", "RecordUnreadable")]


def _unreadable_paths(run: Run) -> set[str]:
    assert run.report
    return {row.path for row in run.report.certificates if row.error == "RecordUnreadable"}
