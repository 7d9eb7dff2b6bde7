"""The auditor's invariants, one sentence and one function each.

`ALWAYS` holds after every run, however it ended; `AT_REST` holds in addition once daily runs have finished all
open orders. Each function yields a sentence for every violation that it finds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from campaign.auditor.budget import exceeded
from campaign.auditor.causes import OF_AWS, every_failure_has_a_cause, names
from campaign.auditor.reports import EndedRun, PublishedReport
from campaign.auditor.world import World, path_of, public_half, public_key
from campaign.interception.calls import LedgerEntry

Check = Callable[[World], Iterator[str]]
FILES = {"cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"}
OUTAGES = {"ScmUnavailable", "StoreUnavailable"}
AT_A_TIME = 2
"""Calls with one account (docs/security.md)."""


# ---- Never ordered twice -------------------------------------------------------------------------------------------


def one_unfinished_order_at_a_time(world: World) -> Iterator[str]:
    """At most one order of a certificate is at SCM, open or issued, whose certificate no event has announced."""
    announced = {event["token"] for event in world.events}
    unfinished = Counter(
        path_of(order)
        for token, order in world.ours()
        if token not in announced and order.status in {"Requested", "Approved", "Applied", "Issued"}
    )
    for path, count in unfinished.items():
        if count > 1:
            yield f"{count} unfinished orders of {path} are at SCM"


# ---- Never lost ----------------------------------------------------------------------------------------------------


def every_stored_key_matches(world: World) -> Iterator[str]:
    """Every private key in a store belongs to the certificate beside it."""
    for folder, files in world.folders():
        if {"cert.pem", "privkey.pem"} <= files.keys():
            leaf = x509.load_pem_x509_certificate(files["cert.pem"])
            if public_half(files["privkey.pem"]) != public_key(leaf):
                yield f"{folder}: the key is not the certificate's"
    for imported in world.acm:
        if imported.key != public_key(imported.certificate):
            yield f"{imported.arn}: the key is not the certificate's"


def nothing_stored_is_half_a_pair(world: World) -> Iterator[str]:
    """A pointer leads to four files, with the serial that it names and a chain that certifies the leaf."""
    folders = dict(world.folders())
    for folder, pointer in world.pointers():
        files = folders.get(f"{folder}/{pointer['serial']}", {})
        if missing := FILES - files.keys():
            yield f"{folder} points to {pointer['serial']}, which lacks {', '.join(sorted(missing))}"
            continue
        chain = x509.load_pem_x509_certificates(files["fullchain.pem"])
        if f"{chain[0].serial_number:X}" != pointer["serial"]:
            yield f"{folder} points to {pointer['serial']} but another certificate is there"
        yield from _chain_faults(folder, chain)
    for imported in world.acm:
        yield from _chain_faults(imported.arn, [imported.certificate, *imported.chain])


def _chain_faults(where: str, chain: Sequence[x509.Certificate]) -> Iterator[str]:
    for below, above in pairwise(chain):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature):
            yield f"{where}: the chain is broken"
    if len(chain) < 2:
        yield f"{where}: no issuer beside the certificate"


# ---- Never in other hands ------------------------------------------------------------------------------------------


def only_open_orders_have_a_sealed_key(world: World) -> Iterator[str]:
    """No sealed key of a stored certificate is in the order book: nothing can open it but the key of an open order."""
    for item in world.sealed:
        if not item.startswith("order#"):
            yield f"{item} in the order book has a sealed key"


def each_store_holds_what_is_its_owners(world: World) -> Iterator[str]:
    """A certificate that was ordered for a `delegation/certificate` is in no folder, and under no ARN, of another."""
    ordered = {f"{order.certificate.serial_number:X}": path_of(order) for _, order in world.ours() if order.certificate}
    there = [
        (arn, imported.owner, f"{imported.certificate.serial_number:X}") for arn, imported in world.by_arn().items()
    ]
    for folder, _ in world.folders():
        owner, _, serial = folder.removeprefix("certificates/").rpartition("/")
        there.append((folder, owner, serial))
    for where, owner, serial in there:
        if owner and ordered.get(serial, owner) != owner:
            yield f"{where} of {owner} holds a certificate of {ordered[serial]}"


def no_store_is_called_changed(world: World) -> Iterator[str]:
    """No one but certmandate writes to the stores, so no report has a finding that someone else did."""
    for run in world.judged:
        if run.report and "StoreDrifted" in run.report.findings:
            yield f"{run.run_id} reports that someone else has changed a store"


# ---- Never silent, and never a false alarm -------------------------------------------------------------------------


def a_success_is_true(world: World) -> Iterator[str]:
    """An execution that succeeded wrote its report and metrics, and left only failures that were reported before.

    Or outages, while each certificate of the delegation has more than a tenth of its lifetime left, unless the run was
    narrowed: then it did not do what the operator has named.
    """
    for run in world.judged:
        if run.status != "SUCCEEDED":
            continue
        if run.report is None or run.metrics.get("RunCompleted") != 1.0:
            yield f"{run.run_id} succeeded without a report or without RunCompleted"
            continue
        if run.report.outcome not in {"succeeded", "reported-before"}:
            yield f"{run.run_id} succeeded, but its report has outcome {run.report.outcome}"
        known = failed_before(world, run.report) if run.report.outcome == "reported-before" else set()
        for where, error in set(run.report.failures()) - known:
            if error in OUTAGES and not run.is_narrowed and run.report.has_time(where.partition("/")[0]):
                continue
            yield f"{run.run_id} succeeded, but {where} failed: {error}"


def failed_before(world: World, report: PublishedReport) -> set[tuple[str, str]]:
    """Return what runs that failed have reported in the day before *report*."""
    return {
        failure
        for run in world.runs
        if run.status != "SUCCEEDED" and run.report
        if timedelta(0) <= report.finished_at - run.report.finished_at < timedelta(days=1)
        for failure in run.report.failures()
    }


def a_failure_is_reported(world: World) -> Iterator[str]:
    """An execution that did not succeed has a status that alarms on, and its report, if any, has the reason."""
    for run in world.judged:
        if run.status not in {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}:
            yield f"{run.run_id} is {run.status}"
        if run.status == "FAILED" and not run.error:
            yield f"{run.run_id} failed without an error"
        if run.error == "RunNeedsPerson" and not (run.report and _has_reason(run, run.report)):
            yield f"{run.run_id} needs attention, and its report has no reason"


def _has_reason(run: EndedRun, report: PublishedReport) -> bool:
    return bool(report.problems) or (run.is_narrowed and any(report.failures()))


def every_failure_is_notified(world: World) -> Iterator[str]:
    """A run that ended with its report and metrics, or one before it, has sent an alert that names each failure.

    The refused account of a delegation is named once, whatever it stops.
    """
    for run in world.judged:
        for where, error in run.report.failures() if run.report and run.is_complete else ():
            named = {f"\n- {where}: ", f"\n- {where.partition('/')[0]}: "}
            if not any(name in _section(alert, error) for alert in world.alerts for name in named):
                yield f"{run.run_id} reports {error} of {where}, of which the operator was not notified"


def _section(alert: str, name: str) -> str:
    """What an alert has below a name."""
    return alert.partition(f"\n\n{name}")[2].partition("\n\n")[0]


def every_error_has_a_name(world: World) -> Iterator[str]:
    """A report names errors of the runbook, of Lambda or of Step Functions: never another exception."""
    known = names()
    for run in world.judged:
        for _, error in run.report.failures() if run.report else ():
            if error not in known and not error.startswith(OF_AWS):
                yield f"{run.run_id} reports {error}, which is no named error"


# ---- Never too much for SCM ----------------------------------------------------------------------------------------


def one_refusal_a_credential(world: World) -> Iterator[str]:
    """No credential is refused twice (401) in a run, unless the function that read the refusal was killed at once."""
    for refusal, count in Counter(world.refusals).items():
        if count > 1:
            yield f"{refusal.run_id}: the credential of {refusal.credential[0]} was refused {count} times"


def two_calls_at_a_time(world: World) -> Iterator[str]:
    """No account gets more than two calls at a time, over all runs; where runs are made to overlap, from each run."""
    calls_of: dict[tuple[str, str], list[LedgerEntry]] = defaultdict(list)
    for entry in world.ledger:
        if entry.account:
            calls_of[entry.run_id if world.runs_overlap else "all runs", entry.account].append(entry)
    for (run_id, account), calls in calls_of.items():
        changes = sorted([*((call.began, 1) for call in calls), *((call.ended, -1) for call in calls)])
        open_calls = most = 0
        for _, change in changes:
            open_calls += change
            most = max(most, open_calls)
        if most > AT_A_TIME:
            yield f"{run_id}: {account} makes {most} calls at a time"


def the_time_suffices(world: World) -> Iterator[str]:
    """No run takes longer than the state machine permits, over all branches of its Maps."""
    for run_id, seconds in exceeded(world.budget, world.ledger):
        yield f"{run_id} takes {seconds:.0f} s, more than {world.budget.seconds:.0f} s"


# ---- At rest -------------------------------------------------------------------------------------------------------


def the_estate_is_at_rest(world: World) -> Iterator[str]:
    """No order is open at SCM; in the last report every certificate is served, and none is due."""
    for order in world.open_orders():
        yield f"order {order.ssl_id} of {path_of(order)} is still {order.status}"
    last = world.runs[-1].report
    if last is None:
        yield f"{world.runs[-1].run_id} has no report"
        return
    for row in last.certificates:
        if row.outcome not in {"renewed", "not-due"}:
            yield f"{row.path} is {row.outcome}: {row.error}"
        elif not row.not_after:
            yield f"{row.path} serves nothing"
        elif row.renew_at and datetime.fromisoformat(row.renew_at) <= world.now:
            yield f"{row.path} is still due"


def nothing_expired_unreported(world: World) -> Iterator[str]:
    """The last report, which leaves out what is in order, has every certificate that has expired by its last event."""
    last = world.runs[-1].report
    reported = {row.path for row in last.certificates} if last else set()
    for path, event in world.announced().items():
        if path not in reported and datetime.fromisoformat(event["not_after"]) <= world.now:
            yield f"{path} has expired, and the report does not have it"


def every_order_was_used(world: World) -> Iterator[str]:
    """Every certificate that SCM issued to us was stored and announced."""
    announced = {event["token"] for event in world.events}
    for token, order in world.ours():
        if order.status == "Issued" and token not in announced:
            yield f"SCM issued {order.ssl_id} for order {token}, but it was not stored"


def every_wanted_store_was_announced(world: World) -> Iterator[str]:
    """The last event of each certificate names every store that is wanted."""
    announced = world.announced()
    rows = {row.path: row for run in world.runs if run.report for row in run.report.certificates}
    for row in rows.values():
        if missing := set(row.stores) - set(announced.get(row.path, {}).get("stores", ())):
            yield f"{row.path} was not announced in {', '.join(sorted(missing))}"


def the_stores_hold_what_was_announced(world: World) -> Iterator[str]:
    """Every store holds exactly what was announced last; ACM has no duplicate and no orphan."""
    there = {arn: f"{imported.certificate.serial_number:X}" for arn, imported in world.by_arn().items()}
    there |= {folder: pointer["serial"] for folder, pointer in world.pointers()}
    for event in world.announced().values():
        in_s3 = [_folder(event)] if "s3" in event["stores"] else []
        for where in (*in_s3, *event["arns"].values()):
            if there.get(where) != event["serial"]:
                yield f"{where} holds serial {there.get(where)}, {event['serial']} was announced"
    # A change of key type or of stores leaves the old ARN where it may still be in use.
    for arn in world.by_arn().keys() - {arn for event in world.events for arn in event["arns"].values()}:
        yield f"ACM holds {arn}, which no event names"


def replaced_keys_are_erased(world: World) -> Iterator[str]:
    """No private key is left in S3 whose certificate was replaced there.

    By serials, not by dates: a wrong clock can date the successor earlier.
    """
    stored = [event for event in world.events if "s3" in event["stores"]]
    there = {(_folder(event), event["serial"]) for event in stored}
    replaced = {(_folder(event), event["previous_serial"]) for event in stored} - {
        (_folder(event), event["serial"]) for event in stored if event["previous_serial"] == event["serial"]
    }
    folders = dict(world.folders())
    for folder, serial in sorted(there & replaced):
        if "privkey.pem" in folders.get(f"{folder}/{serial}", {}):
            yield f"{folder}/{serial} still holds the key of a certificate that has been replaced"


def _folder(event: Mapping[str, Any]) -> str:
    return f"certificates/{event['delegation']}/{event['certificate']}"


ALWAYS: tuple[Check, ...] = (
    one_unfinished_order_at_a_time,
    every_stored_key_matches,
    nothing_stored_is_half_a_pair,
    only_open_orders_have_a_sealed_key,
    each_store_holds_what_is_its_owners,
    no_store_is_called_changed,
    a_success_is_true,
    a_failure_is_reported,
    every_failure_is_notified,
    every_error_has_a_name,
    every_failure_has_a_cause,
    one_refusal_a_credential,
    two_calls_at_a_time,
    the_time_suffices,
)
AT_REST: tuple[Check, ...] = (
    the_estate_is_at_rest,
    nothing_expired_unreported,
    every_order_was_used,
    every_wanted_store_was_announced,
    the_stores_hold_what_was_announced,
    replaced_keys_are_erased,
)
