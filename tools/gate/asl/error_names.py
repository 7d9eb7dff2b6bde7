"""The error names that a Retry or a Catch may wait for: ours, and AWS's.

Step Functions compares the *name of the raised class* with `ErrorEquals`, as text: a base class matches
nothing, and a misspelt name is not reported. (AWS: step-functions/latest/dg/concepts-error-handling.html)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gate.asl.state_machine import State, every_state
from renewal.domain import errors

STATES = frozenset(
    "States." + name
    for name in (
        "ALL", "BranchFailed", "DataLimitExceeded", "ExceedToleratedFailureThreshold", "HeartbeatTimeout",
        "IntrinsicFailure", "ItemReaderFailed", "NoChoiceMatched", "ParameterPathFailure", "Permissions",
        "QueryEvaluationError", "ResultPathMatchFailure", "ResultWriterFailed", "TaskFailed", "Timeout",
    )
)  # fmt: skip

LAMBDA = frozenset(
    "Lambda." + name
    for name in (
        "AWSLambdaException", "ClientExecutionTimeoutException", "CodeArtifactUserDeletedException",
        "EC2AccessDeniedException", "EC2ThrottledException", "EC2UnexpectedException",
        "ENILimitReachedException", "ENINotReadyException", "InvalidParameterValueException",
        "KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException",
        "KMSNotFoundException", "RequestTooLargeException", "ResourceConflictException",
        "ResourceNotFoundException", "ResourceNotReadyException", "SdkClientException", "ServiceException",
        "SubnetIPAddressLimitReachedException", "TooManyRequestsException", "Unknown",
    )
)  # fmt: skip

RUNTIME = frozenset({"Sandbox.Timedout", "Runtime.ExitError", "Runtime.HandlerNotFound", "Runtime.ImportModuleError"})

AWS = STATES | LAMBDA | RUNTIME


@dataclass(frozen=True, slots=True)
class Names:
    """The errors of the functions: every name, those that a retry may resolve, and the families that group them."""

    raised: frozenset[str]
    retryable: frozenset[str]
    families: frozenset[str]

    @classmethod
    def of_the_functions(cls) -> Names:
        """Read them from `renewal.domain.errors`."""
        raised = errors.every_error()
        bases = {base for kind in raised for base in kind.__mro__ if issubclass(base, errors.RenewalError)}
        return cls(
            raised=frozenset(kind.__name__ for kind in raised),
            retryable=frozenset(kind.__name__ for kind in raised if _is_retried(kind)),
            families=frozenset(kind.__name__ for kind in bases - set(raised)),
        )


def _is_retried(kind: type[errors.RenewalError]) -> bool:
    """A pending order is a result of collect, which no Retry waits for."""
    return issubclass(kind, errors.Retryable) and not issubclass(kind, errors.Pending)


def faults(machine: Mapping[str, Any], ours: Names) -> Iterator[str]:
    """Yield every error name that cannot match, or must not be retried."""
    waited_for = set()
    for state in every_state(machine):
        for field, names in _waited_for(state):
            waited_for |= {(field, name) for name in names}
            yield from (f"{state.path}: {field}: {fault}" for name in names for fault in _faults_of(name, field, ours))
        yield from _not_last(state)
        yield from _compared(state, ours)
    for name in sorted(ours.retryable - {name for field, name in waited_for if field == "Retry"}):
        yield f"{name} can be retried, and no Retry names it"


def _waited_for(state: State) -> Iterator[tuple[str, list[str]]]:
    for field in ("Retry", "Catch"):
        for clause in state.body.get(field, []):
            yield field, clause.get("ErrorEquals", [])


def _faults_of(name: str, field: str, ours: Names) -> Iterator[str]:
    if name == "States.Runtime":
        yield "States.Runtime can be neither retried nor caught"
    elif name in ours.families:
        yield f"{name} is a family: an error is matched by its own class's name, so name its members"
    elif name not in ours.raised | AWS:
        yield f"{name} is neither raised by renewal.domain.errors nor an error name of AWS"
    elif field == "Retry" and name in ours.raised - ours.retryable:
        yield f"{name} is not retryable: no retry resolves it"


def _not_last(state: State) -> Iterator[str]:
    """Yield what statelint overlooks when States.ALL is the first of several clauses."""
    for field, names in _waited_for(state):
        if "States.ALL" in names and names is not state.body[field][-1].get("ErrorEquals"):
            yield f"{state.path}: {field}: what follows States.ALL is never reached"


def _compared(state: State, ours: Names) -> Iterator[str]:
    """Yield the names that a Choice compares an `Error` with and that nothing raises."""
    for rule in _rules(state.body.get("Choices", [])):
        name = rule.get("StringEquals")
        if str(rule.get("Variable", "")).endswith(".Error") and name is not None and name not in ours.raised | AWS:
            yield f"{state.path}: compares an error's name with {name}, which nothing raises"


def _rules(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every comparison below a Choice's rules, through And, Or and Not."""
    if isinstance(value, list):
        for item in value:
            yield from _rules(item)
    elif isinstance(value, Mapping):
        yield value
        yield from _rules([value[key] for key in ("And", "Or", "Not") if key in value])
