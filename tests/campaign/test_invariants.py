"""Every invariant can fail: evidence of a healthy history, falsified in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from campaign import order_book_invariants as must
from campaign.auditor import causes
from campaign.auditor import invariants as audit
from campaign.evidence import Evidence, gather
from campaign.harness import Harness
from campaign.interception.scm import RefusedLogin
from campaign.order_book_invariants import ALWAYS, AT_REST, Invariant, violations
from campaign.scenarios import DAYS_UNTIL_DUE, DELEGATION, LOGIN, PARIS, credential, specification, world
from renewal.domain.delegation import S3
from renewal.domain.errors import every_error
from renewal.domain.run.outcome import RESULT_MISSING
from renewal.steps.stores.drift import STORE_DRIFTED
from scm_simulator import Dials

Falsify = Callable[[Evidence], Evidence]
RUN = -1  # the last


@pytest.fixture(scope="module")
def healthy(harness: Harness) -> Evidence:
    """A certificate in both kinds of store, and its renewal."""
    harness.begin(world(), [specification((S3, PARIS))], {DELEGATION: credential()}, Dials(issuance_polls=0))
    harness.run()
    harness.time.pass_seconds(DAYS_UNTIL_DUE * 86_400)
    harness.run()
    return gather(harness)


def rows(evidence: Evidence, kind: str, **changes: Any) -> Evidence:
    """Change all items of a kind; None removes a member."""
    changed = [
        {name: value for name, value in {**item, **changes}.items() if value is not None}
        if item["item"].startswith(f"{kind}#")
        else item
        for item in evidence.items
    ]
    return replace(evidence, items=tuple(changed))


def files(evidence: Evidence, end: str, content: bytes | None) -> Evidence:
    """Change, or with None remove, every stored file whose name ends with *end*."""
    kept = {key: value for key, value in evidence.objects.items() if not key.endswith(end)}
    changed = dict.fromkeys(evidence.objects.keys() - kept.keys(), content) if content is not None else {}
    return replace(evidence, objects={**kept, **changed})


def acm(evidence: Evidence, **changes: Any) -> Evidence:
    """Change what ACM holds."""
    return replace(evidence, acm=tuple(replace(imported, **changes) for imported in evidence.acm))


def last_run(evidence: Evidence, **changes: Any) -> Evidence:
    """Change the last run."""
    return replace(evidence, runs=(*evidence.runs[:RUN], replace(evidence.runs[RUN], **changes)))


def reported(evidence: Evidence, **changes: Any) -> Evidence:
    """Change the certificates in the last report."""
    report = evidence.runs[RUN].report
    assert report is not None
    rows = tuple(replace(row, **changes) for row in report.certificates)
    return last_run(evidence, report=replace(report, certificates=rows))


def with_finding(evidence: Evidence, code: str) -> Evidence:
    """Add a finding to the last report."""
    report = evidence.runs[RUN].report
    assert report is not None
    return last_run(evidence, report=replace(report, findings=frozenset({code})))


def an_outage(evidence: Evidence) -> Evidence:
    """Let SCM be unavailable to a run for names, which succeeds all the same."""
    return last_run(reported(evidence, outcome="failed", error="ScmUnavailable"), is_narrowed=True)


def reported_before(evidence: Evidence) -> Evidence:
    """Let the last run succeed for a failure that no run has failed for."""
    failed = reported(evidence, outcome="failed", error="OrderConflict")
    report = failed.runs[RUN].report
    assert report is not None
    return last_run(failed, report=replace(report, outcome="reported-before"))


def with_old_key(evidence: Evidence) -> Evidence:
    """Put a key back beside the certificate that was replaced."""
    folders = {folder for folder, _ in evidence.folders()}
    with_key = {folder for folder, found in evidence.folders() if "privkey.pem" in found}
    stale = {f"{folder}/privkey.pem": a_key() for folder in folders - with_key}
    return replace(evidence, objects={**evidence.objects, **stale})


def a_key() -> bytes:
    """An unrelated private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def refused(evidence: Evidence, *logins: str) -> Evidence:
    """Add refused logins to the last run."""
    run_id = evidence.runs[RUN].run_id
    return replace(evidence, refusals=tuple(RefusedLogin(run_id, (login, "password")) for login in logins))


def all_at_once(evidence: Evidence) -> Evidence:
    """Let three runs make one call each, at the same time."""
    call = next(entry for entry in evidence.ledger if entry.account)
    ledger = tuple(replace(call, run_id=f"run {number}") for number in range(3))
    return replace(evidence, ledger=ledger, runs_overlap=False)


