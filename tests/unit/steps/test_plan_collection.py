"""Between the Maps: which orders are polled next."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from renewal.domain.run.outcome import RunResults
from renewal.domain.run.plan import PlanFacts
from renewal.domain.run.result import CertificateResult, ResultStatus
from renewal.steps.plan_collection import PlanCollection
from tests.fakes import FakeArchive
from tests.unit.system import NOW, child


def an_end(certificate: str, status: str) -> dict[str, Any]:
    """What a Map has left of a certificate."""
    return {"certificate": certificate, "token": f"t-{certificate}", "ssl_id": 5001, "status": status}


@pytest.fixture
def archive() -> FakeArchive:
    """A run with one delegation."""
    archive = FakeArchive()
    archive.write_facts("run", PlanFacts(NOW, delegations=("univ",)))
    return archive


def polled(archive: FakeArchive, polls: int = 0) -> list[str]:
    """The certificates whose orders are polled next."""
    summary = PlanCollection(archive)("run", polls)
    items = archive.read("run", "collection")
    assert (summary["delegations"], summary["polls"]) == (len(items), polls + 1)
    return [f"{item['delegation']}/{order['certificate']}" for item in items for order in item["orders"]]


def test_open_orders_are_polled_and_nothing_else(archive: FakeArchive) -> None:
    """What has failed, was stored by another run, or is only planned has no open order of this run."""
    ends = [an_end("a", "ordered"), an_end("b", "issued"), an_end("c", "stored"), an_end("d", "failed")]
    archive.write_results("run", [child("univ", {"certificates": [*ends, {"certificate": "e"}]})])

    assert polled(archive) == ["univ/a", "univ/b"]


def test_what_is_pending_is_polled_again(archive: FakeArchive) -> None:
    """The result of a poll replaces that of the order, and a stored certificate is not asked for again."""
    archive.write_results("run", [child("univ", {"certificates": [an_end("a", "ordered"), an_end("b", "ordered")]})])
    archive.write_results("run", [child("univ", {"certificates": [an_end("a", "pending"), an_end("b", "stored")]})])

    assert polled(archive, 1) == ["univ/a"]


def test_an_item_has_what_collect_takes(archive: FakeArchive) -> None:
    """Enroll's progress, as the results have it."""
    archive.write_results("run", [child("univ", {"certificates": [an_end("a", "ordered")]})])
    polled(archive)

    (item,) = archive.read("run", "collection")
    assert item == {
        "run_id": "run",
        "delegation": "univ",
        "orders": [{"run_id": "run", "delegation": "univ", **an_end("a", "ordered"), "started_at": NOW.isoformat()}],
    }


def test_what_scm_did_not_answer_is_polled_again(archive: FakeArchive) -> None:
    """The state machine retries such a poll for a minute only; a refusal would be the same, and no order is none."""
    unanswered = an_end("a", "failed") | {"error": {"Error": "ScmUnavailable", "Cause": "503"}}
    refused = an_end("b", "failed") | {"error": {"Error": "ScmRefused", "Cause": "-1010"}}
    not_ordered = {"certificate": "c", "status": "failed", "error": {"Error": "ScmUnavailable", "Cause": "503"}}
    archive.write_results("run", [child("univ", {"certificates": [not_ordered]})])
    archive.write_results("run", [child("univ", {"certificates": [unanswered, refused]}, orders="ab")])
    assert polled(archive, 1) == ["univ/a"]

    archive.write_results("run", [child("univ", {"certificates": [an_end("a", "stored")]}, orders="a")])
    assert polled(archive, 2) == []


def test_a_delegation_whose_collection_failed_is_left_to_the_next_run(archive: FakeArchive) -> None:
    """An output that is too large is so again, after every certificate was polled and stored once more."""
    ordered = {"certificates": [an_end("a", "ordered")]}
    archive.write_results("run", [child("univ", ordered), child("lycee", ordered)])
    archive.write_results("run", [child("univ", None, orders="a", Status="FAILED", Error="States.DataLimitExceeded")])

    assert polled(archive, 1) == ["lycee/a"]


@pytest.mark.parametrize("text", ["not JSON", "[" * 100_000])
def test_an_unreadable_result_leaves_the_others_to_be_polled(archive: FakeArchive, text: str) -> None:
    """The report names it; another delegation's orders do not wait for that."""
    lost: dict[str, Any] = {"Input": text}
    archive.write_results("run", [lost, child("univ", {"certificates": [an_end("a", "ordered"), {"status": "x"}]})])

    assert polled(archive) == ["univ/a"]


def test_the_order_of_the_results_does_not_matter() -> None:
    """S3 lists objects of the same second in any order."""
    ways = [ResultStatus.ORDERED, ResultStatus.PENDING, ResultStatus.STORED]
    for order in permutations(ways):
        results = RunResults()
        for status in order:
            results.add("univ/a", CertificateResult(status))
        assert results.certificates["univ/a"].is_stored, order
