"""An order: one request for one certificate, from the intent to its end; and the certificate's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from renewal.domain.audit.chained_row import ChainedRow
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.delegation import ACM, CertificatePath, CertificateSpec
from renewal.domain.endpoint.observation import ServiceRecord
from renewal.domain.errors import NeedsAttention, OrderDeclined, OrderRejected, OrderRevoked
from renewal.domain.key_type import KeyType
from renewal.domain.permission import OrderAgain
from renewal.records import REQUIRED, REWRITTEN

COMMENT_PREFIX = "certmandate order "
IMPORT_LEASE = timedelta(seconds=300)
"""Longer than `CollectFunction` (template.yaml) can live, and than ACM may omit a new certificate from its list."""
RESTORED_AFTER = timedelta(minutes=10)
"""After the POST of an order: a restore of the orders table and its deployment take longer."""
RELEASED = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a released import claim. It blocks no other; it stays, because the import may have succeeded."""
MOST_POSTS = 10
"""Of one order: about a night in which SCM lists orders and answers no request. The operator decides on more."""
CLOSED = "ClosedByOperator"
"""In an audit row and beside a certificate, in the place of an error's name: the operator has closed the order."""


class OrderStatus(StrEnum):
    """State of an order: `intent → ordered → issued → stored`, or `failed`."""

    INTENT = "intent"
    ORDERED = "ordered"
    ISSUED = "issued"
    STORED = "stored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Order:
    """One request for one certificate; at most one is open for a certificate at any time.

    It keeps the spec as it was when the intent was written: what was ordered is what is checked, even when the
    delegation file changes while SCM works.
    """

    delegation: str
    certificate: str
    token: str
    """Random, sent to SCM in `comments`: an order whose answer was lost is found by it."""
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
    """When the latest POST was claimed; no run posts again until the quiet period after it is over."""
    reason: str = ""
    """The operator's reason; empty when there is none besides the causes."""
    posts: int = 1
    """How many POSTs were claimed, the first with the intent itself."""
    ssl_id: int | None = None
    searched_at: datetime | None = field(default=None, metadata={"stored": "looked_at"})
    """When SCM was last searched for the token without finding it."""
    found_at: datetime | None = None
    """When a search found the order; None before."""
    missed_at: datetime | None = None
    """When a search last did not find the order although its SSL ID is known."""
    posted_by: str = ""
    """The run that claimed the latest POST; empty for the first, which `run_id` made."""
    lost_answer: str = ""
    """What came in place of SCM's answer to a POST, the last that is known; it may quote SCM."""
    confirmed_at: datetime | None = None
    """When SCM's details last showed that the order is still pending."""
    scm_status: str = ""
    """The status that they showed: `REQUESTED` awaits approval in SCM, `APPLIED` waits for the CA (§5.14)."""
    storing_error: str = field(default="", metadata={"stored": "trouble"})
    """Name of the error because of which the issued certificate was not stored; the order stays open until an operator
    closes it."""
    issued_at: datetime | None = None
    """When its certificate was first collected: SCM shows only the day on which it issued. None before, and in orders
    that an earlier version collected."""
    chain: str = field(default="", repr=False)
    """The verified certificate and its issuers, PEM, leaf first; empty before `issued`."""
    arns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), metadata=REQUIRED)
    """Region to ARN, for the regions in which ACM already has the new certificate."""
    stores: tuple[str, ...] = ()
    """The stores that have the new certificate, as was announced; the others still have the previous one."""
    custom_fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    external_requester: str = ""
    import_claims: Mapping[str, datetime] = field(
        default_factory=lambda: MappingProxyType({}), metadata={**REQUIRED, "stored": "importing"}
    )
    """Region to the time of the latest claim of a first import, or RELEASED. A second import would make a second ARN,
    so no other run claims it before `IMPORT_LEASE` is over."""

    @property
    def held_in(self) -> tuple[str, ...]:
        """The stores that are known to have the new certificate, whether it was announced or not."""
        return tuple(dict.fromkeys((*self.stores, *(f"{ACM}{region}" for region in self.arns))))

    @property
    def record_key(self) -> CertificatePath:
        """The key of the record of the ordered certificate."""
        return CertificatePath(self.delegation, self.certificate)

    @property
    def path(self) -> str:
        """`delegation/certificate`."""
        return str(self.record_key)

    @property
    def comment(self) -> str:
        """The text of SCM's `comments`: found by its token, readable for a RAO."""
        return f"{COMMENT_PREFIX}{self.token} for {self.path}"

    def may_be_posted_again(self, now: datetime, quiet: timedelta) -> bool:
        """Two searches after the latest POST found nothing (one earlier, one *now*), and the *quiet* period is over."""
        searched_before = self.searched_at is not None and self.posted_at < self.searched_at < now
        return searched_before and now >= self.posted_at + quiet

    def may_be_restored(self, now: datetime) -> bool:
        """Return whether it may have ended before, and be open again in an orders table that was restored."""
        return not self.posted_at <= now < self.posted_at + RESTORED_AFTER  # a later time is of a fast clock

    def stored_row(self, stored: StoredCertificate, previous: StoredCertificate | None, text: str) -> FinishedOrder:
        """Return the audit row of this order when *stored* takes the place of *previous*; *text*: warnings."""
        row = self._finished(OrderStatus.STORED, stored.stored_at)
        return replace(
            row,
            ssl_id=stored.ssl_id,
            serial=stored.serial,
            previous_serial=previous.serial if previous else "",
            not_before=stored.not_before,
            not_after=stored.not_after,
            stores=stored.stores,
            text=text,
        )

    def failed_row(self, error: str, text: str, now: datetime) -> FinishedOrder:
        """Return the audit row of this order when it ends with the error named *error*."""
        from renewal.domain.certificate.chain import leaf_serial  # noqa: PLC0415 - imports cryptography

        row = self._finished(OrderStatus.FAILED, now)
        return replace(row, error=error, text=text, serial=leaf_serial(self.chain))

    def _finished(self, status: OrderStatus, now: datetime) -> FinishedOrder:
        from renewal.domain.keypair import requested_key_fingerprint  # noqa: PLC0415 - imports cryptography

        kept = ("delegation", "certificate", "token", "opened_at", "names", "causes", "run_id", "reason", "posts")
        values: dict[str, Any] = {name: getattr(self, name) for name in kept}
        values |= {"ssl_id": self.ssl_id, "arns": self.arns, "key_fingerprint": requested_key_fingerprint(self.csr)}
        return FinishedOrder(**values, status=status, ended_at=now)


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """The certificate that the stores hold now, as the last successful order left it. Its key is in the stores only."""

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
    arns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), metadata=REQUIRED)
    """Region to ARN. A region whose store is not in `stores` still holds an earlier certificate there."""
    client_auth: bool | None = None
    """Whether its extended key usage has clientAuth; None in records of earlier versions."""
    key_fingerprint: str = ""
    """SHA-256 of its public key, upper-case hexadecimal; empty in records of earlier versions."""
    fingerprint: str = ""
    """SHA-256 of the certificate, upper-case hexadecimal; empty in records of earlier versions."""
    ordered_at: datetime | None = None
    """When its order was opened; None where it was adopted, and in records of earlier versions."""
    issued_at: datetime | None = None
    """As of its order; None where it was adopted, and in records of earlier versions."""
    former_arns: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    """ARNs that no renewal imports into any more, until what they hold has expired: by this time, at the latest."""

    @property
    def held_arns(self) -> dict[str, str]:
        """Region to ARN, of the regions in which ACM holds this certificate."""
        return {region: arn for region, arn in self.arns.items() if f"{ACM}{region}" in self.stores}