FALSIFIED: Mapping[str, tuple[Invariant, Falsify]] = {
    "an order without intent": (must.every_order_has_its_intent, lambda found: replace(found, items=())),
    "a token twice": (must.every_order_has_its_intent, lambda found: replace(found, scm=(*found.scm, found.scm[0]))),
    "two at a time": (audit.one_unfinished_order_at_a_time, lambda found: replace(found, events=())),
    "another key in S3": (audit.every_stored_key_matches, lambda found: files(found, "/privkey.pem", a_key())),
    "another key in ACM": (audit.every_stored_key_matches, lambda found: acm(found, key=b"other")),
    "half a pair": (audit.nothing_stored_is_half_a_pair, lambda found: files(found, "/privkey.pem", None)),
    "no issuer in S3": (
        audit.nothing_stored_is_half_a_pair,
        lambda found: files(found, "/fullchain.pem", found.acm[0].certificate.public_bytes(Encoding.PEM)),
    ),
    "no issuer in ACM": (audit.nothing_stored_is_half_a_pair, lambda found: acm(found, chain=())),
    "a broken chain": (
        audit.nothing_stored_is_half_a_pair,
        lambda found: acm(found, chain=(found.acm[0].certificate,)),
    ),
    "a sealed key of what is stored": (
        audit.only_open_orders_have_a_sealed_key,
        lambda found: replace(found, sealed=("certificate#portal",)),
    ),
    "another's certificate in ACM": (
        audit.each_store_holds_what_is_its_owners,
        lambda found: acm(found, owner="another/portal"),
    ),
    "another's certificate in S3": (
        audit.each_store_holds_what_is_its_owners,
        lambda found: replace(
            found, objects={key.replace(DELEGATION, "another"): value for key, value in found.objects.items()}
        ),
    ),
    "a false alarm about a store": (
        audit.no_store_is_called_changed,
        lambda found: with_finding(found, "StoreDrifted"),
    ),
    "a success without report": (audit.a_success_is_true, lambda found: last_run(found, report=None)),
    "a success without metric": (audit.a_success_is_true, lambda found: last_run(found, metrics={})),
    "a success that failed": (audit.a_success_is_true, lambda found: reported(found, outcome="failed")),
    "a success for names in an outage": (audit.a_success_is_true, an_outage),
    "a failure that no run had": (audit.a_success_is_true, reported_before),
    "a failure without error": (audit.a_failure_is_reported, lambda found: last_run(found, status="FAILED", error="")),
    "attention without reason": (
        audit.a_failure_is_reported,
        lambda found: last_run(found, status="FAILED", error="RunNeedsPerson"),
    ),
    "a failure without an alert": (
        audit.every_failure_is_notified,
        lambda found: reported(found, outcome="failed", error="OrderConflict"),
    ),
    "a run that never ends": (audit.a_failure_is_reported, lambda found: last_run(found, status="RUNNING")),
    "an error without name": (audit.every_error_has_a_name, lambda found: reported(found, error="KeyError")),
    "a conflict without a fault": (
        causes.every_failure_has_a_cause,
        lambda found: reported(found, outcome="failed", error="OrderConflict"),
    ),
    "a decline that SCM did not make": (
        causes.every_failure_has_a_cause,
        lambda found: reported(found, outcome="held", error="OrderDeclined"),
    ),
    "a time-out without a fault": (
        causes.every_failure_has_a_cause,
        lambda found: reported(found, outcome="failed", error="Sandbox.Timedout"),
    ),
    "a refusal twice": (audit.one_refusal_a_credential, lambda found: refused(found, LOGIN, LOGIN)),
    "calls all at once": (
        audit.two_calls_at_a_time,
        lambda found: replace(found, ledger=tuple(replace(entry, began=0) for entry in found.ledger)),
    ),
    "calls of two runs at once": (audit.two_calls_at_a_time, all_at_once),
    "a branch without end": (
        audit.the_time_suffices,
        lambda found: replace(found, ledger=tuple(replace(entry, own_ended=1e6) for entry in found.ledger)),
    ),
    "too many branches": (
        audit.the_time_suffices,
        lambda found: replace(found, budget=replace(found.budget, seconds=found.budget.taken(found.ledger) / 2)),
    ),
    "a store without event": (must.the_audit_trail_is_correct, lambda found: replace(found, events=())),
    "two audit rows": (must.the_audit_trail_is_correct, lambda found: replace(found, items=found.items * 2)),
    "another serial": (must.the_audit_trail_is_correct, lambda found: rows(found, "finished", serial="0")),
    "stored and never issued": (must.the_audit_trail_is_correct, lambda found: replace(found, scm=())),
    "an order left open": (
        audit.the_estate_is_at_rest,
        lambda found: replace(found, scm=tuple(replace(order, status="Applied") for order in found.scm)),
    ),
    "no report": (audit.the_estate_is_at_rest, lambda found: last_run(found, report=None)),
    "still pending": (audit.the_estate_is_at_rest, lambda found: reported(found, outcome="pending")),
    "nothing served": (audit.the_estate_is_at_rest, lambda found: reported(found, not_after="")),
    "still due": (audit.the_estate_is_at_rest, lambda found: reported(found, renew_at="2020-01-01T00:00:00Z")),
    "expired, and not reported": (
        audit.nothing_expired_unreported,
        lambda found: last_run(replace(found, now=found.now + timedelta(days=400)), report=None),
    ),
    "issued and not stored": (audit.every_order_was_used, lambda found: replace(found, events=())),
    "a stale pointer": (
        audit.the_stores_hold_what_was_announced,
        lambda found: files(found, "/current.json", b'{"serial": "0"}'),
    ),
    "a store left out": (
        audit.every_wanted_store_was_announced,
        lambda found: reported(found, stores=("s3", PARIS, "acm:us-east-1")),
    ),
    "an orphan in ACM": (
        audit.the_stores_hold_what_was_announced,
        lambda found: replace(found, acm=(*found.acm, replace(found.acm[0], arn="arn:orphan"))),
    ),
    "nothing in ACM": (audit.the_stores_hold_what_was_announced, lambda found: replace(found, acm=())),
    "an old certificate in ACM": (
        audit.the_stores_hold_what_was_announced,
        lambda found: acm(found, certificate=found.scm[0].certificate),
    ),
    "an old key left": (audit.replaced_keys_are_erased, with_old_key),
}


