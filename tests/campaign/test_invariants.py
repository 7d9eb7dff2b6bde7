"""Every invariant can complain: evidence of a healthy history, falsified in one point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from campaign import invariants as must
from campaign.evidence import Evidence, gather
from campaign.invariants import ALWAYS, AT_REST, Invariant, violations
from campaign.scenarios import DAYS_UNTIL_DUE, DELEGATION, LOGIN, PARIS, credential, specification, world
from campaign.scm_wire import Refusal
from campaign.stage import Stage
from renewal.domain.delegation import S3
from renewal.domain.run_report import Outcome
from scm_simulator import Dials

Falsify = Callable[[Evidence], Evidence]
RUN = -1  # the last one

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


@pytest.fixture(scope="module")
def healthy(stage: Stage) -> Evidence:
    """A certificate in both kinds of store, and its renewal."""
    stage.begin(world(), [specification((S3, PARIS))], {DELEGATION: credential()}, Dials(issuance_polls=0))
    stage.run()
    stage.time.pass_seconds(DAYS_UNTIL_DUE * 86_400)
    stage.run()
    return gather(stage)


def rows(evidence: Evidence, kind: str, **changes: Any) -> Evidence:
    """Change all items of a kind; None takes a member away."""
    changed = [
        {name: value for name, value in {**item, **changes}.items() if value is not None}
        if item["item"].startswith(f"{kind}#")
        else item
        for item in evidence.items
    ]
    return replace(evidence, items=tuple(changed))


def without(evidence: Evidence, kind: str) -> Evidence:
    """Lose all items of a kind."""
    return replace(evidence, items=tuple(one for one in evidence.items if not one["item"].startswith(f"{kind}#")))


def files(evidence: Evidence, end: str, content: bytes | None) -> Evidence:
    """Change, or with None lose, every stored file whose name ends so."""
    kept = {key: value for key, value in evidence.objects.items() if not key.endswith(end)}
    changed = dict.fromkeys(evidence.objects.keys() - kept.keys(), content) if content is not None else {}
    return replace(evidence, objects={**kept, **changed})


def acm(evidence: Evidence, **changes: Any) -> Evidence:
    """Change what ACM holds."""
    return replace(evidence, acm=tuple(replace(one, **changes) for one in evidence.acm))


def last_run(evidence: Evidence, **changes: Any) -> Evidence:
    """Change the last run."""
    return replace(evidence, runs=(*evidence.runs[:RUN], replace(evidence.runs[RUN], **changes)))


def reported(evidence: Evidence, outcome: Outcome, error: str) -> Evidence:
    """Change what the last report says of its certificates."""
    report = evidence.runs[RUN].report
    assert report is not None
    rows = tuple(replace(row, outcome=outcome, error=error) for row in report.certificates)
    return last_run(evidence, report=replace(report, certificates=rows))


def with_old_key(evidence: Evidence) -> Evidence:
    """Put a key back beside the certificate that was replaced."""
    folders = {folder for folder, _ in evidence.folders()}
    with_key = {folder for folder, found in evidence.folders() if "privkey.pem" in found}
    stale = {f"{folder}/privkey.pem": a_key() for folder in folders - with_key}
    return replace(evidence, objects={**evidence.objects, **stale})


def a_key() -> bytes:
    """A private key of nobody's."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def refused(evidence: Evidence, *logins: str) -> Evidence:
    """Let the last run show these credentials."""
    run_id = evidence.runs[RUN].run_id
    return replace(evidence, refusals=tuple(Refusal(run_id, (login, "password")) for login in logins))


