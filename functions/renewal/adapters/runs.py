"""The runs in progress, and the objects of a run in S3: plan, facts, results, report.

    runs/<run id>/plan.json               items of the Distributed Map (its ItemReader reads it)
    runs/<run id>/collection.json         items of the second one: the orders that are polled next
    runs/<run id>/verification.json       items of the third one: whose endpoints are verified; when there is any
    runs/<run id>/facts.json              what the report needs of the plan
    runs/<run id>/results/<uuid>/…        written by their ResultWriters: manifest.json and the files it names
    runs/<run id>/verification/<uuid>/…   the same, of the third one
    runs/<run id>/report.json             the report
    runs/notified.json                    what the operator has been notified of, and what runs have failed for
    runs/<run id>/recording-<delegation>.json   the answers of SCM, when the run records them
    runs/<run id>/foreign-orders-<delegation>.json   what SCM has and the order book has not, when there is any

Shapes: AWS, step-functions/latest/dg/input-output-resultwriter.html.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from renewal import records
from renewal.adapters.aws import translated
from renewal.adapters.bucket import Bucket
from renewal.deadline import Deadline
from renewal.domain.errors import PlanUnreadable
from renewal.domain.run.payload import read_part
from renewal.domain.run.plan import PlanFacts

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_stepfunctions import SFNClient

    from renewal.domain.alerts.memory import NotifiedProblems
    from renewal.domain.run.report import RunReport
    from renewal.domain.setup.foreign_orders import ForeignOrderList

NOTIFIED = "runs/notified.json"
MOST_BYTES = 50_000_000
"""Of one object; the results of 10,000 certificates have less."""

T = TypeVar("T")


class S3RunArchive:
    """The runs in one bucket. *reads_end*: when no object of results is read any more: what is left is a fault."""

    def __init__(self, client: S3Client, bucket: str, reads_end: Deadline | None = None) -> None:
        self._client = client
        self._bucket = Bucket(client, bucket)
        self._reads_end = reads_end

    def write_plan(self, run_id: str, items: list[Mapping[str, Any]]) -> tuple[str, str]:
        return self._write(_key(run_id, "plan"), items)

    def write_collection(self, run_id: str, items: list[Mapping[str, Any]]) -> tuple[str, str]:
        return self._write(_key(run_id, "collection"), items)

    def write_verification(self, run_id: str, items: list[Mapping[str, Any]]) -> tuple[str, str]:
        return self._write(_key(run_id, "verification"), items)

    def write_facts(self, run_id: str, facts: PlanFacts) -> None:
        self._write(_key(run_id, "facts"), records.to_json(facts))

    def read_notified(self) -> object:
        content = self._bucket.read(NOTIFIED, MOST_BYTES)
        return records.parsed(content.body) if content else None

    def write_notified(self, notified: NotifiedProblems) -> None:
        self._write(NOTIFIED, records.to_json(notified))

    def write_report(self, run_id: str, report: RunReport) -> str:
        # A report that is there stays: it is of an earlier attempt whose answer was lost.
        _, key = self._write(_key(run_id, "report"), report.document(), IfNoneMatch="*")
        return key

    def write_recording(self, run_id: str, delegation: str, recording: Mapping[str, Any]) -> None:
        self._write(_key(run_id, f"recording-{delegation}"), recording)

    def write_foreign_orders(self, run_id: str, delegation: str, listed: ForeignOrderList) -> None:
        self._write(_key(run_id, f"foreign-orders-{delegation}"), records.to_json(listed))

    def read_facts(self, run_id: str) -> PlanFacts:
        key = _key(run_id, "facts")
        return read_part(PlanFacts, self._document(key), f"{key} in {self._bucket.name}")

    def read_results(self, run_id: str) -> tuple[list[Mapping[str, Any]], list[PlanUnreadable]]:
        return self._read_children(f"runs/{run_id}/results/", _key(run_id, "plan"))

    def read_verification(self, run_id: str) -> tuple[list[Mapping[str, Any]], list[PlanUnreadable]]:
        return self._read_children(f"runs/{run_id}/verification/", _key(run_id, "verification"))

    def _read_children(self, prefix: str, plan: str) -> tuple[list[Mapping[str, Any]], list[PlanUnreadable]]:
        """A *plan* that has items and left no results must not pass for an idle one: that is a fault too."""
        faults: list[PlanUnreadable] = []
        manifests = [key for key in self._keys(prefix) if key.endswith("/manifest.json")]
        results = self._read_each(self._read_each(manifests, _result_files, faults), _entries, faults)
        if not results and not faults:
            self._read_each([plan], _nothing_planned, faults)
        return results, faults

    def _read_each(
        self, keys: Iterable[str], content: Callable[[str, Any], list[T]], faults: list[PlanUnreadable]
    ) -> list[T]:
        """Return the contents of the objects *keys*; why some cannot be read is added to *faults*."""
        contents: list[T] = []
        for key in keys:
            try:
                self._require_time(key)
                contents += content(key, self._document(key))
            except PlanUnreadable as error:
                faults.append(error)
        return contents

    def _require_time(self, key: str) -> None:
        if self._reads_end and not self._reads_end.seconds_left():
            msg = f"AWS answered so slowly that no time was left to read {key} in {self._bucket.name}"
            raise PlanUnreadable(msg)

    def _document(self, key: str) -> Any:
        stored = self._bucket.read(key, MOST_BYTES)
        if stored is None:
            msg = f"{key} is not in {self._bucket.name}"
            raise PlanUnreadable(msg)
        text = _text(stored.body)
        del stored  # results of thousands of delegations are in the memory once, not twice, while they are parsed
        document = records.parsed(text)
        if document is None:
            msg = f"{key} in {self._bucket.name} is not JSON"
            raise PlanUnreadable(msg)
        return document

    def _write(self, key: str, document: object, **condition: str) -> tuple[str, str]:
        """Return the bucket and *key*."""
        self._bucket.write(key, json.dumps(document).encode(), **condition)
        return self._bucket.name, key

    def _keys(self, prefix: str) -> list[str]:
        """Every key below *prefix*, in the order in which the objects were written."""
        found: list[tuple[datetime, str]] = []
        start: dict[str, str] | None = {}
        while start is not None:
            page, start = self._list(prefix, start)
            found += page
        return [key for _, key in sorted(found, key=lambda item: item[0])]

    # ---- Calls -----------------------------------------------------------------------------------------

    @translated("s3:ListBucket")
    def _list(self, prefix: str, start: Mapping[str, str]) -> tuple[list[tuple[datetime, str]], dict[str, str] | None]:
        """Return one page of times and keys, and where the next one starts."""
        answer: Any = self._client.list_objects_v2(Bucket=self._bucket.name, Prefix=prefix, **start)  # type: ignore[arg-type]
        page = [(item["LastModified"], str(item["Key"])) for item in answer.get("Contents", [])]
        is_last = not answer.get("IsTruncated")
        return page, None if is_last else {"ContinuationToken": answer["NextContinuationToken"]}


def _key(run_id: str, name: str) -> str:
    return f"runs/{run_id}/{name}.json"


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return ""  # no JSON


def _result_files(key: str, manifest: Any) -> list[str]:
    try:
        return [file["Key"] for files in manifest["ResultFiles"].values() for file in files]
    except (TypeError, KeyError, AttributeError):
        msg = f"{key} is not a manifest of Step Functions' ResultWriter"
        raise PlanUnreadable(msg) from None


def _nothing_planned(key: str, plan: Any) -> list[Any]:
    if plan:
        msg = f"{key} has items, but the run left no results; the execution's Map Run shows what happened to them"
        raise PlanUnreadable(msg)
    return []


def _entries(key: str, entries: Any) -> list[Mapping[str, Any]]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        msg = f"{key} is not a list of execution descriptions"
        raise PlanUnreadable(msg)
    return entries


class RunningExecutions:
    """Lists executions by the state machine's ARN, which Step Functions passes to check_expiry.

    The list is eventually consistent (AWS: step-functions/latest/apireference/API_ListExecutions.html): two executions
    that start within seconds may both be missing from it. Then they work at the same time, and the conditions of the
    order book's writes keep them apart.
    """

    def __init__(self, client: SFNClient) -> None:
        self._client = client

    @translated("states:ListExecutions")
    def older(self, state_machine: str, run_id: str) -> tuple[str, ...]:
        """Of the newest thousand: the operator starts runs one by one, and the schedule once an hour."""
        page = self._client.list_executions(stateMachineArn=state_machine, statusFilter="RUNNING", maxResults=1000)
        started = {found["name"]: (found["startDate"], found["name"]) for found in page["executions"]}
        own = started.pop(run_id, None)
        return tuple(sorted(name for name, start in started.items() if own is None or start < own))
