"""Lambda function: collects an ordered certificate, checks it, and stores it."""

from __future__ import annotations

from typing import Any

from renewal import wiring
from renewal.adapters.cause import BoundedCause
from renewal.domain.run.payload import Progress

from aws_lambda_powertools import Logger

logger = Logger()


@BoundedCause()
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: wiring.LambdaContext) -> dict[str, Any]:
    """Take a progress; return it with status `stored` or `pending`."""
    progress = wiring.collect(context)(Progress.parse(event)).payload()
    logger.info("order polled", **progress)
    return progress
