"""An order: one request for one certificate, from the intent to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from renewal.domain.delegation import CertificateSpec
from renewal.domain.keypair import KeyType

COMMENT_PREFIX = "certmandate order "
IMPORT_LEASE = timedelta(seconds=150)
"""Longer than a collect function can live (`CollectFunction` in template.yaml)."""
GIVEN_UP = datetime(1970, 1, 1, tzinfo=UTC)
"""The moment of a claim that was given back: it keeps nobody away, and tells that an import was tried."""


class OrderStatus(StrEnum):
    """Where an order stands. `intent → ordered → issued → stored`, or `failed`."""

    INTENT = "intent"
    ORDERED = "ordered"
    ISSUED = "issued"
    STORED = "stored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Order:
    """One request for one certificate; at most one is open for a certificate at any time.

    Its spec is frozen at the moment of the intent: what was asked stays what is checked, even when the
    delegation file changes while SCM works.
    """

    delegation: str
    certificate: str
    token: str
    """Random, travels in SCM's `comments`; by it an order is found again when its answer was lost."""
    status: OrderStatus
    department_id: int
    names: tuple[str, ...]
    profile_id: int
    key_type: KeyType
    term_days: int
    csr: str = field(repr=False)
    sealed_key: bytes = field(repr=False)
    causes: tuple[str, ...]
    run_id: str
    opened_at: datetime
    posted_at: datetime
    """When the latest POST was claimed; nobody posts again before the quiet period after it is over."""
    replaces: str = ""
    """Token of the certificate that was served when this order was decided ("" = none): when it is another by the
    time of the intent, somebody else was quicker and the intent is refused. Of no use once the intent is written."""
    reason: str = ""
    """Why, in the words of whoever wanted it; empty where the causes say it all."""
    posts: int = 1
    """How many POSTs were claimed, the first with the intent itself."""
    ssl_id: int | None = None
    looked_at: datetime | None = None
    """When SCM was last searched for the token without finding it."""
    confirmed_at: datetime | None = None
    """When the details last said that the order is really still pending."""
    trouble: str = ""
    """Name of the error for which what SCM issued was not stored; the order stays open until a person has looked."""
    chain: str = field(default="", repr=False)
    """The verified certificate and its issuers, PEM, leaf first; empty before `issued`."""
    arns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Region to ARN, for the regions in which ACM already has the new certificate."""
    importing: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    """Region to the moment of the latest claim of a first import; an import under way would be made a second time
    by whoever does not see its ARN yet, so nobody else claims before `IMPORT_LEASE` is over."""

    @property
    def path(self) -> str:
        """`delegation/certificate`."""
        return f"{self.delegation}/{self.certificate}"

    @property
    def comment(self) -> str:
        """What stands in SCM's `comments`: findable by token, readable by a RAO."""
        return f"{COMMENT_PREFIX}{self.token} for {self.path}"


def token_in(comment: str | None) -> str | None:
    """Return the token of an order of ours from SCM's `comments`, None when it is somebody else's."""
    if not comment or not comment.startswith(COMMENT_PREFIX):
        return None
    return comment.removeprefix(COMMENT_PREFIX).split(" ", 1)[0]


@dataclass(frozen=True, slots=True)
class Served:
    """The certificate that the stores hold now, as the last successful order left it."""

    ssl_id: int
    serial: str
    """Upper-case hexadecimal without separators or leading zeros."""
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    profile_id: int
    key_type: KeyType
    issuer: str
    stores: tuple[str, ...]
    token: str
    stored_at: datetime
    arns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sealed_key: bytes = field(default=b"", repr=False)
    """Kept until the certificate is replaced, then overwritten; empty for adopted certificates."""


@dataclass(frozen=True, slots=True)
class ManagedCertificate:
    """A certificate's record: what is wanted (spec) and where it stands (status)."""

    spec: CertificateSpec
    served: Served | None = None
    order: Order | None = None
    """The open order, if there is one."""
    asked: str = ""
    """An operator's reason to replace it now; cleared when the new certificate is stored."""
    hold_until: datetime | None = None
    """After an order that existed was declined, rejected or revoked: no new one before this moment unless asked."""
    failures: int = 0
    """Orders in a row that ended in failure."""
    last_error: str = ""

    def arn_in(self, region: str, key_type: KeyType) -> str | None:
        """Return the ARN to import into: the operator's, or the one served from.

        None makes a new one: for a first import, and for another key type, which ACM never takes under an ARN
        (AWS: acm/latest/userguide/import-reimport.html).
        """
        if region in self.spec.arns:
            return self.spec.arns[region]
        served = self.served
        return served.arns.get(region) if served and served.key_type is key_type else None


@dataclass(frozen=True, slots=True)
class Replacement:
    """A standing order: replace everything that *issuer* issued before a moment (a mass revocation is announced)."""

    issued_before: datetime
    issuer: str
    """Part of the issuer's name, any case; empty = every issuer."""
    reason: str

    def covers(self, served: Served) -> bool:
        """Return whether *served* is to be replaced.

        CAs date certificates back, some to the midnight before: for those dated less than a day before
        `issued_before` it counts when they were stored, or what was just replaced would be replaced once more.
        """
        surely_before = served.not_before < self.issued_before - timedelta(days=1)
        before = surely_before or max(served.not_before, served.stored_at) < self.issued_before
        return before and self.issuer.casefold() in served.issuer.casefold()


@dataclass(frozen=True, slots=True)
class FinishedOrder:
    """An audit row: written once when an order ends (`status`: `stored` or `failed`), never changed."""

    delegation: str
    certificate: str
    token: str
    status: str
    ended_at: datetime
    opened_at: datetime
    names: tuple[str, ...]
    causes: tuple[str, ...]
    run_id: str
    ssl_id: int | None
    serial: str = ""
    previous_serial: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    stores: tuple[str, ...] = ()
    arns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    error: str = ""
    """Name of the error that ended it; empty when it was stored."""
    text: str = ""
    reason: str = ""
    posts: int = 1


@dataclass(frozen=True, slots=True)
class EnrollRequest:
    """What is sent to `/ssl/v1/enroll` (SCM reference §5.4)."""

    department_id: int
    profile_id: int
    term_days: int
    names: tuple[str, ...]
    csr: str = field(repr=False)
    comment: str = ""


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """What SCM's details say of one order (SCM reference §5.2)."""

    ssl_id: int
    status: str
    """Upper case without blanks or underscores: `ISSUED`, `SAAPPROVED`, …"""
    comment: str = ""
    serial: str = ""
