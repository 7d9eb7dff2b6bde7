"""Alarms, dashboard and runbook: what they name is there, and what there is they name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.cloudformation.parameters import ACCOUNT, REGION
from renewal.domain.alerts.crossings import NEAR_EXPIRY, PASSWORD_EXPIRING
from renewal.domain.errors import Pending, Retryable, every_error
from renewal.domain.run.report import RunOutcome, RunReport
from renewal.domain.run.verification import Verification
from renewal.domain.setup.finding import ORDER_NOT_OURS
from renewal.domain.setup.other_findings import ADDRESS_CHANGED
from renewal.steps.reporting.metrics import run_metrics
from renewal.steps.stores.drift import STORE_DRIFTED
from stack.policy import Request, allowed, statements
from stack.resolved import Resource, Stack
from tests.codes import finding_codes

ROOT = Path(__file__).resolve().parents[2]
AWS_METRICS = {
    "AWS/Lambda": ({"Errors", "Throttles", "Invocations"}, {"FunctionName"}),
    "AWS/Logs": ({"LogEventsWithFindings"}, {"LogGroupName", "DataProtectionOperation"}),
    "AWS/SNS": ({"NumberOfNotificationsDelivered", "NumberOfNotificationsFailed"}, {"TopicName"}),
    "AWS/SQS": ({"ApproximateNumberOfMessagesVisible"}, {"QueueName"}),
    "AWS/Scheduler": (
        {"TargetErrorCount", "InvocationDroppedCount", "InvocationsFailedToBeSentToDeadLetterCount"},
        {"ScheduleGroup"},
    ),
    "AWS/States": (
        {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted", "ExecutionThrottled"},
        {"StateMachineArn"},
    ),
}
"""AWS's own metrics that may be used, and the dimensions under which AWS publishes them."""

BY_SILENCE = {"DailyRun": "RunMissing", "FollowUp": "HourlyRunMissing", "DailySeal": "SealMissing",
              "KeepAwake": "KeepAwakeMissing"}  # fmt: skip
"""The alarm of each schedule."""
Metric = tuple[str, str, dict[str, str]]
NOTIFIED = {"ResultMissing", STORE_DRIFTED, NEAR_EXPIRY, PASSWORD_EXPIRING, ADDRESS_CHANGED, ORDER_NOT_OURS}
"""Names that are no error and have a section; ResultMissing is the report's name of a missing result."""


@pytest.fixture(scope="module")
def runbook() -> dict[str, str]:
    """The runbook's sections of the third and fourth level, by heading."""
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    parts = re.split(r"^#{2,4} (.+)$", text, flags=re.MULTILINE)[1:]
    sections = list(zip(parts[::2], parts[1::2], strict=True))
    assert len({name for name, _ in sections}) == len(sections), "a heading stands twice"
    return dict(sections)


