"""What SCM says of a delegation, read as tolerantly as its other answers (SCM reference §12.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from renewal.adapters.scm.answers import Members, objects, text, whole
from renewal.adapters.scm.dates import day
from renewal.domain.names import normalised
from renewal.domain.setup.snapshot import Account, DelegatedName, Department, OrganisationValidation
from renewal.domain.status import normalised_status

__all__ = ["Members", "account_from", "completed", "delegated_name_from", "department_from", "validations_from"]


def account_from(row: Members) -> Account:
    """Read an administrator's details (§9): `activeState` and `activeStatus` are each deprecated somewhere."""
    state = text(row.get("activeStatus")) or text(row.get("activeState")) or "ACTIVE"
    return Account(
        login=text(row.get("login")),
        kind=text(row.get("type")).upper(),
        active=normalised_status(state) == "ACTIVE",
        roles=tuple((text(one.get("role")), whole(one.get("orgId"))) for one in objects(row.get("credentials"))),
        privileges=frozenset(_texts(row.get("privileges"))),
        email=text(row.get("email")),
        failed_attempts=whole(row.get("failedAttempts")) or 0,
    )


def department_from(row: Members, department_id: int) -> Department:
    """Read a department's details (§6.2); `parentId` and `parentName` are missing in older releases."""
    web_api = row.get("sslCertsApiEnabled")
    return Department(
        department_id=department_id,
        name=text(row.get("name")),
        organisation=text(row.get("parentName")),
        organisation_id=whole(row.get("parentId")),
        web_api=web_api if isinstance(web_api, bool) else None,
        certificate_types=_types(row.get("certTypes")),
    )


def delegated_name_from(row: Members, department_id: int) -> DelegatedName | None:
    """Read a domain's details (§7); None when it is not delegated to the department."""
    for delegation in objects(row.get("delegations")):
        if whole(delegation.get("orgId")) == department_id:
            return _delegated(row, delegation)
    return None


def _delegated(row: Members, delegation: Members) -> DelegatedName:
    status = text(delegation.get("status")) or text(row.get("delegationStatus"))
    state = text(row.get("state"))
    return DelegatedName(
        entry=_entry(text(row.get("name"))),
        active=normalised_status(status) == "ACTIVE" and normalised_status(state) in {"", "ACTIVE"},
        certificate_types=_types(delegation.get("certTypes")) or frozenset({"SSL"}),
        dcv_status=normalised_status(text(row.get("validationStatus"))),
        dcv_expires=day(row.get("dcvExpiration")),
        dcv_method=text(row.get("validationMethod")),
    )


def completed(entries: Iterable[DelegatedName], rows: Iterable[Members]) -> tuple[DelegatedName, ...]:
    """Complete *entries* with the list of domain validations (§8.1), which names both the plain and the star entry."""
    listed = {_entry(text(row.get("domain"))): row for row in rows}
    return tuple(_with_validation(entry, listed.get(entry.entry)) for entry in entries)


def _with_validation(entry: DelegatedName, row: Members | None) -> DelegatedName:
    if row is None or entry.dcv_expires is not None:
        return entry
    return replace(
        entry,
        dcv_status=entry.dcv_status or normalised_status(text(row.get("dcvStatus"))),
        dcv_expires=day(row.get("expirationDate")),
        dcv_method=entry.dcv_method or text(row.get("dcvMethod")),
    )


def validations_from(rows: Iterable[Members]) -> tuple[OrganisationValidation, ...]:
    """Read an organisation's validations (§6.5); older releases say `type` instead of `validationLevel`."""
    return tuple(
        OrganisationValidation(
            level=text(row.get("validationLevel") or row.get("type")).upper(),
            status=normalised_status(text(row.get("status"))),
            expires=day(row.get("expires")),
        )
        for row in rows
    )


def _entry(name: str) -> str:
    try:
        return normalised(name)
    except ValueError:
        return name.lower()  # shown as SCM has it; no name of ours is permitted by it


def _types(value: object) -> frozenset[str]:
    return frozenset(one.upper() for one in _texts(value))


def _texts(value: object) -> list[str]:
    return [text(one) for one in value] if isinstance(value, list) else []
