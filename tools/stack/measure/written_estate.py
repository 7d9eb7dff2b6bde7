"""An estate of any size for the commands that measure: each certificate is new, so a run renews all of them."""

from __future__ import annotations

from pathlib import Path

_WORLD = """\
organisations:
  - {{id: 1000, name: Example, departments: [{departments}]}}
accounts:
  - {{login: drao, password: Example-password-1, departments: [{ids}]}}
profiles:
  - {{id: 1, name: OV, terms: [199]}}
dials:
  issuance_polls: 0
"""


def write_estate(folder: Path, delegations: int, certificates: int) -> None:
    """Write delegations `d1` … of *certificates* each, `c0` …, and their `scm.yaml`, to the empty *folder*."""
    (folder / "delegations").mkdir()
    for number in range(1, delegations + 1):
        names = (f"  - {{name: c{each}, names: [c{each}.d{number}.example]}}\n" for each in range(certificates))
        text = f"delegation: d{number}\norganisation: Example\ndepartment_id: {number}\n"
        text += f'delegated_names: ["*.d{number}.example"]\nprofile_id: 1\ncertificates:\n'
        (folder / "delegations" / f"d{number}.yaml").write_text(text + "".join(names))
    ids = range(1, delegations + 1)
    departments = ", ".join(f'{{id: {each}, name: D{each}, domains: ["*.d{each}.example"]}}' for each in ids)
    (folder / "scm.yaml").write_text(_WORLD.format(departments=departments, ids=", ".join(map(str, ids))))
