"""No failure without a cause in the world: which causes explain which error."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from campaign.auditor.world import World
from campaign.interception.calls import LedgerEntry

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"
OF_AWS = ("Lambda.", "Sandbox.", "Runtime.", "States.")


class CauseKind(StrEnum):
    """What can be wrong in the world."""

    DISTURBED = "a fault was injected, or the clock was wrong"
    SCM = "SCM gave an error or no answer"
    LOGIN = "SCM refused a login"
    AWS = "an AWS service gave an error or no answer"
    ENDED = "SCM ended an order of the certificate"


_D, _S, _L, _A, _E = CauseKind
CAUSES: Mapping[str, set[CauseKind]] = {
    "OrderConflict": {_D},
    "ResultMissing": {_D},
    "KeyLost": {_D},
    "PlanUnreadable": {_D, _A},
    "OrderPending": {_E},
    "OrderUnconfirmed": {_D, _S},
    "OrderUndecided": {_D, _S},
    "AnswerLost": {_D, _S},
    "ScmUnavailable": {_D, _S},
    "ScmRefused": {_D, _S},
    "OrderUnknown": {_D, _S},
    "PermissionMissing": {_D, _S},
    "CredentialRefused": {_D, _L},
    "AddressRefused": {_D, _L, _S},
    "CredentialMissing": {_D, _A},
    "StoreUnavailable": {_D, _A},
    "StoreRefused": {_D, _A},
    "AcmRefused": {_D, _A},
    "AcmQuotaReached": {_D, _A},
    "AcmCertificateMissing": {_D, _A},
    "OrderDeclined": {_D, _E},
    "OrderRejected": {_D, _E},
    "OrderRevoked": {_D, _E},
}
"""By the name of the error. AWS's own names stand for a function or a service that was disturbed. An error that is not
here is believed: its cause is what the delegation file, SCM or ACM has, and no error answer shows it."""
LASTING = {"OrderUnconfirmed", "OrderUndecided", "CredentialRefused", "AddressRefused", "KeyLost", "AcmQuotaReached"}
"""Errors whose cause may lie in an earlier run; as for a certificate that is held."""
_NO_FAILURE = {("dynamodb", 400), ("s3", 404), ("s3", 412)}
"""Answers by which a condition was not met, or nothing was found: concurrent runs get them, and must succeed."""


@functools.cache
def names() -> set[str]:
    """Return the errors that the runbook explains."""
    return set(re.findall(r"^#### (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE))


def every_failure_has_a_cause(world: World) -> Iterator[str]:
    """What a report calls failed is explained by a fault, by an answer of SCM or AWS, or by an order that SCM ended."""
    causes, earlier = _causes(world), set[CauseKind]()
    for number, run in enumerate(world.runs):
        present = causes[run.run_id]
        earlier |= present
        if number < world.judged_before:
            continue
        held = {row.path for row in run.report.certificates if row.outcome == "held"} if run.report else set()
        for where, error in run.report.failures() if run.report else ():
            found = earlier if error in LASTING or where in held else present
            kinds = {_D} if error.startswith(OF_AWS) else CAUSES.get(error)
            ended = {_E} if where in world.ended_at_scm() else set()
            if kinds and not kinds & (found | ended):
                yield f"{run.run_id} reports {where} as {error}, and nothing in the world explains it"


def _causes(world: World) -> Mapping[str, set[CauseKind]]:
    """By run."""
    causes = {run.run_id: {_D} if run.is_disturbed else set() for run in world.runs}
    for error in filter(_is_error, world.ledger):
        kinds = {_S, _L} if error.status == 401 else {_S}
        causes.setdefault(error.run_id, set()).update(kinds if error.service == "scm" else {_A})
    return causes


def _is_error(entry: LedgerEntry) -> bool:
    """Whether SCM or AWS gave an error or no answer; the error of a function is what needs a cause."""
    if entry.service == "lambda":
        return False
    return (entry.status >= 400 or entry.status == 0) and (entry.service, entry.status) not in _NO_FAILURE