def emitted() -> set[str]:
    """The names of the metrics that report writes, for an estate in which everything can expire."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    report = RunReport(
        run_id="run",
        started_at=now,
        finished_at=now,
        outcome=RunOutcome.SUCCEEDED,
        first_expiry=now,
        first_password_expiry=now.date(),
    )
    return {*run_metrics(report), *Verification(hours_to_served=1.0).metrics}


def metrics_of(alarm: Resource) -> Iterator[Metric]:
    """The metrics of an alarm: (namespace, name, dimensions)."""
    properties = alarm.properties
    single = [properties] if "MetricName" in properties else []
    several = [query["MetricStat"]["Metric"] for query in properties.get("Metrics", []) if "MetricStat" in query]
    for metric in [*single, *several]:
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions


def metrics_shown(stack: Stack) -> Iterator[Metric]:
    """The metrics of the dashboard."""
    body = json.loads(stack.resource("Overview").properties["DashboardBody"])
    for widget in body["widgets"]:
        for namespace, name, *pairs in widget["properties"].get("metrics", []):
            yield namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))


def watched(stack: Stack, alarms: dict[str, Resource]) -> list[Metric]:
    """All metrics of the alarms and the dashboard."""
    return [*(metric for alarm in alarms.values() for metric in metrics_of(alarm)), *metrics_shown(stack)]


def test_every_metric_of_ours_is_written_and_every_written_one_is_watched(
    stack: Stack, alarms: dict[str, Resource]
) -> None:
    """An alarm on a name that nobody writes is silent for ever."""
    ours = {name for namespace, name, _ in watched(stack, alarms) if namespace == "certmandate"}
    assert emitted() == ours


def test_our_metrics_carry_the_dimension_that_the_functions_give_them(
    stack: Stack, alarms: dict[str, Resource]
) -> None:
    """CloudWatch tells metrics apart by their dimensions: one letter off, and there is no data."""
    environment = stack.resource("ReportFunction").properties["Environment"]["Variables"]
    for namespace, name, dimensions in watched(stack, alarms):
        if namespace == "certmandate":
            assert environment["POWERTOOLS_METRICS_NAMESPACE"] == namespace
            assert dimensions == {"service": environment["POWERTOOLS_SERVICE_NAME"]}, name


def test_aws_publishes_the_other_metrics_under_these_dimensions(stack: Stack, alarms: dict[str, Resource]) -> None:
    """`ExecutionThrottled` is singular, and Scheduler knows groups only."""
    for namespace, name, dimensions in watched(stack, alarms):
        if namespace != "certmandate":
            names, known = AWS_METRICS[namespace]
            assert name in names, (namespace, name)
            assert set(dimensions) <= known, (namespace, name)
            assert all(dimensions.values()), name


def test_every_schedule_has_an_alarm_that_goes_off_by_silence(stack: Stack, alarms: dict[str, Resource]) -> None:
    """A schedule that was disabled or deleted fails nowhere: only what does not happen shows it."""
    assert {schedule.logical_id for schedule in stack.resources("AWS::Scheduler::Schedule")} == set(BY_SILENCE)
    missing = {name: alarm.properties["TreatMissingData"] for name, alarm in alarms.items()}
    assert {missing.pop(name) for name in BY_SILENCE.values()} == {"breaching"}
    assert set(missing.values()) == {"notBreaching"}, "for the others each day counts again"


@pytest.mark.parametrize("name", BY_SILENCE.values())
def test_an_alarm_by_silence_evaluates_whole_periods(alarms: dict[str, Resource], name: str) -> None:
    """A sliding day takes two runs slightly more than a day apart for a gap, and old data hide a real one."""
    alarm = alarms[name].properties
    assert alarm["EvaluationWindow"] == {"WallClockWindow": {"Timezone": "UTC"}}
    minutes = alarm["Period"] * alarm["EvaluationPeriods"] / 60
    assert alarm["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"] > minutes, "a new stack has no whole period"


def test_a_sum_of_metrics_counts_what_is_not_measured_as_nothing(alarms: dict[str, Resource]) -> None:
    """Without FILL one metric that was never written makes the whole sum empty, and the alarm silent."""
    for name, alarm in alarms.items():
        parts = [query["Id"] for query in alarm.properties.get("Metrics", []) if "MetricStat" in query]
        if parts:
            (total,) = [query for query in alarm.properties["Metrics"] if "Expression" in query]
            assert total["Expression"] == " + ".join(f"FILL({part}, 0)" for part in parts), name
            assert total["ReturnData"], name
            assert len(alarm.properties["Metrics"]) <= 10, name


def test_every_alarm_notifies_when_it_goes_off(stack: Stack, alarms: dict[str, Resource]) -> None:
    """An alarm without an action is only seen by those who look at the console."""
    for name, alarm in alarms.items():
        assert alarm.properties["AlarmActions"] == [stack.arn("Notices")], name
        assert alarm.properties["AlarmName"] == f"certmandate-{name}"


def test_an_alarm_notifies_of_its_end_unless_it_counts_events(stack: Stack, alarms: dict[str, Resource]) -> None:
    """OK after five minutes without another failure is no repair: RunFailed sent one each day while a cause lasted."""
    for name, alarm in alarms.items():
        counts_events = alarm.properties.get("Statistic", "Sum") == "Sum" and name not in BY_SILENCE.values()
        assert alarm.properties.get("OKActions", []) == ([] if counts_events else [stack.arn("Notices")]), name


def test_an_alarms_notice_passes_the_topics_policy_and_its_key(stack: Stack, alarms: dict[str, Resource]) -> None:
    """With a key that CloudWatch may not use, an alarm turns red and nobody is notified."""
    policy = stack.resource("NoticesPolicy").properties["PolicyDocument"]
    key = stack.resource("WatchKey").properties["KeyPolicy"]
    assert stack.resource("Notices").properties["KmsMasterKeyId"] == stack.name("WatchKey")
    mine = {"aws:SourceAccount": ACCOUNT, "aws:SecureTransport": "true"}
    service = {"Service": "cloudwatch.amazonaws.com"}
    of_cloudwatch = [{"Statement": [statement for statement in key["Statement"] if statement["Principal"] == service]}]
    for name in alarms:
        source = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:certmandate-{name}"
        publish = Request("sns:Publish", stack.arn("Notices"), {**mine, "aws:SourceArn": source})
        assert allowed(statements([policy]), publish)
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert allowed(statements(of_cloudwatch), Request(action, "*", mine))
    theirs = {**mine, "aws:SourceAccount": "999999999999"}
    assert not allowed(statements([policy]), Request("sns:Publish", stack.arn("Notices"), theirs))


def test_nothing_is_published_without_tls(stack: Stack) -> None:
    """Who listens in would learn what is wrong, and when nobody looks."""
    policy = statements([stack.resource("NoticesPolicy").properties["PolicyDocument"]])
    plain = Request("sns:Publish", stack.arn("Notices"), {"aws:SecureTransport": "false"})
    assert [statement.sid for statement in policy if statement.effect == "Deny" and statement.applies(plain)] == [
        "TlsOnly"
    ]


def test_the_subscribers_in_the_parameters_are_notified() -> None:
    """An alarm without a subscriber notifies no one."""
    given = {"NoticeEmail": "certificates@example.org", "PagerUrl": "https://pager.example/integration"}
    notified = Stack(ROOT / "template.yaml", given)
    subscribed = {
        (subscription.properties["TopicArn"], subscription.properties["Protocol"], subscription.properties["Endpoint"])
        for subscription in notified.resources("AWS::SNS::Subscription")
    }
    topic = notified.arn("Notices")
    assert subscribed == {(topic, "email", given["NoticeEmail"]), (topic, "https", given["PagerUrl"])}


def test_a_notice_that_cannot_be_delivered_is_kept_in_a_queue() -> None:
    """Fault S9: after its retries SNS drops a notice, and the operator who was to be paged knows nothing."""
    given = {"NoticeEmail": "certificates@example.org", "PagerUrl": "https://pager.example/integration"}
    stack = Stack(ROOT / "template.yaml", given)
    queue = stack.arn("UndeliveredNotices")
    for subscription in stack.resources("AWS::SNS::Subscription"):
        assert subscription.properties["RedrivePolicy"] == {"deadLetterTargetArn": queue}
    policy = statements([stack.resource("UndeliveredNoticesPolicy").properties["PolicyDocument"]])
    for source, permitted in ((stack.arn("Notices"), True), (f"{stack.arn('Notices')}-of-others", False)):
        assert allowed(policy, Request("sqs:SendMessage", queue, {"aws:SourceArn": source})) is permitted


def test_every_alarm_has_its_meaning_its_urgency_and_its_runbook(alarms: dict[str, Resource]) -> None:
    """The operator reads it on a telephone, at night, without other documents."""
    for name, alarm in alarms.items():
        text = alarm.properties["AlarmDescription"]
        assert f"docs/runbook.md, section {name}." in text
        assert re.search(r"\. Urgency: (now|today|this week|within a working day|by )", text), name
        assert len(text) <= 1024


def test_the_dashboard_shows_every_alarm(stack: Stack, alarms: dict[str, Resource]) -> None:
    """What is not on it is forgotten."""
    body = json.loads(stack.resource("Overview").properties["DashboardBody"])
    shown = next(widget["properties"]["alarms"] for widget in body["widgets"] if widget["type"] == "alarm")
    assert sorted(shown) == sorted(stack.arn(name) for name in alarms)


def test_the_runbook_has_a_section_for_every_alarm_and_every_error(
    alarms: dict[str, Resource], runbook: dict[str, str]
) -> None:
    """And none for an error that was deleted."""
    named = {*alarms, *(kind.__name__ for kind in every_error()), *NOTIFIED}
    headings = {name for name in runbook if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", name)}
    assert headings == named


def test_the_runbook_has_a_row_for_every_finding_without_a_section() -> None:
    """`status` and the RAO's mail name findings, too; and none remains that was deleted."""
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").partition("\n## Findings\n")[2]
    listed = re.findall(r"^\| `(\w+)` \|", text.partition("\n## ")[0], flags=re.MULTILINE)
    errors = {kind.__name__ for kind in every_error()}
    assert sorted(listed) == sorted(finding_codes() - errors - NOTIFIED)


