"""The results of a run, read from what the Distributed Map wrote to S3."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from renewal.domain.errors import PlanUnreadable, shortened
from renewal.domain.run_outcome import CertificateResult, ResultStatus, RunResults
from renewal.domain.run_report import Failure


def read_map_results(children: Iterable[Mapping[str, Any]]) -> RunResults:
    """Read the child executions of a run. Raises PlanUnreadable on anything that this version does not write."""
    results = RunResults()
    for child in children:
        delegation = _delegation(child)
        if child.get("Status") == "SUCCEEDED":
            _read_output(results, delegation, _json(child, "Output"))
        else:
            error = str(child.get("Error") or child.get("Status") or "Unknown")
            results.delegations[delegation] = failure({"Error": error, "Cause": child.get("Cause")})
    return results


def _read_output(results: RunResults, delegation: str, output: Mapping[str, Any]) -> None:
    error = output.get("error")
    results.delegations[delegation] = failure(error) if error else None
    for document in output.get("certificates", ()):
        if not isinstance(document, Mapping) or not isinstance(document.get("certificate"), str):
            msg = f"a result of delegation {delegation} has no readable 'certificate'"
            raise PlanUnreadable(msg)
        results.certificates[f"{delegation}/{document['certificate']}"] = _certificate(delegation, document)


def _certificate(delegation: str, document: Mapping[str, Any]) -> CertificateResult:
    status = document.get("status", ResultStatus.PLANNED)
    if status not in set(ResultStatus):
        msg = f"a result of {delegation}/{document['certificate']} has the unknown status '{status}'"
        raise PlanUnreadable(msg)
    return CertificateResult(
        status=ResultStatus(status),
        ssl_id=document.get("ssl_id") or None,
        token=str(document.get("token", "")),
        failure=failure(document["error"]) if document.get("error") else None,
    )


def failure(error: Any) -> Failure:
    """Read what a Catch caught (`{"Error", "Cause"}`); Cause is Lambda's error document or plain text."""
    if not isinstance(error, Mapping):
        msg = f"an error in the results of the run is a {type(error).__name__}, not a JSON object"
        raise PlanUnreadable(msg)
    name = str(error.get("Error", "Unknown"))
    cause = error.get("Cause") or ""
    try:
        document = json.loads(cause)
    except (TypeError, ValueError):
        document = {}
    text = document.get("errorMessage", "") if isinstance(document, Mapping) else ""
    return Failure(name, shortened(text or str(cause)))


def _delegation(result: Mapping[str, Any]) -> str:
    name = _json(result, "Input").get("delegation")
    if not isinstance(name, str):
        msg = "a result of the run has no readable 'delegation'"
        raise PlanUnreadable(msg)
    return name


def _json(result: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    try:
        value = json.loads(result[key])
    except (KeyError, TypeError, ValueError):
        msg = f"a result of the run has no readable {key}"
        raise PlanUnreadable(msg) from None
    if not isinstance(value, Mapping):
        msg = f"the {key} of a result is not a JSON object"
        raise PlanUnreadable(msg)
    return value
