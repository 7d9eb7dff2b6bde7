"""Measure what one renewal takes: `python -m stack.measure.one_renewal`; `--write` puts its calls into docs/cost.md.

A real local run renews one certificate that is due by age, in S3 or in ACM, issued at once or later. Counted are

* requests to SCM: all from the order on; what its delegation's inspection requests is before it, and shared;
* calls of AWS: those of the functions enroll and collect, by operation; those of the inspection by themselves;
* transitions: the states that the run enters for the certificate (inside EnrollEach and CollectEach), each retry among
  them. The states of the run and of the delegation are shared by all their certificates.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gate import computed
from local.estate import load_estate
from local.run import Finished, LocalSystem
from local.summary import ENROLL
from renewal.domain.run.report import Outcome
from stack import cost
from stack.written_estate import write_estate

OF_THE_CERTIFICATE = frozenset({"Enroll", "NotOrdered", "Collect", "NotStored"})
COLLECT = "GET /api/ssl/v1/collect/{sslId}"
STORES = ("s3", "acm:eu-west-3")
WHY: Mapping[str, str] = {
    "enroll dynamodb:BatchGetItem": "delegation, certificate and open order, in one consistent read",
    "enroll dynamodb:Query": "how many orders this run has begun, so that a forged plan orders no more than "
    "`OrdersPerDelegation`; and the certificate's audit rows: a restored orders table may have lost a stored order",
    "enroll secretsmanager:GetSecretValue": "the login; a rotated one must be used at once, so none is kept for the "
    "next invocation",
    "enroll acm:DescribeCertificate": (
        "a deleted ARN, or one with another key type, is reported before an order is spent; not asked where S3 takes "
        "the certificate, too"
    ),
    "enroll acm:ListTagsForCertificate": "which delegation the ARN belongs to, before an order is spent",
    "enroll kms:Encrypt": "the key is encrypted before anything is ordered",
    "enroll dynamodb:TransactWriteItems": "the intent, before the order is sent",
    "enroll dynamodb:UpdateItem": "SCM's number of the order",
    "collect dynamodb:BatchGetItem": "delegation, certificate and open order, in one consistent read",
    "collect secretsmanager:GetSecretValue": "the login, as above",
    "collect dynamodb:UpdateItem": "the verified chain, so that no later attempt needs SCM; the proof that searches "
    "find orders; in ACM also the ARN, on the condition that no other run has continued, before it is announced",
    "collect kms:Decrypt": "the key, for the stores",
    "collect acm:DescribeCertificate": "whether an earlier attempt has imported it, and the key usages that ACM keeps",
    "collect acm:ListTagsForCertificate": "which delegation the ARN belongs to: it may have changed since the order",
    "collect acm:ImportCertificate": "the import",
    "collect s3:GetObject": "`current.json`: a newer certificate is never replaced by an older one",
    "collect s3:PutObject": "four files, and `current.json` after them, on the condition that it is as it was read",
    "collect events:PutEvents": "`Certificate Renewed`, before the order ends: it is published at least once",
    "collect s3:ListObjectVersions": "the versions of the replaced keys, and whether `current.json` is still ours",
    "collect s3:DeleteObject": "the replaced key: one call for each version",
    "collect dynamodb:Query": "the hash of the last audit row. It is read late: two certificates of a delegation are "
    "collected at a time, and each moves it",
    "collect dynamodb:TransactWriteItems": "audit row, its hash, new status, and the end of the order with its key, "
    "all or nothing",
}
"""Why each call is made."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """What one renewal took."""

    scm: tuple[str, ...]
    """Operations, in their order."""
    aws: Mapping[str, int]
    """By function and operation, such as `collect s3:PutObject`."""
    transitions: int
    shared_transitions: int
    """Of the run and of the delegation's child executions."""
    inspection_scm: int
    """Requests to SCM of the delegation's inspection, which reads everything."""
    inspection_aws: int
    """Calls of AWS of the delegation's inspection."""
    daily_scm: int
    """Requests to SCM of the next run, in which nothing is due or wrong."""

    @property
    def polls(self) -> int:
        """How often SCM was asked for the certificate."""
        return self.scm.count(COLLECT)


class NotRenewed(Exception):
    """The measured run has not renewed the certificate."""


