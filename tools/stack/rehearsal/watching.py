"""Whether the schedule starts runs, and whether each alarm reaches a subscriber."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from renewal.domain.judgement.problem import Problem
from renewal.domain.judgement.replacement_progress import ReplacementProgress
from renewal.domain.run.report import CertificateRow, Outcome, RunOutcome, RunReport
from renewal.domain.setup.finding import ORDER_NOT_OURS
from renewal.steps.reporting.metrics import run_metrics
from stack.rehearsal.deployed import STACK, Deployed
from stack.rehearsal.emulator import REGION

_WAIT_SECONDS = 80.0  # ministack reads its schedules every ten seconds

Metric = tuple[str, str, Mapping[str, str], float]
"""Namespace, name, dimensions and value."""


def input_of_scheduled_run(deployed: Deployed) -> str:
    """Set the daily schedule to every minute; return the input of the execution that it starts ("": none).

    Target, role and input stay the template's. (ministack never starts an `at()` that was a `cron()` at first.)
    """
    scheduler, workflow = deployed.aws.client("scheduler"), deployed.aws.client("stepfunctions")
    machine = deployed.outputs["StateMachineArn"]
    before = _executions(workflow, machine)
    listed = [schedule["Name"] for schedule in scheduler.list_schedules()["Schedules"]]
    (name,) = [name for name in listed if "DailyRun" in name]
    schedule = scheduler.get_schedule(Name=name, GroupName=STACK)
    kept = {key: schedule[key] for key in ("Name", "GroupName", "FlexibleTimeWindow", "Target")}
    scheduler.update_schedule(**kept, State="ENABLED", ScheduleExpression="rate(1 minute)")
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        if started := _executions(workflow, machine) - before:
            (arn,) = started
            return str(workflow.describe_execution(executionArn=arn)["input"])
        time.sleep(0.2)
    return ""


def _executions(workflow: Any, machine: str) -> set[str]:
    listed = workflow.list_executions(stateMachineArn=machine, maxResults=1000)["executions"]
    return {str(execution["executionArn"]) for execution in listed}


def silent_alarms(deployed: Deployed) -> tuple[int, list[str]]:
    """Write the metrics of a failed run and AWS's own; return the number of alarms, and those without a notice.

    Only the names of the alarms are read. Namespace and dimension of a run's metrics come from the environment of the
    report's function; the others are those under which AWS publishes.
    """
    queue, cloudwatch = _Subscriber(deployed), deployed.aws.client("cloudwatch")
    for namespace, name, dimensions, value in [*_reported(deployed), *_by_aws(deployed)]:
        named = [{"Name": key, "Value": text} for key, text in dimensions.items()]
        datum = {"MetricName": name, "Dimensions": named, "Value": value}
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])
    alarms = {alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]}
    return len(alarms), sorted(alarms - queue.raised(alarms))


def _reported(deployed: Deployed) -> Iterator[Metric]:
    """Yield the metrics that the report's function writes for a run in which everything failed, and of a theft."""
    function = deployed.physical("ReportFunction")
    configuration = deployed.aws.client("lambda").get_function_configuration(FunctionName=function)
    given = configuration["Environment"]["Variables"]
    service = {"service": given["POWERTOOLS_SERVICE_NAME"]}
    now = datetime.now(UTC)
    stolen = Problem(delegation="univ", code=ORDER_NOT_OURS, about="4711", severity="error", actor="rao")
    for name, value in run_metrics(_failed_report(now), [stolen]).items():
        yield given["POWERTOOLS_METRICS_NAMESPACE"], name, service, value


def _failed_report(now: datetime) -> RunReport:
    """The report of a run that was not the daily one, deferred a certificate, and works on a rule that is late."""
    late = ReplacementProgress(
        reason="rehearsal", issued_before=now, in_flight=0, failed=0, waiting=1, not_served=0, is_late=True
    )
    return RunReport(
        run_id="rehearsal",
        started_at=now,
        finished_at=now,
        outcome=RunOutcome.FAILED,
        certificates=(CertificateRow(delegation="univ", name="idp", outcome=Outcome.DEFERRED),),
        replacements=(late,),
    )


def _by_aws(deployed: Deployed) -> Iterator[Metric]:
    """Yield what AWS publishes for the resources of this stack (names: AWS's guide of each service)."""
    outputs = deployed.outputs
    machine = {"StateMachineArn": outputs["StateMachineArn"]}
    queues = [outputs[name].rsplit("/", 1)[-1] for name in ("ScheduleDeadLettersUrl", "UndeliveredNoticesUrl")]
    found = {"LogGroupName": outputs["FunctionLogs"], "DataProtectionOperation": "Audit"}
    yield "AWS/States", "ExecutionsFailed", machine, 1.0
    yield "AWS/States", "ExecutionThrottled", machine, 1.0
    yield "AWS/Scheduler", "TargetErrorCount", {"ScheduleGroup": STACK}, 1.0
    for function in ("SealAuditFunction", "NotifyFunction"):
        yield "AWS/Lambda", "Errors", {"FunctionName": deployed.physical(function)}, 1.0
    for function in ("SealAuditFunction", "CheckExpiryFunction", "RotatePasswordFunction"):
        yield "AWS/Lambda", "Invocations", {"FunctionName": deployed.physical(function)}, 0.0
    for name in queues:
        yield "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": name}, 1.0
    yield "AWS/Logs", "LogEventsWithFindings", found, 1.0


class _Subscriber:
    """A queue that subscribes to the topic of notices."""

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

    def raised(self, wanted: set[str]) -> set[str]:
        """Return the names of the alarms in the notices; wait until all of *wanted* came, at most 5 s."""
        raising: set[str] = set()
        deadline = time.monotonic() + 5.0
        while not wanted <= raising and time.monotonic() < deadline:
            answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", ()):
                text = json.loads(message["Body"])["Message"]
                notice = json.loads(text) if text.startswith("{") else {}  # those of runs are plain text
                if notice.get("NewStateValue") == "ALARM":
                    raising.add(notice["AlarmName"])
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return raising
