"""The report of this host: `served/<delegation>/<host>.json`, one object, replaced by each run.

    {"format": 1, "client": "0.1.0", "delegation": "univ-example", "host": "web-1", "at": "2026-11-30T02:10:00Z",
     "certificates": [
       {"name": "www", "state": "served", "error": "", "text": "", "serial": "0A…", "sha256": "…",
        "public_key_sha256": "…", "not_after": "2027-02-01T23:59:59Z",
        "endpoints": [{"address": "127.0.0.1:443", "name": "www.univ.example", "state": "served",
                       "sha256": "…", "public_key_sha256": "…"}]}]}

`state` of a certificate: `served` (every declared endpoint presents what is installed), `installed` (no endpoint is
declared), `not served`, `failed` (`error` is the name, `text` the sentence). Serial to not_after are those of the
installed certificate, empty when none is. `state` of an endpoint: as in `endpoints.Presented`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from certmandate_fetch import __version__
from certmandate_fetch.configuration import StoreSettings
from certmandate_fetch.errors import NotServed
from certmandate_fetch.update import Result

FORMAT = 1


def report(settings: StoreSettings, results: Sequence[Result], at: datetime) -> dict[str, Any]:
    """Return the report as a document."""
    return {
        "format": FORMAT,
        "client": __version__,
        "delegation": settings.delegation,
        "host": settings.host,
        "at": _iso(at),
        "certificates": [_row(result) for result in results],
    }


def written(document: dict[str, Any]) -> bytes:
    """Return the document as JSON."""
    return json.dumps(document, indent=2).encode()


def _row(result: Result) -> dict[str, Any]:
    leaf = result.installed
    return {
        "name": result.name,
        "state": _state(result),
        "error": type(result.error).__name__ if result.error else "",
        "text": str(result.error or ""),
        "serial": leaf.serial if leaf else "",
        "sha256": leaf.sha256 if leaf else "",
        "public_key_sha256": leaf.public_key_sha256 if leaf else "",
        "not_after": _iso(leaf.not_after) if leaf else "",
        "endpoints": [asdict(endpoint) for endpoint in result.endpoints],
    }


def _state(result: Result) -> str:
    if result.error:
        return "not served" if isinstance(result.error, NotServed) else "failed"
    return "served" if result.endpoints else "installed"


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
