"""One S3 bucket: its objects, read and written in whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from renewal.adapters.aws import error_code, translated

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_JSON = "application/json"
_LOST_RACE = frozenset({"PreconditionFailed", "NoSuchKey"})


class Content(NamedTuple):
    """An object that was read, and the ETag of that version."""

    body: bytes
    etag: str


class Bucket:
    """The role needs `s3:ListBucket`, without which S3 calls an absent object forbidden."""

    def __init__(self, client: S3Client, name: str) -> None:
        self.client = client
        self.name = name

    @translated("s3:GetObject")
    def read(self, key: str, most: int) -> Content | None:
        """Return an object; None when there is none. One that is longer than *most* bytes is cut."""
        try:
            answer = self.client.get_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        return Content(answer["Body"].read(most), answer["ETag"])

    @translated("s3:PutObject")
    def write(self, key: str, body: bytes, content_type: str = _JSON, **condition: Any) -> str:
        """Return the ETag of what was written; empty when the *condition* of S3's does not hold."""
        try:
            answer = self.client.put_object(Bucket=self.name, Key=key, Body=body, ContentType=content_type, **condition)
        except ClientError as error:
            if condition and error_code(error) in _LOST_RACE:
                return ""
            raise
        return answer["ETag"]
