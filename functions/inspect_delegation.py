"""Lambda function: inspects a delegation with one login, records findings, completes the list of what is due."""

from __future__ import annotations

from typing import Any

from renewal import wiring
from renewal.adapters.cause import BoundedCause
from renewal.domain.run.payload import DelegationTask

from aws_lambda_powertools import Logger

logger = Logger()


@BoundedCause()
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: wiring.LambdaContext) -> dict[str, Any]:
    """Take a plan item; return the delegation's tasks and its summary (see `InspectDelegation`)."""
    task = DelegationTask.parse(event)
    inspected = wiring.inspect_delegation(context)(task)
    due = len(inspected["certificates"])
    logger.info("delegation inspected", delegation=task.delegation, run_id=task.run_id, due=due)
    return inspected
