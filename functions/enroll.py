"""Lambda function: orders one certificate from SCM, at most once."""

from __future__ import annotations

from typing import Any

from renewal import wiring
from renewal.adapters.cause import BoundedCause
from renewal.domain.run.payload import Task

from aws_lambda_powertools import Logger

logger = Logger()


@BoundedCause()
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: wiring.LambdaContext) -> dict[str, Any]:
    """Take a task; return the progress: identifiers only."""
    progress = wiring.enroll(context)(Task.parse(event)).payload()
    logger.info("order opened", **progress)
    return progress
