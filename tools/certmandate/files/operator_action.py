"""What operators do, as rows of the audit trail: what, whose, when, why, and who it was according to AWS.

One rule: every command that prints first which stack it works on adds a row of each thing that it does.

No function of the stack can add such a row: their roles permit neither `action` nor `at` (docs/permissions.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from renewal import records
from renewal.adapters.order_book.schema import ACTION_PREFIX, ADOPTION, ESTATE
from renewal.domain.audit.chained_row import ChainedRow
from renewal.domain.setup.foreign_orders import Acknowledgement

WHOLE_ESTATE = ESTATE
"""The delegation of what concerns all delegations."""


class ActionKind(StrEnum):
    """What was done; the values are stored."""

    APPLIED = "applied"
    REMOVED = "removed"
    """With `apply --prune`."""
    RETIRED = "retired"
    REINSTATED = "reinstated"
    RUN_STARTED = "run-started"
    RENEWAL_REQUESTED = "renewal-requested"
    ORDER_AGAIN_PERMITTED = "order-again-permitted"
    REQUEST_WITHDRAWN = "request-withdrawn"
    REVOCATION_REQUESTED = "revocation-requested"
    ADOPTED = ADOPTION
    RULE_ADDED = "replacement-rule-added"
    RULE_WITHDRAWN = "replacement-rule-withdrawn"
    CREDENTIAL_STORED = "credential-stored"
    CREDENTIAL_PROTECTED = "credential-protected"
    ROTATION_STARTED = "rotation-started"
    LOGIN_TESTED = "login-tested"
    """`certmandate check --from-here`."""
    ALARMS_TESTED = "alarms-tested"
    ACKNOWLEDGED = "acknowledged"
    """Not stored: such a row has a form of its own (`Acknowledgement`)."""


@dataclass(frozen=True, slots=True)
class OperatorAction(ChainedRow):
    """An audit row of something that an operator did; `identity` is the operator's ARN."""

    delegation: str
    """`#estate` for what concerns all delegations."""
    action: ActionKind
    at: datetime
    certificates: tuple[str, ...] = ()
    """Names of those whose record was written, or that the run is for."""
    removed: tuple[str, ...] = ()
    """Names of those that were removed."""
    reason: str = ""
    run_id: str = ""
    """Of a run that was started."""
    details: tuple[str, ...] = ()
    """The options of the run, or the alarms."""

    @classmethod
    def of_acknowledgement(cls, row: Acknowledgement) -> Self:
        """Return the row of an acknowledged order as an action; its details are the order."""
        return cls(
            row.delegation,
            ActionKind.ACKNOWLEDGED,
            row.at,
            reason=row.reason,
            details=(row.key,),
            sequence=row.sequence,
            previous_hash=row.previous_hash,
            identity=row.identity,
        )

    def concerns(self, certificate: str) -> bool:
        """Whether it was done to this certificate, or to none by name."""
        named = (*self.certificates, *self.removed)
        return not named or certificate in named

    def item(self) -> dict[str, Any]:
        """Return the row as it is stored."""
        return records.to_item(self) | {
            "item": f"{ACTION_PREFIX}{self.sequence or 0:012d}#{records.timestamp(self.at)}"
        }
