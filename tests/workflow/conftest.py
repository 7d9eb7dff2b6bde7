"""Estates of a few lines, written by the test that needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.workflow.system import System, leave, started

DELEGATION = """\
delegation: univ
organisation: Université d'Exemple
department_id: 7
rao_email: rao@univ.example
delegated_names: ["*.univ.example"]
profile_id: 1
certificates:
"""
SCM = """\
organisations:
  - {id: 6, name: Université d'Exemple, departments: [{id: 7, name: Services, domains: ["*.univ.example"]}]}
accounts:
  - {login: drao-univ, password: Univ-example-1, departments: [7]}
profiles:
  - {id: 1, name: OV, terms: [46, 99, 199]}
"""

Start = Callable[..., System]


def write_estate(folder: Path, *certificates: str, scm: str = "dials: {issuance_polls: 0}\n") -> Path:
    """Write one delegation, `univ`, with these certificates and this on SCM's side."""
    (folder / "delegations").mkdir(parents=True)
    entries = "".join(f"  - {{name: {name}, names: [{name}.univ.example]}}\n" for name in certificates)
    (folder / "delegations" / "univ.yaml").write_text(DELEGATION + entries, encoding="utf-8")
    (folder / "scm.yaml").write_text(SCM + scm, encoding="utf-8")
    return folder


@pytest.fixture(scope="package", autouse=True)
def house_of_the_folder() -> Iterator[None]:
    """Leave no server running for the next folder; without `__init__.py` here, "package" would be the whole session."""
    yield
    leave()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts such an estate."""
    with ExitStack() as running:
        yield lambda *certificates, wait_factor=0.0, **more: running.enter_context(
            started(write_estate(tmp_path / "estate", *certificates, **more), wait_factor=wait_factor)
        )
