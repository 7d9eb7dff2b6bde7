"""What the steps need from the world. The adapters are the world; tests bring their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, Self, TypeVar

from renewal.domain.certificate.chain import Chain
from renewal.domain.delegation import CertificatePath, CertificateSpec, CustomField, Profile
from renewal.domain.errors import RecordUnreadable, RenewalError
from renewal.domain.keypair import KeyPair
from renewal.domain.order import (
    EnrollRequest,
    FinishedOrder,
    ManagedCertificate,
    Order,
    OrderDetails,
    Served,
)
from renewal.domain.order_search import SearchControl, SearchedOrder, SearchResult
from renewal.domain.replacement.rule import Replacement
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import (
    Account,
    Department,
    Domains,
    OrganisationValidation,
    PasswordState,
    ReportedCertificate,
)

T = TypeVar("T")
Item = TypeVar("Item")
Clock = Callable[[], datetime]
"""Returns the current time, aware, in UTC."""
EgressAddress = Callable[[], str]
"""Returns the IPv4 address from which our requests reach other hosts, empty when unknown; never raises."""
NextRotation = Callable[[str], date | None]
"""Returns the day by which a delegation's password is rotated, None when not, or not known; never raises."""


# ---- SCM ---------------------------------------------------------------------------------------------------------


class DepartmentReader(Protocol):
    """SCM as one account reads a department's certificates. Every method may raise SCM's errors."""

    def profiles(self, department_id: int) -> tuple[Profile, ...]:
        """Return the certificate profiles that the department may order."""

    def reported(self, department_id: int) -> tuple[ReportedCertificate, ...]:
        """Return every SSL certificate that SCM has for the department, in one request."""

    def find(self, order: SearchedOrder) -> SearchResult:
        """Search SCM for *order*. Raises ScmUnavailable when something that SCM lists cannot be read."""


class CertificateAuthority(DepartmentReader, Protocol):
    """SCM as one account orders from it. Every method may raise SCM's errors (`renewal.domain.errors`)."""

    def enroll(self, request: EnrollRequest) -> int:
        """Order a certificate and return its SSL ID. Raises AnswerLost when the order may or may not exist."""

    def details(self, ssl_id: int) -> OrderDetails:
        """Return what SCM records about one order. Raises OrderUnknown."""

    def collect(self, ssl_id: int) -> str:
        """Return the certificate with its chain as PEM, in any order. Raises OrderPending."""

    def mark_renewed(self, ssl_id: int, renewed_by: int) -> None:
        """Mark *ssl_id* as renewed by another order, so that SCM sends no more reminders about it."""


class SetupReader(DepartmentReader, Protocol):
    """SCM as one account reads a delegation's set-up. Every method may raise SCM's errors."""

    def password_state(self) -> PasswordState | None:
        """Return the state of the account's password; None for an OAuth2 client, which has none."""

    def account(self) -> Account | None:
        """Return the account's own record; None when SCM hides it (a privilege is missing, or an OAuth2 client)."""

    def department(self, department_id: int) -> Department | None:
        """Return the department's record; None when SCM has none for this account."""

    def domains(self, department_id: int, names: Collection[str]) -> Domains:
        """Return the department's domain entries, read in full where they concern *names* and time is left."""

    def validations(self, *organisation_ids: int) -> tuple[OrganisationValidation, ...]:
        """Return the validations of the first organisation or department that shows any; () when all are hidden."""

    def custom_fields(self) -> tuple[CustomField, ...]:
        """Return the custom fields that the customer's orders may have, or must have."""


class Accounts(Protocol):
    """SCM accounts by delegation. Both views of an account share its login."""

    def authority(self, delegation: str) -> CertificateAuthority:
        """Return SCM for the delegation's orders. Raises CredentialMissing."""

    def setup_reader(self, delegation: str) -> SetupReader:
        """Return SCM for the delegation's set-up. Raises CredentialMissing."""

    def credential_version(self, delegation: str) -> str:
        """Return which version of the stored credential is in use; changes when a new one is stored."""

    def refuse(self, delegation: str, version: str) -> None:
        """Send no request with this version: SCM has refused it. A pending version is tried in its place."""

    def refused_versions(self, delegation: str) -> Collection[str]:
        """Return the versions that SCM has refused, in their order, with those passed to `refuse`."""


