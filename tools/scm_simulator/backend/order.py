"""An order: a request for a certificate, with all that SCM stores about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from scm_simulator.ca.csr import SigningRequest

REQUESTED, APPROVED, APPLIED, ISSUED = "Requested", "Approved", "Applied", "Issued"
DECLINED, REJECTED, INVALID = "Declined", "Rejected", "Invalid"
REVOKED, EXPIRED = "Revoked", "Expired"
DEAD = (DECLINED, REJECTED, INVALID)
OPEN = (REQUESTED, APPROVED, APPLIED)


@dataclass
class Order:
    """An order; `names` has the common name first and no duplicates.

    `collects` and `detail_queries` count the polls since the order (or its replacement) was approved.
    `private_key_pem` is set only where the simulator made the key itself.
    """

    ssl_id: int
    renew_id: str
    names: tuple[str, ...]
    department_id: int
    profile_id: int
    term_days: int
    csr: SigningRequest
    requester: str
    requested_at: datetime
    status: str = REQUESTED
    comments: str = ""
    external_requester: str = ""
    custom_fields: tuple[tuple[str, str], ...] = ()
    via: str = "REST API"
    label: str = ""
    approved_by: str = ""
    approved_at: datetime | None = None
    issued_at: datetime | None = None
    declined_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced_at: datetime | None = None
    renewed_at: datetime | None = None
    renewed: bool = False
    renewed_by: int | None = None
    reason_code: int | None = None
    reason: str = ""
    certificate: x509.Certificate | None = None
    private_key_pem: bytes | None = field(default=None, repr=False)
    replacing: bool = False
    collects: int = 0
    detail_queries: int = 0
    collects_since_issued: int = 0
    auto_renew: Mapping[str, Any] = field(default_factory=lambda: {"state": "Not scheduled"})
    suspend_notifications: bool = False

    @property
    def common_name(self) -> str:
        """The first name."""
        return self.names[0]

    @property
    def order_number(self) -> int | None:
        """The CA's number of the order; None before issuance."""
        return self.ssl_id + 7_000_000 if self.certificate else None

    @property
    def public_key(self) -> bytes:
        """The public key of the CSR, as DER SubjectPublicKeyInfo."""
        return self.csr.spki

    @property
    def serial_number(self) -> int | None:
        """The serial number of the certificate; None before issuance."""
        return self.certificate.serial_number if self.certificate else None

    @property
    def serial(self) -> str:
        """The serial number as SCM writes it, `AB:CD:…`; empty before issuance."""
        return format_serial(self.serial_number, "colons") if self.certificate else ""

    @property
    def expires_at(self) -> datetime | None:
        """The end of the certificate's validity."""
        return self.certificate.not_valid_after_utc if self.certificate else None

    def fingerprint(self, algorithm: hashes.HashAlgorithm) -> str:
        """Return the certificate's fingerprint in upper-case hex; empty before issuance."""
        return self.certificate.fingerprint(algorithm).hex().upper() if self.certificate else ""


def format_serial(number: int | None, form: str) -> str:
    """Return *number* as `AB:CD:…` (colons), `ABCD…` (plain) or with leading zeros stripped (stripped)."""
    if number is None:
        return ""
    text = f"{number:032X}"
    if form == "colons":
        return ":".join(text[i : i + 2] for i in range(0, len(text), 2))
    return text.lstrip("0") if form == "stripped" else text


def parse_serial(text: str) -> int | None:
    """Return the serial number in *text*, in any of SCM's forms; None when it is not a number."""
    try:
        return int(text.replace(":", ""), 16)
    except ValueError:
        return None