def measure(store: str, pending_polls: int = 0) -> Renewal:
    """Renew a certificate in *store* that SCM issues after *pending_polls* polls. Raises NotRenewed."""
    with tempfile.TemporaryDirectory(prefix="one-renewal-") as folder:
        polls = {"issuance_polls": pending_polls}
        written = write_estate(Path(folder), {"univ": ["idp"]}, stores=[store], issued_days_ago=165, dials=polls)
        with LocalSystem(load_estate(written, datetime.now(UTC)), wait_factor=0.0) as system:
            finished = system.execute({}, lambda _: None)
            operations = [call.operation for call in system.simulator.calls]
            calls = [(call.who.rpartition("-")[2], call.service, call.operation) for call in system.aws.calls]
            system.execute({}, lambda _: None)
            daily = len(system.simulator.calls) - len(operations)
    if not finished.report or finished.report.counts != {Outcome.RENEWED: 1}:
        msg = f"the run ended {finished.status} and has not renewed the certificate"
        raise NotRenewed(msg)
    entered = Counter(_entered(finished))
    own = sum(entered[name] for name in OF_THE_CERTIFICATE)
    functions, began = {"EnrollFunction": "enroll", "CollectFunction": "collect"}, operations.index(ENROLL)
    return Renewal(
        tuple(operations[began:]),
        Counter(f"{functions[who]} {service}:{operation}" for who, service, operation in calls if who in functions),
        own,
        entered.total() - own,
        began,
        sum(who == "InspectDelegationFunction" for who, _, _ in calls),
        daily,
    )


def calls_table(in_s3: Renewal, in_acm: Renewal) -> str:
    """Return the calls of AWS of a renewal that is issued at once, with their reasons, as Markdown."""
    rows = ["| call of AWS | S3 | ACM | why |", "| --- | ---: | ---: | --- |"]
    for call, why in WHY.items():
        function, operation = call.split()
        rows.append(f"| `{function}`: `{operation}` | {in_s3.aws.get(call, '')} | {in_acm.aws.get(call, '')} | {why} |")
    together = (sum(renewal.aws.values()) for renewal in (in_s3, in_acm))
    return "\n".join((*rows, f"| **all of them** | {' | '.join(f'**{number}**' for number in together)} | |")) + "\n"


def _entered(finished: Finished) -> Iterator[str]:
    """Yield the name of each state that is entered, and again for each retry of its task."""
    for execution in (finished.history, *finished.history["children"]):
        names: dict[int, str] = {}
        for event in execution["events"]:
            names[event["id"]] = name = _state(event) or names.get(event["previousEventId"], "")
            if _state(event) or _is_retry(event, execution["events"]):
                yield name


def _state(event: Mapping[str, Any]) -> str:
    return str(event.get("stateEnteredEventDetails", {}).get("name", ""))


def _is_retry(event: Mapping[str, Any], events: list[Mapping[str, Any]]) -> bool:
    """A task that is scheduled after another event than the entry into its state."""
    before = {each["id"]: each for each in events}.get(event["previousEventId"], {})
    return event["type"] == "TaskScheduled" and not _state(before)


def main(arguments: list[str] | None = None) -> int:
    """Print the counts, for each store, and for a certificate that SCM issues after three polls."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m stack.measure.one_renewal", description=summary)
    parser.add_argument("--write", action="store_true", help="put the table of the calls into docs/cost.md")
    if parser.parse_args(arguments).write:
        computed.write(cost.DOCUMENT, {"calls": calls_table(*map(measure, STORES))})
        return 0
    for store, pending in (*((store, 0) for store in STORES), (STORES[0], 3)):
        _print(store, pending, measure(store, pending))
    return 0


def _print(store: str, pending: int, found: Renewal) -> None:
    print(f"{store}, pending at {pending} polls")
    print(f"  renewal: {len(found.scm)} requests to SCM, {sum(found.aws.values())} calls of AWS")
    print(f"  inspection: {found.inspection_scm} requests to SCM, {found.inspection_aws} calls of AWS")
    print(f"  inspection when nothing is due: {found.daily_scm} requests to SCM")
    print(f"  transitions: {found.transitions}; {found.shared_transitions} more of the run and its delegation")
    for name, number in [*Counter(found.scm).items(), *sorted(found.aws.items())]:
        print(f"  {number:3}  {name}")


if __name__ == "__main__":
    raise SystemExit(main())
