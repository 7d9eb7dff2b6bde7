"""Lambda function: verifies that clients meet the certificates where they are declared to be served."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from renewal import wiring
from renewal.adapters.cause import BoundedCause

logger = Logger()
metrics = Metrics()


@BoundedCause()
@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: wiring.LambdaContext) -> dict[str, Any]:
    """Take `{"run_id", "request"}`, the execution's input; return `{"verified", "late", "not_verified"}`."""
    summary = wiring.verify_served(context)(event["request"])
    for name, value in summary.pop("metrics").items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    logger.info("endpoints verified", run_id=event["run_id"], **summary)
    return summary
