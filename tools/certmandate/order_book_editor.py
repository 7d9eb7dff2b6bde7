"""What an operator changes in the order book besides specs: requests, adopted certificates, rules, acknowledgements.

No function's role permits any of it. Each change is one transaction with its row of the audit trail, which has the
operator's ARN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from certmandate.files.action_recorder import ActionRecorder, utc_now
from certmandate.files.operator_action import ActionKind, OperatorAction
from certmandate.files.operator_records import OperatorReader
from renewal.adapters.order_book import schema
from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from renewal.adapters.order_book.table import Item, Key, OrderTables, Request, assigned, deleted, put, updated
from renewal.adapters.order_book.transitions import status_updated
from renewal.domain.audit.hash_chain import ChainHead
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.due import EVERY_RUN, next_action
from renewal.domain.errors import OrderConflict
from renewal.domain.order import ManagedCertificate, StoredCertificate
from renewal.domain.permission import OrderAgain
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.records import timestamp, to_item

_LISTED_PATHS = 2_000
"""In one item. A path has 81 bytes at most; an item of DynamoDB has at most 400 KB (AWS: ServiceQuotas.html)."""


class OrderBookEditor:
    """Writes what *operator*, an ARN, may change of status."""

    def __init__(self, tables: OrderTables, operator: str = "", clock: Callable[[], datetime] = utc_now) -> None:
        self._operator, self._clock = operator, clock
        self._table, self._trails = tables.orders, DynamoDbAuditTrails(tables.audit)
        self._recorder = ActionRecorder(tables, operator, clock)
        self._reader = OperatorReader(tables)

    # ---- Certificates --------------------------------------------------------------------------------------------

    def ask(self, delegation: str, certificate: str, reason: str) -> None:
        """Have a certificate replaced by the next run, whatever its age. Raises UnknownDelegation."""

        def request() -> Request:
            return updated(
                schema.certificate_key(self._reader.certificate(delegation, certificate).spec.record_key),
                "SET #asked = :reason, #asked_by = :by, #next_action_at = :every_run ADD #revision :step",
                {"reason": reason, "by": self._operator, "every_run": timestamp(EVERY_RUN), "step": 1},
                condition="attribute_exists(#item)",
            )

        self._change(delegation, ActionKind.RENEWAL_REQUESTED, (certificate,), request, reason=reason)

    def withdraw_request(self, certificate: ManagedCertificate, reason: str) -> None:
        """Withdraw what `ask` and `permit_order_again` have stored. Raises OrderConflict when it has changed.

        An open order stays: it was placed for the request, and is collected.
        """
        spec = certificate.spec
        after = replace(certificate, asked_reason="", asked_by="", order_again=None)

        def withdraw() -> Request:
            self._require_unchanged(certificate, "withdrawn")
            return updated(
                schema.certificate_key(spec.record_key),
                "REMOVE #asked, #asked_by, #order_again SET #next_action_at = :next ADD #revision :step",
                {"next": timestamp(next_action(after, self._clock())), "read": certificate.revision, "step": 1},
                condition="#revision = :read",
            )

        self._change(spec.delegation, ActionKind.REQUEST_WITHDRAWN, (spec.name,), withdraw, reason=reason)

    def permit_order_again(self, certificate: ManagedCertificate, reason: str) -> None:
        """Permit one POST although SCM may have the order. Raises OrderConflict when *certificate* has changed."""
        spec, posts = certificate.spec, certificate.order.posts if certificate.order else 0
        permission = OrderAgain(reason, self._operator, self._clock(), certificate.revision, posts)

        def permit() -> Request:
            self._require_unchanged(certificate, "permitted")
            return updated(
                schema.certificate_key(spec.record_key),
                "SET #order_again = :permission",
                {"permission": to_item(permission), "read": certificate.revision},
                condition="#revision = :read",
            )

        self._change(spec.delegation, ActionKind.ORDER_AGAIN_PERMITTED, (spec.name,), permit, reason=reason)

    def request_revocation(self, delegation: str, certificate: str, request: RevocationRequest) -> None:
        """Keep a revocation that the RAO was asked for: it is open until SCM shows it. Harmless when repeated."""

        def keep() -> Request | None:
            before = self._reader.certificate(delegation, certificate)
            if request.serial in {each.serial for each in before.revocations}:
                return None
            return updated(
                schema.certificate_key(before.spec.record_key),
                "SET #revocations = :requests ADD #revision :step",
                {
                    "requests": [to_item(each) for each in (*before.revocations, request)],
                    "read": before.revision,
                    "step": 1,
                },
                condition="attribute_exists(#item) AND #revision = :read",
            )

        reason = f"serial {printed_serial(request.serial)}: {request.reason_code}"
        self._change(delegation, ActionKind.REVOCATION_REQUESTED, (certificate,), keep, reason=reason)

    def adopt(self, delegation: str, certificate: str, stored: StoredCertificate, reason: str = "") -> None:
        """Take over a certificate that the stores hold already. Harmless when repeated.

        It replaces only an older certificate, which a restored table has, or corrects the SSL ID of the same. Raises
        UnknownDelegation, and OrderConflict when one has been stored since the caller read the order book.
        """
        former = self._reader.certificate(delegation, certificate).stored

        def take_over() -> Request | None:
            before = self._reader.certificate(delegation, certificate)
            if before.stored == stored:
                return None
            is_same = before.stored is not None and replace(before.stored, ssl_id=stored.ssl_id) == stored
            if before.stored is not None and not is_same and stored.not_before <= before.stored.not_before:
                msg = (
                    f"{before.spec.path} was stored meanwhile with serial {printed_serial(before.stored.serial)}; "
                    f"nothing was adopted. `certmandate show {before.spec.path}` has what is stored"
                )
                raise OrderConflict(msg)
            self._list_with_rules(adopted := replace(before, stored=stored))  # also when this stops after the change
            return status_updated(before, adopted, self._clock())

        what = f"serial {printed_serial(stored.serial)}, SSL ID {stored.ssl_id or 'unknown'}"
        if former and former.serial == stored.serial:
            what += f" in place of {former.ssl_id or 'unknown'}"
        why = f"{what}: {reason}" if reason else what
        self._change(delegation, ActionKind.ADOPTED, (certificate,), take_over, reason=why)
        self._list_with_rules(self._reader.certificate(delegation, certificate))  # rules that were added meanwhile

    # ---- Orders that are not ours, and rules ---------------------------------------------------------------------

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Record that an order at SCM is the organisation's own. The first record of an order stays."""
        delegation, key = acknowledgement.delegation, acknowledgement.key

        def follower(head: ChainHead) -> Item:
            return schema.acknowledged_item(head.followed_by(acknowledgement, self._operator))

        def writes() -> list[Request] | None:
            if key in {each.key for each in self._reader.acknowledgements(delegation)}:
                return None
            return self._trails.extended(delegation, follower)

        self._recorder.transact(writes, f"{delegation}: the audit trail")

    def add_replacement(self, replacement: ReplacementRule, certificates: Iterable[ManagedCertificate] = ()) -> None:
        """Have everything replaced that the rule covers. When it is in force already, its first reason stays.

        *certificates*: all, as they were read; without them, runs read every certificate. Those that it may cover are
        listed first, so that a rule never has a part of its list; a list without its rule, after a crash, has no
        effect. What was adopted since they were read is listed last. Raises OrderConflict when the rule has ended.
        """
        paths = sorted(each.spec.path for each in certificates if replacement.may_cover(each))
        parts = [tuple(paths[start : start + _LISTED_PATHS]) for start in range(0, len(paths), _LISTED_PATHS)]
        rule = replace(replacement, lists=len(parts) or None)

        def add() -> Request | None:
            if before := self._found(rule):
                _require_in_force(before)
                return None
            for key, part in zip(schema.list_keys(rule), parts, strict=True):
                self._table.update(_list_written(key, part))
            return put(schema.replacement_item(rule))

        self._change(schema.ESTATE, ActionKind.RULE_ADDED, (), add, reason=_described(rule))
        if parts:
            self._list(rule, filter(rule.covers, self._reader.everything()[1]))

    def remove_replacement(self, replacement: ReplacementRule) -> None:
        """Withdraw a replacement rule, and delete its list. Harmless when there is none."""

        def remove() -> Request | None:
            key = schema.replacement_key(replacement)
            return deleted(key, condition="attribute_exists(#item)") if self._found(replacement) else None

        self._change(schema.ESTATE, ActionKind.RULE_WITHDRAWN, (), remove, reason=_described(replacement))
        for key in self._table.read(schema.list_keys(replacement)):
            self._table.transact(deleted(key, condition="attribute_exists(#item)"))

    def _list_with_rules(self, certificate: ManagedCertificate) -> None:
        """List it with the rules that cover it: runs read nothing else for them."""
        for rule in self._reader.replacement_rules():
            if rule.covers(certificate):
                self._list(rule, [certificate])

    def _list(self, rule: ReplacementRule, certificates: Iterable[ManagedCertificate]) -> None:
        """Add to the list of *rule*, if it has one, those that it lacks."""
        paths = {each.spec.record_key for each in certificates}

        def lengthen() -> list[Request] | None:
            stored = next((each for each in self._reader.replacement_rules() if each.identity == rule.identity), None)
            if stored is None or stored.lists is None:
                return None
            missing = sorted(map(str, paths.difference(self._reader.listed_for(stored) or ())))
            longer = replace(stored, lists=stored.lists + 1)
            counted = {"longer": longer.lists, "read": stored.lists}
            count = updated(schema.replacement_key(rule), "SET #lists = :longer", counted, condition="#lists = :read")
            # At once, so that another adoption, which reads the same count, does not overwrite it.
            return [_list_written(schema.list_keys(longer)[-1], missing), count] if missing else None

        self._recorder.transact(lengthen, f"the list of the rule '{rule.reason}'")

    def _require_unchanged(self, read: ManagedCertificate, done: str) -> None:
        if self._reader.certificate(*read.spec.record_key).revision != read.revision:
            msg = f"{read.spec.path}: the record has changed meanwhile; nothing was {done}, try again"
            raise OrderConflict(msg)

    def _found(self, replacement: ReplacementRule) -> Item | None:
        key = schema.replacement_key(replacement)
        return self._table.read([key]).get(key)

    def _change(
        self,
        delegation: str,
        kind: ActionKind,
        certificates: tuple[str, ...],
        write: Callable[[], Request | None],
        *,
        reason: str,
    ) -> None:
        action = OperatorAction(delegation, kind, self._clock(), certificates, reason=reason)
        self._recorder.change(action, write)


def _list_written(key: Key, paths: Iterable[str]) -> Request:
    return assigned(key, to_item(schema.CoveredPaths(tuple(paths))), condition="", values={})


def _require_in_force(rule: Item) -> None:
    if schema.has_ended(rule):
        msg = "a rule for the same certificates has ended: delete it with --cancel, then store it again"
        raise OrderConflict(msg)


def _described(rule: ReplacementRule) -> str:
    limits = (f"issued before {timestamp(rule.issued_before)}", f"issuer '{rule.issuer}'", *rule.delegations)
    serials = (f"{len(rule.serials)} serials",) if rule.serials else ()
    return f"{', '.join((*limits, *serials))}: {rule.reason}"
