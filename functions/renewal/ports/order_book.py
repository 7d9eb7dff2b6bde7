"""The order book: reading it, and changing orders and the status of delegations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from renewal.domain.delegation import CertificatePath
from renewal.domain.errors import RecordUnreadable
from renewal.domain.limits import BegunOrder
from renewal.domain.order import Adoption, FinishedOrder, ManagedCertificate, Order, StoredCertificate
from renewal.domain.order_search import SearchControl, SearchResult
from renewal.domain.replacement_rule import ReplacementRule

if TYPE_CHECKING:
    from renewal.domain.certificate.chain import Chain
    from renewal.domain.setup.foreign_orders import Acknowledgement
    from renewal.domain.setup.inspection import DelegationRecord, Inspection

T = TypeVar("T")
Item = TypeVar("Item")


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
    """Reads the order book by name, consistently."""

    def replacement_rules(self) -> Listing[ReplacementRule]:
        """The replacement rules in force."""

    def delegation(self, name: str) -> DelegationRecord:
        """A delegation with its status. Raises UnknownDelegation, RecordUnreadable."""

    def load_delegations(self, names: Iterable[str]) -> Listing[DelegationRecord]:
        """The named delegations with their status; those that do not exist are left out."""

    def removed_among(self, delegations: Collection[str]) -> Collection[str]:
        """Those of *delegations* that the operator has retired, or removed with `apply --prune`."""

    def certificates(self, delegation: str) -> Listing[ManagedCertificate]:
        """All certificates of a delegation with their open orders."""

    def load_certificates(self, paths: Iterable[CertificatePath]) -> Listing[ManagedCertificate]:
        """The named certificates with their open orders; those that do not exist are left out."""

    def certificate(self, delegation: str, name: str) -> ManagedCertificate:
        """A certificate with its open order. Raises UnknownDelegation; RecordUnreadable also because of the order."""

    def delegation_and_certificate(self, delegation: str, name: str) -> tuple[DelegationRecord, ManagedCertificate]:
        """A certificate and its delegation, read at once. Raises UnknownDelegation, RecordUnreadable."""

    def orders_begun(self, delegation: str, run_id: str) -> Sequence[BegunOrder]:
        """The orders that a run has begun for a delegation, open or ended; without its certificates and history."""

    def history(self, delegation: str, certificate: str) -> Listing[FinishedOrder]:
        """Audit rows, oldest first; *certificate* empty = all of the delegation."""

    def adoptions(self, delegation: str, certificate: str) -> Listing[Adoption]:
        """What operators have adopted as the certificate, oldest first; reads every action in the delegation."""

    def acknowledgements(self, delegation: str) -> Listing[Acknowledgement]:
        """The orders at SCM that the operator has acknowledged as the organisation's own."""


class OrderIndex(OrderReader, Protocol):
    """Finds in the order book what is to be read; through the index a very recent write may be missing."""

    def delegations(self) -> Iterator[str]:
        """Names of all delegations."""

    def waiting(self, until: datetime) -> Iterator[CertificatePath]:
        """Certificates whose next action is at or before *until*; costs what it returns."""

    def every_certificate(self) -> Iterator[CertificatePath]:
        """All certificates."""

    def listed_for(self, rule: ReplacementRule) -> Collection[CertificatePath] | None:
        """What *rule* may cover, as listed when it was stored, read consistently.

        None: not listed, or not in full, or the list cannot be read.
        """

    def undone_retirements(self) -> Collection[str]:
        """The delegations whose retirement was undone and that were not applied since: no run renews them."""

    def count_certificates(self, most: int) -> int:
        """How many certificates there are, counted up to *most* through the index."""


class RuleEnds(Protocol):
    """Records in the order book that a replacement rule has ended."""

    def end_replacement(self, rule: ReplacementRule, now: datetime) -> None:
        """Record that everything *rule* covers is replaced and served. Harmless when it has ended or was cancelled."""


class OrderTransitions(Protocol):
    """Changes of orders. Each is conditional, and harmless when it is repeated.

    It raises OrderConflict when the open order is another one, or is not in the state that the change starts from.
    """

    def open(self, order: Order, revision: int) -> None:
        """Write the intent with its sealed key. Raises UnknownDelegation when there is no such certificate.

        Raises OrderConflict when the record has another *revision*: another run may have ordered since it was read.
        """

    def claim_post(self, order: Order, now: datetime, run_id: str, reason: str = "") -> Order:
        """Claim one more POST, with the operator's reason if any. Raises OrderConflict when another run claimed it."""

    def note_unconfirmed(self, order: Order, *, searched_at: datetime | None = None, lost_answer: str = "") -> None:
        """Note what is known of the latest POST, only while the order has no SSL ID."""

    def note(
        self,
        order: Order,
        *,
        confirmed_at: datetime | None = None,
        found_at: datetime | None = None,
        missed_at: datetime | None = None,
        scm_status: str | None = None,
        storing_error: str | None = None,
    ) -> None:
        """Note what was observed of an order that SCM has."""

    def record_ordered(self, order: Order, ssl_id: int) -> Order:
        """`intent → ordered`. Raises OrderConflict when another SSL ID is recorded."""

    def record_issued(self, order: Order, chain: Chain, now: datetime) -> Order:
        """`ordered → issued` at *now*, with the verified chain."""

    def claim_import(self, order: Order, region: str, now: datetime) -> Order:
        """Claim the first import into a region's ACM. Raises OrderConflict while another claim may be in use."""

    def release_import(self, order: Order, region: str) -> None:
        """Release the claim after a failed import, so that the next try does not wait."""

    def record_import(self, order: Order, region: str, arn: str) -> Order:
        """Record the ARN under which a region's ACM holds the new certificate."""

    def record_stores(self, order: Order, stores: tuple[str, ...]) -> Order:
        """Record the stores that have the new certificate while others still lack it."""

    def finish(
        self,
        order: Order,
        stored: StoredCertificate,
        previous: StoredCertificate | None,
        text: str = "",
        *,
        last_read: ManagedCertificate | None = None,
    ) -> None:
        """`issued → stored`: write the audit row with *text* and the status, remove the open order, all or nothing.

        *last_read*: the certificate's record, where this invocation has it; it is read again when it has changed.
        """

    def fail(
        self,
        order: Order,
        error: str,
        text: str,
        now: datetime,
        hold_until: datetime | None,
        *,
        last_read: ManagedCertificate | None = None,
    ) -> None:
        """`→ failed`: write the audit row and the status, remove the open order with its key, all or nothing.

        Only from the state that *order* has: an order that has received an SSL ID since stays open.

        *last_read*: see finish.
        """


class DelegationTransitions(Protocol):
    """Changes of a delegation's status. Each is conditional, and harmless when it is repeated."""

    def record_inspection(self, delegation: str, inspection: Inspection) -> None:
        """Replace the delegation's last inspection. Raises UnknownDelegation."""

    def record_refusal(self, delegation: str, version: str, run_id: str, pending: str = "") -> None:
        """Record that SCM refused a version of the credential in a run. Raises UnknownDelegation.

        pending: the version of an interrupted rotation, when SCM refused that one too.
        """

    def record_search(
        self,
        delegation: str,
        control: SearchControl,
        result: SearchResult,
        *,
        last_read: DelegationRecord | None = None,
    ) -> None:
        """Record whether a search has found an order that exists. Raises UnknownDelegation and OrderConflict.

        *last_read*: the delegation's record, where this invocation has it; it is read again when it has changed.
        """


class Transitions(OrderTransitions, DelegationTransitions, Protocol):
    """Both."""
