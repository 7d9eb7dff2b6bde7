"""Reads the seals of audit trails, with the rows that were stored with them."""

from __future__ import annotations

import json

from certmandate.audit.trail import SealedRows
from certmandate.exit import Refused
from renewal import records
from renewal.adapters.aws import translated
from renewal.adapters.order_book.seals import S3Seals
from renewal.adapters.runs import MOST_BYTES
from renewal.domain.audit.seal import Seal


class SealedTrails(S3Seals):
    """The bucket of seals, as operators read it."""

    def every(self, delegation: str) -> tuple[SealedRows, ...]:
        """Return every seal of the delegation, those that a delete marker hides included. Raises Refused."""
        return tuple(self._read(key, version) for key, version in self.versions(delegation))

    def newest(self, delegation: str) -> Seal | None:
        """Return the last seal of the delegation; None when there is none. Raises Refused."""
        last = max(self.versions(delegation), default=None)
        return self._read(*last).seal if last else None

    def _read(self, key: str, version: str) -> SealedRows:
        content = self._content(key, version)
        try:
            document = json.loads(content)
            return SealedRows(records.read(Seal, document), tuple(document["rows"]))
        except (ValueError, TypeError, LookupError, RecursionError):
            where = f"{key} in {self._bucket.name}"
            msg = f"{where} is not what seal_audit writes; see docs/runbook.md, section AuditNotSealed"
            raise Refused(msg) from None

    @translated("s3:GetObjectVersion")
    def _content(self, key: str, version: str) -> bytes:
        answer = self._client.get_object(Bucket=self._bucket.name, Key=key, VersionId=version)
        return answer["Body"].read(MOST_BYTES)  # a longer object is cut, and is then not valid JSON