@dataclass(frozen=True, slots=True)
class ManagedCertificate:
    """A certificate's record: spec and status."""

    spec: CertificateSpec
    stored: StoredCertificate | None = field(default=None, metadata={"stored": "served"})
    """What all its stores have, or, while an order is stored in some of them, what the others have."""
    order: Order | None = None
    """The open order, if there is one."""
    asked_reason: str = field(default="", metadata={"stored": "asked"})
    """An operator's reason to replace it now; cleared when the new certificate is stored."""
    asked_by: str = field(default="", compare=False)
    """ARN of the operator who last asked; no function writes it. Empty in records of earlier versions."""
    hold_until: datetime | None = None
    """After an order was declined, rejected or revoked: no new one before this time, unless an operator asks."""
    failures: int = 0
    """Orders in a row that ended in failure."""
    last_error: str = ""
    """Name of the error that ended the last order; empty when it was stored."""
    last_error_text: str = ""
    """The sentence of that error, shortened; empty in records of earlier versions."""
    failed_at: datetime | None = None
    """When that order ended; None when it was stored, and in records of earlier versions."""
    applied_by: str = field(default="", compare=False)
    """ARN of the operator who last wrote the spec; empty in records of earlier versions."""
    service: ServiceRecord | None = field(default=None, compare=False, metadata=REWRITTEN)
    """What its endpoints presented last; None before, and without `served_at`."""
    revocations: tuple[RevocationRequest, ...] = field(default=(), compare=False)
    order_again: OrderAgain | None = field(default=None, compare=False)
    revision: int = field(default=0, compare=False, metadata=REQUIRED)
    """Version of the record that was read; 0 = not read. A write holds only while the record still has it."""

    @property
    def permission(self) -> OrderAgain | None:
        """The operator's permission to order again, if it holds for the record as it is now."""
        given, posts = self.order_again, self.order.posts if self.order else 0
        return given if given and (given.revision, given.posts) == (self.revision, posts) else None

    @property
    def lacking_stores(self) -> tuple[str, ...]:
        """The stores that lack the certificate of the open order."""
        held = self.order.held_in if self.order else self.spec.stores
        return tuple(store for store in self.spec.stores if store not in held)

    def arn_in(self, region: str, key_type: KeyType) -> str | None:
        """Return the ARN to import into: the operator's, or the one imported into.

        None makes a new one: for a first import, and for another key type, which ACM never takes under an ARN
        (AWS: acm/latest/userguide/import-reimport.html).
        """
        if region in self.spec.arns:
            return self.spec.arns[region]
        stored = self.stored
        return stored.arns.get(region) if stored and stored.key_type is key_type else None


