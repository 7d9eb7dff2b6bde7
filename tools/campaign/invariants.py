"""What must be true, whatever happened: one sentence and one function each.

`ALWAYS` holds after every run, however it ended; `AT_REST` holds in addition once daily runs have had time to finish
what was begun. Each function yields a sentence for every violation that it finds.
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
    """SCM holds no order of ours that the order book does not know, and no two with one token."""
    known = {item["token"] for kind in ("order", "finished") for item in evidence.of_kind(kind)}
    for token, count in Counter(token for token, _ in evidence.ours()).items():
        if count > 1:
            yield f"SCM holds {count} orders with token {token}"
        if token not in known:
            yield f"SCM holds order {token}, of which the order book knows nothing"


def one_unfinished_order_at_a_time(evidence: Evidence) -> Iterator[str]:
    """At most one order of a certificate stands at SCM, open or issued, that the audit trail has not finished."""
    finished = {item["token"] for item in evidence.of_kind("finished")}
    open_ones = Counter(
        order.comments.rsplit(" for ", 1)[-1]
        for token, order in evidence.ours()
        if token not in finished and order.status in {"Requested", "Approved", "Applied", "Issued"}
    )
    for path, count in open_ones.items():
        if count > 1:
            yield f"{count} unfinished orders of {path} stand at SCM"


def what_failed_was_not_issued(evidence: Evidence) -> Iterator[str]:
    """No order that the audit trail calls failed, and whose key is erased, stands issued at SCM."""
    failed = {row["token"]: row for row in evidence.of_kind("finished") if row["status"] == "failed"}
    for token, order in evidence.ours():
        if token in failed and order.status == "Issued":
            yield f"order {token} ended as failed ({failed[token].get('error')}), and SCM issued it all the same"


# ---- Never lost ----------------------------------------------------------------------------------------------------


def no_certified_key_is_missing(evidence: Evidence) -> Iterator[str]:
    """For every certificate that SCM issued to us, the sealed key is there and fits, until it was replaced."""
    newest = {(item["delegation"], item["item"].partition("#")[2]): item for item in evidence.of_kind("certificate")}
    current = {item.get("served", {}).get("token") for item in newest.values()}
    opened = {item["token"] for item in evidence.of_kind("order")}
    for token, order in evidence.ours():
        if token in current | opened and evidence.sealed.get(token) != order.public_key:
            yield f"the sealed key of order {token} is missing, or is not the one that SCM certified"


def every_stored_key_matches(evidence: Evidence) -> Iterator[str]:
    """Every private key in a store belongs to the certificate beside it."""
    for folder, files in evidence.folders():
        if {"cert.pem", "privkey.pem"} <= files.keys():
            leaf = x509.load_pem_x509_certificate(files["cert.pem"])
            if public_half(files["privkey.pem"]) != public_key(leaf):
                yield f"{folder}: the key is not the certificate's"
    for one in evidence.acm:
        if one.key != public_key(one.certificate):
            yield f"{one.arn}: the key is not the certificate's"


def nothing_stored_is_half_a_pair(evidence: Evidence) -> Iterator[str]:
    """What a pointer points to is whole: four files, the serial it names, a chain that certifies the leaf."""
    folders = dict(evidence.folders())
    for folder, pointer in evidence.pointers():
        files = folders.get(f"{folder}/{pointer['serial']}", {})
        if missing := FILES - files.keys():
            yield f"{folder} points to {pointer['serial']}, which lacks {', '.join(sorted(missing))}"
            continue
        chain = x509.load_pem_x509_certificates(files["fullchain.pem"])
        if f"{chain[0].serial_number:X}" != pointer["serial"]:
            yield f"{folder} points to {pointer['serial']} and holds another certificate there"
        yield from _chain_faults(folder, chain)
    for one in evidence.acm:
        yield from _chain_faults(one.arn, [one.certificate, *one.chain])


def _chain_faults(where: str, chain: Sequence[x509.Certificate]) -> Iterator[str]:
    for below, above in pairwise(chain):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature):
            yield f"{where}: the chain does not hold together"
    if len(chain) < 2:
        yield f"{where}: no issuer beside the certificate"


# ---- Never silent --------------------------------------------------------------------------------------------------


def a_success_is_true(evidence: Evidence) -> Iterator[str]:
    """An execution that succeeded wrote its report, published its metrics, and left nothing that needs a person."""
    for run in evidence.runs:
        if run.status != "SUCCEEDED":
            continue
        if run.report is None or run.metrics.get("RunCompleted") != 1.0:
            yield f"{run.run_id} succeeded without a report or without RunCompleted"
            continue
        if run.report.outcome is not RunOutcome.SUCCEEDED:
            yield f"{run.run_id} succeeded, but its report says {run.report.outcome}"
        for row in run.report.certificates:
            if row.outcome.needs_attention:
                yield f"{run.run_id} succeeded, but {row.name} is {row.outcome}: {row.error}"


def a_failure_is_told(evidence: Evidence) -> Iterator[str]:
    """An execution that did not succeed is failed for all alarms to see, and when it has a report, that says why."""
    for run in evidence.runs:
        if run.status not in {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}:
            yield f"{run.run_id} is {run.status}"
        if run.status == "FAILED" and not run.error:
            yield f"{run.run_id} failed without an error"
        if run.status == "FAILED" and run.error == "RunNeedsPerson" and not _reasons(run.report):
            yield f"{run.run_id} needs a person, and its report does not say for what"


def _reasons(report: RunReport | None) -> list[str]:
    if report is None:
        return []
    errors = [*(row.error for row in report.certificates), *(row.error for row in report.delegations)]
    return [error for error in errors if error]


def every_error_has_a_name(evidence: Evidence) -> Iterator[str]:
    """What a report tells of is a named error of ours, of Lambda or of Step Functions: never a bare exception."""
    for run in evidence.runs:
        for error in _reasons(run.report):
            if error not in NAMED and not error.startswith(OF_AWS):
                yield f"{run.run_id} reports {error}, which nobody named"


def one_refusal_a_credential(evidence: Evidence) -> Iterator[str]:
    """No credential was refused twice (401) in one run, unless the function that read so was killed at once."""
    for refusal, count in Counter(evidence.refusals).items():
        if count > 1:
            yield f"{refusal.run_id}: the credential of {refusal.credential[0]} was refused {count} times"


# ---- The books -----------------------------------------------------------------------------------------------------


def the_audit_tells_the_truth(evidence: Evidence) -> Iterator[str]:
    """Every audit row of a stored order has its order, certificate and event; no order has two rows."""
    by_token = dict(evidence.ours())
    rows = list(evidence.of_kind("finished"))
    told = {event["token"] for event in evidence.events}
    for token, count in Counter(row["token"] for row in rows).items():
        if count > 1:
            yield f"order {token} has {count} audit rows"
    for row in rows:
        order = by_token.get(row["token"])
        if row["status"] != "stored":
            continue
        if order is None or order.certificate is None:
            yield f"the audit says that {row['token']} was stored; SCM never issued it"
        elif (int(row["ssl_id"]), row["serial"]) != (order.ssl_id, f"{order.certificate.serial_number:X}"):
            yield f"the audit row of {row['token']} names another number or serial than SCM"
        if row["token"] not in told:
            yield f"order {row['token']} was stored, and no event told of it"


# ---- At rest -------------------------------------------------------------------------------------------------------


def the_book_is_at_rest(evidence: Evidence) -> Iterator[str]:
    """No order is open, every certificate is served, and nothing is to be done before its time."""
    for item in evidence.of_kind("order"):
        yield f"order {item['token']} is still open ({item['status']})"
    for item in evidence.of_kind("certificate"):
        if "served" not in item:
            yield f"{item['item']} serves nothing"
        elif item["next_action_at"] <= evidence.now.isoformat():
            yield f"{item['item']} is still due"


def every_order_was_used(evidence: Evidence) -> Iterator[str]:
    """Every certificate that SCM issued to us was stored: none was paid for and forgotten."""
    stored = {row["token"] for row in evidence.of_kind("finished") if row["status"] == "stored"}
    for token, order in evidence.ours():
        if order.status == "Issued" and token not in stored:
            yield f"SCM issued {order.ssl_id} for order {token}, and it was never stored"


def the_stores_hold_what_is_served(evidence: Evidence) -> Iterator[str]:
    """Every store holds exactly the certificate that the book calls served; ACM has no duplicate and no orphan."""
    pointers = {folder: pointer["serial"] for folder, pointer in evidence.pointers()}
    known: dict[str, str] = {}
    for item in evidence.of_kind("certificate"):
        served, folder = item.get("served", {}), f"certificates/{item['delegation']}/{item['item'].partition('#')[2]}"
        if "s3" in served.get("stores", ()) and pointers.get(folder) != served["serial"]:
            yield f"{folder} points to {pointers.get(folder)}, the book serves {served['serial']}"
        known |= dict.fromkeys(served.get("arns", {}).values(), served.get("serial", ""))
    left = {arn for row in evidence.of_kind("finished") for arn in row.get("arns", {}).values()} - known.keys()
    for one in evidence.acm:
        serial = f"{one.certificate.serial_number:X}"
        if one.arn in left:
            continue  # a change of key type or of stores leaves the old ARN where it may still be in use
        if one.arn not in known:
            yield f"ACM holds {one.arn} (serial {serial}), of which the book knows nothing"
        elif known[one.arn] != serial:
            yield f"{one.arn} holds serial {serial}, the book serves {known[one.arn]}"
    for arn in known.keys() - {one.arn for one in evidence.acm}:
        yield f"the book serves {arn}, which ACM does not hold"


def replaced_keys_are_erased(evidence: Evidence) -> Iterator[str]:
    """No private key is left in S3 whose certificate was replaced there by the next one."""
    folders = dict(evidence.folders())
    for folder, serial in _replaced_in_s3(evidence):
        if "privkey.pem" in folders.get(f"{folder}/{serial}", {}):
            yield f"{folder}/{serial} still holds the key of a certificate that has been replaced"


def _replaced_in_s3(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """(folder, serial) of what was in S3 and whose successor went there too.

    By what each row replaced: a wrong clock can date the successor before it.
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
    a_failure_is_told,
    every_error_has_a_name,
    one_refusal_a_credential,
    the_audit_tells_the_truth,
)
AT_REST: tuple[Invariant, ...] = (
    the_book_is_at_rest,
    every_order_was_used,
    the_stores_hold_what_is_served,
    replaced_keys_are_erased,
)


def violations(evidence: Evidence, invariants: Iterable[Invariant]) -> list[str]:
    """Return what *evidence* violates, each with the name of the invariant."""
    return [f"{one.__name__}: {text}" for one in invariants for text in one(evidence)]


def orders_of(evidence: Evidence) -> int:
    """Count our orders at SCM."""
    return sum(1 for _ in evidence.ours())
