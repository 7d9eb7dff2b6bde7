"""`certmandate drill`: would anybody be told? Every alarm is raised once, and its notice is looked for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.text import Text

from certmandate.deployment import Deployment, deployed
from certmandate.exit import NEEDS_ATTENTION, Refused, Stopped, aws_sentence
from certmandate.options import JsonOption, YesOption, confirm
from certmandate.views import printing
from certmandate.views.printing import printer

REASON = "certmandate drill: nothing has happened"
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Drilled:
    """One alarm, raised."""

    name: str
    notice: str
    """CloudWatch's own sentence about the action, empty when there was none."""

    @property
    def left(self) -> bool:
        """Whether its notice left."""
        return self.notice.lower().startswith("successfully")


def drill_command(
    context: typer.Context,
    alarm: Annotated[list[str] | None, typer.Option(help="Only this one, e.g. RunFailed; may be repeated.")] = None,
    wait_seconds: Annotated[
        int, typer.Option("--wait-seconds", min=0, max=900, help="How long a notice may take to leave.")
    ] = 60,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Raise every alarm of the stack once and say whether its notice left. Exits 1 when one did not.

    Whether the notice arrived, only who receives it can say: the drill ends with whom to ask.
    """
    with deployed(context) as deployment:
        names, busy = _names(deployment, alarm or [])
        confirm(f"Raise {printing.counted(len(names), 'alarm')}? Whoever is on call gets as many notices.", yes=yes)
        with printer(to_stderr=True).status("Raising the alarms …"):
            drilled = [*_raised(deployment.client("cloudwatch"), names, wait_seconds), *busy]
        receivers = _receivers(deployment)
    if as_json:
        alarms = [{"alarm": one.name, "notice_left": one.left, "said": one.notice} for one in drilled]
        printing.print_json({"alarms": alarms, "receivers": receivers})
    else:
        _tell(drilled, receivers)
    confirmed = any(one["confirmed"] for one in receivers)
    raise typer.Exit(0 if confirmed and all(one.left for one in drilled) else NEEDS_ATTENTION)


def _raised(cloudwatch: Any, names: list[str], wait_seconds: int) -> list[Drilled]:
    """Raise them, look for their notices, and lower them again whatever happens."""
    begun = datetime.now(UTC)
    try:
        for name in names:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=REASON)
        return _looked_for(cloudwatch, names, begun, wait_seconds)
    finally:
        for name in names:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason=f"{REASON}; it is over")


def _names(deployment: Deployment, wanted: list[str]) -> tuple[list[str], list[Drilled]]:
    """The alarms to raise, and those that cannot be because they are in alarm. Raises Refused for unknown ones."""
    prefix, topic = f"{deployment.stack}-", deployment.fact("NoticesTopic")
    pages = deployment.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    found = [one for page in pages for one in page["MetricAlarms"]]
    # A second stack, called certmandate-test, has alarms that begin with certmandate-, too: they tell another topic.
    known = {one["AlarmName"]: one["StateValue"] for one in found if topic in one["AlarmActions"]}
    if not known:
        msg = f"no alarm begins with '{prefix}': is that the stack's name? Give it with --stack"
        raise Refused(msg)
    chosen = [one if one.startswith(prefix) else prefix + one for one in wanted] or sorted(known)
    if missing := [one.removeprefix(prefix) for one in chosen if one not in known]:
        names = ", ".join(one.removeprefix(prefix) for one in sorted(known))
        msg = f"the stack has no alarm {', '.join(missing)}; it has {names}"
        raise Refused(msg)
    busy = [Drilled(one, "it is in alarm already, in earnest") for one in chosen if known[one] == "ALARM"]
    return [one for one in chosen if known[one] != "ALARM"], busy


def _looked_for(cloudwatch: Any, names: list[str], begun: datetime, wait_seconds: int) -> list[Drilled]:
    """Look into the alarms' histories until each notice has left or the time is over."""
    deadline = time.monotonic() + wait_seconds
    notices: dict[str, str] = {}
    while True:
        for name in names:
            if name not in notices and (said := _notice(cloudwatch, name, begun)):
                notices[name] = said
        if len(notices) == len(names) or time.monotonic() >= deadline:
            return [Drilled(name, notices.get(name, "")) for name in names]
        time.sleep(_LOOK_SECONDS)


def _notice(cloudwatch: Any, name: str, begun: datetime) -> str:
    from botocore.exceptions import ClientError

    span = {"StartDate": begun - timedelta(seconds=5), "EndDate": datetime.now(UTC)}
    try:
        answer = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action", **span)
    except (ClientError, NotImplementedError) as error:
        told = aws_sentence(error) if isinstance(error, ClientError) else "the AWS of `local up` keeps none"
        msg = f"the alarms' history cannot be read, so it is not known whether a notice left: {told[:200]}"
        raise Stopped(msg) from None
    return next((str(one["HistorySummary"]) for one in answer["AlarmHistoryItems"]), "")


def _receivers(deployment: Deployment) -> list[dict[str, Any]]:
    pages = (
        deployment.client("sns")
        .get_paginator("list_subscriptions_by_topic")
        .paginate(TopicArn=deployment.fact("NoticesTopic"))
    )
    return [
        {
            "protocol": one["Protocol"],
            "endpoint": _shown(one["Endpoint"]),
            "confirmed": one["SubscriptionArn"].startswith("arn:"),
        }
        for page in pages
        for one in page["Subscriptions"]
    ]


def _tell(drilled: list[Drilled], receivers: list[dict[str, Any]]) -> None:
    rows = [
        (one.name, Text("left", style="green") if one.left else Text("DID NOT LEAVE", style="bold red"), one.notice)
        for one in sorted(drilled, key=lambda one: (one.left, one.name))
    ]
    console = printer()
    lines = [f"{one['protocol']} {one['endpoint']}{'' if one['confirmed'] else ': NOT CONFIRMED'}" for one in receivers]
    parts = [printing.table(["alarm", "notice", "CloudWatch says"], rows)]
    printing.show(console, *parts, *printing.bullets("Ask whether it arrived", lines))
    if not any(one["confirmed"] for one in receivers):
        console.print(
            Text("Nobody has confirmed a subscription: NOBODY IS TOLD. See docs/deploy.md.", style="bold red")
        )


def _shown(endpoint: str) -> str:
    """A pager's address holds its integration key: only its host is shown."""
    return "/".join(endpoint.split("/")[:3]) + "/…" if endpoint.startswith("http") else endpoint
