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

from renewal import records
from renewal.adapters.aws import translated
from renewal.adapters.bucket import Bucket
from renewal.domain.errors import ChainBroken, OrderConflict, StoreRefused
from renewal.ports.stores import CertificateWithKey

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from renewal.domain.certificate.facts import Certificate

MOST_BYTES = 1_000_000
"""Of an object that is read; `current.json` has a thousandth of it for every name."""

_KEY = "privkey.pem"
_VERSIONS = ("Versions", "DeleteMarkers")


@dataclass(frozen=True, slots=True)
class _Pointer:
    """The content of `current.json`, and what S3 has of the version that was read."""

    serial: str
    not_before: datetime
    path: str
    etag: str


@dataclass(frozen=True, slots=True)
class _Version:
    """A version of an object, or a delete marker, which has no *etag*."""

    key: str
    id: str
    etag: str
    is_latest: bool
    written_at: datetime


class S3Certificates:
    """The certificates in one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = Bucket(client, bucket)

    def put(self, pair: CertificateWithKey) -> str:
        """Return the pointer's ETag.

        Raises OrderConflict when the store points to a newer certificate, or another run replaces the pointer now. The
        certificate that the pair replaces counts as older whatever its dates: CAs date certificates back.
        """
        leaf, folder = pair.chain.leaf, _folder(pair.spec.delegation, pair.spec.name)
        before = self._current(folder)
        if before and before.serial == leaf.serial:
            return before.etag
        if before and before.serial != pair.replaces and before.not_before > leaf.not_before:
            msg = f"{folder}/current.json points to serial {before.serial}, which is newer than {leaf.serial}"
            raise OrderConflict(msg)
        for name, content in _files(pair).items():
            self._bucket.write(f"{folder}/{leaf.serial}/{name}", content, "application/x-pem-file")
        unchanged = {"IfMatch": before.etag} if before else {"IfNoneMatch": "*"}
        pointer = self._bucket.write(f"{folder}/current.json", _pointer_to(leaf, folder), **unchanged)
        # Another write may have come first: an earlier one of ours whose answer was lost, or one of another run.
        pointer = pointer or self._current_etag(leaf.serial, folder)
        if not pointer:
            msg = f"{folder}/current.json was just replaced by another run"
            raise OrderConflict(msg)
        return pointer

    def _current_etag(self, serial: str, folder: str) -> str:
        """The ETag of the pointer; empty when it leads elsewhere than to *serial*."""
        current = self._current(folder)
        return current.etag if current and current.serial == serial else ""

    def erase_replaced_keys(self, delegation: str, certificate: str, serial: str, pointer: str = "") -> None:
        """Erase every version: a delete marker would erase nothing.

        A key that was written after `current.json`, by the next order, stays. Nothing is erased while `current.json`
        points elsewhere than to *serial*: someone has put it back, and which key is in use is not known.
        """
        folder = _folder(delegation, certificate)
        pointer = pointer or self._current_etag(serial, folder)
        versions = self._versions(f"{folder}/")
        latest = next((each for each in versions if each.is_latest and each.key == f"{folder}/current.json"), None)
        if latest is None or not pointer or latest.etag != pointer:
            return
        for each in versions:
            of, _, name = each.key.removeprefix(f"{folder}/").partition("/")
            if name == _KEY and of != serial and each.written_at <= latest.written_at:
                self._delete(each)

    def stored_serial(self, delegation: str, certificate: str) -> str:
        folder = _folder(delegation, certificate)
        content = self._bucket.read(f"{folder}/current.json", MOST_BYTES)
        if content is None:
            return ""
        pointer = _pointer_from(*content)
        if pointer is None:
            return "a malformed current.json"
        leads_to_own = pointer.path == f"{folder}/{pointer.serial}/"
        leaf = self._bucket.read(f"{pointer.path}cert.pem", MOST_BYTES) if leads_to_own else None
        serial = _serial_in(leaf.body) if leaf else ""
        return serial if serial == pointer.serial else f"a current.json that leads to {serial or 'no certificate'}"

    def _current(self, folder: str) -> _Pointer | None:
        content = self._bucket.read(f"{folder}/current.json", MOST_BYTES)
        if content is None:
            return None
        pointer = _pointer_from(*content)
        if pointer is None:
            where = f"{folder}/current.json in {self._bucket.name}"
            msg = f"{where} is not what certmandate writes; restore its previous version"
            raise StoreRefused(msg)
        return pointer

    # ---- Calls -----------------------------------------------------------------------------------------

    @translated("s3:ListBucketVersions")
    def _versions(self, prefix: str) -> list[_Version]:
        """Every version below *prefix*, and every delete marker."""
        pages: Any = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket.name, Prefix=prefix
        )
        versions = (version for page in pages for kind in _VERSIONS for version in page.get(kind, []))
        return [
            _Version(
                str(each["Key"]),
                str(each["VersionId"]),
                str(each.get("ETag", "")),
                bool(each["IsLatest"]),
                each["LastModified"].astimezone(UTC),
            )
            for each in versions
        ]

    @translated("s3:DeleteObjectVersion")
    def _delete(self, version: _Version) -> None:
        self._client.delete_object(Bucket=self._bucket.name, Key=version.key, VersionId=version.id)


def _folder(delegation: str, certificate: str) -> str:
    return f"certificates/{delegation}/{certificate}"


def _files(pair: CertificateWithKey) -> Mapping[str, bytes]:
    return {
        "cert.pem": pair.chain.leaf.pem().encode(),
        "chain.pem": pair.chain.issuers_pem().encode(),
        "fullchain.pem": pair.chain.pem().encode(),
        _KEY: pair.key.pem(),
    }


def _pointer_to(leaf: Certificate, folder: str) -> bytes:
    document = {
        "serial": leaf.serial,
        "not_before": records.timestamp_in_seconds(leaf.not_before),
        "not_after": records.timestamp_in_seconds(leaf.not_after),
        "names": list(leaf.names),
        "sha256": leaf.fingerprint(),
        "path": f"{folder}/{leaf.serial}/",
    }
    return json.dumps(document, indent=2).encode()


def _serial_in(pem: bytes) -> str:
    from renewal.domain.certificate.chain import Chain  # noqa: PLC0415 - imports cryptography

    try:
        return Chain.parse(pem.decode()).leaf.serial
    except (UnicodeDecodeError, ChainBroken):
        return ""


def _pointer_from(content: bytes, etag: str) -> _Pointer | None:
    document = records.parsed(content)
    try:
        not_before = datetime.fromisoformat(document["not_before"])
        if not_before.tzinfo is None:
            return None
        return _Pointer(str(document["serial"]), not_before, str(document["path"]), etag)
    except (ValueError, TypeError, KeyError):
        return None
