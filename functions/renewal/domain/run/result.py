"""How far a run has come with one certificate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from renewal.domain.errors import AnswerLost, Failure, PlanUnreadable, ScmUnavailable, error_named
from renewal.domain.order import CLOSED

NO_ANSWER = frozenset({ScmUnavailable.__name__, AnswerLost.__name__, "States.Timeout", "Sandbox.Timedout"})
"""Errors of a poll that the next poll may not have, as the state machine names them."""


class ResultStatus(StrEnum):
    """How far a certificate came in a child execution."""

    PLANNED = "planned"
    """Dry run."""
    DEFERRED = "deferred"
    """Not ordered: the run has lasted too long to begin another order for a replacement rule, or the operator has
    closed its order."""
    ORDERED = "ordered"
    """Its order is open, and this run has not polled it."""
    ISSUED = "issued"
    """The same; SCM has issued it before."""
    PENDING = "pending"
    STORED = "stored"
    FAILED = "failed"


def result_of_end(error: str, text: str) -> ResultStatus:
    """Return the result of an order that has ended without a certificate: `deferred` when the operator closed it.

    *error*: what ended it. Raises every other error, with *text*; PlanUnreadable when nothing is left of the order.
    """
    if error == CLOSED:
        return ResultStatus.DEFERRED
    if not error:
        msg = "its open order is not in the order book any more, and nothing shows how it ended: was a table restored?"
        raise PlanUnreadable(msg)
    raise error_named(error)(text)


@dataclass(frozen=True, slots=True)
class CertificateResult:
    """What a child execution did for one certificate."""

    status: ResultStatus
    ssl_id: int | None = None
    token: str = ""
    failure: Failure | None = None

    @property
    def is_stored(self) -> bool:
        """Whether every store holds the certificate."""
        return self.status is ResultStatus.STORED

    @property
    def is_uncollected(self) -> bool:
        """Whether its order is open, and this run has not polled it."""
        return self.status in {ResultStatus.ORDERED, ResultStatus.ISSUED}

    @property
    def is_unfinished(self) -> bool:
        """Whether it was polled, and the next poll of this run may get it: it is pending, or SCM has not answered."""
        has_no_answer = self.token and self.failure and self.failure.error in NO_ANSWER
        return self.status is ResultStatus.PENDING or bool(has_no_answer)
