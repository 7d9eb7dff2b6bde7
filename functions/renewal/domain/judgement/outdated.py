"""Findings of an inspection that the delegation file has resolved since; the next inspection would not report them.

What only SCM can show to be resolved stays until then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from renewal.domain.delegation import Delegation
from renewal.domain.errors import FieldRefused, KeyRefused, NameNotDelegated, ProfileRefused, TermRefused
from renewal.domain.forecast import TERM_TOO_LONG, has_too_long_terms
from renewal.domain.order import ManagedCertificate
from renewal.domain.orderable import foreseen_refusals
from renewal.domain.setup.check_result import STEP_PREFIX
from renewal.domain.setup.domain_checks import DOMAIN_CODES, NAME_EXTRA, WIDER_THAN_WANTED, is_cut, is_listed
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord, Inspection

_OF_THE_FILE = frozenset(
    error.__name__ for error in (FieldRefused, KeyRefused, NameNotDelegated, ProfileRefused, TermRefused)
)
"""Codes of a certificate's refusals that are decided by its file and by what an inspection keeps."""


def without_resolved(
    record: DelegationRecord, certificates: Collection[ManagedCertificate], now: datetime
) -> DelegationRecord:
    """Return *record* without the findings that its file, or those of *certificates*, has resolved.

    *certificates*: all of the delegation.
    """
    inspection = record.inspection
    if inspection is None or not inspection.findings:
        return record
    refusals = foreseen_refusals(certificates, record, inspection) if inspection.profiles else ()
    refused = {(each.code, each.certificate) for each in refusals}
    left = tuple(
        finding
        for finding in inspection.findings
        if not _is_resolved(finding, inspection, refused)
        if not _is_agreed(finding, record.delegation, certificates)
        if finding.code != TERM_TOO_LONG or has_too_long_terms(certificates, inspection, now)
    )
    return replace(record, inspection=replace(inspection, findings=left))


def _is_resolved(finding: Finding, inspection: Inspection, refused: Collection[tuple[str, str]]) -> bool:
    """Whether it is a refusal of a certificate that is not foreseen any more."""
    if finding.code == FieldRefused.__name__ and inspection.custom_fields is None:  # SCM defines more than are kept
        return False
    is_of_file = bool(inspection.profiles and finding.certificate) and finding.code in _OF_THE_FILE
    return is_of_file and (finding.code, finding.certificate) not in refused


def _is_agreed(finding: Finding, delegation: Delegation, certificates: Iterable[ManagedCertificate]) -> bool:
    """Whether it is about an entry that has been agreed since, or about names that no certificate has any more."""
    agreed = delegation.delegated_names
    if finding.code in {NAME_EXTRA, WIDER_THAN_WANTED}:
        return bool(finding.about) and set(finding.about.split(", ")) <= set(agreed)
    is_of_names = finding.code in DOMAIN_CODES and finding.text.startswith(STEP_PREFIX)  # what SCM answers lists none
    if not is_of_names or is_cut(finding.text):
        return False
    wanted = {name for each in certificates for name in each.spec.names} or agreed
    return not is_listed(finding.text, wanted)
