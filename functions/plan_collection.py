"""Lambda function: lists the open orders that the run polls next."""

from __future__ import annotations

from typing import Any

from renewal import wiring

from aws_lambda_powertools import Logger

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: wiring.LambdaContext) -> dict[str, Any]:
    """Take `{"run_id", "polls", "verification"}`; return the summary (see `PlanCollection`), and the last as it is."""
    plan = wiring.plan_collection(context)(event["run_id"], event["polls"])
    logger.info("collection planned", **{name: plan[name] for name in ("run_id", "delegations", "polls")})
    return {**plan, "verification": event["verification"]}
