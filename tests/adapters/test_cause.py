"""What failed functions leave in the state machine fits, whatever SCM and AWS have answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.functions.fork_server import error_document
from renewal.domain.errors import CertificateMismatch, ScmRefused
from renewal.domain.replacement_rule import MOST_ORDERS_PER_DELEGATION
from tests.call_depth import handled

MOST_BYTES = 256 * 1024
"""Of a Map's output (AWS: step-functions/latest/dg/service-quotas.html)."""
BESIDE_THEM = 6_000
"""Bytes that the output of EnrollEach has beside the certificates: the plan item and the inspection's summary."""
TASK = {"run_id": "r" * 80, "started_at": "2026-11-29T04:30:00Z", "delegation": "d" * 40, "certificate": "c" * 40}
PROGRESS = {**TASK, "token": "t" * 36, "ssl_id": 4_294_967_295, "status": "ordered"}


def failing(error: Exception, depth: int = 40) -> Any:
    """Return a step that raises *error* so many calls deep."""

    def step(_event: object) -> None:
        if depth:
            failing(error, depth - 1)(_event)
        raise error

    return step


def cause_of(error: Exception) -> str:
    """Run the handler of collect; return Lambda's document of its error as Step Functions keeps it."""
    with pytest.raises(type(error)) as caught:
        handled("collect", failing(error), PROGRESS)
    return json.dumps({**error_document(caught.value, {}), "requestId": "-" * 36})


@pytest.mark.parametrize("letter", ["a", "é", "証", "😀", '"', "\\", "\n"], ids=ascii)
def test_all_certificates_of_a_raised_cap_may_fail_in_one_output(letter: str) -> None:
    """With the longest text of each kind of letter, quoted twice, and a deep stack: otherwise all results are lost."""
    error = {"Error": CertificateMismatch.__name__, "Cause": cause_of(CertificateMismatch(letter * 20_000))}
    result = {"certificate": "c" * 40, "token": "t" * 36, "ssl_id": 4_294_967_295, "status": "failed", "error": error}

    assert len(json.dumps([result] * MOST_ORDERS_PER_DELEGATION)) + BESIDE_THEM < MOST_BYTES


def test_an_ordinary_error_keeps_its_whole_text() -> None:
    """The report quotes it."""
    text = "SCM refused to enroll: code -1010, « le domaine n'est pas délégué » (HTTP 400)"

    document = json.loads(cause_of(ScmRefused(text)))

    assert (document["errorType"], document["errorMessage"]) == ("ScmRefused", text)
    assert "in step" in document["stackTrace"][-1]
