"""Whether the schedule fires, and whether an alarm reaches whoever subscribed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from stack.rehearsal_deployed import STACK, Deployed
from stack.rehearsal_emulator import REGION

_PATIENCE_SECONDS = 80.0  # it looks at its schedules every ten seconds


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
    """Feed every alarm what it waits for; return how many there are, and those that the subscriber never heard of."""
    queue, cloudwatch = _Subscriber(deployed), deployed.aws.client("cloudwatch")
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    for alarm in alarms:
        cloudwatch.put_metric_data(
            Namespace=alarm["Namespace"],
            MetricData=[
                {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": _breaching(alarm)}
            ],
        )
    heard = queue.heard({alarm["AlarmName"] for alarm in alarms})
    return len(alarms), sorted({alarm["AlarmName"] for alarm in alarms} - heard)


def _breaching(alarm: Mapping[str, Any]) -> float:
    threshold = float(alarm["Threshold"])
    return threshold - 1 if alarm["ComparisonOperator"].startswith("Less") else threshold + 1


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
