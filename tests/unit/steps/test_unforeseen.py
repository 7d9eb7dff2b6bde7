"""An error that nothing foresees, a bug or an edited value, costs the record that leads to it, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from renewal.domain.delegation import CertificatePath, RenewalPolicy
from renewal.domain.errors import RecordUnreadable
from renewal.domain.order import ManagedCertificate
from tests.fakes import FakeMailer
from tests.unit.mail.test_notify import DCV, RUN, found, notify
from tests.unit.system import DELEGATION, IDP, NOW, System, stored_by

POOR = replace(IDP, delegation="poor", policy=RenewalPolicy(floor_days=10**12))
"""Its days are an OverflowError wherever they are counted."""


@pytest.fixture
def system() -> System:
    """A due certificate, and before it in the index one whose record leads to an error."""
    system = System()
    system.book.apply(replace(DELEGATION, name="poor"), now=NOW)
    path = CertificatePath("poor", "idp")
    system.book.managed[path] = ManagedCertificate(POOR, stored_by(POOR, age=180))
    system.book.next_actions[path] = NOW
    system.add(IDP)
    return system


def test_a_run_is_planned_and_reported_without_it(system: System) -> None:
    """The estate's plan, and its report, must not depend on one record."""
    summary = system.check_expiry()
    assert (summary["due"], summary["delegations"]) == (1, 2)
    assert [task.delegation for task in system.plan() if task.certificates] == ["univ"]

    report = system.report()

    errors = {row.delegation: row.error for row in report.delegations}
    assert errors == {"poor": "RecordUnreadable", "univ": "ResultMissing"}
    (problem,) = (each for each in report.problems if each.delegation == "poor")
    assert (problem.code, problem.actor) == ("RecordUnreadable", "operator")
    assert "what the order book has of poor leads to an error that nothing foresees (OverflowError, " in problem.text


def test_every_other_rao_is_notified(system: System) -> None:
    """The mails of the estate must not depend on one record."""
    found(system, DCV)
    mailer = FakeMailer()

    with pytest.raises(RecordUnreadable, match="poor: what the order book has of poor leads to"):
        notify(system, mailer)(RUN)
    assert len(mailer.mails) == 1