FALSIFIED: Mapping[str, tuple[Invariant, Falsify]] = {
    "an order without intent": (must.every_order_has_its_intent, lambda one: without(one, "finished")),
    "a token twice": (must.every_order_has_its_intent, lambda one: replace(one, scm=(*one.scm, one.scm[0]))),
    "two at a time": (must.one_unfinished_order_at_a_time, lambda one: without(one, "finished")),
    "issued all the same": (must.what_failed_was_not_issued, lambda one: rows(one, "finished", status="failed")),
    "a key lost": (must.no_certified_key_is_missing, lambda one: replace(one, sealed={})),
    "a key that fits nothing": (
        must.no_certified_key_is_missing,
        lambda one: replace(one, sealed=dict.fromkeys(one.sealed, b"other")),
    ),
    "another key in S3": (must.every_stored_key_matches, lambda one: files(one, "/privkey.pem", a_key())),
    "another key in ACM": (must.every_stored_key_matches, lambda one: acm(one, key=b"other")),
    "half a pair": (must.nothing_stored_is_half_a_pair, lambda one: files(one, "/privkey.pem", None)),
    "no issuer in S3": (
        must.nothing_stored_is_half_a_pair,
        lambda one: files(one, "/fullchain.pem", one.acm[0].certificate.public_bytes(Encoding.PEM)),
    ),
    "no issuer in ACM": (must.nothing_stored_is_half_a_pair, lambda one: acm(one, chain=())),
    "a chain that breaks": (must.nothing_stored_is_half_a_pair, lambda one: acm(one, chain=(one.acm[0].certificate,))),
    "a success without report": (must.a_success_is_true, lambda one: last_run(one, report=None)),
    "a success without metric": (must.a_success_is_true, lambda one: last_run(one, metrics={})),
    "a success that failed": (must.a_success_is_true, lambda one: reported(one, Outcome.FAILED, "OrderDeclined")),
    "a failure without error": (must.a_failure_is_told, lambda one: last_run(one, status="FAILED", error="")),
    "a person without reason": (
        must.a_failure_is_told,
        lambda one: last_run(one, status="FAILED", error="RunNeedsPerson"),
    ),
    "a run that never ends": (must.a_failure_is_told, lambda one: last_run(one, status="RUNNING")),
    "an error without name": (must.every_error_has_a_name, lambda one: reported(one, Outcome.FAILED, "KeyError")),
    "a refusal twice": (must.one_refusal_a_credential, lambda one: refused(one, LOGIN, LOGIN)),
    "a store without event": (must.the_audit_tells_the_truth, lambda one: replace(one, events=())),
    "two audit rows": (must.the_audit_tells_the_truth, lambda one: replace(one, items=one.items * 2)),
    "another serial": (must.the_audit_tells_the_truth, lambda one: rows(one, "finished", serial="0")),
    "stored and never issued": (must.the_audit_tells_the_truth, lambda one: replace(one, scm=())),
    "an order left open": (
        must.the_book_is_at_rest,
        lambda one: replace(one, items=({"item": "order#idp", "token": "", "status": "ordered"}, *one.items)),
    ),
    "nothing served": (must.the_book_is_at_rest, lambda one: rows(one, "certificate", served=None)),
    "still due": (must.the_book_is_at_rest, lambda one: rows(one, "certificate", next_action_at="2020")),
    "paid for and forgotten": (must.every_order_was_used, lambda one: without(one, "finished")),
    "a stale pointer": (
        must.the_stores_hold_what_is_served,
        lambda one: files(one, "/current.json", b'{"serial": "0"}'),
    ),
    "an orphan in ACM": (
        must.the_stores_hold_what_is_served,
        lambda one: replace(one, acm=(*one.acm, replace(one.acm[0], arn="arn:orphan"))),
    ),
    "nothing in ACM": (must.the_stores_hold_what_is_served, lambda one: replace(one, acm=())),
    "an old certificate in ACM": (
        must.the_stores_hold_what_is_served,
        lambda one: acm(one, certificate=one.scm[0].certificate),
    ),
    "an old key left": (must.replaced_keys_are_erased, with_old_key),
}


def test_healthy_evidence_violates_nothing(healthy: Evidence) -> None:
    """Or what is complained of below would not be the falsification."""
    assert violations(healthy, [*ALWAYS, *AT_REST]) == []


@pytest.mark.parametrize("what", FALSIFIED)
def test_a_falsification_is_seen(healthy: Evidence, what: str) -> None:
    """An invariant that cannot complain holds nothing."""
    invariant, falsify = FALSIFIED[what]

    assert violations(falsify(healthy), [invariant])


def test_two_accounts_may_be_refused_in_one_run(healthy: Evidence) -> None:
    """Each shows its own password, once."""
    assert violations(refused(healthy, LOGIN, "another"), [must.one_refusal_a_credential]) == []


def test_every_invariant_is_seen_complaining() -> None:
    """One that is added tomorrow comes with its falsification."""
    assert {invariant for invariant, _ in FALSIFIED.values()} == {*ALWAYS, *AT_REST}
