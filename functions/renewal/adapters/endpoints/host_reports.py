"""The reports of hosts: `served/<delegation>/<host>.json`, which certmandate-fetch writes (docs/servers.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from renewal import records
from renewal.adapters.aws import error_code, translated
from renewal.domain.endpoint.observation import HostReport

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

MOST_BYTES = 1_000_000
"""Of a report that is read: a host of the organisation writes it."""


class S3HostReports:
    """The reports in one bucket. Implements `renewal.ports.endpoints.HostReports`."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def report(self, delegation: str, host: str) -> HostReport | None:
        content = self._read(f"served/{delegation}/{host}.json")
        if len(content) > MOST_BYTES:
            msg = f"it has more than {MOST_BYTES} bytes"
            raise records.Unreadable(msg)
        try:
            document = json.loads(content) if content else None
        except (ValueError, RecursionError):
            msg = "it is not JSON"
            raise records.Unreadable(msg) from None
        return None if document is None else records.read(HostReport, document)

    @translated("s3:GetObject")
    def _read(self, key: str) -> bytes:
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return b""
            raise
        return body.read(MOST_BYTES + 1)
