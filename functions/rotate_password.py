"""Lambda function: one of the four steps by which Secrets Manager rotates an account's password."""

from __future__ import annotations

from typing import Any

from renewal import wiring

from aws_lambda_powertools import Logger

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: wiring.LambdaContext) -> None:
    """Take Secrets Manager's `{"SecretId", "ClientRequestToken", "Step"}`."""
    secret, step = event["SecretId"], event["Step"]
    done = wiring.rotate_password(context)(secret, event["ClientRequestToken"], step)
    logger.info("rotation step done", secret=secret, step=step, done=done)
