"""What an operator changes in the order book besides specs: requests, adopted certificates, rules, acknowledgements.

No function's role permits any of it. Each change is one transaction with its row of the audit trail, which has the
operator's ARN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from certmandate.files.action_recorder import ActionRecorder, utc_now
from certmandate.files.operator_action import ActionKind, OperatorAction
from renewal.adapters.order_book import schema
from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from renewal.adapters.order_book.reader import DynamoDbOrderReader
from renewal.adapters.order_book.table import Item, OrderTables, Request, deleted, put, updated
from renewal.adapters.order_book.transitions import status_updated
from renewal.domain.audit.chain import ChainHead
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.due import EVERY_RUN, next_action
from renewal.domain.errors import InvalidDelegation, OrderConflict
from renewal.domain.order import ManagedCertificate, Served
from renewal.domain.permission import OrderAgain
from renewal.domain.replacement.rule import Replacement
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.records import timestamp, to_item


class OrderBookEditor:
    """Writes what *operator*, an ARN, may change of status."""

    def __init__(self, tables: OrderTables, operator: str = "", clock: Callable[[], datetime] = utc_now) -> None:
        self._operator, self._clock = operator, clock
        self._table, self._trails = tables.orders, DynamoDbAuditTrails(tables.audit)
        self._recorder = ActionRecorder(tables, operator, clock)
        self._reader = DynamoDbOrderReader(tables)

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
        after = replace(certificate, asked="", asked_by="", order_again=None)

        def withdraw() -> Request:
            if self._reader.certificate(*spec.record_key).revision != certificate.revision:
                msg = f"{spec.path}: the record has changed meanwhile; nothing was withdrawn, try again"
                raise OrderConflict(msg)
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
            if self._reader.certificate(*spec.record_key).revision != certificate.revision:
                msg = f"{spec.path}: the record has changed meanwhile; nothing was permitted, try again"
                raise OrderConflict(msg)
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

    def adopt(self, delegation: str, certificate: str, served: Served) -> None:
        """Take over a certificate that the stores hold already. Harmless when repeated.

        It replaces only an older certificate, which a restored table has. Raises UnknownDelegation, and
        InvalidDelegation when the order book has another certificate for it.
        """

        def take_over() -> Request | None:
            before = self._reader.certificate(delegation, certificate)
            if before.served == served:
                return None
            if before.served is not None and served.not_before <= before.served.not_before:
                msg = (
                    f"{before.spec.path} serves serial {printed_serial(before.served.serial)} already; "
                    "a certificate can be adopted only where none is served, or where an older one is served"
                )
                raise InvalidDelegation(msg)
            return status_updated(before, replace(before, served=served), served.stored_at)

        reason = f"serial {printed_serial(served.serial)}, SSL ID {served.ssl_id or 'unknown'}"
        self._change(delegation, ActionKind.ADOPTED, (certificate,), take_over, reason=reason)

    # ---- Orders that are not ours, and rules ---------------------------------------------------------------------

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Record that an order at SCM is the organisation's own. The first record of an order stays."""
        delegation, key = acknowledgement.delegation, acknowledgement.key

        def follower(head: ChainHead) -> Item:
            return schema.acknowledged_item(head.followed_by(acknowledgement, self._operator))

        def writes() -> list[Request] | None:
            if key in {each.key for each in self._reader.acknowledged(delegation)}:
                return None
            return self._trails.extended(delegation, follower)

        self._recorder.transact(writes, f"{delegation}: the audit trail")

    def add_replacement(self, replacement: Replacement) -> None:
        """Have everything replaced that the rule covers. When the rule exists, its first reason stays."""

        def add() -> Request | None:
            return None if self._has(replacement) else put(schema.replacement_item(replacement))

        self._change(schema.ESTATE, ActionKind.RULE_ADDED, (), add, reason=_described(replacement))

    def remove_replacement(self, replacement: Replacement) -> None:
        """Withdraw a replacement rule. Harmless when there is none."""

        def remove() -> Request | None:
            key = schema.replacement_key(replacement)
            return deleted(key, condition="attribute_exists(#item)") if self._has(replacement) else None

        self._change(schema.ESTATE, ActionKind.RULE_WITHDRAWN, (), remove, reason=_described(replacement))

    def _has(self, replacement: Replacement) -> bool:
        key = schema.replacement_key(replacement)
        return bool(self._table.read([key]))

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


def _described(rule: Replacement) -> str:
    limits = (f"issued before {timestamp(rule.issued_before)}", f"issuer '{rule.issuer}'", *rule.delegations)
    serials = (f"{len(rule.serials)} serials",) if rule.serials else ()
    return f"{', '.join((*limits, *serials))}: {rule.reason}"
