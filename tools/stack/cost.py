"""The cost of a month: `python -m stack.cost` prints the tables of docs/cost.md, `--write` writes them there.

Everything that costs is counted from the template or assumed in `Load`; prices are in prices.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certmandate.replacement_planning.capacity import INSPECTION_CALLS
from gate import computed
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.reading import NEAR, WEEK
from stack.resolved import IN_A_VPC, Stack

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "cost.md"
DELEGATIONS = (1, 10, 100, 1_000)
LIVES = {"199 days, today": 199, "99 days, from March 2027": 99, "46 days, from March 2029": 46}
DAYS_A_MONTH = 365 / 12
KEPT_YEARS = 5  # age of the order book whose storage is counted, and of the keys
BILLED_ROTATIONS = 2
"""Of the yearly rotations of a key, those that add its price (aws.amazon.com/kms/pricing): the first two."""
BY_INTERFACE = ("acm", "events", "kms", "secretsmanager")
"""Services that the functions in the VPC call through the gateway; endpoints of S3 and DynamoDB are free."""

# What the program does; tests/stack/test_one_renewal.py holds these to a run. A poll that finds an order pending costs
# POLL_TRANSITIONS of the run and its delegation, and one transition of the certificate.
DAILY_TRANSITIONS, HOURLY_TRANSITIONS = 11, 7
INSPECTION_TRANSITIONS, VERIFICATION_TRANSITIONS = 3, 1
POLL_TRANSITIONS = 5
CALLS_OF_A_RENEWAL = 23
"""Calls of AWS by enroll and collect, at most, for a certificate that is issued at once."""
CALLS_OF_A_POLL, CALLS_OF_A_STATUS = 2, 1
"""More of them for each poll that finds the order pending; once more for what the first one notes of it."""
CALLS_OF_AN_INSPECTION, CALLS_OF_A_COMPARISON = 9, 2
"""Calls of AWS of an inspection, and of its comparison of one certificate with what S3 has."""
SCM_OF_A_QUIET_DAY = 2
"""Requests to SCM of an inspection on a day on which nothing is due or wrong, and not everything is read."""
SCM_OF_AN_INSPECTION, SCM_OF_A_RENEWAL, SCM_OF_A_STATUS = INSPECTION_CALLS, 4, 1
"""Requests to SCM: of a full inspection with one domain; of a renewal issued at once; once more while it is pending."""

Prices = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Load:
    """The load of an estate; the assumptions are in docs/cost.md."""

    delegations: int
    life_days: int
    certificates_each: int = 4
    polls: int = 3
    """How often a certificate is polled before it is issued."""

    @property
    def certificates(self) -> int:
        """Number of certificates."""
        return self.delegations * self.certificates_each

    @property
    def renewals(self) -> float:
        """Renewals a month: each certificate in the last third of its life."""
        return self.certificates * DAYS_A_MONTH / (self.life_days * 2 / 3)

    @property
    def inspections(self) -> float:
        """Logins a month of the daily runs, whether anything is due or not; as many verifications of endpoints."""
        return self.delegations * DAYS_A_MONTH

    @property
    def runs(self) -> float:
        """Runs a month: one a day, one an hour."""
        return 25 * DAYS_A_MONTH

    @property
    def seals(self) -> float:
        """Seals a month: one for each day on which an order of a delegation ends, at most one for each order."""
        return min(self.inspections, self.renewals)

    @property
    def audit_rows(self) -> float:
        """Finished orders after KEPT_YEARS, each an audit row of 4 KB."""
        return KEPT_YEARS * 12 * self.renewals

    @property
    def sealing_reads(self) -> float:
        """Read units of seal_audit a month: every row each day, to find the trails, and the whole trail for a seal."""
        return DAYS_A_MONTH * self.audit_rows / 2 + self.seals * self.audit_rows / self.delegations

    @property
    def objects(self) -> float:
        """Objects written in a month: plan, results and report of a run; four files and pointer of a certificate."""
        return 3 * self.runs + 5 * self.renewals

    @property
    def invocations(self) -> float:
        """Invocations of all functions a month.

        check_expiry and report in each run; notify and seal_audit once a day; plan_collection before each poll and
        after the last; inspect_delegation and verify_served once a day for each delegation.
        """
        planned = min(self.renewals, DAYS_A_MONTH) * (2 + self.polls)
        return 2 * self.runs + 2 * DAYS_A_MONTH + 2 * self.inspections + planned + self.renewals * (2 + self.polls)

    @property
    def transitions(self) -> float:
        """Transitions of Step Functions a month; polls of several renewals at the same time would share some."""
        runs = DAILY_TRANSITIONS * DAYS_A_MONTH + HOURLY_TRANSITIONS * (self.runs - DAYS_A_MONTH)
        calls = 1 + self.polls
        of_delegations = (INSPECTION_TRANSITIONS + VERIFICATION_TRANSITIONS) * self.inspections
        return runs + of_delegations + self.renewals * (1 + calls + POLL_TRANSITIONS * calls)

    @property
    def full_inspections(self) -> float:
        """Share of the inspections that read everything, if nothing is wrong and no two renewals are on near days.

        One a week; those of the days before a renewal, and of its day; and those while the RAO, informed a week later,
        could not act before the certificate expires.
        """
        acting = ActingTimes().rao_days * 7 / 5 + WEEK.days
        days = max(NEAR.days, acting - self.life_days / 3) + 1
        return min(1.0, 1 / WEEK.days + self._renewals_a_day * days)

    @property
    def scm_requests(self) -> float:
        """Requests to SCM a day and delegation: an inspection, and its share of the renewals."""
        more = (SCM_OF_AN_INSPECTION - SCM_OF_A_QUIET_DAY) * self.full_inspections
        return SCM_OF_A_QUIET_DAY + more + self._renewals_a_day * (SCM_OF_A_RENEWAL + SCM_OF_A_STATUS + self.polls)

    @property
    def aws_calls(self) -> float:
        """Calls of AWS a day and delegation, by the functions that handle single delegations and certificates."""
        inspection = CALLS_OF_AN_INSPECTION + CALLS_OF_A_COMPARISON * self.certificates_each
        return inspection + self._renewals_a_day * (CALLS_OF_A_RENEWAL + self._calls_while_pending)

    @property
    def _calls_while_pending(self) -> float:
        return CALLS_OF_A_STATUS + CALLS_OF_A_POLL * self.polls if self.polls else 0

    @property
    def _renewals_a_day(self) -> float:
        return self.renewals / DAYS_A_MONTH / self.delegations


def prices() -> Prices:
    """Return the price table."""
    return tomllib.loads((Path(__file__).parent / "prices.toml").read_text(encoding="utf-8"))


def fixed(stack: Stack, load: Load, table: Prices) -> dict[str, float]:
    """Return the fixed costs, by name, in dollars a month."""
    price, hours = table["fixed"], table["hours_a_month"]
    alarms = list(stack.resources("AWS::CloudWatch::Alarm"))
    keys = list(stack.resources("AWS::KMS::Key"))
    rotated = sum(bool(key.properties.get("EnableKeyRotation")) for key in keys)
    watched = sum(max(1, len(alarm.properties.get("Metrics", ())) - 1) for alarm in alarms)
    return {
        "NAT gateway": price["nat_gateway_hour"] * hours,
        "address": price["public_address_hour"] * hours,
        "keys": price["kms_key_month"] * (len(keys) + BILLED_ROTATIONS * rotated),
        "credentials": price["secret_month"] * load.delegations,
        "alarms": price["alarm_metric_month"] * watched,
        "metrics": price["custom_metric_month"] * len(_own_metrics(stack)),
        "dashboard": price["dashboard_month"],
    }


def used(load: Load, table: Prices) -> dict[str, float]:
    """Return the costs of use, by name, in dollars a month."""
    price, calls = table["used"], 1 + load.polls
    seconds = (0.5 + 1.73) * load.runs * 0.5 + 0.5 * (2 + 1) * load.inspections  # report has 1.73 GB
    seconds += load.renewals * (1.0 * 3 + 0.5 * 1.5 * calls)  # gigabytes times seconds: enroll has 1 GB, collect half
    reads = load.runs * 10 + load.inspections * (9 + 2 * load.certificates_each) + load.renewals * 5 * (1 + calls)
    writes = load.inspections + load.renewals * 14
    return {
        "steps": price["transitions_1000"] * load.transitions / 1_000,
        "functions": price["lambda_gigabyte_second"] * seconds
        + price["lambda_requests_1000000"] * load.invocations / 1_000_000,
        "table": price["table_reads_1000000"] * (reads + load.sealing_reads) / 1_000_000
        + price["table_writes_1000000"] * writes / 1_000_000,
        "bucket": (price["bucket_puts_1000"] + price["bucket_gets_1000"] * 2) * load.objects / 1_000,
        "key and credential calls": price["kms_requests_10000"] * (reads + writes + load.objects) / 10_000
        + price["secret_calls_10000"] * (load.inspections + 2 * load.renewals) / 10_000,
        "seals": price["kms_signatures_10000"] * 2 * load.seals / 10_000
        + price["bucket_puts_1000"] * (load.inspections + load.seals) / 1_000,
        "logs and traffic": price["log_gigabyte"] * load.invocations * 2e-6
        + price["nat_gigabyte"] * (load.inspections + load.renewals * calls) * 1e-4,
        "storage and backup": _kept(load, table),
    }


def _kept(load: Load, table: Prices) -> float:
    """Return the cost of storage in dollars a month; sizes in gigabytes, for RSA keys of 2048 bits."""
    price = table["kept"]
    book = 4e-6 * (load.certificates + load.audit_rows) + 8e-6 * load.delegations
    runs = 365 * (25 * 2e-6 + load.certificates * 2e-6)  # a year of plans, results and reports
    certificates = 20e-6 * (load.certificates + 3 * load.renewals)  # replaced versions are deleted after 90 days
    logs = 3 * load.invocations * 2e-6
    return float(
        price["bucket"] * (runs + certificates) + (price["table"] + price["table_backup"]) * book + price["logs"] * logs
    )


def _own_metrics(stack: Stack) -> set[str]:
    """Return our own metrics: those of the alarms, and those that only the dashboard shows."""
    watched = [alarm.properties for alarm in stack.resources("AWS::CloudWatch::Alarm")]
    named = {str(alarm["MetricName"]) for alarm in watched if alarm.get("Namespace") == "certmandate"}
    return named | set(re.findall(r'\["certmandate", "(\w+)"', stack.resource("Overview").properties["DashboardBody"]))


def tables() -> str:
    """Return the document's tables as Markdown."""
    stack, table = Stack(ROOT / "template.yaml", IN_A_VPC), prices()
    loads = [Load(count, LIVES["199 days, today"]) for count in DELEGATIONS]
    lines = [
        _row(["dollars a month, for so many delegations", *(f"{load.delegations:,}" for load in loads)]),
        _rule(len(loads)),
    ]
    columns = [{**fixed(stack, load, table), **used(load, table)} for load in loads]
    lines += [_row([name, *(f"{column[name]:,.2f}" for column in columns)]) for name in columns[0]]
    lines.append(_row(["**together**", *(f"**{sum(column.values()):,.2f}**" for column in columns)]))
    lines += [
        "",
        _row(["together, for so many delegations", *(f"{load.delegations:,}" for load in loads)]),
        _rule(len(loads)),
    ]
    for name, days in LIVES.items():
        sums = [_together(stack, Load(count, days), table) for count in DELEGATIONS]
        lines.append(_row([f"certificates of {name}", *(f"{total:,.2f}" for total in sums)]))
    lines += ["", _row(["for one delegation, a day", "requests to SCM", "calls of AWS", "dollars"]), _rule(3)]
    for name, days in LIVES.items():
        load = Load(DELEGATIONS[-1], days)
        dollars = sum(used(load, table).values()) / DAYS_A_MONTH / load.delegations
        cells = [f"{load.scm_requests:.1f}", f"{load.aws_calls:.1f}", f"{dollars:.5f}"]
        lines.append(_row([f"certificates of {name}", *cells]))
    return "\n".join(lines) + "\n"


