"""The S3 store of certmandate: docs/architecture.md, "Consumers of the S3 store"."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from certmandate_fetch.configuration import StoreSettings
from certmandate_fetch.errors import CertificateMissing, StoreRefused, StoreUnavailable

FILES = ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")
"""In certbot's layout."""
_MOST_BYTES = 1_000_000
_BUSY = {"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "InternalError", "ServiceUnavailable"}
_ABSENT = {"NoSuchKey", "404"}


@dataclass(frozen=True)
class Pointer:
    """`current.json` of one certificate. `sha256`: of the leaf certificate."""

    serial: str
    sha256: str
    path: str


class Store:
    """The objects of one delegation, read with the credentials of this server."""

    def __init__(self, settings: StoreSettings, client: Any = None) -> None:
        """*client*: boto3's of S3; without one, it is made when it is first needed."""
        self._settings = settings
        self._client = client

    def pointer(self, certificate: str) -> Pointer:
        """Return which version is current. Raises CertificateMissing, StoreRefused, StoreUnavailable."""
        folder = f"certificates/{self._settings.delegation}/{certificate}/"
        key = f"{folder}current.json"
        try:
            document = json.loads(self.read(key))
            found = Pointer(str(document["serial"]), str(document["sha256"]), str(document["path"]))
        except (ValueError, TypeError, KeyError):
            found = Pointer("", "", "")
        if not re.fullmatch("[0-9A-F]{1,40}", found.serial) or found.path != f"{folder}{found.serial}/":
            msg = f"{key} is not what certmandate writes; the operator of certmandate restores its previous version"
            raise CertificateMissing(msg)
        return found

    def read(self, key: str) -> bytes:
        """Return an object. Raises CertificateMissing, StoreRefused, StoreUnavailable."""
        with _named_errors(self._settings.bucket, key):
            answer = self._s3().get_object(Bucket=self._settings.bucket, Key=key)
            content: bytes = answer["Body"].read(_MOST_BYTES + 1)
            answer["Body"].read(1)  # the length is compared at the end only: urllib3 1.26 takes a cut connection for it
        if len(content) > _MOST_BYTES:
            msg = f"{key} has more than {_MOST_BYTES} bytes: certmandate has not written it"
            raise CertificateMissing(msg)
        return content

    def write_report(self, content: bytes) -> None:
        """Write the report of this host. Raises StoreRefused, StoreUnavailable."""
        key = f"served/{self._settings.delegation}/{self._settings.host}.json"
        with _named_errors(self._settings.bucket, key):
            self._s3().put_object(Bucket=self._settings.bucket, Key=key, Body=content, ContentType="application/json")

    def _s3(self) -> Any:
        if self._client is None:
            import boto3  # noqa: PLC0415  # it takes most of the start, and may find its configuration malformed
            from botocore.config import Config  # noqa: PLC0415

            session = boto3.Session(
                profile_name=self._settings.profile or None, region_name=self._settings.region or None
            )
            config = Config(
                connect_timeout=10, read_timeout=20, retries={"max_attempts": 4, "mode": "standard"},
                signature_version="s3v4",  # S3 requires it for objects that KMS encrypts
            )  # fmt: skip
            self._client = session.client("s3", endpoint_url=self._settings.endpoint or None, config=config)
        return self._client


@contextmanager
def _named_errors(bucket: str, key: str) -> Iterator[None]:
    """Give the errors of boto3 our names; theirs may quote the request, so they are not the cause."""
    try:
        yield
    except CertificateMissing:
        raise
    except Exception as caught:  # noqa: BLE001  # boto3's, urllib3's, and those of the files that boto3 reads
        error = _translated(caught, bucket, key)
    else:
        return
    raise error


def _translated(error: Exception, bucket: str, key: str) -> Exception:
    response = getattr(error, "response", None)
    response = response if isinstance(response, dict) else {}  # botocore's errors of the network have another one
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _ABSENT:
        return CertificateMissing(f"there is no {key} in {bucket}: certmandate has not stored that certificate")
    if code in _BUSY or status >= 500 or _is_of_the_network(error):
        return StoreUnavailable(f"S3 was not reached for {key} ({code or type(error).__name__}); try again later")
    if code == "AccessDenied":
        return StoreRefused(
            f"AWS refused {key} in {bucket} (AccessDenied). Either the object does not exist, or the role lacks "
            "the tag certmandate-delegation, s3:GetObject or s3:PutObject, or the use of the stack's StoreKeyArn"
        )
    return StoreRefused(
        f"no request for {key} can be made ({code or type(error).__name__}): check bucket, region, credentials and the "
        "clock"
    )


def _is_of_the_network(error: Exception) -> bool:
    """Kinds of botocore and urllib3, some of which only newer versions have: time-outs, resets, unknown hosts."""
    kinds = {"ConnectionError", "HTTPClientError", "HTTPError", "IncompleteReadError"}
    return any(kind.__name__ in kinds for kind in type(error).__mro__)
