"""What operators, the RAO and the CA do in a history: harmless, and each protection that makes it so is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from campaign.fault_injection import Mode
from campaign.harness import Harness
from campaign.histories.backup import Written
from campaign.histories.history import History, Violated, replay
from campaign.interception.dns import DnsState
from campaign.scenarios import DELEGATION
from renewal.adapters.scm.accounts import ScmAccounts
from renewal.adapters.secrets import SecretsManagerCredentials
from renewal.domain.certificate.chain import Delivery
from renewal.domain.delegation import Delegation
from renewal.domain.order import ManagedCertificate
from renewal.domain.permission import OrderAgain
from renewal.domain.setup.inspection import with_kept
from renewal.ports.order_book import Listing
from renewal.steps.inspect_delegation import InspectDelegation
from renewal.steps.scm.snapshot import PersistentRecords

Steps = list[tuple[str, Mapping[str, Any]]]

DUE: tuple[str, Mapping[str, Any]] = ("days", {"count": 150})
RUN: tuple[str, Mapping[str, Any]] = ("run", {})
OF_OPEN_ORDERS = {Written.ORDER, Written.MEMBERS}
"""Read while an order is open, and when it ends."""
HALF_ROTATED = ("rotate", {"mode": Mode.KILLED_AFTER.value, "nth": 10})
"""SCM has the new password, which is still pending."""

REMOVED: tuple[str, Mapping[str, Any]] = ("remove_record", {})
PUBLISHED: tuple[str, Mapping[str, Any]] = ("publish_record", {})
STALE, SILENT, CURRENT = (
    ("dns_becomes", {"state": state.value}) for state in (DnsState.STALE, DnsState.SILENT, DnsState.CURRENT)
)
PERSISTENT: Steps = [("validate_persistently", {}), *[RUN] * 11]
"""The last of these runs reads everything, as once a week; the next one reads the daily sections."""

PLAYED: dict[str, Steps] = {
    "restored after a renewal": [RUN, ("back_up", {}), DUE, RUN, ("restore", {}), RUN],
    "restored with an open order": [
        ("scm_becomes", {"issuance_seconds": 72_000.0}),
        RUN,
        ("back_up", {}),
        RUN,
        ("restore", {}),
        RUN,
    ],
    "a password that is pending": [HALF_ROTATED, RUN, HALF_ROTATED, RUN],
    "another account while a password is pending": [HALF_ROTATED, ("replace_login", {}), RUN, HALF_ROTATED, RUN],
    "locked and unlocked": [("lock", {}), RUN, ("unlock", {}), RUN],
    "a validation that expires while the estate comes to rest": [
        RUN,
        ("validate", {"delegation": DELEGATION, "days": 1}),
        ("ask", {"certificate": "idp"}),
    ],
    "a mandate that ends and is extended": [RUN, ("end_mandate", {"days": -1}), DUE, RUN, ("extend_mandate", {}), RUN],
    "a persistent record that vanishes": [*PERSISTENT, REMOVED, *[RUN] * 12, PUBLISHED, RUN],
    "a persistent record that vanishes late": [*PERSISTENT, REMOVED, STALE, RUN, CURRENT, RUN, PUBLISHED, RUN],
    "a persistent record that DNS does not answer": [*PERSISTENT, SILENT, *[RUN] * 12, CURRENT, RUN],
    "other intermediates, cross-signed": [
        RUN,
        ("change_issuers", {}),
        ("scm_becomes", {"chain": "cross-signed"}),
        DUE,
        RUN,
    ],
    **{
        f"rolled back: {written.value}": [
            ("scm_becomes", {"issuance_seconds": 72_000.0 if written in OF_OPEN_ORDERS else 0.0}),
            RUN,
            ("roll_back", {"written": written.value}),
            *([] if written in OF_OPEN_ORDERS else [DUE]),
            RUN,
            ("upgrade", {}),
            RUN,
        ]
        for written in Written
    },
}


def keeps_the_records(_step: Any, last: Any, reader: Any, *_: Any) -> bool:
    """Read the daily sections only, and DNS not at all."""
    reader.snapshot = with_kept(reader.snapshot, last)
    return True


@pytest.mark.parametrize("name", PLAYED)
def test_what_operators_do_violates_nothing(harness: Harness, name: str) -> None:
    """At the end all is served, and nothing was ordered without a reason."""
    replay(harness, PLAYED[name])


def test_after_a_restore_the_operator_adopts_what_is_not_due(harness: Harness) -> None:
    """Its row is no failure, so a history of three years had failed runs for which its operator did nothing."""
    history = History(harness)
    for name, arguments in (RUN, ("back_up", {}), ("ask", {"certificate": "ent"}), RUN, ("restore", {}), RUN):
        history.step(name, **arguments)
    before = harness.played.runs[-1]

    history.step("follow_runbook")
    history.step("run")

    assert (before.status, before.certificate_errors) == ("FAILED", [""])
    assert harness.played.runs[-1].status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("name", "owner", "member", "without", "violation"),
    [
        (
            "restored after a renewal",
            ManagedCertificate,
            "permission",  # so that neither SCM's report nor the audit trail is compared with the order book
            property(lambda _: OrderAgain("", "", datetime(2026, 11, 1, tzinfo=UTC), 1)),
            "before half of a lifetime",
        ),
        ("a password that is pending", SecretsManagerCredentials, "pending", lambda *_: None, "CredentialRefused"),
        (
            "a mandate that ends and is extended",
            Delegation,
            "require_mandate",
            lambda *_: None,
            "placed after the mandate had ended",
        ),
        (
            "rolled back: a word of a certificate",
            Listing,
            "of",
            lambda items, read: Listing(map(read, items)),
            "does not report lycee",
        ),
        (
            "a persistent record that vanishes",
            InspectDelegation,
            "_holds",
            keeps_the_records,
            "does not report that univ lacks its persistent record",
        ),
        (
            "a persistent record that DNS does not answer",
            PersistentRecords,
            "_answer",
            lambda _records, _place: (),
            "reports that univ lacks its persistent record, which DNS has",
        ),
        (
            "locked and unlocked",
            ScmAccounts,
            "_session",
            lambda accounts, _, of=ScmAccounts._session: of(accounts, DELEGATION),  # what it replaces
            "reports lycee as CredentialRefused",
        ),
    ],
)
def test_a_history_detects_what_a_protection_prevents(
    harness: Harness,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    owner: Any,
    member: str,
    without: Callable[..., Any],
    violation: str,
) -> None:
    """A step that finds no fault proves nothing."""
    monkeypatch.setattr(owner, member, without)

    with pytest.raises(Violated, match=violation):
        replay(harness, PLAYED[name])


def test_a_history_detects_issuers_that_are_kept_for_ever(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that stores the issuers of the first certificate breaks every chain when the CA changes them."""
    shipped = Delivery._first_trusted  # what it replaces
    kept: list[Any] = []

    def first_trusted(*arguments: Any) -> Any:
        kept.append(shipped(*arguments))
        return kept[0]

    monkeypatch.setattr(Delivery, "_first_trusted", first_trusted)

    with pytest.raises(Violated, match="the chain is broken"):
        replay(harness, PLAYED["other intermediates, cross-signed"])
