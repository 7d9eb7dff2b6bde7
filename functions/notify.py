"""Lambda function: notifies RAOs in the daily run, and records the bounces of its mails."""

from __future__ import annotations

from typing import Any

from renewal import wiring

from aws_lambda_powertools import Logger

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: wiring.LambdaContext) -> dict[str, int]:
    """Take `{"run_id"}`, or an event of Amazon SES; return the number of notices by outcome."""
    sent = wiring.notify(context)(event)
    logger.info("notices done", outcomes=sent)
    return sent
