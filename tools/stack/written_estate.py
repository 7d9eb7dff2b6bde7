"""Estates that the measurements and the rehearsal write: delegation files, and SCM's side. JSON is YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_estate(
    folder: Path,
    names: Mapping[str, Sequence[str]],
    *,
    stores: Sequence[str] = ("s3",),
    issued_days_ago: int | None = None,
    **scm: Any,
) -> Path:
    """Write the certificates *names* by delegation, such as `idp` of `univ` for idp.univ.example; return the folder.

    *folder*: empty. *issued_days_ago*: of what the stores have; None: each certificate is new. *scm*: more of scm.yaml.
    """
    past: list[dict[str, Any]] = []
    (folder / "delegations").mkdir()
    for number, (delegation, certificates) in enumerate(names.items(), 1):
        hosts = {name: [f"{name}.{delegation}.example"] for name in certificates}
        content = {
            "delegation": delegation,
            "organisation": "Example",
            "department_id": number,
            "delegated_names": [f"*.{delegation}.example"],
            "profile_id": 1,
            "certificates": [{"name": name, "names": host, "stores": list(stores)} for name, host in hosts.items()],
        }
        (folder / "delegations" / f"{delegation}.yaml").write_text(json.dumps(content), encoding="utf-8")
        served = {"department": number, "profile": 1, "term_days": 199, "issued_days_ago": issued_days_ago}
        past += [{"label": f"{delegation}/{name}", "names": host, **served} for name, host in hosts.items()]
    departments = [
        {"id": number, "name": name, "domains": [f"*.{name}.example"]} for number, name in enumerate(names, 1)
    ]
    world = {
        "organisations": [{"id": len(names) + 1, "name": "Example", "departments": departments}],
        "accounts": [{"login": "drao", "password": "Example-password-1", "departments": [*range(1, len(names) + 1)]}],
        "profiles": [{"id": 1, "name": "OV", "terms": [199]}],
        "dials": {"issuance_polls": 0},
        "certificates": [] if issued_days_ago is None else past,
    }
    (folder / "scm.yaml").write_text(json.dumps(world | scm), encoding="utf-8")
    return folder
