"""What `certmandate status` prints about an estate."""

from __future__ import annotations

import io
from datetime import date

import pytest
from rich.console import Console, Group

from certmandate.views import printing
from certmandate.views.status import page
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from tests.certmandate.rao_samples import DELEGATION
from tests.certmandate.views.status_samples import estate
from tests.unit.system import NOW


def printed(password_expires: date, *findings: Finding) -> str:
    """Return what is printed about a delegation without certificates, inspected now."""
    stream = io.StringIO()
    inspection = Inspection("run-1", NOW, findings=findings, password_expires=password_expires)
    shown = page(estate([DelegationRecord(DELEGATION, inspection)], []))
    printing.show(Console(file=stream, width=200, highlight=False), Group(*shown))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("expires", "note"),
    [
        (date(2026, 11, 20), "its password expired on 2026-11-20 (3 days ago)"),
        (date(2026, 11, 23), "its password expires on 2026-11-23 (today)"),
        (date(2026, 11, 24), "its password expires on 2026-11-24 (in 1 day)"),
        (date(2026, 12, 24), ""),
    ],
)
def test_a_password_that_expires_soon_is_noted(expires: date, note: str) -> None:
    """It must be changed before its last day, and most passwords have months left."""
    assert note in printed(expires)
    assert ("its password" in printed(expires)) is bool(note)


def test_the_expiry_of_a_password_that_was_replaced_is_not_noted() -> None:
    """The operator had stored another credential, and `status` went on to print that its password had expired."""
    untried = Finding("CredentialUntried", "warning", "operator", "a credential was stored")

    assert "its password" not in printed(date(2026, 11, 20), untried)
