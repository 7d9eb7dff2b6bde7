"""How an inspection is written down: what one look at SCM showed, and what follows from it."""

from __future__ import annotations

from datetime import date
from typing import Any

from renewal.adapters.order_book.items import Item, known_moment, present, stamp
from renewal.domain.delegation import Profile
from renewal.domain.setup.check_result import CheckResult, CheckStatus, SetupStep
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.snapshot import DelegatedName


def inspection_map(inspection: Inspection) -> dict[str, Any]:
    """Map `inspection` of a delegation."""
    return present(
        {
            "run_id": inspection.run_id,
            "at": stamp(inspection.at),
            "profiles": [_profile_map(profile) for profile in inspection.profiles],
            "findings": [_finding_map(finding) for finding in inspection.findings],
            "password_expires": _iso(inspection.password_expires),
            "revoked": list(inspection.revoked),
            "remarks": [_remark_map(remark) for remark in inspection.remarks],
            "delegated": [_delegated_map(entry) for entry in inspection.delegated],
            "organisation_validated_until": _iso(inspection.organisation_validated_until),
            "seen_address": inspection.seen_address or None,
            "address_run": inspection.address_run or None,
        }
    )


def inspection_from(stored: Item) -> Inspection:
    """Read the map back; what an earlier version did not write is empty."""
    return Inspection(
        run_id=stored["run_id"],
        at=known_moment(stored["at"]),
        profiles=tuple(_profile_from(profile) for profile in stored["profiles"]),
        findings=tuple(_finding_from(finding) for finding in stored["findings"]),
        password_expires=_day(stored.get("password_expires")),
        revoked=tuple(int(ssl_id) for ssl_id in stored["revoked"]),
        remarks=tuple(_remark_from(remark) for remark in stored.get("remarks", ())),
        delegated=tuple(_delegated_from(entry) for entry in stored.get("delegated", ())),
        organisation_validated_until=_day(stored.get("organisation_validated_until")),
        seen_address=stored.get("seen_address", ""),
        address_run=stored.get("address_run", ""),
    )


def _profile_map(profile: Profile) -> dict[str, Any]:
    return {
        "profile_id": profile.profile_id,
        "name": profile.name,
        "terms": list(profile.terms),
        "key_types": {algorithm: list(sizes) for algorithm, sizes in profile.key_types.items()},
    }


def _profile_from(stored: Item) -> Profile:
    return Profile(
        profile_id=int(stored["profile_id"]),
        name=stored["name"],
        terms=tuple(int(term) for term in stored["terms"]),
        key_types={algorithm: tuple(sizes) for algorithm, sizes in stored["key_types"].items()},
    )


def _finding_map(finding: Finding) -> dict[str, Any]:
    return present(
        {
            "code": finding.code,
            "severity": finding.severity,
            "actor": finding.actor,
            "text": finding.text,
            "certificate": finding.certificate or None,
            "due": _iso(finding.due),
            "screen": finding.screen or None,
        }
    )


def _finding_from(stored: Item) -> Finding:
    return Finding(
        code=stored["code"],
        severity=stored["severity"],
        actor=stored["actor"],
        text=stored["text"],
        certificate=stored.get("certificate", ""),
        due=_day(stored.get("due")),
        screen=stored.get("screen", ""),
    )


def _remark_map(remark: CheckResult) -> dict[str, Any]:
    return present(
        {
            "step": remark.step.value,
            "verdict": remark.verdict.value,
            "code": remark.code,
            "text": remark.text,
            "actor": remark.actor,
            "due": _iso(remark.due),
        }
    )


def _remark_from(stored: Item) -> CheckResult:
    return CheckResult(
        step=SetupStep(stored["step"]),
        verdict=CheckStatus(stored["verdict"]),
        code=stored["code"],
        text=stored["text"],
        actor=stored["actor"],
        due=_day(stored.get("due")),
    )


def _delegated_map(entry: DelegatedName) -> dict[str, Any]:
    return present(
        {
            "entry": entry.entry,
            "active": entry.active,
            "certificate_types": sorted(entry.certificate_types),
            "dcv_status": entry.dcv_status or None,
            "dcv_expires": _iso(entry.dcv_expires),
            "dcv_method": entry.dcv_method or None,
        }
    )


def _delegated_from(stored: Item) -> DelegatedName:
    return DelegatedName(
        entry=stored["entry"],
        active=stored["active"],
        certificate_types=frozenset(stored["certificate_types"]),
        dcv_status=stored.get("dcv_status", ""),
        dcv_expires=_day(stored.get("dcv_expires")),
        dcv_method=stored.get("dcv_method", ""),
    )


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
