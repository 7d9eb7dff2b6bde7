"""Lambda function: verifies that clients meet the certificates where they are declared to be served."""

from __future__ import annotations

from typing import Any

from renewal import wiring
from renewal.adapters.cause import BoundedCause

from aws_lambda_powertools import Logger

logger = Logger()


@BoundedCause()
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: wiring.LambdaContext) -> dict[str, Any]:
    """Take a `VerificationTask`; return its `Verification`."""
    summary = wiring.verify_served(context)(event)
    logger.info("endpoints verified", run_id=event["run_id"], delegation=event["delegation"], **summary)
    return summary
