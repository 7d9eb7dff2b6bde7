"""What the order book holds for operators only: ended delegations, and an `apply` that was interrupted.

#estate   retired#<delegation>  a delegation that was ended, and which of its certificates are valid until when
#estate   removed#<delegation>  the same of one that `apply --prune` removed; the next `apply` of it deletes the mark
#estate   reinstated#<delegation>  a retirement was undone: the requested revocations, which the next `apply` restores
#estate   apply#unfinished      an `apply` of more than one transaction has begun and not ended
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Self

from certmandate.files.operator_action import ActionKind, OperatorAction
from renewal.adapters.order_book import schema
from renewal.adapters.order_book.reader import DynamoDbOrderReader, finished_orders
from renewal.adapters.order_book.table import Item, Key
from renewal.domain.audit.hash_chain import number_of
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.delegation import Delegation
from renewal.domain.order import FinishedOrder, ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.domain.setup.inspection import DelegationRecord, record_missing
from renewal.domain.setup.withdrawal import open_revocations
from renewal.ports.order_book import Listing
from renewal.records import REWRITTEN

UNFINISHED_APPLY: Key = (schema.ESTATE, "apply#unfinished")
_MOST_QUERIES = 20
"""Of more delegations, the whole audit table is read: a page of it has the rows of many."""


@dataclass(frozen=True, slots=True)
class StillValid:
    """A certificate that is valid after its delegation has ended."""

    certificate: str = field(metadata={"stored": "name"})
    ssl_id: int | None
    """None when it was adopted without SCM's number."""
    serial: str
    not_after: datetime
    arns: Mapping[str, str] = field(default_factory=dict)
    """In ACM, by region."""


@dataclass(frozen=True, slots=True)
class Retired:
    """A delegation that was ended, or removed with `apply --prune`."""

    delegation: str
    organisation: str
    department_id: int
    retired_at: datetime
    certificates: tuple[StillValid, ...] = ()
    revocations: tuple[RevocationRequest, ...] = ()
    """Those that SCM did not show: the RAO still has to revoke, and no run asks for it."""

    @property
    def valid_until(self) -> datetime:
        """When the last of its certificates expires; without a certificate, when it was retired."""
        return max((certificate.not_after for certificate in self.certificates), default=self.retired_at)

    def joined_with(self, earlier: Self, judged: Collection[str]) -> Self:
        """Return it with what *earlier* has besides, but for the revocations of the serials *judged*."""
        serials = {each.serial for each in self.certificates}
        others = (
            each for each in earlier.certificates if each.serial not in serials and each.not_after > self.retired_at
        )
        known = {*judged, *(each.serial for each in self.revocations)}
        owed = (each for each in earlier.revocations if each.serial not in known)
        return replace(self, certificates=(*self.certificates, *others), revocations=(*self.revocations, *owed))

    @property
    def record(self) -> DelegationRecord:
        """What is left of the delegation, as its report needs it."""
        delegation = Delegation(self.delegation, self.organisation, self.department_id, ())
        return DelegationRecord(delegation, revocations=self.revocations)


@dataclass(frozen=True, slots=True)
class _UnfinishedApply:
    begun_at: datetime = field(default=datetime(1970, 1, 1, tzinfo=UTC), metadata=REWRITTEN)
    """The next apply deletes the mark, whatever is in it."""


@dataclass(frozen=True, slots=True)
class Reinstated:
    """What the next `apply` restores of a delegation whose retirement was undone."""

    revocations: tuple[RevocationRequest, ...] = ()


def reinstated_key(delegation: str) -> Key:
    """Key of a `Reinstated`."""
    return schema.ESTATE, f"{schema.REINSTATED_PREFIX}{delegation}"


def retirement(
    record: DelegationRecord, certificates: Iterable[ManagedCertificate], now: datetime, begun: Iterable[Retired] = ()
) -> Retired:
    """Return what is kept of a delegation: certificates that are valid after *now*, and revocations that are open.

    *begun*: what interrupted removals have kept, also of certificates whose records they deleted.
    """
    delegation, listed = record.delegation, tuple(certificates)
    is_open = {finding.about for finding in open_revocations(record, listed, now)}
    requests = {each.serial: each for each in chain(record.revocations, *(each.revocations for each in listed))}
    kept = Retired(
        delegation.name,
        delegation.organisation,
        delegation.department_id,
        now,
        still_valid(listed, now),
        tuple(each for each in requests.values() if each.serial in is_open),
    )
    for earlier in begun:
        if earlier.delegation == kept.delegation:
            kept = kept.joined_with(earlier, requests)
    return kept


def still_valid(certificates: Iterable[ManagedCertificate], now: datetime) -> tuple[StillValid, ...]:
    """Return those of *certificates* that are valid after *now*."""
    return tuple(
        StillValid(
            certificate.spec.name, stored.ssl_id or None, printed_serial(stored.serial), stored.not_after, stored.arns
        )
        for certificate in certificates
        if (stored := certificate.stored) and stored.not_after > now
    )


