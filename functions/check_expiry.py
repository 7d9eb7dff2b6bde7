"""Lambda function: decides what is due and writes the plan of the run."""

from __future__ import annotations

from typing import Any

from renewal import wiring

from aws_lambda_powertools import Logger

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: wiring.LambdaContext) -> dict[str, Any]:
    """Take `{"run_id", "request", "state_machine"}`; return the plan's summary (see `CheckExpiry`)."""
    plan = wiring.check_expiry(context)(event["run_id"], event["request"], event["state_machine"])
    logger.info(
        "run planned",
        **{name: plan[name] for name in ("run_id", "skipped", "delegations", "due", "deferred", "dry_run")},
    )
    return plan
