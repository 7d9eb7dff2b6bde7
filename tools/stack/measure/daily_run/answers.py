"""Answers the requests of the measured functions to DynamoDB, S3, Step Functions and SNS from an `LargeEstate`.

On loopback, in another process than the measured function. Pages are as long as DynamoDB's. Of what is written, only
the objects of the run are kept.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from renewal import records
from renewal.adapters.order_book import schema
from renewal.adapters.runs import NOTIFIED
from renewal.domain.alerts.memory import NotifiedProblems
from renewal.domain.delegation import CertificatePath
from stack.measure.daily_run.large_estate import RUN, LargeEstate, Wire

PAGE = (1 << 20) // 150
"""Entries of the index in one answer: a megabyte, of 150 bytes each (AWS: Query.Pagination.html)."""
SCANNED = 100
"""Delegations in one answer to a scan: a megabyte, where each has ten certificates of a kilobyte."""
ORDERS, AUDIT, BUCKET = "orders", "audit", "store"
_LISTED = "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>"
_ENTRY = "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
_PUBLISHED = b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"


class Service(ThreadingHTTPServer):
    """Answers for one estate; `calls` counts the requests by name."""

    daemon_threads = True

    def __init__(self, estate: LargeEstate) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.estate = estate
        # What the daily run before has left.
        notified = records.to_json(NotifiedProblems(delegations=estate.delegations))
        self.objects: dict[str, bytes] = {NOTIFIED: json.dumps(notified).encode()}
        self.calls: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """The endpoint of every service."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def write_results(self) -> None:
        """Play the plan, and write what Step Functions' ResultWriter writes."""
        plan = json.loads(self.objects[f"runs/{RUN}/plan.json"])
        folder = f"runs/{RUN}/results/{uuid.uuid4()}"
        files = {"FAILED": [], "PENDING": [], "SUCCEEDED": [{"Key": f"{folder}/SUCCEEDED_0.json"}]}
        self.objects[f"{folder}/SUCCEEDED_0.json"] = json.dumps(list(self.estate.children(plan))).encode()
        self.objects[f"{folder}/manifest.json"] = json.dumps({"ResultFiles": files}).encode()

    def renewed(self) -> int:
        """Return how many certificates the report has as renewed; 0 without a report."""
        report = json.loads(self.objects.get(f"runs/{RUN}/report.json", b"{}"))
        return int(report.get("counts", {}).get("renewed", 0))

    def answer(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request of DynamoDB or Step Functions."""
        if action == "BatchGetItem":
            ((table, wanted),) = request["RequestItems"].items()
            keys = [(key["delegation"]["S"], key["item"]["S"]) for key in wanted["Keys"]]
            return {"Responses": {table: [item for key in keys for item in self._item(*key)]}, "UnprocessedKeys": {}}
        if action == "Query":
            return self._queried(request)
        if action == "Scan":
            return self._scanned(request)
        return {"executions": []}

    def listed(self, prefix: str) -> bytes:
        """Answer ListObjectsV2."""
        return _LISTED.format("".join(_ENTRY.format(key) for key in self.objects if key.startswith(prefix))).encode()

    def _item(self, partition: str, sort_key: str) -> list[Wire]:
        if sort_key == schema.DELEGATION:
            return [self.estate.delegation_item(partition)]
        if partition == schema.ESTATE:
            return self.estate.list_item((partition, sort_key))
        is_certificate = sort_key.startswith(schema.CERTIFICATE_PREFIX)
        path = schema.path_of((partition, sort_key))
        return [self.estate.certificate_item(path)] if is_certificate else []

    def _queried(self, request: dict[str, Any]) -> dict[str, Any]:
        values = {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()}
        if ":partition" not in values:
            start = int(request.get("ExclusiveStartKey", {}).get("start", {}).get("N", "0"))
            keys = self._indexed(values[":action"], is_until=":until" in values)
            if request.get("Select") == "COUNT":
                return {"Count": min(len(keys), request["Limit"])}
            page = [self._entry(request, key) for key in keys[start : start + PAGE]]
            more = {"LastEvaluatedKey": {"start": {"N": str(start + PAGE)}}} if len(keys) > start + PAGE else {}
            return {"Items": page, **more}
        return {"Items": self._partition(request["TableName"], values[":partition"], values[":prefix"])}

    def _entry(self, request: dict[str, Any], key: tuple[str, str]) -> Wire:
        """Return what the index has of an item, or what of it the request reads."""
        names = request["ExpressionAttributeNames"]
        whole = {
            "delegation": key[0],
            "item": key[1],
            "action": "certificate",
            "next_action_at": "2026-01-01T00:00:00Z",
        }
        read = [names[name] for name in request.get("ProjectionExpression", "").split(", ") if name] or whole
        return {name: {"S": whole[name]} for name in read}

    def _scanned(self, request: dict[str, Any]) -> dict[str, Any]:
        start = int(request.get("ExclusiveStartKey", {}).get("start", {}).get("N", "0"))
        names = self.estate.delegations[start : start + SCANNED]
        paths = (path for name in names for path in self.estate.certificates_of(name))
        more = {"LastEvaluatedKey": {"start": {"N": str(start + SCANNED)}}} if names else {}
        if request["TableName"] == AUDIT:
            return {"Items": [item for path in paths for item in self.estate.audit_items(path)], **more}
        items = [*map(self.estate.delegation_item, names), *map(self.estate.certificate_item, paths)]
        return {"Items": items, **more}

    def _partition(self, table: str, partition: str, prefix: str) -> list[Wire]:
        estate = self.estate
        if table == AUDIT:
            return estate.audit_items(CertificatePath(partition, prefix.split("#")[1]))
        if prefix == schema.REPLACEMENT_PREFIX:
            return estate.rule_items()
        of_delegation = estate.certificates_of(partition) if prefix == schema.CERTIFICATE_PREFIX else ()
        return [estate.certificate_item(path) for path in of_delegation]

    def _indexed(self, action: str, *, is_until: bool) -> list[tuple[str, str]]:
        if action == schema.DELEGATION:
            return [schema.delegation_key(name) for name in self.estate.delegations]
        found = sorted(self.estate.due - self.estate.renewed) if is_until else self.estate.paths
        return [schema.certificate_key(path) for path in found]


@contextmanager
def serving(estate: LargeEstate) -> Iterator[Service]:
    """Answer for *estate* from a thread of this process."""
    with Service(estate) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        try:
            yield service
        finally:
            service.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: with two, each waits 40 ms for an acknowledgement
    server: Service

    def do_GET(self) -> None:
        """S3's GetObject and ListObjectsV2."""
        url = urlsplit(self.path)
        if prefix := parse_qs(url.query).get("prefix"):
            self.server.calls["ListObjectsV2"] += 1
            return self._send(self.server.listed(prefix[0]), "application/xml")
        self.server.calls["GetObject"] += 1
        content = self.server.objects.get(self._key(url.path))
        if content is None:
            return self._send(b"<Error><Code>NoSuchKey</Code></Error>", "application/xml", 404)
        return self._send(content, "application/json")

    def do_PUT(self) -> None:
        """S3's PutObject."""
        self.server.calls["PutObject"] += 1
        self.server.objects[self._key(urlsplit(self.path).path)] = self._body()
        self._send(b"", "application/xml")

    def do_POST(self) -> None:
        """DynamoDB, Step Functions and SNS."""
        body = self._body()
        action = self.headers.get("X-Amz-Target", ".Publish").rpartition(".")[2]
        self.server.calls[action] += 1
        if action == "Publish":
            return self._send(_PUBLISHED, "text/xml")
        answer = json.dumps(self.server.answer(action, json.loads(body))).encode()
        return self._send(answer, "application/x-amz-json-1.0")

    def _key(self, path: str) -> str:
        return path.removeprefix(f"/{BUCKET}/")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # the checksum that botocore sends after the last chunk
        return body

    def _send(self, content: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("ETag", '"1"')  # of S3's answers
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""
