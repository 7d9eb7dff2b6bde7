"""The page of one certificate."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

from rich.console import Console

from certmandate.judged_estate import judged_estate
from certmandate.views.certificate import AuditRows, page
from certmandate.views.printing import show
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.ports.order_book import Listing
from tests.unit.system import DELEGATION, NOW, managed

OTHER = Finding("NameNotDelegated", "error", "rao", "step 4: www.univ.example: not delegated to the department")
OWN = replace(OTHER, text="step 4: idp.univ.example: not delegated to the department")
ANY = Finding("NotApiOnly", "warning", "rao", "step 7: the account can use the portal")


def shown(certificate: ManagedCertificate, *findings: Finding) -> str:
    """Return the page of *certificate*, of which the last inspection has *findings*."""
    record = DelegationRecord(DELEGATION, Inspection("run", NOW - timedelta(days=3), findings=findings))
    judged = judged_estate({DELEGATION.name: record}, [certificate], NOW, ActingTimes())
    stream = io.StringIO()
    rows = AuditRows(Listing(), Listing())
    show(Console(file=stream, width=500, highlight=False), *page(record, judged.certificates[0], judged, rows))
    return stream.getvalue()


def test_a_fault_of_another_certificates_name_is_not_shown() -> None:
    """An operator who looked at a certificate in order was sent to delegate a name that it does not have."""
    text = shown(managed(age=20), OTHER, OWN, ANY)

    assert "www.univ.example" not in text
    assert OWN.text in text
    assert ANY.text in text


def test_the_sentence_of_an_error_is_printed_once() -> None:
    """SCM's sentence may have several lines: three times on one page, it hides what is next."""
    failed = managed(age=150, failures=1, last_error="OrderDeclined", last_error_text="not ours", failed_at=NOW)
    held = replace(failed, hold_until=NOW + timedelta(days=2))
    past = replace(failed, stored=managed(age=1).stored, last_error="ClosedByOperator")

    assert [shown(each).count("not ours") for each in (failed, held, past)] == [1, 1, 1]
    assert "held until 2026-11-25 after OrderDeclined\n" in shown(held)
