"""Estates of any seed: three delegations whose certificates, orders, accounts and domains are as they may be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

DELEGATIONS, CERTIFICATES = 3, 4
_ACCOUNTS: tuple[dict[str, Any], ...] = (
    *({},) * 5,
    {"locked": True},
    {"password_expires_in_days": -2},
    {"password_expires_in_days": 9},
    {"allowed_addresses": ["198.51.100.7/32"]},
)
_BEHAVIOURS: tuple[dict[str, Any], ...] = (
    *({},) * 6,
    {"outcome": "declined"},
    {"outcome": "rejected"},
    {"outcome": "requested"},
    {"wrong_key": True},
    {"chain": "other"},
    {"web_api": False},
    {"organisation_validation": "EXPIRED"},
    {"issuance_seconds": 86400},
    {"faults": [{"kind": "unavailable", "operation": "GET /api/ssl/v1/collect/*", "times": 0}]},
)
_OUTAGE = {"faults": [{"kind": "unavailable", "operation": "GET /api/ssl/v1/types", "times": 0}]}
"""Nothing is inspected."""
_THROTTLED = "acm:eu-north-1"
_AGES = (None, 30, 140, 165, 185, 196, 203)
"""Days since the issuance of a certificate of 199 days."""


def write_random_estate(folder: Path, seed: int) -> Path:
    """Write an estate into *folder*, which docs/estate.md describes; JSON is YAML."""
    chance = Random(seed)  # noqa: S311 - no secret
    dials = {"issuance_polls": 0, "blocked_address_answer": "403"} | (_OUTAGE if chance.random() < 0.2 else {})
    scm: dict[str, Any] = {"dials": dials, "profiles": [{"id": 1, "name": "OV", "terms": [46, 99, 199]}]}
    scm |= {name: [] for name in ("organisations", "accounts", "behaviours", "certificates")}
    (folder / "delegations").mkdir(parents=True)
    for number in range(DELEGATIONS):
        _add(folder, chance, scm, f"d{number}", 100 + number)
    (folder / "scm.yaml").write_text(json.dumps(scm), encoding="utf-8")
    if any(_THROTTLED in path.read_text(encoding="utf-8") for path in (folder / "delegations").iterdir()):
        (folder / "aws.yaml").write_text(json.dumps({"acm": {"throttled_regions": ["eu-north-1"]}}), encoding="utf-8")
    return folder


def _add(folder: Path, chance: Random, scm: dict[str, Any], name: str, department: int) -> None:
    domain = {"name": f"*.{name}.example", "dcv_expires_in_days": chance.choice([180, 180, 40, 5, -3])}
    departments = [{"id": department, "name": "Services", "domains": [domain]}]
    scm["organisations"].append({"id": department + 1000, "name": name, "departments": departments})
    account = {"login": f"drao-{name}", "password": f"Example-{name}-1", "departments": [department]}
    scm["accounts"].append(account | chance.choice(_ACCOUNTS))
    ends = chance.choice([None, None, None, -1, 3, 60])
    certificates = [_certificate(chance, scm, name, department, f"c{index}") for index in range(CERTIFICATES)]
    document = {
        "delegation": name,
        "organisation": name,
        "department_id": department,
        "rao_email": f"rao@{name}.example",
        "delegated_names": [f"*.{name}.example"],
        "profile_id": 1,
        "certificates": certificates,
    }
    if ends is not None:
        document["mandate_ends"] = f"{datetime.now(UTC) + timedelta(days=ends):%Y-%m-%d}"
    (folder / "delegations" / f"{name}.yaml").write_text(json.dumps(document), encoding="utf-8")


def _certificate(chance: Random, scm: dict[str, Any], delegation: str, department: int, name: str) -> dict[str, Any]:
    host, age = f"{name}.{delegation}.example", chance.choice(_AGES)
    scm["behaviours"].append({"name": host, **chance.choice(_BEHAVIOURS)})
    past = {"label": f"{delegation}/{name}", "department": department, "names": [host], "profile": 1, "term_days": 199}
    if age is not None:
        withdrawn = {"status": "Revoked"} if chance.random() < 0.1 else {}
        scm["certificates"].append(past | {"issued_days_ago": age} | withdrawn)
    elif chance.random() < 0.3:
        scm["certificates"].append(past | {"issued_days_ago": 3, "status": chance.choice(["Requested", "Applied"])})
    stores = ["s3"] if age is None or age > 199 or chance.random() < 0.7 else ["s3", "acm:eu-west-3"]
    stores += [_THROTTLED] if age is None and chance.random() < 0.5 else []
    return {"name": name, "names": [host], "stores": stores}
