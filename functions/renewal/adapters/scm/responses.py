"""Reading SCM's responses: by content and never by media type, unknown members ignored (SCM reference §12.1).

Absent, null and empty are the same. Numbers may be text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx

from renewal import records
from renewal.adapters.redaction import page_text, redacted
from renewal.adapters.scm.dates import date_from, time_from
from renewal.adapters.scm.error_mapping import ErrorResponse, error_within, unusable
from renewal.adapters.scm.request import Request
from renewal.domain.certificate.serial import normalised_serial
from renewal.domain.delegation import CustomField, Profile
from renewal.domain.errors import OrderPending
from renewal.domain.names import comparable
from renewal.domain.order import OrderDetails, normalised_status
from renewal.domain.setup.snapshot import (
    Account,
    DelegatedName,
    Department,
    OrganisationValidation,
    PasswordState,
    ReportedCertificate,
)

Row = Mapping[str, Any]

LARGEST_ID = 2**53 - 1
"""SCM's ids are far below; not every reader of JSON understands a larger number (RFC 8259, section 6)."""

_QUOTED_BYTES = 20_000

_PEM_BEGIN = "-----BEGIN CERTIFICATE-----"
_PEM_END = "-----END CERTIFICATE-----"


# ---- JSON values -------------------------------------------------------------------------------------------------


def members(response: httpx.Response) -> Row:
    """Return the JSON object of the body; {} when it is anything else."""
    value = records.parsed(response.content)
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """Return *value* as text; absent and null are ""."""
    return "" if value is None else str(value).strip()


def whole(value: object) -> int | None:
    """Return *value* as a whole number, written as a number or as text; None when it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return int(value) if isinstance(value, int | str) else None
    except ValueError:
        return None


def number(row: Row) -> int | None:
    """Return the number of an order, account or domain: `sslId`, or `id` where there is no `sslId`."""
    ssl_id = whole(row.get("sslId"))
    return whole(row.get("id")) if ssl_id is None else ssl_id


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: object) -> Iterator[Row]:
    yield from (item for item in _items(value) if isinstance(item, dict))


def _texts(value: object) -> list[str]:
    return [text(item) for item in _items(value)]


# ---- One object, a list, a refusal -------------------------------------------------------------------------


def object_from(request: Request, response: httpx.Response, needed: str) -> Row:
    """Return the JSON object with a member *needed*. Raises ScmUnavailable when there is none."""
    row = members(response)
    if not text(row.get(needed)):
        raise unusable(request, needed)
    return row


def rows_from(request: Request, response: httpx.Response) -> list[Row]:
    """Return the list of JSON objects. Raises ScmUnavailable when it is anything else."""
    rows = records.parsed(response.content)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unusable(request, "list")
    return rows


def error_response_from(response: httpx.Response, secrets: Iterable[str]) -> ErrorResponse:
    """Read a response that is not 2xx, without *secrets*."""
    known, row = tuple(secrets), members(response)
    refusal = _error_response(response.status_code, row, ("code", "description"), known)
    return refusal if row else replace(refusal, page=redacted(_page(response), known))


def _page(response: httpx.Response) -> str:
    """Return where a redirect leads, else a page's title, else its text: what a firewall or a proxy has sent."""
    if location := response.headers.get("Location", ""):
        return f"a redirect to {location.partition('?')[0]}"
    return page_text(response.content[:_QUOTED_BYTES].decode("utf-8", "replace"))


def _error_response(status: int, row: Row, names: tuple[str, str], secrets: Iterable[str]) -> ErrorResponse:
    code, description = (row.get(name) for name in names)
    known = tuple(secrets)
    return ErrorResponse(status, whole(code), redacted(text(code), known), redacted(text(description), known))


# ---- Orders ------------------------------------------------------------------------------------------------------


