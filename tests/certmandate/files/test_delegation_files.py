"""Delegation files: every fault with file, line and field, of all files at once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from certmandate.files.delegation_files import load_delegations
from certmandate.files.yaml_document import FilesInvalid

NOW = datetime(2026, 11, 23, tzinfo=UTC)

GOOD = """\
delegation: univ
organisation: Université d'Exemple
department_id: 7
delegated_names: [idp.univ.example, "*.apps.univ.example"]
profile_id: 1
certificates:
  - name: idp
    names: [idp.univ.example]
"""


def faults(folder: Path, **files: str | bytes) -> list[str]:
    """Write the files and return what is wrong with them, without the folder's name."""
    for name, content in files.items():
        (folder / f"{name}.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FilesInvalid) as refused:
        load_delegations(folder, NOW)
    return [str(fault).removeprefix(f"{folder}/") for fault in refused.value.faults]


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    """The example of the documentation is valid."""
    (tmp_path / "univ.yaml").write_text(GOOD, encoding="utf-8")

    ((found, document),) = load_delegations(tmp_path, NOW)

    assert found.delegation.organisation == "Université d'Exemple"
    assert [spec.path for spec in found.certificates] == ["univ/idp"]
    assert document.path == tmp_path / "univ.yaml"


def test_json_is_read_too(tmp_path: Path) -> None:
    """JSON is YAML, and programs write it."""
    text = '{"delegation": "u", "organisation": "U", "department_id": 1, "delegated_names": ["a.u.example"], '
    text += '"profile_id": 1, "certificates": [{"name": "a", "names": ["a.u.example"]}]}'
    (tmp_path / "u.json").write_text(text, encoding="utf-8")

    assert load_delegations(tmp_path, NOW)[0][0].delegation.name == "u"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("department_id: 7", "department_id: seven"), "univ.yaml:3: department_id: must be a whole number"),
        (("[idp.univ.example]", "[idp.univ.example, idp.univ.example]"), "univ.yaml:8: certificates[0].names[1]: "),
        (("  - name: idp\n", "  - name: idp\n    stores: [ftp]\n"), "univ.yaml:8: certificates[0].stores[0]: "),
        (("organisation: Université d'Exemple\n", ""), "univ.yaml:1: organisation: is missing"),
        (("department_id: 7", "department_id: 7\ndepartment_id: 8"), "univ.yaml:3: department_id: appears twice"),
        (("organisation: Univ", "organisation: !secret Univ"), "univ.yaml:2: organisation: the tag !secret is unknown"),
        (("  - name: idp\n", "\t- name: idp\n"), "univ.yaml:7: a tab; indent YAML with blanks only"),
        (("delegated_names: [", "delegated_names: [["), "univ.yaml:5: is not YAML"),
        (("[idp.univ.example]", "[*.univ.example]"), 'a name with a star needs quotes, as in "*.x.example"'),
        ((GOOD, ""), "univ.yaml:1: the file is empty"),
        ((GOOD, "# nothing yet\n"), "univ.yaml:1: the file is empty"),
        ((GOOD, "just a sentence"), "univ.yaml:1: must be a mapping"),
        ((GOOD, GOOD + "---\n" + GOOD), "univ.yaml:9: a second document begins here; write one document to each file"),
        (("idp.univ.example]\n", "idp.univ.example]\n    arns: &loop {eu-west-3: *loop}\n"), "univ.yaml:9: "),
        (("7\n", "7\nmandate_ends: 2026-02-30\n"), "univ.yaml:4: mandate_ends: '2026-02-30': day is out of range"),
        (("organisation: Univ", "organisation: \x07Univ"), "univ.yaml:2: holds the character U+0007"),
        # Faults S7 and S9: what an escape sequence of YAML hides, and what a few lines would multiply.
        (("Université d'Exemple", '"\\e[2J"'), "univ.yaml:2: organisation: has the control character U+001B"),
        (("Université d'Exemple", '"a\\nb"'), "univ.yaml:2: organisation: must be a text of"),
        (("7\n", '7\n"a\\n\\u202eb": 1\n'), "univ.yaml:4: a\\n\\u202eb: has the control character U+202E"),
        (("7\n", "7\nx: &x [a]\ny: *x\n"), "univ.yaml:5: is not YAML: the alias *x is not permitted: write its value"),
    ],
)  # fmt: skip
def test_a_fault_is_reported_with_file_line_and_field(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    """The author must find the line and the correction."""
    assert change[0] in GOOD

    found = faults(tmp_path, univ=GOOD.replace(change[0], change[1], 1))

    assert any(expected in fault for fault in found), found


def test_the_error_of_a_file_that_is_not_utf_8_has_its_line(tmp_path: Path) -> None:
    """Old editors write Latin-1, and organisations have accents."""
    (fault,) = faults(tmp_path, univ=GOOD.encode("latin-1"))

    assert fault == "univ.yaml:2: is not UTF-8 (byte 0xe9); save the file as UTF-8"


def test_all_faults_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    """One fault for each attempt would cost an afternoon."""
    found = faults(
        tmp_path,
        a=GOOD.replace("department_id: 7", "department_id: 0").replace("profile_id: 1", "profile_id: x"),
        b=GOOD.replace("delegation: univ", "delegation: UNIV"),
        c="\t",
    )

    assert [fault.split(": ")[0] for fault in found] == ["a.yaml:3", "a.yaml:5", "b.yaml:1", "c.yaml:1"]


def test_two_files_for_one_delegation_are_refused(tmp_path: Path) -> None:
    """The second would silently win."""
    (fault,) = faults(tmp_path, a=GOOD, b="\n" + GOOD)

    assert fault == f"b.yaml:2: delegation: 'univ' is already the delegation of {tmp_path / 'a.yaml'}"


def test_a_folder_without_delegation_files_is_a_fault(tmp_path: Path) -> None:
    """An empty estate is a wrong path."""
    (tmp_path / ".univ.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")

    with pytest.raises(FilesInvalid, match="has no delegation file"):
        load_delegations(tmp_path, NOW)
    with pytest.raises(FilesInvalid, match="is not a folder"):
        load_delegations(tmp_path / "nowhere", NOW)
