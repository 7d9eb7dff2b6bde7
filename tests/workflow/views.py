"""What each view has after a run, beside what the run reported: the two must be equal.

All that a view shows of a problem is compared: what it is about, how urgent it is, who must act, by when, what happens
otherwise and when, and the command or menu path.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from rich.console import Console

from certmandate.views.run_page import print_page
from renewal.domain.alerts.crossings import NEAR_EXPIRY, PASSWORD_EXPIRING
from renewal.domain.delegation import LANGUAGES
from renewal.domain.setup.domain_checks import DOMAIN_CODES
from renewal.mail.language import mail_language
from tests.unit.judgement.test_agreement import waited_for
from tests.workflow import printed
from tests.workflow.after_run import ASKED, PROBLEM, AfterRun, Row, facts, rows
from tests.workflow.printed import ITEM, TASK, Compared, items, remedy_and_day

THRESHOLDS = {NEAR_EXPIRY, PASSWORD_EXPIRING, "OrderPending"}
"""Of which an alert may be the first: no problem is known, or the account or the order has another one."""
_METRIC = re.compile(r"certmandate_certificate_(\w+)\{(.*?)\} (\S+)")
_KEY_TYPE = re.compile(r"(\w[\w-]*\.yaml)[^\n]*?certificates\[(\d+)\]\.key: \S+ has a key of type ([\w-]+)")

Task = tuple[str, Row, set[str]]
"""Of the page: the language, what the task is about, and what it shows."""


# ---- Problems --------------------------------------------------------------------------------------------------------


def status(after: AfterRun) -> Compared:
    """`status --json`."""
    return after.problems(), _of_status(after)


def selected(after: AfterRun) -> Compared:
    """`status --expires-before` a day on which only some have expired: what it shows is as severe as in the whole."""
    day = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    found = _of_status(after, "--expires-before", day)
    return [row for row in after.problems() if row in found], found


def lines(after: AfterRun) -> Compared:
    """`status` as text: one line for each cause."""
    return printed.lines(after.report.problems, after.desk.run("status").stdout)


def show(after: AfterRun) -> Compared:
    """`show --json` of each certificate: what `status` has of it, its problems, and its delegation's.

    Of those about domains only what names one of the certificate.
    """
    expected, found = {}, {}
    for each in after.desk.document("status")["certificates"]:
        path, own = f"{each['delegation']}/{each['name']}", {"", each["name"]}
        names = after.desk.book.certificate(each["delegation"], each["name"]).spec.names
        of_both = (row for row in after.report.problems if row.delegation == each["delegation"])
        known = (row for row in of_both if row.certificate or row.code not in DOMAIN_CODES or _has(row.text, names))
        expected[path] = each, rows(row for row in known if row.certificate in own)
        document = after.desk.document("show", path)
        found[path] = {name: document[name] for name in each}, rows(document["findings"])
    return expected, found


def _has(text: str, names: Iterable[str]) -> bool:
    return any(name in text for name in names)


def findings(after: AfterRun) -> Compared:
    """`findings --json`."""
    found = {name: after.desk.document("findings", name)["findings"] for name in after.inspected}
    return after.asked(after.inspected), _of_each(found)


def mails(after: AfterRun) -> Compared:
    """The mails of `findings`, in both languages: of each code what is wrong, where, and the nearest day of otherwise.

    What a finding of the delegation covers is not repeated.
    """
    bodies = {
        (name, code): mail["body"]
        for name in after.inspected
        for code, mail in after.desk.document("findings", name)["mails"].items()
    }
    return _of_bodies(after, bodies)


def sent_mails(after: AfterRun) -> Compared:
    """The mails that SES has accepted for the RAOs: what `mails` compares, in the languages of each delegation."""
    bodies: dict[tuple[str, str], str] = {}
    for name in after.names:
        delegation = after.desk.book.delegation(name).delegation
        texts = [each.get_content() for each in after.mails if each["To"] == delegation.rao_email]
        if delegation.rao_email:
            codes = [delegation.language] if delegation.language in LANGUAGES else LANGUAGES
            bodies |= {(name, code): "".join(texts[:1]) for code in codes}  # the monthly report is sent after it
    return _of_bodies(after, bodies)


def _of_bodies(after: AfterRun, bodies: Mapping[tuple[str, str], str]) -> Compared:
    expected, found = [], []
    for (name, code), body in bodies.items():
        asked = [each for each in after.report.problems if (each.delegation, each.actor) == (name, "rao")]
        text, texts, day = " ".join(body.split()), mail_language(code).at("findings"), mail_language(code).day
        for each in {each.code: each for each in sorted(asked, key=printed.farthest)}.values():
            what = texts.get(each.code, texts["unknown"])["what"]
            shown = {*remedy_and_day(each, day), " ".join(what.split())}
            expected.append((name, each.key, code, shown))
            found.append((name, each.key, code, {part for part in shown if part in text}))
    return expected, found


def raos_report(after: AfterRun) -> Compared:
    """`report --json`: a certificate is left out where the same problem of its delegation names its domains."""
    found = _of_each({name: after.desk.document("report", name)["asks"] for name in after.names})
    asked = after.asked(after.names)
    whole = {(row[0], row[2]) for row in found if not row[1]}
    return [row for row in asked if row in found or not row[1] or (row[0], row[2]) not in whole], found


def next_renewals(after: AfterRun) -> Compared:
    """`report --json`: for what each next renewal waits, where `status` has it otherwise."""
    expected, found = {}, {}
    for name in after.names:
        for each in after.desk.document("report", name)["next"]:
            found[f"{name}/{each['certificate']}"] = each["waits_for"]
    for path, each in _certificates(after).items():
        possible = {waits.value for waits in waited_for(each["next"])}
        expected[path] = found[path] if found.get(path) in possible else sorted(possible)
    return expected, found


def notices(after: AfterRun) -> Compared:
    """What the RAOs were notified of: whether they must act now, and the day to which the notices count."""
    kept = (after.desk.book.delegation(name).notices for name in after.names)
    topics = [topic for notices in kept if notices for topic in notices.topics]
    asked = [problem for problem in after.report.problems if problem.actor == "rao"]
    expected = {(f"{each.path}: {each.code}", each.needs_attention, each.consequence_on or each.due) for each in asked}
    return expected, {(" ".join(topic.key.split()[:2]), topic.is_error, topic.act_by) for topic in topics}


def alerts(after: AfterRun) -> Compared:
    """What the operator was alerted of: all that needs attention, and what else it names as it was reported.

    A certificate near its end is in an alert with what stops its renewal.
    """
    found = sorted(items(after.alerts))
    named = {row[:2] for row in found}
    reported = [each for each in after.report.problems if each.needs_attention or (each.path, each.code) in named]
    stopped = {each.path: facts(each) | {"code": NEAR_EXPIRY} for each in reversed(after.report.problems)}
    near = (stopped[path] for path, code in named if code == NEAR_EXPIRY and path in stopped)
    expected = rows((printed.with_until(each, after.today) for each in (*map(facts, reported), *near)), ITEM)
    known = {row[:2] for row in expected}
    return sorted([*expected, *(row for row in found if row[:2] not in known and row[1] in THRESHOLDS)]), found


def execution(after: AfterRun) -> Compared:
    """The end of the execution, on which the alarm RunFailed acts, the metrics and the exit code of `status`."""
    urgent, alerted = len(after.urgent), len(list(items(after.alerts)))
    status = after.desk.run("status").exit_code
    expected = ("FAILED" if urgent else "SUCCEEDED", urgent, alerted, int(urgent > 0))
    return expected, (after.ended.status, after.metrics["ProblemsOpen"], after.metrics["NewProblems"], status)


def run_page(after: AfterRun) -> Compared:
    """The page of the run: of what needs attention the path and the day, and for each cause one remedy.

    The others have the lines of `status`.
    """
    output = io.StringIO()
    print_page(Console(file=output, width=2000), after.report)
    text, remedies = output.getvalue(), dict[Row, set[str]]()
    for each in [] if after.report.common_cause else after.urgent:  # a common cause has one remedy
        cause = each.delegation, each.code, each.actor
        remedies.setdefault(cause, set()).add(each.remedy.removeprefix("SCM: "))
    parts = {part for each in after.urgent for part in (each.path, str(each.consequence_on or ""))}
    shown = {cause for cause, possible in remedies.items() if any(remedy in text for remedy in possible)}
    later, found = printed.lines([each for each in after.report.problems if not each.needs_attention], text)
    return (parts, set(remedies), later), ({part for part in parts if part in text}, shown, found)


def check(after: AfterRun) -> Compared:
    """`check --json` of each delegation that it could inspect, and `status` after it: it has inspected again."""
    documents = {name: after.desk.document("check", name, "--yes") for name in after.inspected}
    found = {name: document["findings"] for name, document in documents.items() if "findings" in document}
    return [row for row in _of_status(after) if row[0] in found], _of_each(found)


# ---- States ----------------------------------------------------------------------------------------------------------


def run_rows(after: AfterRun) -> Compared:
    """The rows of the run; what needs nothing has none."""
    reported = {row.path: (row.state, row.needs_attention, row.not_after) for row in after.report.certificates}
    found = {path: (*_state(each), _time(each["not_after"])) for path, each in _certificates(after).items()}
    return {path: ("fine", False, each[2]) for path, each in found.items()} | reported, found


def table(after: AfterRun) -> Compared:
    """`status --csv`."""
    found = csv.DictReader(io.StringIO(after.desk.run("status", "--csv").stdout))
    columns = "state", "days_left", "not_after"
    shown = {f"{row['delegation']}/{row['name']}": [row[name] for name in columns] for row in found}
    expected = _certificates(after).items()
    return {path: ["" if each[name] is None else str(each[name]) for name in columns] for path, each in expected}, {
        path: [*row[:2], row[2].replace("Z", "+00:00")] for path, row in shown.items()
    }


def exported(after: AfterRun) -> Compared:
    """`export --openmetrics`."""
    found: dict[str, dict[str, Any]] = {}
    for name, labels, value in _METRIC.findall(after.desk.run("export", "--openmetrics").stdout):
        label = dict(re.findall(r'(\w+)="(.*?)"', labels))
        if name in {"state", "needs_attention", "not_after_timestamp_seconds"}:
            found.setdefault(label["certificate"], {})[name] = label.get("state", float(value))
    expected = {}
    for path, each in _certificates(after).items():
        ends = _time(each["not_after"])
        expected[path] = {"state": each["state"], "needs_attention": float(each["needs_person"])}
        expected[path] |= {"not_after_timestamp_seconds": ends.timestamp()} if ends else {}
    return expected, found


def plan(after: AfterRun) -> Compared:
    """`plan --json`; of files that it refuses, after each key type that it refuses is as it says."""
    folder, changed = after.desk.folder.parent / "planned", set[str]()
    shutil.copytree(after.desk.folder, folder)
    try:
        document = after.desk.document("plan", folder)
        for name, number, key in _KEY_TYPE.findall(document.get("text", "")):
            content = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
            content["certificates"][int(number)]["key"] = key
            changed.add(f"{content['delegation']}/{content['certificates'][int(number)]['name']}")
            (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
        document = after.desk.document("plan", folder)
    finally:
        shutil.rmtree(folder)
    found = {f"{each['delegation']}/{each['name']}": each for each in document["next_run"]}
    expected = _certificates(after).items()
    return {path: each for path, each in expected if path not in changed}, {
        path: each for path, each in found.items() if path not in changed
    }


def page(after: AfterRun) -> Compared:
    """`status --html`: of each task in both languages all that it shows."""
    path = after.desk.folder.parent / "status.html"
    after.desk.run("status", "--html", path)
    halves = path.read_text(encoding="utf-8").partition('id="fr"')
    path.unlink()
    expected, found = list[Task](), list[Task]()
    for code, text in (("en", halves[0]), ("fr", halves[2])):
        tasks = printed.tasks(text)
        for problem in after.report.problems:  # a task has the remedy and the day of its most urgent problem
            if (row := rows([problem], TASK)[0]) in tasks:
                shown = set(remedy_and_day(problem, mail_language(code).day))
                expected.append((code, row, shown))
                found.append((code, row, {part for part in shown if part in tasks[row]}))
                del tasks[row]
        named = {row for of, row, _ in found if of == code}
        expected += [(code, row, set[str]()) for row in sorted(set(after.problems(TASK)) - named)]
        found += [(code, row, {task}) for row, task in tasks.items()]
    return expected, found


VIEWS: Mapping[str, Callable[[AfterRun], Compared]] = {
    "status": status,
    "status as text": lines,
    "status --expires-before": selected,
    "show": show,
    "findings": findings,
    "the mails": mails,
    "the mails that were sent": sent_mails,
    "the RAO's report": raos_report,
    "the next renewals in it": next_renewals,
    "notices": notices,
    "alerts": alerts,
    "execution": execution,
    "the run's page": run_page,
    "the run's rows": run_rows,
    "status --csv": table,
    "export": exported,
    "plan": plan,
    "status --html": page,
    "check": check,
}
"""`check` is the last, because it inspects again."""


# ---- What they read --------------------------------------------------------------------------------------------------


def _of_status(after: AfterRun, *arguments: str) -> list[Row]:
    delegations = after.desk.document("status", *arguments)["delegations"]
    return rows(problem for each in delegations for problem in each["findings"])


def _of_each(documents: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[Row]:
    found = [{"delegation": name, **problem} for name, problems in documents.items() for problem in problems]
    return rows(found, PROBLEM if found and "command" in found[0] else ASKED)


def _certificates(after: AfterRun) -> dict[str, Mapping[str, Any]]:
    """What `status --json` has of each certificate."""
    return {f"{each['delegation']}/{each['name']}": each for each in after.desk.document("status")["certificates"]}


def _state(certificate: Mapping[str, Any]) -> tuple[str, bool]:
    return certificate["state"], certificate["needs_person"]


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
