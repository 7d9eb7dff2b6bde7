"""What became of each delegation and certificate of a run, read from what the state machine left in S3."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from renewal.domain.errors import PlanUnreadable

LONGEST_TEXT = 500  # characters of an error's text in a report


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as the state machine caught it."""

    error: str
    text: str


@dataclass(frozen=True, slots=True)
class CertificateOutcome:
    """What one run did for one certificate."""

    status: str
    """`stored`, `pending`, `failed` or (dry run) `planned`."""
    ssl_id: int | None = None
    token: str = ""
    failure: Failure | None = None


@dataclass(slots=True)
class MapResults:
    """What one run did."""

    delegations: dict[str, Failure | None] = field(default_factory=dict)
    """Every delegation whose child execution left something; with its failure when nothing could be done for it."""
    certificates: dict[str, CertificateOutcome] = field(default_factory=dict)
    """By `delegation/certificate`."""
    missing: str = ""
    """Why there are no results at all, when the Map failed as a whole."""


def read_map_results(results: Iterable[Mapping[str, Any]]) -> MapResults:
    """Read the child executions of a run. Raises PlanUnreadable on anything that this version does not write."""
    outcomes = MapResults()
    for result in results:
        delegation = _delegation(result)
        if result.get("Status") != "SUCCEEDED":
            error = str(result.get("Error") or result.get("Status") or "Unknown")
            outcomes.delegations[delegation] = failure({"Error": error, "Cause": result.get("Cause")})
            continue
        _read_output(outcomes, delegation, _json(result, "Output"))
    return outcomes


def _read_output(outcomes: MapResults, delegation: str, output: Mapping[str, Any]) -> None:
    error = output.get("error")
    outcomes.delegations[delegation] = failure(error) if error else None
    for one in output.get("certificates", ()):
        if not isinstance(one, Mapping) or not isinstance(one.get("certificate"), str):
            msg = f"a result of {delegation} does not say which certificate it is about"
            raise PlanUnreadable(msg)
        outcomes.certificates[f"{delegation}/{one['certificate']}"] = CertificateOutcome(
            status=str(one.get("status", "planned")),
            ssl_id=one.get("ssl_id") or None,
            token=str(one.get("token", "")),
            failure=failure(one["error"]) if one.get("error") else None,
        )


def failure(error: Any) -> Failure:
    """Turn what a Catch caught (`{"Error", "Cause"}`) into words; Cause is Lambda's error document or plain text."""
    if not isinstance(error, Mapping):
        msg = "an error in the results of the run is not what the state machine catches"
        raise PlanUnreadable(msg)
    name = str(error.get("Error", "Unknown"))
    cause = error.get("Cause") or ""
    try:
        document = json.loads(cause)
    except (TypeError, ValueError):
        document = {}
    text = document.get("errorMessage", "") if isinstance(document, Mapping) else ""
    return Failure(name, (text or str(cause))[:LONGEST_TEXT])


def _delegation(result: Mapping[str, Any]) -> str:
    name = _json(result, "Input").get("delegation")
    if not isinstance(name, str):
        msg = "a result of the run does not say which delegation it is about"
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
