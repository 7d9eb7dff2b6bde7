"""What each view has after a run, beside what the run reported: the two must be equal."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from moto.sns.models import sns_backends

from local.cloudformation.parameters import ACCOUNT, REGION
from renewal.domain.run.report import RunReport
from renewal.domain.setup.domain_checks import DOMAIN_CODES
from tests.certmandate.desk import Desk, operated
from tests.workflow.system import Ended, started

_ITEM = re.compile(r"- (\S+): the (?:operator|RAO) must (?:act|begin) (now)?")
_NAME = re.compile(r"[A-Z]\w+")
_METRIC = re.compile(r"certmandate_certificate_(\w+)\{(.*?)\} (\S+)")
_TASK = re.compile(
    r'<li class="task error">.*?<p class="subject">([\w-]+).*?Procedure: docs/runbook.md, (?:<\w+>)?(\w+)', re.DOTALL
)

Compared = tuple[Any, Any]
"""What the run reported, and what a view has."""


class Key(NamedTuple):
    """A problem without its text, which names the run where only the run knows it."""

    delegation: str
    certificate: str
    code: str
    severity: str
    actor: str

    @property
    def path(self) -> str:
        """`delegation/certificate`, or the delegation."""
        return "/".join(filter(None, (self.delegation, self.certificate)))


def of(delegation: str, problems: Iterable[Mapping[str, Any]]) -> list[Key]:
    """Problems of a delegation as JSON has them."""
    found = ((each["certificate"] or "", each["code"], each["severity"], each["actor"]) for each in problems)
    return sorted(Key(delegation, *each) for each in found)


@dataclass(frozen=True)
class AfterRun:
    """An estate after its daily run."""

    desk: Desk
    ended: Ended
    report: RunReport
    metrics: Mapping[str, float]
    alerts: str
    """Their texts."""

    @property
    def names(self) -> list[str]:
        """The delegations."""
        delegations, _ = self.desk.book.everything()
        return [record.delegation.name for record in delegations]

    @property
    def inspected(self) -> list[str]:
        """The delegations that were inspected; the others have no page of findings."""
        return [name for name in self.names if self.desk.book.delegation(name).inspection]

    def problems(self, actor: str = "", names: Iterable[str] | None = None) -> list[Key]:
        """The problems that the run reported, of all actors or one, of all delegations or some."""
        chosen = self.names if names is None else names
        found = (each for each in self.report.problems if actor in {"", each.actor} and each.delegation in chosen)
        return sorted(Key(each.delegation, each.certificate, each.code, each.severity, each.actor) for each in found)

    def of_other_domains(self, delegation: str, certificate: str) -> list[Key]:
        """The problems of a delegation with domains of which none is a name of the certificate."""
        names = self.desk.book.certificate(delegation, certificate).spec.names
        return [
            Key(delegation, "", each.code, each.severity, each.actor)
            for each in self.report.problems
            if each.delegation == delegation and not each.certificate and each.code in DOMAIN_CODES
            if not any(name in each.text for name in names)
        ]

    def urgent(self) -> list[tuple[str, str]]:
        """(path, code) of what needs attention."""
        return sorted((key.path, key.code) for key in self.problems() if key.severity == "error")


@contextmanager
def after_a_run(folder: Path) -> Iterator[AfterRun]:
    """Start the estate in *folder* and run it once."""
    with started(folder) as system, operated(system, folder / "delegations") as desk:
        known, printed = len(_notifications()), io.StringIO()
        with redirect_stdout(printed):
            ended = system.run()
        assert ended.report
        alerts = "\n".join(_notifications()[known:])
        yield AfterRun(desk, ended, ended.report, _metrics(printed.getvalue()), alerts)


# ---- Problems --------------------------------------------------------------------------------------------------------


def status(after: AfterRun) -> Compared:
    """`status --json`."""
    return after.problems(), _of_status(after)


def selected(after: AfterRun) -> Compared:
    """`status --expires-before` a day on which only some have expired: what it shows is as severe as in the whole."""
    day = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    found = _of_status(after, "--expires-before", day)
    return [key for key in after.problems() if key in found], found


def show(after: AfterRun) -> Compared:
    """`show --json` of each certificate: its problems, and those of its delegation but of domains of others."""
    expected, found = {}, {}
    for each in after.desk.document("status")["certificates"]:
        path, own = f"{each['delegation']}/{each['name']}", {"", each["name"]}
        others = after.of_other_domains(each["delegation"], each["name"])
        known = [key for key in after.problems(names=[each["delegation"]]) if key.certificate in own]
        expected[path] = [key for key in known if key not in others]
        found[path] = of(each["delegation"], after.desk.document("show", path)["findings"])
    return expected, found


def findings(after: AfterRun) -> Compared:
    """`findings --json`."""
    found = {name: after.desk.document("findings", name)["findings"] for name in after.inspected}
    return after.problems("rao", after.inspected), _of_each(found)


def raos_report(after: AfterRun) -> Compared:
    """`report --json`: a certificate is left out where the same problem of its delegation names its domains."""
    found = _of_each({name: after.desk.document("report", name)["asks"] for name in after.names})
    whole = {(key.delegation, key.code) for key in found if not key.certificate}
    expected = [key for key in after.problems("rao") if not key.certificate or (key.delegation, key.code) not in whole]
    return expected + [key for key in after.problems("rao") if key not in expected and key in found], found


def notices(after: AfterRun) -> Compared:
    """What the RAOs were notified of, and whether they must act now."""
    kept = (after.desk.book.delegation(name).notices for name in after.names)
    topics = [topic for notices in kept if notices for topic in notices.topics]
    expected = {(f"{key.path}: {key.code}", key.severity == "error") for key in after.problems("rao")}
    return expected, {(" ".join(topic.key.split()[:2]), topic.is_error) for topic in topics}


def alerts(after: AfterRun) -> Compared:
    """What the operator was alerted of as urgent."""
    found, name = [], ""
    for line in after.alerts.splitlines():
        if _NAME.fullmatch(line):
            name = line
        elif (item := _ITEM.match(line)) and item[2]:
            found.append((item[1], name))
    return after.urgent(), sorted(found)


def execution(after: AfterRun) -> Compared:
    """The end of the execution, on which the alarm RunFailed acts, the metric and the exit code of `status`."""
    urgent = len(after.urgent())
    status = after.desk.run("status").exit_code
    expected = ("FAILED" if urgent else "SUCCEEDED", urgent, int(urgent > 0))
    return expected, (after.ended.status, after.metrics["ProblemsOpen"], status)


def check(after: AfterRun) -> Compared:
    """`check --json` of each delegation that it could inspect, and `status` after it: it has inspected again."""
    documents = {name: after.desk.document("check", name, "--yes") for name in after.inspected}
    found = {name: document["findings"] for name, document in documents.items() if "findings" in document}
    return [key for key in _of_status(after) if key.delegation in found], _of_each(found)


# ---- States ----------------------------------------------------------------------------------------------------------


def rows(after: AfterRun) -> Compared:
    """The run's page; what needs nothing has no row."""
    reported = {row.path: (row.state, row.needs_attention) for row in after.report.certificates}
    found = _states(after)
    return dict.fromkeys(found, ("fine", False)) | reported, found