# ---- Keys --------------------------------------------------------------------------------------------------------


class KeySealer(Protocol):
    """Seals private keys; cannot open them."""

    def seal(self, key: KeyPair, *, delegation: str, certificate: str, token: str) -> bytes:
        """Return the key encrypted for exactly this order."""


class KeyOpener(Protocol):
    """Opens sealed keys; cannot seal."""

    def open(self, sealed: bytes, *, delegation: str, certificate: str, token: str) -> KeyPair:
        """Return the key of exactly this order. Raises KeyLost."""


# ---- The order book ----------------------------------------------------------------------------------------------


class Listing(tuple[T, ...]):  # noqa: SLOT001 - a tuple cannot have slots besides its elements
    """The records that were read of several items; `unreadable`: the items that cannot be read, without their values.

    So one damaged item stops nothing but its own certificate, delegation or rule.
    """

    unreadable: tuple[RecordUnreadable, ...] = ()

    @classmethod
    def of(cls, items: Iterable[Item], read: Callable[[Item], T]) -> Self:
        """Read each of *items*."""
        records, unreadable = [], []
        for item in items:
            try:
                records.append(read(item))
            except RecordUnreadable as error:
                unreadable.append(error)
        listing = cls(records)
        listing.unreadable = tuple(unreadable)
        return listing

    def complete(self) -> Self:
        """Return it. Raises RecordUnreadable when an item cannot be read."""
        for error in self.unreadable:
            raise error
        return self


class OrderReader(Protocol):
    """Reads the order book: consistently by name; through the index a very recent write may be missing."""

    def delegations(self) -> Iterator[str]:
        """Names of all delegations, through the index."""

    def waiting(self, until: datetime) -> Iterator[CertificatePath]:
        """Certificates whose next action is at or before *until*, through the index; costs what it returns."""

    def every_certificate(self) -> Iterator[CertificatePath]:
        """All certificates, through the index."""

    def count(self, most: int) -> int:
        """How many certificates there are, counted up to *most* through the index."""

    def replacements(self) -> Listing[Replacement]:
        """The replacement rules in force."""

    def listed(self, rule: Replacement) -> Collection[CertificatePath] | None:
        """The certificates that *rule* may cover, as listed when it was stored; None: not listed, or not in full."""

    def delegation(self, name: str) -> DelegationRecord:
        """A delegation with its status. Raises UnknownDelegation, RecordUnreadable."""

    def load_delegations(self, names: Iterable[str]) -> Listing[DelegationRecord]:
        """The named delegations with their status; those that do not exist are left out."""

    def certificates(self, delegation: str) -> Listing[ManagedCertificate]:
        """All certificates of a delegation with their open orders."""

    def load(self, paths: Iterable[CertificatePath]) -> Listing[ManagedCertificate]:
        """The named certificates with their open orders; those that do not exist are left out."""

    def certificate(self, delegation: str, name: str) -> ManagedCertificate:
        """A certificate with its open order. Raises UnknownDelegation; RecordUnreadable also because of the order."""

    def with_delegation(self, delegation: str, name: str) -> tuple[DelegationRecord, ManagedCertificate]:
        """A certificate and its delegation, read at once. Raises UnknownDelegation, RecordUnreadable."""

    def open_orders(self, delegation: str) -> Listing[Order]:
        """The open orders of a delegation."""

    def history(self, delegation: str, certificate: str) -> Listing[FinishedOrder]:
        """Audit rows, oldest first; *certificate* empty = all of the delegation."""

    def acknowledged(self, delegation: str) -> Listing[Acknowledgement]:
        """The orders at SCM that the operator has acknowledged as the organisation's own."""


