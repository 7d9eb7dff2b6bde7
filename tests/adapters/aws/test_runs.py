from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from renewal.adapters.endpoints.host_reports import S3HostReports
from renewal.adapters.runs import S3RunArchive
from renewal.deadline import Deadline
from renewal.domain.alerts.memory import Notified, NotifiedProblems
from renewal.domain.errors import PlanUnreadable, StoreRefused
from renewal.domain.run.plan import PlanFacts, PlannedCertificate, PlanState
from renewal.domain.run.report import RunOutcome, RunReport
from renewal.records import Unreadable

from .conftest import BUCKET
from .wire import refused

RUN = "2026-11-23T08-00-00Z"
RESULTS = f"runs/{RUN}/results/6c1d4c8e-1a2b-3c4d-5e6f-7a8b9c0d1e2f"


@pytest.fixture
def archive(s3: Any) -> S3RunArchive:
    """The adapter."""
    return S3RunArchive(s3, BUCKET)


def write(s3: Any, key: str, document: object) -> None:
    """Write an object as AWS would."""
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document))


def a_manifest(**files: list[str]) -> dict[str, Any]:
    """What ResultWriter writes: every status, also those without a file."""
    named = {
        status: [{"Key": key, "Size": 1} for key in files.get(status, [])]
        for status in ("FAILED", "PENDING", "SUCCEEDED")
    }
    return {"DestinationBucket": BUCKET, "MapRunArn": "arn:aws:states:…", "ResultFiles": named}


def an_execution(name: str, status: str) -> dict[str, Any]:
    """One description of a child execution."""
    return {
        "ExecutionArn": f"arn:…:{name}",
        "Name": name,
        "Input": "{}",
        "InputDetails": {"Included": True},
        "Status": status,
    }


def test_the_plan_is_where_the_state_machine_reads_it(archive: S3RunArchive, s3: Any):
    """ItemReader takes bucket and key, and a JSON array."""
    bucket, key = archive.write_plan(RUN, [{"delegation": "univ"}])

    assert (bucket, key) == (BUCKET, f"runs/{RUN}/plan.json")
    assert json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) == [{"delegation": "univ"}]


def test_facts_are_read_back(archive: S3RunArchive):
    """The report runs in another function than the plan."""
    due = {"univ/idp": PlannedCertificate(("age",), PlanState.HELD)}
    facts = PlanFacts(datetime(2026, 11, 23, 8, tzinfo=UTC), "clé compromise", named=("univ",), due=due)
    archive.write_facts(RUN, facts)

    assert archive.read_facts(RUN) == facts


def test_the_key_of_the_written_report_is_returned(archive: S3RunArchive):
    """The page carries the key."""
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    report = RunReport(run_id=RUN, started_at=now, finished_at=now, outcome=RunOutcome.SUCCEEDED)

    assert archive.write_report(RUN, report) == f"runs/{RUN}/report.json"


def test_a_report_that_is_there_is_not_replaced(archive: S3RunArchive, s3: Any):
    """Fault S9: a forged report would stay, and the versions that it replaced would expire after 30 days."""
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    first = RunReport(run_id=RUN, started_at=now, finished_at=now, outcome=RunOutcome.FAILED)
    archive.write_report(RUN, first)

    key = archive.write_report(RUN, replace(first, outcome=RunOutcome.SUCCEEDED))

    assert json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())["outcome"] == "failed"


def test_what_was_notified_is_read_back(archive: S3RunArchive, s3: Any):
    """It is one object for all runs; without it, or when it is damaged, all that is open is notified once more."""
    assert NotifiedProblems.parse(archive.read_notified()) == NotifiedProblems()

    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    kept = NotifiedProblems(
        {
            "univ/idp: OrderDeclined": Notified("error", now, now, RUN, now),
            "univ: PasswordExpiring": Notified("warning", now, now),
        }
    )
    archive.write_notified(kept)
    assert NotifiedProblems.parse(archive.read_notified()) == kept

    for damaged in (b"", b"[]", b'{"problems": {"univ": 1}}'):
        s3.put_object(Bucket=BUCKET, Key="runs/notified.json", Body=damaged)
        assert NotifiedProblems.parse(archive.read_notified()) == NotifiedProblems()


def test_results_of_every_status_and_file_are_read(archive: S3RunArchive, s3: Any):
    """A failed delegation is in another file than the successful ones; it must not be missed."""
    archive.write_plan(RUN, [{}, {}, {}, {}])
    files = {
        "SUCCEEDED": [f"{RESULTS}/SUCCEEDED_0.json", f"{RESULTS}/SUCCEEDED_1.json"],
        "FAILED": [f"{RESULTS}/FAILED_0.json"],
        "PENDING": [f"{RESULTS}/PENDING_0.json"],
    }
    for status, keys in files.items():
        for number, key in enumerate(keys):
            write(s3, key, [an_execution(f"{status}-{number}", status)])
    write(s3, f"{RESULTS}/manifest.json", a_manifest(**files))

    names = {entry["Name"] for entry in archive.read_results(RUN)[0]}

    assert names == {"SUCCEEDED-0", "SUCCEEDED-1", "FAILED-0", "PENDING-0"}


def test_results_of_another_run_are_not_read(archive: S3RunArchive, s3: Any):
    """S3 lists by prefix: `run-1` must not read `run-10`."""
    archive.write_plan("run-1", [])
    write(s3, "runs/run-10/results/uuid/manifest.json", a_manifest(FAILED=["nowhere"]))

    assert archive.read_results("run-1") == ([], [])


