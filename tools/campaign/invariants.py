"""The invariants, one sentence and one function each.

`ALWAYS` holds after every run, however it ended; `AT_REST` holds in addition once daily runs have finished all
open orders. Each function yields a sentence for every violation that it finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from campaign.evidence import Evidence, Item, public_half, public_key
from renewal.domain.errors import every_error
from renewal.domain.run_outcome import RESULT_MISSING
from renewal.domain.run_report import RunOutcome, RunReport

Invariant = Callable[[Evidence], Iterator[str]]
FILES = {"cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"}

NAMED = frozenset(kind.__name__ for kind in every_error()) | {RESULT_MISSING}
OF_AWS = ("Lambda.", "Sandbox.", "Runtime.", "States.")


# ---- Never ordered twice -------------------------------------------------------------------------------------------


def every_order_has_its_intent(evidence: Evidence) -> Iterator[str]:
    """Every order of ours at SCM is in the order book, and no two have the same token."""
    known = {item["token"] for kind in ("order", "finished") for item in evidence.of_kind(kind)}
    for token, count in Counter(token for token, _ in evidence.ours()).items():
        if count > 1:
            yield f"SCM holds {count} orders with token {token}"
        if token not in known:
            yield f"SCM holds order {token}, which is not in the order book"


def one_unfinished_order_at_a_time(evidence: Evidence) -> Iterator[str]:
    """At most one order of a certificate is at SCM, open or issued, that the audit trail has not finished."""
    finished = {item["token"] for item in evidence.of_kind("finished")}
    unfinished = Counter(
        order.comments.rsplit(" for ", 1)[-1]
        for token, order in evidence.ours()
        if token not in finished and order.status in {"Requested", "Approved", "Applied", "Issued"}
    )
    for path, count in unfinished.items():
        if count > 1:
            yield f"{count} unfinished orders of {path} are at SCM"


def what_failed_was_not_issued(evidence: Evidence) -> Iterator[str]:
    """No order that the audit trail calls failed, and whose key is erased, is issued at SCM."""
    failed = {row["token"]: row for row in evidence.of_kind("finished") if row["status"] == "failed"}
    for token, order in evidence.ours():
        if token in failed and order.status == "Issued":
            yield f"order {token} ended as failed ({failed[token].get('error')}), but SCM issued it"


# ---- Never lost ----------------------------------------------------------------------------------------------------


def no_certified_key_is_missing(evidence: Evidence) -> Iterator[str]:
    """For every certificate that SCM issued to us, the matching sealed key exists until it is replaced."""
    newest = {(item["delegation"], item["item"].partition("#")[2]): item for item in evidence.of_kind("certificate")}
    current = {item.get("served", {}).get("token") for item in newest.values()}
    opened = {item["token"] for item in evidence.of_kind("order")}
    for token, order in evidence.ours():
        if token in current | opened and evidence.sealed.get(token) != order.public_key:
            yield f"the sealed key of order {token} is missing, or is not the key that SCM certified"


def every_stored_key_matches(evidence: Evidence) -> Iterator[str]:
    """Every private key in a store belongs to the certificate beside it."""
    for folder, files in evidence.folders():
        if {"cert.pem", "privkey.pem"} <= files.keys():
            leaf = x509.load_pem_x509_certificate(files["cert.pem"])
            if public_half(files["privkey.pem"]) != public_key(leaf):
                yield f"{folder}: the key is not the certificate's"
    for imported in evidence.acm:
        if imported.key != public_key(imported.certificate):
            yield f"{imported.arn}: the key is not the certificate's"


def nothing_stored_is_half_a_pair(evidence: Evidence) -> Iterator[str]:
    """A pointer leads to four files, with the serial that it names and a chain that certifies the leaf."""
    folders = dict(evidence.folders())
    for folder, pointer in evidence.pointers():
        files = folders.get(f"{folder}/{pointer['serial']}", {})
        if missing := FILES - files.keys():
            yield f"{folder} points to {pointer['serial']}, which lacks {', '.join(sorted(missing))}"
            continue
        chain = x509.load_pem_x509_certificates(files["fullchain.pem"])
        if f"{chain[0].serial_number:X}" != pointer["serial"]:
            yield f"{folder} points to {pointer['serial']} but another certificate is there"
        yield from _chain_faults(folder, chain)
    for imported in evidence.acm:
        yield from _chain_faults(imported.arn, [imported.certificate, *imported.chain])


def _chain_faults(where: str, chain: Sequence[x509.Certificate]) -> Iterator[str]:
    for below, above in pairwise(chain):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature):
            yield f"{where}: the chain is broken"
    if len(chain) < 2:
        yield f"{where}: no issuer beside the certificate"


# ---- Never silent --------------------------------------------------------------------------------------------------


def a_success_is_true(evidence: Evidence) -> Iterator[str]:
    """An execution that succeeded wrote its report, published its metrics, and left nothing that needs attention."""
    for run in evidence.runs:
        if run.status != "SUCCEEDED":
            continue
        if run.report is None or run.metrics.get("RunCompleted") != 1.0:
            yield f"{run.run_id} succeeded without a report or without RunCompleted"
            continue
        if run.report.outcome is not RunOutcome.SUCCEEDED:
            yield f"{run.run_id} succeeded, but its report has outcome {run.report.outcome}"
        for row in run.report.certificates:
            if row.outcome.needs_attention:
                yield f"{run.run_id} succeeded, but {row.name} is {row.outcome}: {row.error}"


def a_failure_is_reported(evidence: Evidence) -> Iterator[str]:
    """An execution that did not succeed has a status that alarms on, and its report, if any, has the reason."""
    for run in evidence.runs:
        if run.status not in {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}:
            yield f"{run.run_id} is {run.status}"
        if run.status == "FAILED" and not run.error:
            yield f"{run.run_id} failed without an error"
        if run.status == "FAILED" and run.error == "RunNeedsPerson" and not _reasons(run.report):
            yield f"{run.run_id} needs attention, and its report has no reason"


def _reasons(report: RunReport | None) -> list[str]:
    if report is None:
        return []
    errors = [*(row.error for row in report.certificates), *(row.error for row in report.delegations)]
    return [error for error in errors if error]


def every_error_has_a_name(evidence: Evidence) -> Iterator[str]:
    """A report names errors of ours, of Lambda or of Step Functions: never another exception."""
    for run in evidence.runs:
        for error in _reasons(run.report):
            if error not in NAMED and not error.startswith(OF_AWS):
                yield f"{run.run_id} reports {error}, which is no named error"


def one_refusal_a_credential(evidence: Evidence) -> Iterator[str]:
    """No credential is refused twice (401) in a run, unless the function that read the refusal was killed at once."""
    for refusal, count in Counter(evidence.refusals).items():
        if count > 1:
            yield f"{refusal.run_id}: the credential of {refusal.credential[0]} was refused {count} times"


# ---- The audit trail -----------------------------------------------------------------------------------------------


def the_audit_trail_is_correct(evidence: Evidence) -> Iterator[str]:
    """Every audit row of a stored order has its order, certificate and event; no order has two rows."""
    by_token = dict(evidence.ours())
    rows = list(evidence.of_kind("finished"))
    published = {event["token"] for event in evidence.events}
    for token, count in Counter(row["token"] for row in rows).items():
        if count > 1:
            yield f"order {token} has {count} audit rows"
    for row in rows:
        order = by_token.get(row["token"])
        if row["status"] != "stored":
            continue
        if order is None or order.certificate is None:
            yield f"the audit trail has {row['token']} as stored; SCM never issued it"
        elif (int(row["ssl_id"]), row["serial"]) != (order.ssl_id, f"{order.certificate.serial_number:X}"):
            yield f"the audit row of {row['token']} names another number or serial than SCM"
        if row["token"] not in published:
            yield f"order {row['token']} was stored without an event"


# ---- At rest -------------------------------------------------------------------------------------------------------


def the_book_is_at_rest(evidence: Evidence) -> Iterator[str]:
    """No order is open, every certificate is served, and none is due."""
    for item in evidence.of_kind("order"):
        yield f"order {item['token']} is still open ({item['status']})"
    for item in evidence.of_kind("certificate"):
        if "served" not in item:
            yield f"{item['item']} serves nothing"
        elif item["next_action_at"] <= evidence.now.isoformat():
            yield f"{item['item']} is still due"


def every_order_was_used(evidence: Evidence) -> Iterator[str]:
    """Every certificate that SCM issued to us was stored."""
    stored = {row["token"] for row in evidence.of_kind("finished") if row["status"] == "stored"}
    for token, order in evidence.ours():
        if order.status == "Issued" and token not in stored:
            yield f"SCM issued {order.ssl_id} for order {token}, but it was not stored"


def the_stores_hold_what_is_served(evidence: Evidence) -> Iterator[str]:
    """Every store holds exactly the certificate that the book calls served; ACM has no duplicate and no orphan."""
    pointers = {folder: pointer["serial"] for folder, pointer in evidence.pointers()}
    known: dict[str, str] = {}
    for item in evidence.of_kind("certificate"):
        served, folder = item.get("served", {}), f"certificates/{item['delegation']}/{item['item'].partition('#')[2]}"
        if "s3" in served.get("stores", ()) and pointers.get(folder) != served["serial"]:
            yield f"{folder} points to {pointers.get(folder)}, the book serves {served['serial']}"
        known |= dict.fromkeys(_held_arns(served), served.get("serial", ""))
    left = {arn for row in evidence.of_kind("finished") for arn in row.get("arns", {}).values()} - known.keys()
    for imported in evidence.acm:
        serial = f"{imported.certificate.serial_number:X}"
        if imported.arn in left:
            continue  # a change of key type or of stores leaves the old ARN where it may still be in use
        if imported.arn not in known:
            yield f"ACM holds {imported.arn} (serial {serial}), which is not in the order book"
        elif known[imported.arn] != serial:
            yield f"{imported.arn} holds serial {serial}, the book serves {known[imported.arn]}"
    for arn in known.keys() - {imported.arn for imported in evidence.acm}:
        yield f"the book serves {arn}, which ACM does not hold"


def _held_arns(served: Item) -> set[str]:
    """The ARNs of the regions that hold what is served: one that failed keeps an earlier certificate."""
    return {arn for region, arn in served.get("arns", {}).items() if f"acm:{region}" in served["stores"]}


def replaced_keys_are_erased(evidence: Evidence) -> Iterator[str]:
    """No private key is left in S3 whose certificate was replaced there."""
    folders = dict(evidence.folders())
    for folder, serial in _replaced_in_s3(evidence):
        if "privkey.pem" in folders.get(f"{folder}/{serial}", {}):
            yield f"{folder}/{serial} still holds the key of a certificate that has been replaced"


def _replaced_in_s3(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """(folder, serial) of certificates in S3 whose successor was stored in S3 too.

    By serials, not by dates: a wrong clock can date the successor earlier.
    """
    stored = [row for row in evidence.of_kind("finished") if row["status"] == "stored" and "s3" in row["stores"]]
    there = {(_folder(row), row["serial"]) for row in stored}
    replaced = {
        (_folder(row), row.get("previous_serial")) for row in stored if row.get("previous_serial") != row["serial"]
    }
    yield from sorted(there & replaced)


def _folder(row: Item) -> str:
    return f"certificates/{row['delegation']}/{row['certificate']}"


ALWAYS: tuple[Invariant, ...] = (
    every_order_has_its_intent,
    one_unfinished_order_at_a_time,
    what_failed_was_not_issued,
    no_certified_key_is_missing,
    every_stored_key_matches,
    nothing_stored_is_half_a_pair,
    a_success_is_true,
    a_failure_is_reported,
    every_error_has_a_name,
    one_refusal_a_credential,
    the_audit_trail_is_correct,
)
AT_REST: tuple[Invariant, ...] = (
    the_book_is_at_rest,
    every_order_was_used,
    the_stores_hold_what_is_served,
    replaced_keys_are_erased,
)


def violations(evidence: Evidence, invariants: Iterable[Invariant]) -> list[str]:
    """Return what *evidence* violates, each with the name of the invariant."""
    return [f"{invariant.__name__}: {text}" for invariant in invariants for text in invariant(evidence)]


def orders_of(evidence: Evidence) -> int:
    """Count our orders at SCM."""
    return sum(1 for _ in evidence.ours())
