"""Seals of audit trails as objects that S3 Object Lock keeps.

    audit/<delegation>/<number, 12 digits>-<hash>.json       of the head that is sealed

An object may be hidden by a delete marker, but not deleted: every version counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from renewal import records
from renewal.adapters.aws import translated
from renewal.adapters.bucket import Bucket
from renewal.domain.audit.hash_chain import ChainHead, json_default
from renewal.domain.audit.seal import Seal

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_FOLDER = "audit/"
_NAME = re.compile(r"(?P<number>[0-9]{12})-(?P<hash>[0-9a-f]{64})\.json")


class S3Seals:
    """One bucket; `renewal.ports.audit.Seals`."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._bucket = Bucket(client, bucket)
        self._client = client

    @translated("s3:ListBucketVersions")
    def delegations(self) -> Iterator[str]:
        pages: Any = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket.name, Prefix=_FOLDER, Delimiter="/"
        )
        folders = [str(each["Prefix"]) for page in pages for each in page.get("CommonPrefixes", [])]
        return (folder.removeprefix(_FOLDER).removesuffix("/") for folder in folders)

    def last(self, delegation: str) -> ChainHead | None:
        heads = [head for key, _ in self.versions(delegation) if (head := _head_in(key, delegation))]
        return max(heads, key=lambda head: head.sequence, default=None)

    @translated("s3:ListBucketVersions")
    def versions(self, delegation: str) -> list[tuple[str, str]]:
        """Return key and version of every object of the delegation, in order of the keys."""
        pages: Any = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket.name, Prefix=_folder(delegation)
        )
        return [(str(each["Key"]), str(each["VersionId"])) for page in pages for each in page.get("Versions", [])]

    def put(self, seal: Seal, rows: Iterable[Mapping[str, Any]]) -> None:
        head = seal.statement.head
        document = records.to_json(seal) | {"rows": list(rows)}
        key = f"{_folder(seal.statement.delegation)}{head.sequence:012d}-{head.hash}.json"
        # Object Lock requires a checksum (AWS: AmazonS3/latest/API/API_PutObject.html).
        body = json.dumps(document, default=json_default).encode()
        self._bucket.write(key, body, ChecksumAlgorithm="SHA256", IfNoneMatch="*")


def _folder(delegation: str) -> str:
    return f"{_FOLDER}{delegation}/"


def _head_in(key: str, delegation: str) -> ChainHead | None:
    found = _NAME.fullmatch(key.removeprefix(_folder(delegation)))
    return ChainHead(int(found["number"]), found["hash"]) if found else None