def ordered_id(request: Request, response: httpx.Response) -> int:
    """Read the SSL ID of a new order (§5.4). Raises AnswerLost without one: a search for the token finds the order."""
    ssl_id = whole(members(response).get("sslId"))
    if ssl_id is None or not 0 < ssl_id <= LARGEST_ID:
        raise unusable(request, "usable sslId")
    return ssl_id


def details_from(request: Request, response: httpx.Response, ssl_id: int) -> OrderDetails:
    """Read an order's details (§5.2). Raises ScmUnavailable without a status."""
    row = object_from(request, response, "status")
    return OrderDetails(
        ssl_id=ssl_id,
        status=normalised_status(text(row.get("status"))),
        comment=text(row.get("comments")),
        serial=_serial(row.get("serialNumber")),
        requested=time_from(row.get("requested")),
    )


def pem_from(request: Request, response: httpx.Response, ssl_id: int) -> str:
    """Return the collected PEM (§5.10). Raises OrderPending when empty, ScmUnavailable for half a certificate."""
    pem = response.content.decode("ascii", errors="ignore")
    if not pem.strip():
        msg = f"SCM has nothing to collect for order {ssl_id} yet; it is collected again later"
        raise OrderPending(msg)
    if not 0 < pem.count(_PEM_BEGIN) == pem.count(_PEM_END):
        raise unusable(request, "whole PEM certificate")
    return pem


def profiles_from(rows: Iterable[Row]) -> tuple[Profile, ...]:
    """Read certificate profiles (§5.3); rows without a number are skipped."""
    return tuple(
        Profile(profile_id, text(row.get("name")), _terms(row.get("terms")), _key_types(row.get("keyTypes")))
        for row in rows
        if (profile_id := whole(row.get("id"))) is not None
    )


def custom_fields_from(rows: Iterable[Row]) -> tuple[CustomField, ...]:
    """Read custom fields (§5.3); rows without a name are skipped."""
    named = ((text(row.get("name")), row) for row in rows)
    return tuple(CustomField(name, is_mandatory=row.get("mandatory") is True) for name, row in named if name)


def _terms(value: object) -> tuple[int, ...]:
    return tuple(sorted({term for item in _items(value) if (term := whole(item))}))


def _key_types(value: object) -> dict[str, tuple[str, ...]]:
    offered = value if isinstance(value, dict) else {}
    return {
        text(algorithm).upper(): tuple(_texts(sizes))
        for algorithm, sizes in offered.items()
        if isinstance(sizes, list) and sizes
    }


def _serial(value: object) -> str:
    written = text(value)
    return normalised_serial(written) if written else ""


# ---- The report --------------------------------------------------------------------------------------------------


def reported_from(
    request: Request, response: httpx.Response, secrets: Iterable[str]
) -> tuple[ReportedCertificate, ...]:
    """Read an SSL report (§10.1); rows without a number are skipped. `statusCode` decides whether a 200 is a report."""
    report = members(response)
    if not report:
        raise unusable(request, "report")
    if text(report.get("statusCode")) not in {"", "0"}:
        raise error_within(request, _error_response(response.status_code, report, ("statusCode", "message"), secrets))
    rows = _objects(report.get("reports"))
    return tuple(_reported(row, ssl_id) for row in rows if (ssl_id := number(row)) is not None)


def _reported(row: Row, ssl_id: int) -> ReportedCertificate:
    common_name = comparable(text(row.get("commonName")))
    return ReportedCertificate(
        ssl_id=ssl_id,
        common_name=common_name,
        names=_names(common_name, row.get("subjAltNames")),
        status=normalised_status(text(row.get("status"))),
        comment=text(row.get("comments")),
        serial=_serial(row.get("serialNumber")),
        requested=time_from(row.get("requested")),
        issued=time_from(row.get("issued")),
        replaced=time_from(row.get("replaced")),
        expires=time_from(row.get("expires")),
        requester=text(row.get("requester")) or text(row.get("externalRequester")),
    )


