"""The tables: their keys, and which record each item holds.

    orders table
    delegation     item
    univ-example   delegation                         spec, inspection, refusal, search_proof, notices,
                                                      revocations
    univ-example   certificate#idp                    spec, applied_by, served, asked, hold_until, failures, last_error,
                                                      last_error_text, failed_at, service, revocations, asked_by,
                                                      order_again, revision
    univ-example   order#idp                          the certificate's open order, with the sealed private key; and
                                                      ended: run and causes of the last one that has ended
    #estate        replacement#<before>#<issuer>      a replacement rule; then #<scope> where it names any
    #estate        covered#<before>#<issuer>#<number> paths of certificates that the rule may cover
    #estate        removed#<delegation>               when an operator has removed it, and what was left of it then;
                                                      deleted when it is applied again
    #estate        reinstated#<delegation>            its retirement was undone; deleted when it is applied again
    #estate        retired#<delegation>               a delegation that was ended (`certmandate.files.operator_records`)

    audit table
    delegation     item
    univ-example   finished#idp#2026-11-23…#<token>   audit row of an order that has ended; never changed
    univ-example   acknowledged#4711                  a foreign order that is the organisation's own; an audit row
    univ-example   action#<number>                    what an operator did; an audit row
    #estate        action#<number>                    the same, of what concerns no single delegation
    univ-example   head                               number and hash of the last audit row

Functions write attributes of existing items and never whole items, because IAM distinguishes attributes and not items
(`dynamodb:Attributes`). So an order ends when all its attributes are removed: the item with `ended` alone is no order.

Members are written by `renewal.records`. The index `next-action` consists of `action` and `next_action_at` of
delegations and certificates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from renewal import records
from renewal.adapters.order_book.table import Item, Key
from renewal.domain.audit.hash_chain import ChainHead
from renewal.domain.delegation import S3, CertificatePath, CertificateSpec
from renewal.domain.errors import RecordUnreadable
from renewal.domain.limits import BegunOrder
from renewal.domain.order import FinishedOrder, ManagedCertificate, Order
from renewal.domain.replacement_rule import ReplacementRule
from renewal.records import timestamp

if TYPE_CHECKING:
    from renewal.domain.notices.notice import Notices
    from renewal.domain.setup.foreign_orders import Acknowledgement
    from renewal.domain.setup.inspection import DelegationRecord

T = TypeVar("T")

_KEYS = frozenset({"delegation", "item"})
ORDER_ATTRIBUTES = (*sorted({*records.stored_names(Order)} - {*_KEYS, "certificate"}), "claim")
"""Every attribute that an open order may have."""
_OF_EVERY_ORDER = frozenset(records.required_names(Order)) - _KEYS
"""An item with none of them is of an order that has ended: after a rollback, an earlier version ends orders and leaves
the attributes that it does not know."""
OF_BEGUN_ORDERS = ("run_id", "causes", "ended")
"""What `begun_orders` reads."""
DELEGATION = "delegation"
"""`action`, and sort key, of delegations."""
CERTIFICATE = "certificate"
"""`action` of certificates."""
CERTIFICATE_PREFIX = "certificate#"
ORDER_PREFIX = "order#"
FINISHED_PREFIX = "finished#"
ACKNOWLEDGED_PREFIX = "acknowledged#"
ACTION_PREFIX = "action#"
ADOPTION = "adopted"
"""`action` of the audit row of an adoption."""
HEAD = "head"
REPLACEMENT_PREFIX = "replacement#"
_COVERED_PREFIX = "covered#"
RETIRED_PREFIX = "retired#"
REMOVED_PREFIX = "removed#"
REINSTATED_PREFIX = "reinstated#"
ESTATE = "#estate"
"""Partition of what concerns all delegations; no delegation can have this name (`renewal.domain.run.request.NAME`)."""
_MOST_DAYS = 36_500
"""Of a policy's `floor_days`: with more, dates overflow."""


_OF_OTHERS = ("spec", "applied_by", "order", "service", "revocations", "asked_by", "order_again", "revision")
"""Members of a certificate that are not of its status as orders change it."""


def delegation_key(name: str) -> Key:
    """Key of a delegation."""
    return name, DELEGATION


def removed_key(delegation: str) -> Key:
    """Key of the mark that tells a removed delegation from a lost one; see `is_removed`."""
    return ESTATE, f"{REMOVED_PREFIX}{delegation}"