class OrderTransitions(Protocol):
    """Changes of orders and of delegations' status. Each is conditional, and harmless when it is repeated.

    A change of an order raises OrderConflict when the open order is another one, or is not in the state that the
    change starts from.
    """

    def open(self, order: Order, revision: int) -> None:
        """Write the intent with its sealed key. Raises UnknownDelegation when there is no such certificate.

        Raises OrderConflict when the record has another *revision*: another run may have ordered since it was read.
        """

    def claim_post(self, order: Order, now: datetime, run_id: str, reason: str = "") -> Order:
        """Claim one more POST, with the operator's reason if any. Raises OrderConflict when another run claimed it."""

    def note(
        self,
        order: Order,
        *,
        searched_at: datetime | None = None,
        confirmed_at: datetime | None = None,
        found_at: datetime | None = None,
        missed_at: datetime | None = None,
        scm_status: str | None = None,
        trouble: str | None = None,
    ) -> None:
        """Note what was observed; *searched_at*: of the latest POST only, and only while the order has no SSL ID."""

    def record_ordered(self, order: Order, ssl_id: int) -> Order:
        """`intent → ordered`. Raises OrderConflict when another SSL ID is recorded."""

    def record_issued(self, order: Order, chain: Chain) -> Order:
        """`ordered → issued`, with the verified chain."""

    def claim_import(self, order: Order, region: str, now: datetime) -> Order:
        """Claim the first import into a region's ACM. Raises OrderConflict while another claim may be in use."""

    def release_import(self, order: Order, region: str) -> None:
        """Release the claim after a failed import, so that the next try does not wait."""

    def record_import(self, order: Order, region: str, arn: str) -> Order:
        """Record the ARN under which a region's ACM holds the new certificate."""

    def record_stores(self, order: Order, stores: tuple[str, ...]) -> Order:
        """Record the stores that have the new certificate while others still lack it."""

    def finish(self, order: Order, served: Served, previous: Served | None, text: str = "") -> None:
        """`issued → stored`: write the audit row with *text* and the status, delete the open order, all or nothing."""

    def fail(self, order: Order, error: str, text: str, now: datetime, hold_until: datetime | None) -> None:
        """`→ failed`: write the audit row and the status, delete the open order with its key, all or nothing.

        Only from the state that *order* has: an order that has received an SSL ID since stays open.
        """

    def record_inspection(self, delegation: str, inspection: Inspection) -> None:
        """Replace the delegation's last inspection. Raises UnknownDelegation."""

    def record_refusal(self, delegation: str, version: str, run_id: str, pending: str = "") -> None:
        """Record that SCM refused a version of the credential in a run. Raises UnknownDelegation.

        pending: the version of an interrupted rotation, when SCM refused that one too.
        """

    def record_search(self, delegation: str, control: SearchControl, result: SearchResult) -> None:
        """Record whether a search has found an order that exists. Raises UnknownDelegation and OrderConflict."""


# ---- Stores and events ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """A verified certificate with its key, on its way into the stores; *replaces*: serial of what is served now."""

    spec: CertificateSpec
    chain: Chain
    key: KeyPair = field(repr=False)
    replaces: str = ""


class AcmStore(Protocol):
    """ACM in any region."""

    def foresee(self, certificate: ManagedCertificate) -> Mapping[str, RenewalError]:
        """Return why stores would not take a new certificate, by store; empty when all would."""

    def find(self, pair: Pair, region: str) -> str | None:
        """Return the ARN under which an earlier attempt has imported the certificate; None when ACM lists none."""

    def put(self, pair: Pair, region: str, arn: str | None) -> str:
        """Import into *arn* (None = a new one) and return the ARN."""


class ServedAcm(Protocol):
    """What ACM serves, in any region."""

    def served(self, region: str, arn: str) -> str:
        """Return the serial under *arn*; empty when there is no such certificate."""


class ServedObjects(Protocol):
    """What the objects of a certificate serve."""

    def served(self, delegation: str, certificate: str) -> str:
        """Return the serial that `current.json` leads to, or what is wrong with it; empty when there is none."""


class ObjectStore(Protocol):
    """Certificates as objects."""

    def put(self, pair: Pair) -> None:
        """Write the four files, then the `current.json` that names them (docs/architecture.md)."""

    def erase_replaced_keys(self, delegation: str, certificate: str, serial: str) -> None:
        """Erase every private key of the certificate besides that of *serial*, which the store serves."""


class Announcer(Protocol):
    """Publishes to EventBridge, at least once, which stores have a new certificate."""

    def renewed(self, order: Order, served: Served, previous: Served | None) -> None:
        """Publish `Certificate Renewed` with identifiers only."""
