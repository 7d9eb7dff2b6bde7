"""docs/privacy.md: every attribute that is stored is on the page, or has no personal data."""

from __future__ import annotations

import re
from pathlib import Path

from stack.permissions import RECORDS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "privacy.md"
_NOT_PERSONAL = """
    action arns asked_at at begun_at caps causes certificate certificates chain claim confirmed_at csr
    deadline delegation delegations department_id details ended ended_at error failed_at failures found_at hash
    hold_until importing issued_at issued_before issuer key key_fingerprint key_type last_error lists looked_at
    missed_at names next_action_at not_after not_before opened_at order organisation paths planned_hours posted_at
    posted_by posts previous_hash previous_serial profile_id refusal removed removed_at retired retired_at revision
    revocations run_id scm_status sealed_key search_proof sequence serial serials served service ssl_id status stores
    term_days token trouble
"""
NOT_PERSONAL = frozenset(_NOT_PERSONAL.split())
"""Times, numbers, names of hosts and of errors; `posted_by` and `claim` have a run, `details` options of a command."""


def test_each_attribute_with_personal_data_is_on_the_page() -> None:
    """A new attribute with an address or a free text needs its reason, its time, and how it is erased."""
    stored = {name for _, _, attributes in RECORDS.values() for name in attributes}
    named = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8")))

    assert stored - NOT_PERSONAL - named == set()
    assert stored >= NOT_PERSONAL, "one that is not stored any more"