def retired_from(item: Item) -> Retired:
    """Read a retired or removed delegation. Raises RecordUnreadable."""
    delegation = item["item"].partition("#")[2]
    return schema.read(Retired, item, item.get("retired", {}), delegation=delegation)


def _action_from(item: Item) -> OperatorAction:
    if item["item"].startswith(schema.ACKNOWLEDGED_PREFIX):
        return OperatorAction.of_acknowledgement(schema.read(Acknowledgement, item, item))
    return schema.read(OperatorAction, item, item)


class OperatorReader(DynamoDbOrderReader):
    """The order book as operators read it."""

    def everything(self) -> tuple[Listing[DelegationRecord], Listing[ManagedCertificate]]:
        """Every delegation and its certificates, by name, in one reading of the table; the index may have lost them.

        A delegation without its item is unreadable, and its certificates are left out.
        """
        items = {(item["delegation"], item["item"]): item for item in self._table.items()}
        in_order = [items[key] for key in sorted(items)]
        delegations = [item for item in in_order if item["item"] == schema.DELEGATION]
        names = {item["delegation"] for item in delegations}
        certificates = [item for item in in_order if item["item"].startswith(schema.CERTIFICATE_PREFIX)]
        records = Listing.of(delegations, schema.delegation_record)
        lost = dict.fromkeys(item["delegation"] for item in certificates if item["delegation"] not in names)
        records.unreadable += tuple(map(record_missing, lost))
        return (
            records,
            Listing.of(
                (item for item in certificates if item["delegation"] in names),
                lambda item: schema.managed_certificate(item, items.get(schema.order_key(schema.path_in(item)))),
            ),
        )

    def histories(self, delegations: Collection[str]) -> Listing[FinishedOrder]:
        """The audit rows of the orders of *delegations*; where they are many, in one reading of the table."""
        if len(delegations) <= _MOST_QUERIES:
            queried = (self._audit.query(name, schema.FINISHED_PREFIX) for name in delegations)
            return finished_orders(chain.from_iterable(queried))
        rows = (item for item in self._audit.items() if item["item"].startswith(schema.FINISHED_PREFIX))
        return finished_orders(item for item in rows if item["delegation"] in delegations)

    def all_replacements(self) -> Listing[ReplacementRule]:
        """The replacement rules, those that have ended included."""
        return Listing.of(self._table.query(schema.ESTATE, schema.REPLACEMENT_PREFIX), schema.replacement)

    def retired(self) -> Listing[Retired]:
        """The retired delegations, by name."""
        return Listing.of(self._table.query(schema.ESTATE, schema.RETIRED_PREFIX), retired_from)

    def removed(self) -> Listing[Retired]:
        """The delegations that `apply --prune` has removed, and that are neither retired nor applied again, by name."""
        marks = self._table.query(schema.ESTATE, schema.REMOVED_PREFIX)
        ended = {retired.delegation for retired in self.retired()}
        listed = Listing.of((mark for mark in marks if schema.is_removed(mark) and "retired" in mark), retired_from)
        chosen = Listing(each for each in listed if each.delegation not in ended)
        chosen.unreadable = listed.unreadable
        return chosen

    def begun_removals(self, delegations: Iterable[str]) -> tuple[Retired, ...]:
        """What interrupted removals of *delegations*, which have their items, have kept. Raises RecordUnreadable."""
        keys = [key_of(name) for name in delegations for key_of in (schema.removed_key, schema.retired_key)]
        items = self._table.read(keys)
        return Listing.of((item for item in items.values() if "retired" in item), retired_from).complete()

    def actions(self, delegation: str, certificate: str) -> Listing[OperatorAction]:
        """What operators have done to a certificate, its delegation, or all delegations, by time."""
        partitions = ((delegation, schema.ACTION_PREFIX), (delegation, schema.ACKNOWLEDGED_PREFIX))
        items = [self._audit.query(*of) for of in (*partitions, (schema.ESTATE, schema.ACTION_PREFIX))]
        rows = sorted(filter(number_of, chain.from_iterable(items)), key=lambda item: str(item.get("at")))
        read = Listing.of(rows, _action_from)
        chosen = Listing(action for action in read if action.concerns(certificate))
        chosen.unreadable = read.unreadable
        return chosen

    def credential_stored_at(self, delegation: str) -> datetime | None:
        """Return when an operator last stored the delegation's credential; None when no row has it."""
        rows = filter(number_of, self._audit.query(delegation, schema.ACTION_PREFIX))
        stored = (row.at for row in Listing.of(rows, _action_from) if row.action is ActionKind.CREDENTIAL_STORED)
        return max(stored, default=None)

    def unfinished_apply(self) -> datetime | None:
        """Return when the `apply` began that has not ended; None when there is none."""
        item = self._table.read([UNFINISHED_APPLY]).get(UNFINISHED_APPLY)
        return schema.read(_UnfinishedApply, item, item).begun_at if item else None
