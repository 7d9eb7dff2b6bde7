"""The reports of hosts: `served/<delegation>/<host>.json`, which certmandate-fetch writes (docs/servers.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from renewal import records
from renewal.adapters.bucket import Bucket
from renewal.domain.endpoint.observation import HostReport

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

MOST_BYTES = 1_000_000
"""Of a report that is read: a host of the organisation writes it."""


class S3HostReports:
    """The reports in one bucket. Implements `renewal.ports.endpoints.HostReports`."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._bucket = Bucket(client, bucket)

    def report(self, delegation: str, host: str) -> HostReport | None:
        content = self._bucket.read(f"served/{delegation}/{host}.json", MOST_BYTES + 1)
        if content is None or not content.body:
            return None
        if len(content.body) > MOST_BYTES:
            msg = f"it has more than {MOST_BYTES} bytes"
            raise records.Unreadable(msg)
        document = records.parsed(content.body)
        if document is None:
            msg = "it is not JSON"
            raise records.Unreadable(msg)
        return records.read(HostReport, document)