def is_removed(mark: Item) -> bool:
    """Whether the item of the delegation was deleted: `removed_at` is written with that deletion.

    What will be left of the delegation is in the mark earlier, when the removal takes more than one transaction.
    """
    return "removed_at" in mark


def retired_key(delegation: str) -> Key:
    """Key of a retired delegation; written before its records are removed."""
    return ESTATE, f"{RETIRED_PREFIX}{delegation}"


def certificate_key(path: CertificatePath) -> Key:
    """Key of a certificate."""
    return path.delegation, f"{CERTIFICATE_PREFIX}{path.certificate}"


def order_key(path: CertificatePath) -> Key:
    """Key of a certificate's open order. It has no token in it, so a certificate cannot have two."""
    return path.delegation, f"{ORDER_PREFIX}{path.certificate}"


def finished_prefix(certificate: str) -> str:
    """Prefix of the sort keys of a certificate's audit rows; *certificate* empty = of all certificates."""
    return f"{FINISHED_PREFIX}{certificate}#" if certificate else FINISHED_PREFIX


def replacement_key(replacement: ReplacementRule) -> Key:
    """Key of a replacement rule; the same rule twice is one item."""
    before, issuer, scope = replacement.identity
    names = (timestamp(before), issuer, *((scope,) if scope else ()))
    return ESTATE, f"{REPLACEMENT_PREFIX}{'#'.join(names)}"


def list_keys(replacement: ReplacementRule) -> list[Key]:
    """Keys of the items that list what a replacement rule may cover."""
    rule = replacement_key(replacement)[1].removeprefix(REPLACEMENT_PREFIX)
    return [(ESTATE, f"{_COVERED_PREFIX}{rule}#{number}") for number in range(replacement.lists or 0)]


@dataclass(frozen=True, slots=True)
class CoveredPaths:
    """An item that lists certificates which a replacement rule may cover."""

    paths: tuple[str, ...]
    """`delegation/certificate`."""


def path_of(key: Key) -> CertificatePath:
    """Return the certificate whose item, or open order, has *key*."""
    return CertificatePath(key[0], key[1].partition("#")[2])


def path_in(item: Item) -> CertificatePath:
    """Return the certificate whose item, or open order, *item* is."""
    return path_of((item["delegation"], item["item"]))


# ---- Writing -----------------------------------------------------------------------------------------------------


def order_attributes(order: Order) -> dict[str, Any]:
    """Attributes of an open order, besides its key."""
    return records.to_item(order, without=("delegation", "certificate"))


def ended_attributes(order: Order) -> dict[str, Any]:
    """Attributes of the item of *order* once it has ended: for the caps of its run. None = to be removed."""
    begun = BegunOrder(order.run_id, order.causes)
    return dict.fromkeys(ORDER_ATTRIBUTES) | {"ended": records.to_item(begun)}


def finished_item(row: FinishedOrder) -> dict[str, Any]:
    """Item of an audit row."""
    item = f"{finished_prefix(row.certificate)}{timestamp(row.ended_at)}#{row.token}"
    return records.to_item(row) | {"item": item}


def acknowledged_item(acknowledgement: Acknowledgement) -> dict[str, Any]:
    """Item of an acknowledged order."""
    item = f"{ACKNOWLEDGED_PREFIX}{acknowledgement.key}"
    return records.to_item(acknowledgement) | {"item": item}


def head_item(delegation: str, head: ChainHead) -> dict[str, Any]:
    """Item of the head of a delegation's audit trail."""
    return {"delegation": delegation, "item": HEAD} | records.to_item(head)


def replacement_item(replacement: ReplacementRule) -> dict[str, Any]:
    """Item of a replacement rule."""
    delegation, item = replacement_key(replacement)
    return records.to_item(replacement) | {"delegation": delegation, "item": item}


def status_attributes(certificate: ManagedCertificate) -> dict[str, Any]:
    """Attributes of a certificate's status; None = to be removed."""
    names = ("served", "asked", "hold_until", "failures", "last_error", "last_error_text", "failed_at")
    return dict.fromkeys(names) | records.to_item(certificate, without=_OF_OTHERS)


# ---- Reading: each raises RecordUnreadable for an item that cannot be read ---------------------------------------


@dataclass(frozen=True, slots=True)
class _Indexed:
    """The attributes by which the index finds an item: without them no run would."""

    action: Literal["delegation", "certificate"]
    next_action_at: datetime


def delegation_record(item: Item) -> DelegationRecord:
    """Read a delegation."""
    from renewal.domain.setup.inspection import DelegationRecord  # noqa: PLC0415 - a run's plan reads none

    read(_Indexed, item, item)
    return read(DelegationRecord, item, _with_keys(item, name=item["delegation"]))