def _together(stack: Stack, load: Load, table: Prices) -> float:
    return sum(fixed(stack, load, table).values()) + sum(used(load, table).values())


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return f"| --- |{' ---: |' * columns}"


def choices() -> str:
    """Return the table of choices that change the totals, as Markdown."""
    table, largest = prices(), Load(DELEGATIONS[-1], 199)
    price, hours = table["fixed"], table["hours_a_month"]
    address, gateway = price["public_address_hour"] * hours, price["nat_gateway_hour"] * hours
    endpoints = ", ".join(f"`{service}`" for service in BY_INTERFACE)
    events = 3 * largest.objects  # each is written once and read twice
    rows = {
        "a standby address (`WithStandbyAddress`)": address,
        "a second gateway in another zone, with its address": gateway + address,
        f"interface endpoints, so that {endpoints} do not go by the gateway": price["endpoint_hour"]
        * hours
        * len(BY_INTERFACE),
        "your own subnets in place of `infra/network.yaml`": -(gateway + address),
        "CloudTrail data events of the bucket, for 1,000 delegations": table["used"]["trail_events_100000"]
        * events
        / 100_000,
    }
    lines = [_row(["choice", "dollars a month"]), _rule(1)]
    lines += [_row([name, f"{dollars:+,.2f}".replace("-", "\N{MINUS SIGN}")]) for name, dollars in rows.items()]
    return "\n".join(lines) + "\n"


def parts() -> dict[str, str]:
    """Return what docs/cost.md has of this program."""
    return {"computed": tables(), "choices": choices()}


if __name__ == "__main__":
    raise SystemExit(computed.main("stack.cost", DOCUMENT, parts))
