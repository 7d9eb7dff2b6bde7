"""Certificates as objects in S3, in certbot's layout.

    certificates/<delegation>/<certificate>/<serial>/{cert,chain,fullchain,privkey}.pem
    certificates/<delegation>/<certificate>/current.json      which serial is in use; replaced last, in one write

A consumer reads `current.json` and then the files that it points to: never half a pair. Encryption is the
bucket's default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from cryptography import x509

from renewal.adapters.aws import error_code, translated
from renewal.domain.certificate.facts import LIBRARY_ERRORS, Certificate
from renewal.domain.errors import OrderConflict, StoreRefused
from renewal.ports.stores import Pair

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

MOST_BYTES = 1_000_000
"""Of an object that is read; `current.json` has a thousandth of it for every name."""

_KEY = "privkey.pem"
_VERSIONS = ("Versions", "DeleteMarkers")
_LOST_RACE = frozenset({"PreconditionFailed", "NoSuchKey"})


@dataclass(frozen=True, slots=True)
class _Pointer:
    """The content of `current.json`, and what S3 has of the version that was read."""

    serial: str
    not_before: datetime
    path: str
    etag: str
    written_at: datetime


class S3Certificates:
    """One bucket. The role needs `s3:ListBucket`, without which S3 calls an absent object forbidden."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, pair: Pair) -> None:
        """Raises OrderConflict when the store points to a newer certificate, or another run replaces the pointer now.

        The certificate that the pair replaces counts as older whatever its dates: CAs date certificates back.
        """
        leaf, folder = pair.chain.leaf, _folder(pair.spec.delegation, pair.spec.name)
        before = self._current(folder)
        if before and before.serial == leaf.serial:
            return
        if before and before.serial != pair.replaces and before.not_before > leaf.not_before:
            msg = f"{folder}/current.json points to serial {before.serial}, which is newer than {leaf.serial}"
            raise OrderConflict(msg)
        for name, content in _files(pair).items():
            self._write(f"{folder}/{leaf.serial}/{name}", content)
        if not self._replace(f"{folder}/current.json", _pointer_to(leaf, folder), before):
            self._require_pointing_to(leaf.serial, folder)

    def _require_pointing_to(self, serial: str, folder: str) -> None:
        """Another write came first: an earlier one of ours whose answer was lost, or one of another run."""
        after = self._current(folder)
        if after is None or after.serial != serial:
            msg = f"{folder}/current.json was just replaced by another run"
            raise OrderConflict(msg)

    def erase_replaced_keys(self, delegation: str, certificate: str, serial: str) -> None:
        """Erase every version: a delete marker would erase nothing.

        A key that was written after `current.json`, by the next order, stays. Nothing is erased while `current.json`
        points elsewhere than to *serial*: someone has put it back, and which key is in use is not known.
        """
        folder = _folder(delegation, certificate)
        current = self._current(folder)
        if current is None or current.serial != serial:
            return
        for key, version, written_at in self._versions(f"{folder}/"):
            of, _, name = key.removeprefix(f"{folder}/").partition("/")
            if name == _KEY and of != current.serial and written_at <= current.written_at:
                self._delete(key, version)

    def stored_serial(self, delegation: str, certificate: str) -> str:
        """S3 reports an absent object as forbidden to a role that may not list the bucket: both count as absent."""
        folder = _folder(delegation, certificate)
        try:
            pointer, leaf = self._current(folder), None
            if pointer and pointer.path == f"{folder}/{pointer.serial}/":
                leaf = self._read(f"{pointer.path}cert.pem")
        except StoreRefused as error:
            return "" if "AccessDenied" in str(error) else "a malformed current.json"
        if pointer is None:
            return ""
        serial = _serial_in(leaf[0]) if leaf else ""
        return serial if serial == pointer.serial else f"a current.json that leads to {serial or 'no certificate'}"

    def _current(self, folder: str) -> _Pointer | None:
        found = self._read(f"{folder}/current.json")
        if found is None:
            return None
        pointer = _pointer_from(*found)
        if pointer is None:
            msg = (
                f"{folder}/current.json in {self._bucket} is not what certmandate writes; restore its previous version"
            )
            raise StoreRefused(msg)
        return pointer

    # ---- Calls -----------------------------------------------------------------------------------------

    @translated("s3:GetObject")
    def _read(self, key: str) -> tuple[bytes, str, datetime] | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        content = answer["Body"].read(MOST_BYTES)  # what is cut off there is no JSON
        return content, answer["ETag"], answer["LastModified"].astimezone(UTC)

    @translated("s3:PutObject")
    def _write(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType="application/x-pem-file")

    @translated("s3:PutObject")
    def _replace(self, key: str, content: bytes, before: _Pointer | None) -> bool:
        """Write the pointer if it has not changed since it was read; return whether it was written."""
        condition: Any = {"IfMatch": before.etag} if before else {"IfNoneMatch": "*"}
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=content, ContentType="application/json", **condition
            )
        except ClientError as error:
            if error_code(error) in _LOST_RACE:
                return False
            raise
        return True

    @translated("s3:ListBucketVersions")
    def _versions(self, prefix: str) -> list[tuple[str, str, datetime]]:
        """Key, version and time of every version below *prefix*, and of every delete marker."""
        pages: Any = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        found = (version for page in pages for kind in _VERSIONS for version in page.get(kind, []))
        return [(str(each["Key"]), str(each["VersionId"]), each["LastModified"].astimezone(UTC)) for each in found]

    @translated("s3:DeleteObjectVersion")
    def _delete(self, key: str, version: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=version)


def _folder(delegation: str, certificate: str) -> str:
    return f"certificates/{delegation}/{certificate}"


def _files(pair: Pair) -> Mapping[str, bytes]:
    return {
        "cert.pem": pair.chain.leaf.pem().encode(),
        "chain.pem": pair.chain.issuers_pem().encode(),
        "fullchain.pem": pair.chain.pem().encode(),
        _KEY: pair.key.pem(),
    }


def _pointer_to(leaf: Certificate, folder: str) -> bytes:
    document = {
        "serial": leaf.serial,
        "not_before": _iso(leaf.not_before),
        "not_after": _iso(leaf.not_after),
        "names": list(leaf.names),
        "sha256": leaf.fingerprint(),
        "path": f"{folder}/{leaf.serial}/",
    }
    return json.dumps(document, indent=2).encode()


def _serial_in(pem: bytes) -> str:
    try:
        return Certificate(x509.load_pem_x509_certificate(pem)).serial
    except LIBRARY_ERRORS:
        return ""


def _pointer_from(content: bytes, etag: str, written_at: datetime) -> _Pointer | None:
    try:
        document = json.loads(content)
        not_before = datetime.fromisoformat(document["not_before"])
        if not_before.tzinfo is None:
            return None
        return _Pointer(str(document["serial"]), not_before, str(document["path"]), etag, written_at)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
