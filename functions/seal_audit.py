"""Lambda function: seals the audit trails of all delegations, once a day."""

from __future__ import annotations

from typing import Any

from renewal import wiring

from aws_lambda_powertools import Logger

logger = Logger()


@logger.inject_lambda_context
def handler(_event: dict[str, Any], context: wiring.LambdaContext) -> dict[str, Any]:
    """Return `{"sealed": [delegation…]}`."""
    sealed = list(wiring.seal_audit(context)())
    logger.info("audit trails sealed", sealed=sealed)
    return {"sealed": sealed}
