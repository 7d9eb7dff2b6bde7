"""Whether the schedule fires, and whether an alarm reaches whoever subscribed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from renewal.domain.setup.egress import ADDRESS_CHANGED
from renewal.steps.metrics import run_metrics
from stack.rehearsal_deployed import STACK, Deployed
from stack.rehearsal_emulator import REGION

_PATIENCE_SECONDS = 80.0  # it looks at its schedules every ten seconds

Metric = tuple[str, str, Mapping[str, str], float]
"""Namespace, name, dimensions and value."""


def fired(deployed: Deployed) -> str:
    """Make the daily schedule one of every minute; return the input of the execution that it starts ("": none).

    Nothing but the time is changed: target, role and input are the template's. (ministack never fires an `at()` that
    was a `cron()` when it saw it first.)
    """
    scheduler, workflow = deployed.aws.client("scheduler"), deployed.aws.client("stepfunctions")
    machine = deployed.outputs["StateMachineArn"]
    before = _executions(workflow, machine)
    (name,) = [one["Name"] for one in scheduler.list_schedules()["Schedules"] if "DailyRun" in one["Name"]]
    schedule = scheduler.get_schedule(Name=name, GroupName=STACK)
    kept = {key: schedule[key] for key in ("Name", "GroupName", "FlexibleTimeWindow", "Target")}
    scheduler.update_schedule(**kept, State="ENABLED", ScheduleExpression="rate(1 minute)")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if started := _executions(workflow, machine) - before:
            (arn,) = started
            return str(workflow.describe_execution(executionArn=arn)["input"])
        time.sleep(0.2)
    return ""


def _executions(workflow: Any, machine: str) -> set[str]:
    listed = workflow.list_executions(stateMachineArn=machine, maxResults=1000)["executions"]
    return {str(one["executionArn"]) for one in listed}


def silent(deployed: Deployed) -> tuple[int, list[str]]:
    """Write what a failed run and AWS itself would; return how many alarms there are, and those nobody heard of.

    Nothing is read from the alarms but their names: namespace and dimension are those that the report's function has
    in its environment, and the others those under which AWS publishes what this stack was given.
    """
    queue, cloudwatch = _Subscriber(deployed), deployed.aws.client("cloudwatch")
    for namespace, name, dimensions, value in [*_reported(deployed), *_by_aws(deployed)]:
        named = [{"Name": key, "Value": text} for key, text in dimensions.items()]
        datum = {"MetricName": name, "Dimensions": named, "Value": value}
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])
    alarms = {alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]}
    return len(alarms), sorted(alarms - queue.heard(alarms))


def _reported(deployed: Deployed) -> Iterator[Metric]:
    """What the report's function measures of a run in which everything went wrong."""
    function = deployed.physical("ReportFunction")
    configuration = deployed.aws.client("lambda").get_function_configuration(FunctionName=function)
    given = configuration["Environment"]["Variables"]
    service = {"service": given["POWERTOOLS_SERVICE_NAME"]}
    now = datetime.now(UTC)
    for name, value in run_metrics(_failed_report(now), now).items():
        yield given["POWERTOOLS_METRICS_NAMESPACE"], name, service, value


def _failed_report(now: datetime) -> dict[str, Any]:
    tomorrow = now + timedelta(days=1)
    ordered = (now - timedelta(days=9)).isoformat()
    certificate = {"outcome": "deferred", "ordered_at": ordered, "not_after": tomorrow.isoformat()}
    delegation = {
        "error": "AddressRefused",
        "password_expires": tomorrow.date().isoformat(),
        "findings": [{"code": ADDRESS_CHANGED, "severity": "error"}],
    }
    return {"certificates": [certificate], "delegations": [delegation], "common_cause": "", "is_daily": False}


def _by_aws(deployed: Deployed) -> Iterator[Metric]:
    """What AWS publishes of this stack's resources when things go wrong (the names: AWS's guides of each service)."""
    outputs = deployed.outputs
    machine = {"StateMachineArn": outputs["StateMachineArn"]}
    queue = {"QueueName": outputs["ScheduleDeadLettersUrl"].rsplit("/", 1)[-1]}
    found = {"LogGroupName": outputs["FunctionLogs"], "DataProtectionOperation": "Audit"}
    yield "AWS/States", "ExecutionsFailed", machine, 1.0
    yield "AWS/States", "ExecutionThrottled", machine, 1.0
    yield "AWS/Scheduler", "TargetErrorCount", {"ScheduleGroup": STACK}, 1.0
    yield "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, 1.0
    yield "AWS/Logs", "LogEventsWithFindings", found, 1.0


class _Subscriber:
    """A queue that is subscribed to the topic of notices."""

    def __init__(self, deployed: Deployed) -> None:
        self._sqs = deployed.aws.client("sqs")
        topic = deployed.outputs["NoticesTopic"]
        self._url = self._sqs.create_queue(QueueName="pager")["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{topic.split(':')[4]}:pager"
        permitted = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": arn,
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [permitted]})
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        deployed.aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def heard(self, wanted: set[str]) -> set[str]:
        """Return the names of the alarms that went off, once all of *wanted* are there or nothing comes any more."""
        found: set[str] = set()
        deadline = time.monotonic() + 5.0
        while not wanted <= found and time.monotonic() < deadline:
            answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", ()):
                notice = json.loads(json.loads(message["Body"])["Message"])
                if notice["NewStateValue"] == "ALARM":
                    found.add(notice["AlarmName"])
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return found
