"""What the operator of a history is sent: each problem once, and each fault of the notices is detected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from campaign.alarms.evaluation import ALARM, OK
from campaign.alarms.shipped import shipped_alarms
from campaign.fault_injection import Mode
from campaign.harness import Harness
from campaign.histories import history, inbox
from campaign.histories.history import Violated, replay
from renewal.adapters.events import SnsAlerts
from renewal.domain.alerts.memory import NotifiedProblems
from renewal.steps import report
from renewal.steps.reporting import alert_sender
from renewal.steps.reporting.metrics import run_metrics

Steps = list[tuple[str, Mapping[str, Any]]]

RUN: tuple[str, Mapping[str, Any]] = ("run", {})
HOURLY_RUN: tuple[str, Mapping[str, Any]] = ("hourly_run", {})
SHUT_OUT: Steps = [RUN, ("lock", {}), RUN, RUN, ("days", {"count": 190}), RUN, HOURLY_RUN]
"""Its certificates come near their end while the account is locked."""
NOT_APPROVED: Steps = [
    RUN,
    ("days", {"count": 150}),
    ("scm_becomes", {"auto_approve": False}),
    *[RUN] * 4,
    HOURLY_RUN,
    ("days", {"count": 30}),
    RUN,
    HOURLY_RUN,
]
"""The orders of both delegations wait: for two days, and until little life is left."""

ONE_BY_ONE: Steps = [
    RUN,
    ("scm_becomes", {"auto_approve": False}),
    ("force", {"certificate": "idp"}),
    *[RUN] * 3,
    ("force", {"certificate": "ent"}),
    *[RUN] * 3,
]
"""The second order is old while the first one is."""
REFUSED_AFTER_ROTATION: Steps = [
    RUN,
    ("rotate", {"mode": Mode.KILLED_AFTER.value, "nth": 99}),
    ("replace_login", {}),
    ("lock", {}),
    RUN,
]
"""Of the account before, no version is left that could log in."""
VALIDATED_EACH_TIME: Steps = [
    ("validate", {"delegation": "lycee", "days": 30}),
    RUN,
    ("days", {"count": 14}),
    RUN,
    ("validate", {"delegation": "lycee", "days": 30}),
    RUN,
    ("days", {"count": 14}),
    RUN,
]
"""A domain whose validation lasts less long than its certificate: with each one, the RAO has time again."""
ANOTHER_DOMAIN: Steps = [
    ("validate", {"delegation": "lycee", "days": 30}),
    RUN,
    ("days", {"count": 14}),
    RUN,
    ("respecify", {"certificate": "ent", "names": 1}),
    RUN,
]
"""A second domain of the certificate has the problem of the first."""
PASSWORD_ENDS: Steps = [RUN, ("end_password", {"days": 15}), *[RUN] * 3, ("days", {"count": 14}), RUN]
"""It is near its end, and then SCM refuses the login."""


@pytest.mark.parametrize(
    "steps",
    [SHUT_OUT, NOT_APPROVED, ONE_BY_ONE, REFUSED_AFTER_ROTATION, VALIDATED_EACH_TIME, ANOTHER_DOMAIN, PASSWORD_ENDS],
    ids=["shut out", "not approved", "one by one", "rotated", "validated", "another domain", "password ends"],
)
def test_what_lasts_is_notified_once(harness: Harness, steps: Steps) -> None:
    """Refused accounts, old orders and near expiries, each by the first run that meets it."""
    replay(harness, steps)


def test_a_failure_is_judged_when_its_run_is_the_last(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cause was in a run that is no more read: of an hourly run, the daily run that failed before it."""
    monkeypatch.setattr(history, "RUNS_READ", 2)

    replay(harness, [("scm_becomes", {"auto_approve": False}), RUN, ("lock", {}), RUN, HOURLY_RUN, RUN])


def muted(self: NotifiedProblems, problems: Any) -> Any:
    """As a gauge over all delegations does."""
    known = {key.partition(": ")[2] for key in self.problems}
    return tuple(problem for problem in problems if problem.code not in known)


def twice(self: SnsAlerts, alert: Any, publish: Callable[..., None] = SnsAlerts.publish) -> None:
    publish(self, alert)
    publish(self, alert)


def without_thresholds(found: Any, _thresholds: Any) -> Any:
    return tuple(problem for problem in found.problems if problem.needs_attention)


def unmarked(found: Any, named: Any) -> Any:
    return run_metrics(replace(found, is_daily=False), named)


def noisy() -> Any:
    """As the alarms were: OK five minutes after each failure."""
    return tuple(replace(alarm, acts_on=frozenset({ALARM, OK})) for alarm in shipped_alarms())


@pytest.mark.parametrize(
    ("steps", "owner", "member", "instead", "violation"),
    [
        (SHUT_OUT, SnsAlerts, "publish", lambda *_: None, r"did not notify \('univ', 'CredentialRefused'\)"),
        (ONE_BY_ONE, NotifiedProblems, "news", muted, r"did not notify \('lycee/ent', 'OrderPending'\)"),
        (SHUT_OUT, alert_sender, "notifiable", without_thresholds, "'CertificateNearExpiry'"),
        (PASSWORD_ENDS, alert_sender, "notifiable", without_thresholds, "'PasswordExpiring'"),
        (
            NOT_APPROVED,
            alert_sender,
            "notifiable",
            without_thresholds,
            r"did not notify \('lycee/ent', 'OrderPending'\)",
        ),
        (SHUT_OUT, SnsAlerts, "publish", twice, "sent 2 alerts"),
        (SHUT_OUT, NotifiedProblems, "after", lambda *_: NotifiedProblems(), r"notified \('univ', .*\) twice"),
        (NOT_APPROVED, NotifiedProblems, "covers", lambda *_: False, "failed again for"),
        (SHUT_OUT, inbox, "shipped_alarms", noisy, "certmandate-RunFailed is OK"),
        (SHUT_OUT, report, "run_metrics", unmarked, "RunMissing is ALARM"),
    ],
    ids=[
        "none",
        "a gauge",
        "no expiry",
        "no password",
        "no old order",
        "double",
        "no memory",
        "each hour",
        "OK",
        "no metric",
    ],
)
def test_a_history_detects_a_fault_of_the_notices(
    harness: Harness,
    monkeypatch: pytest.MonkeyPatch,
    steps: Steps,
    owner: Any,
    member: str,
    instead: Callable[..., Any],
    violation: str,
) -> None:
    """A notice that is dropped, doubled, or sent for nothing."""
    monkeypatch.setattr(owner, member, instead)

    with pytest.raises(Violated, match=violation):
        replay(harness, steps)