def test_every_runbook_section_has_meaning_urgency_actor_and_action(
    alarms: dict[str, Resource], runbook: dict[str, str]
) -> None:
    """Nobody reads prose at three in the morning."""
    for name in {*alarms, *(kind.__name__ for kind in every_error()), *NOTIFIED}:
        found = re.findall(r"^\*\*(\w+)\.\*\*", runbook[name], flags=re.MULTILINE)
        assert found == ["Meaning", "Urgency", "Who", "Do"], name


def test_the_runbook_names_the_actor_of_the_error(runbook: dict[str, str]) -> None:
    """The report names who must act as well; the two must agree."""
    words = {"operator": "The operator", "rao": "The RAO"}
    for kind in every_error():
        who = re.search(r"^\*\*Who\.\*\* (.*)$", runbook[kind.__name__], flags=re.MULTILINE)
        assert who, kind.__name__
        assert who[1].startswith(words[kind.actor]), kind.__name__
        assert ("Retried." in who[1]) is (issubclass(kind, Retryable) and not issubclass(kind, Pending)), kind.__name__
        assert ("Polled again." in who[1]) is issubclass(kind, Pending), kind.__name__


def test_every_link_of_the_documents_leads_somewhere() -> None:
    """A runbook with a dead link is read when it is needed most."""
    for document in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            file, _, anchor = target.partition("#")
            there = document.parent / file if file else document
            assert there.exists(), f"{document.name}: {target}"
            if anchor and there.suffix == ".md":
                assert anchor in _anchors(there), f"{document.name}: {target}"


def _parsed(template: Path) -> dict[str, Any]:
    return dict(yaml_parse(template.read_text(encoding="utf-8")))


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#{1,6} (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_runbook_uses_outputs_and_resources_that_exist(stack: Stack, source: dict[str, Any]) -> None:
    """A command that is copied must work."""
    text = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("runbook.md", "deploy.md"))
    network = set(_parsed(ROOT / "infra" / "network.yaml")["Outputs"])
    outputs = set(source["Outputs"])
    assert set(re.findall(r"\(out (?:\$STACK )?(\w+)\)", text)) <= outputs
    assert set(re.findall(r"out \$STACK-network (\w+)", text)) <= network
    assert set(re.findall(r"--logical-resource-id (\w+)", text)) <= {
        resource.logical_id for resource in stack.resources()
    }