@dataclass(frozen=True, slots=True)
class FinishedOrder(ChainedRow):
    """An audit row: written once when an order ends (`status`: `stored` or `failed`), never changed."""

    delegation: str
    certificate: str
    token: str
    status: OrderStatus
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
    key_fingerprint: str = ""
    """SHA-256 of the public key that was ordered, upper-case hexadecimal; empty in rows of earlier versions."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What the audit trail has of a certificate that an operator adopted."""

    at: datetime
    reason: str = ""
    """With its serial and its SSL ID."""


@dataclass(frozen=True, slots=True)
class EnrollRequest:
    """What is sent to `/ssl/v1/enroll` (SCM reference §5.4)."""

    department_id: int
    profile_id: int
    term_days: int
    names: tuple[str, ...]
    csr: str = field(repr=False)
    comment: str = ""
    custom_fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    external_requester: str = ""

    @classmethod
    def of(cls, order: Order) -> Self:
        """Return the request for *order*: every POST of an order is the same."""
        return cls(**{member.name: getattr(order, member.name) for member in fields(cls)})


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """SCM's details of one order (SCM reference §5.2)."""

    ssl_id: int
    status: str
    """Upper case without blanks or underscores: `ISSUED`, `SAAPPROVED`, …"""
    comment: str = ""
    serial: str = ""
    requested: datetime | None = None
    """When it was requested; a day, in some time zone."""


_ENDED_AT_SCM: dict[str, type[NeedsAttention]] = {
    "DECLINED": OrderDeclined,
    "REJECTED": OrderRejected,
    "INVALID": OrderRejected,
    "REVOKED": OrderRevoked,
    "EXPIRED": OrderRevoked,
}


def normalised_status(text: str) -> str:
    """Return *text* in upper case without blanks or underscores: `SA Approved` is `SAAPPROVED`."""
    return "".join(text.split()).replace("_", "").upper()


def error_of_status(status: str) -> type[NeedsAttention] | None:
    """Return the error that *status* amounts to (SCM reference §5.14), None while the order can still be issued.

    An unknown status counts as pending: the time budget of the state machine ends that wait, whereas a wrong end would
    abandon an order that is about to be issued.
    """
    return _ENDED_AT_SCM.get(normalised_status(status))
