"""The results of a run, read from what its Distributed Maps wrote to S3."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from renewal import records
from renewal.domain.errors import Failure, PlanUnreadable, shortened
from renewal.domain.judgement.summary import DelegationSummary
from renewal.domain.run.outcome import RunResults
from renewal.domain.run.payload import VerificationTask, read_part
from renewal.domain.run.result import CertificateResult, ResultStatus
from renewal.domain.run.verification import Verification


@dataclass(frozen=True, slots=True)
class _Caught:
    """What a Catch caught; `cause` is Lambda's error document or plain text."""

    error: str = field(default="Unknown", metadata={"stored": "Error"})
    cause: str = field(default="", metadata={"stored": "Cause"})

    def failure(self) -> Failure:
        """Return it with the sentence alone."""
        document = records.parsed(self.cause)
        text = document.get("errorMessage", "") if isinstance(document, Mapping) else ""
        return Failure(self.error, shortened(str(text or self.cause)))


@dataclass(frozen=True, slots=True)
class _Certificate:
    """What a child execution left of one certificate; without `status` in a dry run."""

    status: ResultStatus = ResultStatus.PLANNED
    ssl_id: int | None = None
    token: str = ""
    error: _Caught | None = None


@dataclass(frozen=True, slots=True)
class _Output:
    """The output of a child execution."""

    certificates: tuple[Any, ...] = ()
    error: _Caught | None = None
    summary: DelegationSummary | None = None


def read_map_results(children: Iterable[Mapping[str, Any]], unreadable: Iterable[PlanUnreadable] = ()) -> RunResults:
    """Read the child executions of a run; *unreadable*: why some of them are not among *children*.

    What this version does not write fails its own certificate or, where none is named, its own delegation.
    """
    results, faults = RunResults(), list(unreadable)
    for child in children:
        try:
            item = _input(child)
            delegation = _named(item, "delegation")
        except PlanUnreadable as error:
            faults.append(error)
            continue
        failures = results.not_collected if "orders" in item else results.delegations
        try:
            _read_child(results, failures, delegation, child)
        except PlanUnreadable as error:
            failures[delegation] = _unreadable(error)
    results.close()
    results.missing = ": ".join([results.missing, *map(str, faults[:1])])
    return results


def _read_child(
    results: RunResults, failures: dict[str, Failure | None], delegation: str, child: Mapping[str, Any]
) -> None:
    """Add what *child* did to *results*, and to *failures* what stopped it as a whole."""
    document = _output(child)
    if isinstance(document, Failure):
        failures[delegation] = document
        return
    output = read_part(_Output, document, f"the output of delegation {delegation}")
    if failures is results.delegations:
        failures[delegation] = output.error.failure() if output.error else None
    if output.summary:
        results.summaries[delegation] = output.summary
    for result in output.certificates:
        try:
            path = f"{delegation}/{_named(result, 'certificate')}"
        except PlanUnreadable as error:
            failures[delegation] = _unreadable(error)
            continue
        results.add(path, _certificate(path, result))


def read_verification(children: Iterable[Mapping[str, Any]], unreadable: Iterable[PlanUnreadable] = ()) -> Verification:
    """Add up the child executions that verified endpoints; *unreadable*: why some of them are not among *children*."""
    return Verification.total([*map(_verification, children), *map(_unknown, unreadable)])


def _verification(child: Mapping[str, Any]) -> Verification:
    try:
        task = VerificationTask.parse(_input(child))
    except PlanUnreadable as error:
        return _unknown(error)
    try:
        output = _output(child)
        if isinstance(output, Failure):
            return _not_verified(task, output)
        return read_part(Verification, output, f"the verification of {task.delegation}")
    except PlanUnreadable as error:
        return _not_verified(task, _unreadable(error))


def _not_verified(task: VerificationTask, failed: Failure) -> Verification:
    text = ": ".join(filter(None, (failed.error, task.delegation, failed.text)))
    return Verification(failed=len(task.certificates), failure=text)


def _unknown(error: PlanUnreadable) -> Verification:
    """How many certificates it is about cannot be known: one at least."""
    return Verification(failed=1, failure=f"{type(error).__name__}: {error}")


def _input(child: Mapping[str, Any]) -> Any:
    """Return the item that a child execution was started for. Raises PlanUnreadable."""
    return _json(child, "Input")


def _output(child: Mapping[str, Any]) -> Any:
    """Return the output of a child execution, or the Failure that ended it. Raises PlanUnreadable."""
    if child.get("Status") == "SUCCEEDED":
        return _json(child, "Output")
    error = str(child.get("Error") or child.get("Status") or "Unknown")
    return _failure({"Error": error, "Cause": child.get("Cause")})


def _certificate(path: str, document: Mapping[str, Any]) -> CertificateResult:
    try:
        part = read_part(_Certificate, document, f"the result of {path}")
    except PlanUnreadable as error:
        return CertificateResult(ResultStatus.FAILED, failure=_unreadable(error))
    failed = part.error.failure() if part.error else None
    return CertificateResult(part.status, part.ssl_id or None, part.token, failed)


def _failure(error: Mapping[str, Any]) -> Failure:
    """Read what a Catch caught: `{"Error", "Cause"}`. Raises PlanUnreadable."""
    return read_part(_Caught, error, "an error in the results of the run").failure()


def _unreadable(error: PlanUnreadable) -> Failure:
    return Failure(type(error).__name__, str(error))


def _named(document: object, member: str) -> str:
    name = document.get(member) if isinstance(document, Mapping) else None
    if not isinstance(name, str):
        msg = f"a result of the run has no readable '{member}'"
        raise PlanUnreadable(msg)
    return name


def _json(result: Mapping[str, Any], key: str) -> Any:
    try:
        return json.loads(result[key])
    except (KeyError, TypeError, ValueError, RecursionError):
        msg = f"a result of the run has no readable {key}"
        raise PlanUnreadable(msg) from None