def table(after: AfterRun) -> Compared:
    """`status --csv`."""
    found = csv.DictReader(io.StringIO(after.desk.run("status", "--csv").stdout))
    states = {path: state for path, (state, _) in _states(after).items()}
    return states, {f"{row['delegation']}/{row['name']}": row["state"] for row in found}


def exported(after: AfterRun) -> Compared:
    """`export --openmetrics`."""
    state, needs = {}, {}
    for name, labels, value in _METRIC.findall(after.desk.run("export", "--openmetrics").stdout):
        label = dict(re.findall(r'(\w+)="(.*?)"', labels))
        if name == "state" and float(value) == 1:
            state[label["certificate"]] = label["state"]
        elif name == "needs_attention":
            needs[label["certificate"]] = float(value) == 1
    return _states(after), {path: (state[path], needs[path]) for path in needs}


def plan(after: AfterRun) -> Compared:
    """`plan --json`, unless it refuses the files."""
    document = after.desk.document("plan", after.desk.folder)
    states = _states(after)
    return states, states if document.get("error") == "FilesInvalid" else _states_of(document["next_run"])


def page(after: AfterRun) -> Compared:
    """`status --html`: delegation and code of each task that needs attention."""
    path = after.desk.folder.parent / "status.html"
    after.desk.run("status", "--html", path)
    english, _, _ = path.read_text(encoding="utf-8").partition('id="fr"')
    path.unlink()
    urgent = {(key.delegation, key.code) for key in after.problems() if key.severity == "error"}
    return urgent, set(_TASK.findall(english))


VIEWS: Mapping[str, Callable[[AfterRun], Compared]] = {
    "status": status,
    "status --expires-before": selected,
    "show": show,
    "findings": findings,
    "the RAO's report": raos_report,
    "notices": notices,
    "alerts": alerts,
    "execution": execution,
    "the run's rows": rows,
    "status --csv": table,
    "export": exported,
    "plan": plan,
    "status --html": page,
    "check": check,
}
"""`check` is the last, because it inspects again."""


def _of_status(after: AfterRun, *arguments: str) -> list[Key]:
    delegations = after.desk.document("status", *arguments)["delegations"]
    return _of_each({each["delegation"]: each["findings"] for each in delegations})


def _of_each(documents: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[Key]:
    return sorted(key for name, problems in documents.items() for key in of(name, problems))


def _states(after: AfterRun) -> dict[str, tuple[str, bool]]:
    return _states_of(after.desk.document("status")["certificates"])


def _states_of(documents: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, bool]]:
    return {f"{each['delegation']}/{each['name']}": (each["state"], each["needs_person"]) for each in documents}


def _notifications() -> list[str]:
    topics = sns_backends[ACCOUNT][REGION].topics.values()
    return [message for topic in topics for _, message, *_ in topic.sent_notifications]


def _metrics(printed: str) -> dict[str, float]:
    """The metrics that the report's function has published, in CloudWatch's embedded format."""
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith('{"_aws"')]
    (found,) = [line for line in lines if "RunCompleted" in line]
    return {name: value[0] if isinstance(value, list) else value for name, value in found.items() if name != "_aws"}
