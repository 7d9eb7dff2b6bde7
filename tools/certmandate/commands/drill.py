"""`certmandate drill`: tests the alarms and the alerts. Sets each alarm once and checks that its notice was sent."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.text import Text

from certmandate.deployment import Deployment, to_change
from certmandate.exit import NEEDS_ATTENTION, Refused, Stopped, aws_sentence
from certmandate.files.operator_action import WHOLE_ESTATE, ActionKind
from certmandate.options import ActionReasonOption, JsonOption, YesOption, confirm
from certmandate.views import printing
from certmandate.views.printing import printer
from renewal.domain.errors import RenewalError

REASON = "certmandate drill: a test, no real event"
ALERT = "alert of a run"
"""Named among the alarms. Its form differs from theirs, and some receivers drop messages of one of the two."""
_SECONDS_BETWEEN_QUERIES = 2.0


@dataclass(frozen=True, slots=True)
class TestedAlarm:
    """One alarm, or the alert, after its test."""

    name: str
    notice: str
    """CloudWatch's summary of the action; empty: no action in its history."""

    @property
    def is_sent(self) -> bool:
        """Whether its notice was sent."""
        return self.notice.lower().startswith("successfully")


def drill_command(
    context: typer.Context,
    alarm: Annotated[
        list[str] | None, typer.Option(help="Only this alarm, for example RunFailed; may be repeated.")
    ] = None,
    wait_seconds: Annotated[
        int, typer.Option("--wait-seconds", min=0, max=900, help="Seconds to wait for a notification to be sent.")
    ] = 60,
    reason: ActionReasonOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Test the alarms of the stack, and its alerts.

    Raises each alarm that is not in alarm, and checks that its notification was sent; publishes one alert as a run
    does, unless --alarm is given. Exits 1 when one was not sent. Only the subscribers can confirm that each arrived:
    the command lists them.
    """
    with to_change(context) as deployment:
        if deployment.is_local:
            msg = "drill needs a real AWS account: the AWS of `certmandate local up` keeps no history of alarms"
            raise Refused(msg)
        names, busy = _names(deployment, alarm or [])
        confirm(
            f"Set {printing.counted(len(names), 'alarm')}? The receivers get one notice for each, and one alert.",
            yes=yes,
        )
        tested_names = [name.removeprefix(f"{deployment.stack}-") for name in names]
        deployment.recorder.announce(ActionKind.ALARMS_TESTED, WHOLE_ESTATE, reason=reason, details=tested_names)
        with printer(to_stderr=True).status("Setting the alarms …"):
            tested = [*_tested(deployment.client("cloudwatch"), names, wait_seconds), *busy]
            tested += [] if alarm else [_tested_alert(deployment)]
        receivers = _receivers(deployment)
    if as_json:
        alarms = [{"alarm": alarm.name, "notice_left": alarm.is_sent, "said": alarm.notice} for alarm in tested]
        printing.print_json({"alarms": alarms, "receivers": receivers})
    else:
        _print_result(tested, receivers)
    confirmed = any(receiver["confirmed"] for receiver in receivers)
    raise typer.Exit(0 if confirmed and all(alarm.is_sent for alarm in tested) else NEEDS_ATTENTION)


def _tested(cloudwatch: Any, names: list[str], wait_seconds: int) -> list[TestedAlarm]:
    """Set the alarms, wait for their notices, and reset the alarms in any case."""
    started = datetime.now(UTC)
    try:
        for name in names:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=REASON)
        return _wait_for_notices(cloudwatch, names, started, wait_seconds)
    finally:
        for name in names:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason=f"{REASON}; the test is over")


def _tested_alert(deployment: Deployment) -> TestedAlarm:
    """Publish one alert through the adapter of the runs."""
    from renewal.adapters.events import SnsAlerts
    from renewal.domain.alerts.alert import Alert

    text = (
        f"Stack {deployment.stack}, {REASON}.\n\nA run's alert of new problems has this form. Nothing is to be done, "
        "except to confirm to the operator that it has arrived."
    )
    try:
        alerts = SnsAlerts(deployment.client("sns"), deployment.fact("NoticesTopic"))
        alerts.publish(Alert(f"[{deployment.stack}] Drill: a test, no real event", text))
    except RenewalError as error:
        return TestedAlarm(ALERT, f"{type(error).__name__}: {error}")
    return TestedAlarm(ALERT, "Successfully published")


def _names(deployment: Deployment, requested: list[str]) -> tuple[list[str], list[TestedAlarm]]:
    """Return the alarms to set, and those that are in alarm and cannot be tested. Raises Refused for unknown alarms."""
    prefix = f"{deployment.stack}-"
    known = _states(deployment, prefix)
    chosen = [name if name.startswith(prefix) else prefix + name for name in requested] or sorted(known)
    if missing := [name.removeprefix(prefix) for name in chosen if name not in known]:
        names = ", ".join(name.removeprefix(prefix) for name in sorted(known))
        msg = f"the stack has no alarm {', '.join(missing)}; its alarms are {names}"
        raise Refused(msg)
    busy = [TestedAlarm(name, "not tested: it is in alarm") for name in chosen if known[name] == "ALARM"]
    return [name for name in chosen if known[name] != "ALARM"], busy


def _states(deployment: Deployment, prefix: str) -> dict[str, str]:
    """Return the state of each alarm of the stack. Raises Refused when there is none."""
    topic = deployment.fact("NoticesTopic")
    pages = deployment.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    # The alarms of a second stack `certmandate-test` have the same prefix, but another topic.
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"] if topic in alarm["AlarmActions"]]
    if not alarms:
        msg = f"no alarm begins with '{prefix}', so the stack has another name: pass it with --stack"
        raise Refused(msg)
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}


def _wait_for_notices(cloudwatch: Any, names: list[str], started: datetime, wait_seconds: int) -> list[TestedAlarm]:
    """Query the alarms' histories until each notice was sent or the time is over."""
    deadline = time.monotonic() + wait_seconds
    notices: dict[str, str] = {}
    while True:
        for name in names:
            if name not in notices and (notice := _notice(cloudwatch, name, started)):
                notices[name] = notice
        if len(notices) == len(names) or time.monotonic() >= deadline:
            return [TestedAlarm(name, notices.get(name, "")) for name in names]
        time.sleep(_SECONDS_BETWEEN_QUERIES)


def _notice(cloudwatch: Any, name: str, started: datetime) -> str:
    from botocore.exceptions import ClientError

    span = {"StartDate": started - timedelta(seconds=5), "EndDate": datetime.now(UTC)}
    try:
        answer = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action", **span)
    except ClientError as error:
        # AWS on this machine has no such operation; its server then sends an HTML page.
        cause = aws_sentence(error)[:200]
        msg = f"the alarms' history cannot be read, so it is unknown whether a notice was sent: {cause}"
        raise Stopped(msg) from None
    return next((str(item["HistorySummary"]) for item in answer["AlarmHistoryItems"]), "")


def _receivers(deployment: Deployment) -> list[dict[str, Any]]:
    paginator = deployment.client("sns").get_paginator("list_subscriptions_by_topic")
    return [
        {
            "protocol": subscription["Protocol"],
            "endpoint": _shown(subscription["Endpoint"]),
            "confirmed": subscription["SubscriptionArn"].startswith("arn:"),
        }
        for page in paginator.paginate(TopicArn=deployment.fact("NoticesTopic"))
        for subscription in page["Subscriptions"]
    ]


def _print_result(tested: list[TestedAlarm], receivers: list[dict[str, Any]]) -> None:
    rows = [
        (alarm.name, Text("sent", "green") if alarm.is_sent else Text("NOT SENT", "bold red"), alarm.notice)
        for alarm in sorted(tested, key=lambda alarm: (alarm.is_sent, alarm.name))
    ]
    lines = [
        f"{receiver['protocol']} {receiver['endpoint']}{'' if receiver['confirmed'] else ': NOT CONFIRMED'}"
        for receiver in receivers
    ]
    table = printing.table(["alarm", "notice", "CloudWatch's summary"], rows)
    printing.show(printer(), table, *printing.bullets("Ask these receivers whether the notices arrived", lines))
    if not any(receiver["confirmed"] for receiver in receivers):
        text = "No subscription is confirmed: NO ONE RECEIVES THE ALARMS. See docs/deploy.md."
        printing.print_line(text, style="bold red")


def _shown(endpoint: str) -> str:
    """Return an address to print: of a URL only the host, because its path may be a secret."""
    return "/".join(endpoint.split("/")[:3]) + "/…" if endpoint.startswith("http") else endpoint
