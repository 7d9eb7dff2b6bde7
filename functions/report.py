"""Lambda function: writes the report of the run and publishes its metrics."""

from __future__ import annotations

from typing import Any

from renewal import wiring

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: wiring.LambdaContext) -> dict[str, Any]:
    """Take `{"run_id"}`; return `{"run_id", "outcome", "is_daily", "counts", "report"}`."""
    summary = wiring.report(context)(event["run_id"])
    for name, value in summary.pop("metrics").items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    logger.info("run reported", **summary)
    return summary
