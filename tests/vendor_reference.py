"""The vendor's own examples and schemas of SCM's API, where they are available: they are no part of the project.

CERTMANDATE_REFERENCE names the folder that holds `scm-vendor-examples`, `scm-openapi` and `scm-rest-api.md`. Without
it, a folder `reference` in one of the folders beside the repository is taken.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2]
_FOUND = next(_BESIDE.glob("*/reference/scm-vendor-examples"), _BESIDE / "scm-vendor-examples").parent
REFERENCE = Path(os.environ.get("CERTMANDATE_REFERENCE") or _FOUND)
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "scm-vendor-examples").is_dir(), reason="the vendor's data are not available"
)