@pytest.mark.parametrize("has_manifest", [True, False])
def test_a_run_with_nothing_to_do_has_no_results(archive: S3RunArchive, s3: Any, has_manifest: bool):
    """Most days nothing is due."""
    archive.write_plan(RUN, [])
    if has_manifest:
        write(s3, f"{RESULTS}/manifest.json", a_manifest())

    assert archive.read_results(RUN) == ([], [])


@pytest.mark.parametrize("has_manifest", [True, False])
def test_a_run_that_lost_its_results_is_not_reported_as_idle(archive: S3RunArchive, s3: Any, has_manifest: bool):
    """Something was planned and nothing is known of it: that is worth a page."""
    archive.write_plan(RUN, [{"delegation": "univ"}])
    if has_manifest:
        write(s3, f"{RESULTS}/manifest.json", a_manifest())

    results, (fault,) = archive.read_results(RUN)
    assert results == []
    assert "has items, but the run left no results" in str(fault)


@pytest.mark.parametrize("manifest", [{}, [], {"ResultFiles": None}, {"ResultFiles": {"FAILED": [{}]}}, "text"])
def test_a_manifest_of_another_shape_is_named(archive: S3RunArchive, s3: Any, manifest: object):
    """A KeyError would page with a line of Python."""
    write(s3, f"{RESULTS}/manifest.json", manifest)

    results, (fault,) = archive.read_results(RUN)
    assert results == []
    assert f"{RESULTS}/manifest.json is not" in str(fault)


@pytest.mark.parametrize("entries", ["{", '{"a": 1}', '["a"]', None])
def test_a_result_file_of_another_shape_is_named(archive: S3RunArchive, s3: Any, entries: str | None):
    """Half a file, or one that the lifecycle rule has deleted: the other files are read all the same."""
    bad, good = f"{RESULTS}/FAILED_0.json", f"{RESULTS}/SUCCEEDED_0.json"
    write(s3, f"{RESULTS}/manifest.json", a_manifest(FAILED=[bad], SUCCEEDED=[good]))
    write(s3, good, [an_execution("www", "SUCCEEDED")])
    if entries is not None:
        s3.put_object(Bucket=BUCKET, Key=bad, Body=entries)

    (result,), (fault,) = archive.read_results(RUN)

    assert result["Name"] == "www"
    assert f"{bad} " in str(fault)


def test_results_that_no_time_is_left_for_are_named(s3: Any):
    """A slow AWS would have the function killed, and the run would end without a report."""
    keys = [f"{RESULTS}/SUCCEEDED_{number}.json" for number in range(3)]
    for number, key in enumerate(keys):
        write(s3, key, [an_execution(str(number), "SUCCEEDED")])
    write(s3, f"{RESULTS}/manifest.json", a_manifest(SUCCEEDED=keys))
    began, seconds = datetime.now(UTC), count()
    reads_end = Deadline(began + timedelta(seconds=2), lambda: began + timedelta(seconds=next(seconds)))
    archive = S3RunArchive(s3, BUCKET, reads_end)

    (result,), (fault, _) = archive.read_results(RUN)

    assert result["Name"] == "0"
    assert f"no time was left to read {keys[1]}" in str(fault)


def test_facts_that_are_missing_or_not_ours_are_named(archive: S3RunArchive, s3: Any):
    """Report may be started by hand with a run id that never was."""
    with pytest.raises(PlanUnreadable, match=r"facts\.json is not in"):
        archive.read_facts("never-was")
    documents: tuple[object, ...] = ([], {}, {"started_at": "yesterday"})
    for facts in documents:
        write(s3, f"runs/{RUN}/facts.json", facts)
        with pytest.raises(PlanUnreadable, match=r"facts\.json in .* cannot be read"):
            archive.read_facts(RUN)


def test_a_forbidden_bucket_is_not_an_unreadable_plan(archive: S3RunArchive, s3: Any):
    """The role must be fixed, not the plan."""
    with refused(s3, "GetObject", "AccessDenied", status=403), pytest.raises(StoreRefused):
        archive.read_facts(RUN)


# ---- Reports of hosts ------------------------------------------------------------------------------------------------


LONG = json.dumps(
    {"at": "2026-11-30T02:10:00Z", "certificates": [{"name": "www", "state": "served", "serial": "F" * 99}]}
)


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"at": 5}',
        b'{"at": "2026-11-30T02:10:00Z"}' + b" " * 1_000_000,
        LONG.encode(),
    ],
)
def test_what_is_no_report_is_named(s3: Any, content: bytes) -> None:
    """A host of the organisation writes it, and learns by the finding what is wrong with it."""
    s3.put_object(Bucket=BUCKET, Key="served/univ/odd.json", Body=content)

    with pytest.raises(Unreadable):
        S3HostReports(s3, BUCKET).report("univ", "odd")


def test_a_host_without_report_has_none(s3: Any) -> None:
    """It may be new, or stopped for a month."""
    assert S3HostReports(s3, BUCKET).report("univ", "none") is None


def test_a_report_of_the_client_is_read(s3: Any) -> None:
    """The format is that of tools/certmandate_fetch/report.py; further members are ignored."""
    row = {"name": "www", "state": "served", "error": "", "text": "", "serial": "A77", "public_key_sha256": "ab"}
    report = {"format": 1, "host": "web-1", "at": "2026-11-30T02:10:00Z", "certificates": [row]}
    s3.put_object(Bucket=BUCKET, Key="served/univ/web-1.json", Body=json.dumps(report).encode())

    found = S3HostReports(s3, BUCKET).report("univ", "web-1")

    assert found is not None
    assert found.at == datetime(2026, 11, 30, 2, 10, tzinfo=UTC)
    installed = found.of("www")
    assert installed is not None
    assert (installed.state, installed.serial, installed.public_key_sha256) == ("served", "A77", "ab")
    assert found.of("idp") is None