def _names(common_name: str, value: object) -> tuple[str, ...]:
    """Read `a; b`, `dNSName=a, dNSName=b` or a list; the common name may be left out of them."""
    written = ",".join(_texts(value)) if isinstance(value, list) else text(value)
    parts = [comparable(part.strip().removeprefix("dNSName=")) for part in written.replace(";", ",").split(",")]
    return tuple(dict.fromkeys(name for name in (common_name, *parts) if name))


# ---- The delegation's set-up -------------------------------------------------------------------------------------


def password_state_from(request: Request, response: httpx.Response) -> PasswordState:
    """Read the state of the account's password (§9). Raises ScmUnavailable without a state."""
    row = object_from(request, response, "state")
    state = normalised_status(text(row.get("state")))
    return PasswordState(state, None if state == "NEVEREXPIRE" else date_from(row.get("expirationDate")))


def account_from(row: Row) -> Account | None:
    """Read an administrator's details (§9); None without the roles or the privileges.

    `activeState` and `activeStatus` are each deprecated in some release.
    """
    if not all(isinstance(row.get(name), list) for name in ("credentials", "privileges")):
        return None
    state = text(row.get("activeStatus")) or text(row.get("activeState")) or "ACTIVE"
    return Account(
        login=text(row.get("login")),
        kind=text(row.get("type")).upper(),
        is_active=normalised_status(state) == "ACTIVE",
        roles=tuple((text(role.get("role")), whole(role.get("orgId"))) for role in _objects(row.get("credentials"))),
        privileges=frozenset(_texts(row.get("privileges"))),
    )


def department_from(row: Row, department_id: int) -> Department:
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


def delegated_names_from(row: Row, department_id: int) -> list[DelegatedName]:
    """Read a domain's details (§7): one entry, or none when it is not delegated to the department."""
    delegations = _objects(row.get("delegations"))
    ours = [delegation for delegation in delegations if whole(delegation.get("orgId")) == department_id]
    return [_delegated(row, delegation) for delegation in ours[:1]]


def _delegated(row: Row, delegation: Row) -> DelegatedName:
    status = text(delegation.get("status")) or text(row.get("delegationStatus"))
    state = text(row.get("state"))
    return DelegatedName(
        entry=entry_of(row),
        is_active=normalised_status(status) == "ACTIVE" and normalised_status(state) in {"", "ACTIVE"},
        certificate_types=_types(delegation.get("certTypes")) or frozenset({"SSL"}),
        dcv_status=normalised_status(text(row.get("validationStatus"))),
        dcv_expires=date_from(row.get("dcvExpiration")),
        dcv_method=text(row.get("validationMethod")),
    )


def completed(entries: Iterable[DelegatedName], rows: Iterable[Row]) -> tuple[DelegatedName, ...]:
    """Complete *entries* with the list of domain validations (§8.1), which has both the plain and the star entry."""
    listed = {comparable(text(row.get("domain"))): row for row in rows}
    return tuple(_with_validation(entry, listed.get(entry.entry)) for entry in entries)


def _with_validation(entry: DelegatedName, row: Row | None) -> DelegatedName:
    if row is None or entry.dcv_expires is not None:
        return entry
    return replace(
        entry,
        dcv_status=entry.dcv_status or normalised_status(text(row.get("dcvStatus"))),
        dcv_expires=date_from(row.get("expirationDate")),
        dcv_method=entry.dcv_method or text(row.get("dcvMethod")),
    )


def validations_from(rows: Iterable[Row]) -> tuple[OrganisationValidation, ...]:
    """Read an organisation's validations (§6.5); older releases have `type` instead of `validationLevel`."""
    return tuple(
        OrganisationValidation(
            level=text(row.get("validationLevel") or row.get("type")).upper(),
            status=normalised_status(text(row.get("status"))),
            expires=date_from(row.get("expires")),
        )
        for row in rows
    )


def entry_of(row: Row) -> str:
    """Return the name of a listed domain, normalised."""
    return comparable(text(row.get("name")))


def _types(value: object) -> frozenset[str]:
    return frozenset(written.upper() for written in _texts(value))