def notices_of(item: Item) -> Notices:
    """Read a delegation's notices; unlike in its record, one that cannot be read is an error: it would be repeated."""
    from renewal.domain.notices.notice import Notices  # noqa: PLC0415 - a run's plan reads none

    return read(Notices, item, item.get("notices", {}))


def acknowledgement(item: Item) -> Acknowledgement:
    """Read the acknowledgement of a foreign order."""
    from renewal.domain.setup.foreign_orders import Acknowledgement  # noqa: PLC0415 - a run's plan reads none

    return read(Acknowledgement, item, item)


def managed_certificate(item: Item, order: Item | None) -> ManagedCertificate:
    """Read a certificate, and its open order."""
    read(_Indexed, item, item)
    path = path_in(item)
    stored = _with_keys(item, delegation=path.delegation, name=path.certificate)
    certificate = read(ManagedCertificate, item, stored, order=open_order(order) if order and is_open(order) else None)
    if fault := _fault_of(certificate.spec):
        raise _unreadable(item, f"'spec': {fault}")
    return certificate


def _fault_of(spec: CertificateSpec) -> str:
    """What this version cannot fulfil, or compute a date with; an unknown store would count as written."""
    if not spec.names or not spec.stores:
        return "'names' or 'stores' is empty"
    if not all(store == S3 or store.startswith("acm:") for store in spec.stores):
        return "'stores' has one that this version does not know"
    is_possible = 0 < spec.policy.ratio <= 1 and 0 <= spec.policy.floor_days <= _MOST_DAYS
    return "" if is_possible else "'policy' has a number out of its range"


def replacement(item: Item) -> ReplacementRule:
    """Read a replacement rule."""
    return read(ReplacementRule, item, item)


def has_ended(item: Item) -> bool:
    """Return whether the item of a replacement rule is of one that has ended."""
    return "ended_at" in item


def is_adoption(item: Item, certificate: str) -> bool:
    """Return whether the audit row of an action is of the adoption of *certificate*."""
    return item.get("action") == ADOPTION and certificate in item.get("certificates", ())


def listed_in(item: Item) -> tuple[CertificatePath, ...]:
    """Read the paths in an item that lists certificates."""
    paths = read(CoveredPaths, item, item).paths
    try:
        return tuple(map(CertificatePath.parse, paths))
    except ValueError as error:
        raise _unreadable(item, f"'paths': {error}") from None


def is_open(item: Item) -> bool:
    """Return whether the item of an order has one: it stays, without attributes, when the order ends."""
    return not item.keys().isdisjoint(_OF_EVERY_ORDER)


def begun_orders(item: Item) -> tuple[BegunOrder, ...]:
    """Read of an order's item what the caps of a run need: of the open order, and of the last one that has ended."""
    stored = (*([item] if is_open(item) else []), *([item["ended"]] if "ended" in item else []))
    return tuple(read(BegunOrder, item, each) for each in stored)


def open_order(item: Item) -> Order:
    """Read an open order."""
    order = read(Order, item, item, certificate=path_in(item).certificate)
    if not 0 < order.term_days <= _MOST_DAYS:
        raise _unreadable(item, "'term_days' is out of its range")
    return order


def read(kind: type[T], item: Item, stored: Item, **given: Any) -> T:
    """Read the *kind* that *stored*, a part of *item*, is. Raises RecordUnreadable that names item and member."""
    try:
        return records.read(kind, stored, **given)
    except records.Unreadable as error:
        raise _unreadable(item, str(error)) from None


def _unreadable(item: Item, why: str) -> RecordUnreadable:
    delegation, name = item["delegation"], item["item"]
    text = (
        f"the order book's item '{name}' of '{delegation}' cannot be read: {why}. "
        "Was it edited, or written by a newer version?"
    )
    owner = {} if delegation == ESTATE else {"delegation": delegation, "certificate": _certificate_in(name)}
    return RecordUnreadable(text, **owner)


def _certificate_in(sort_key: str) -> str:
    """The certificate's name in `certificate#idp`, `order#idp` and `finished#idp#…`; empty in `delegation`."""
    return sort_key.partition("#")[2].partition("#")[0]


def _with_keys(item: Item, **keys: str) -> Item:
    """The item with the members of its spec that are in its key."""
    spec = item.get("spec")
    return {**item, "spec": {**spec, **keys} if isinstance(spec, Mapping) else spec}