def test_healthy_evidence_violates_nothing(healthy: Evidence) -> None:
    """Otherwise the violations below would not be those of the falsification."""
    assert violations(healthy, [*ALWAYS, *AT_REST]) == []


@pytest.mark.parametrize("what", FALSIFIED)
def test_a_falsification_violates_its_invariant(healthy: Evidence, what: str) -> None:
    """An invariant that cannot fail proves nothing."""
    invariant, falsify = FALSIFIED[what]

    assert violations(falsify(healthy), [invariant])


def test_two_accounts_may_be_refused_in_one_run(healthy: Evidence) -> None:
    """Each uses its own password, once."""
    assert violations(refused(healthy, LOGIN, "another"), [audit.one_refusal_a_credential]) == []


def test_a_run_killed_before_its_alert_is_not_silent(healthy: Evidence) -> None:
    """Its execution fails, and the next run sends the alert. The metrics of verify_served are not the report's."""
    failed = reported(healthy, outcome="failed", error="OrderConflict")
    killed = last_run(failed, status="FAILED", error="Runtime.ExitError", metrics={"EndpointsNotServed": 0.0})

    assert violations(killed, [audit.every_failure_is_notified, audit.a_failure_is_reported]) == []


def test_every_invariant_has_a_falsification() -> None:
    """A new invariant needs a falsification."""
    assert {invariant for invariant, _ in FALSIFIED.values()} == {*ALWAYS, *AT_REST}


def test_the_auditor_has_the_names_of_all_errors_and_no_others() -> None:
    """It reads them from the runbook, which must not lack one; a finding beside its error has a section there, too."""
    assert causes.names() == {kind.__name__ for kind in every_error()} | {RESULT_MISSING, STORE_DRIFTED}
    assert causes.names() >= causes.CAUSES.keys() | causes.LASTING


@pytest.mark.parametrize("status", ["Rejected", "Revoked"])
def test_an_order_after_a_refused_one_needs_no_reason_of_its_own(healthy: Evidence, status: str) -> None:
    """A file or a replacement rule has asked for one, and SCM ended the first of two orders."""
    first, renewal = healthy.scm
    early = replace(renewal, requested_at=first.requested_at + timedelta(days=1))
    refused = replace(early, status=status)

    assert must.early_orders(replace(healthy, scm=(first, renewal))).total() == 0
    assert must.early_orders(replace(healthy, scm=(first, refused, early))).total() == 1
    assert must.early_orders(replace(healthy, scm=(first, early, early))).total() == 2


def test_a_failure_after_a_fault_has_a_cause(healthy: Evidence) -> None:
    """In the run with the fault; in a later run, where the error is one that lasts."""
    failed = reported(healthy, outcome="failed", error="OrderConflict")
    lasting = reported(healthy, outcome="failed", error="OrderUnconfirmed")
    earlier = tuple(replace(run, is_disturbed=True) for run in healthy.runs[:RUN])

    assert violations(last_run(failed, is_disturbed=True), [causes.every_failure_has_a_cause]) == []
    assert violations(replace(failed, runs=(*earlier, failed.runs[RUN])), [causes.every_failure_has_a_cause])
    assert violations(replace(lasting, runs=(*earlier, lasting.runs[RUN])), [causes.every_failure_has_a_cause]) == []
