"""Onboarding: invalid facts are all reported, and both files are written or none."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certmandate.cli import main
from certmandate.commands.onboard import delegation_file
from certmandate.files.atomic_files import NotWritten, write_together
from certmandate.files.delegation_files import load_delegation
from certmandate.files.yaml_document import FilesInvalid
from certmandate.onboarding import FactsInvalid, onboarding, proposed_account
from tests.certmandate.rao_samples import FACTS, answers
from tests.unit.system import NOW

COMMAND = ["onboard", "univ", *FACTS]


def faults(**changes: Any) -> list[str]:
    with pytest.raises(FactsInvalid) as refused:
        onboarding(answers(**changes), NOW)
    return refused.value.faults


def test_the_exact_names_are_delegated_by_default() -> None:
    """The default must be the least privilege."""
    found = onboarding(answers(delegate=(), certificates={"idp": ("idp.univ.example", "IDP2.univ.example")}), NOW)

    assert found.specification.delegation.delegated_names == ("idp.univ.example", "idp2.univ.example")


def test_a_name_that_a_wildcard_permits_is_not_delegated_too() -> None:
    """--delegate refuses such a list as a mistake, and the default made one."""
    certificates = {"apps": ("a.apps.univ.example", "*.apps.univ.example", "apps.univ.example")}
    found = onboarding(answers(delegate=(), certificates=certificates), NOW)

    assert found.specification.delegation.delegated_names == ("*.apps.univ.example", "apps.univ.example")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"address": "192.0.2.10/32"}, "--address: 192.0.2.10/32 is not a public address"),
        ({"address": "51.15.20.0/24"}, "--address: must be one IPv4 address as a /32: a wider range admits others"),
        ({"address": ""}, "--address: is missing; pass the stack's Elastic IP"),
        ({"domains": ("other.example",)}, "'idp.univ.example' is outside the organisation's domain other.example"),
        ({"domains": ("niv.example",)}, "'idp.univ.example' is outside the organisation's domain niv.example"),
        ({"domains": ()}, "--domain: is missing"),
        ({"domains": ("*.univ.example",)}, "write the domain itself, without a star"),
        (
            {"delegate": ("idp.univ.example", "*.apps.univ.example", "x.univ.example")},
            "no certificate needs 'x.univ.example'",
        ),
        ({"delegate": ("*.univ.example", "idp.univ.example")}, "'*.univ.example' already permits"),
        ({"delegate": ("i_dp.univ.example",)}, "may only have letters, digits and inner hyphens"),
        ({"certificates": {}}, "--certificate: is missing"),
        ({"role_email": "rao@UNIV.example"}, "--role-email: is the RAO's own address"),
        ({"rao_email": "nobody"}, "--rao-email: must be an e-mail address"),
        ({"rao_email": "raô@univ.example"}, "--rao-email: must have ASCII before the @"),
        ({"rao_email": "rao@é_.example"}, "--rao-email: 'é_.example' is not a valid internationalised domain name"),
        ({"third_party": " "}, "--third-party: is missing"),
        ({"mandate_ends": "2026-11-22"}, "--mandate-ends: 2026-11-22 is in the past"),
        ({"account": "drao univ"}, "--account: must be 3 to 128 of the characters"),
        ({"delegation": "Univ"}, "NAME: must be 1 to 40 lower-case letters"),
        ({"department_name": "x" * 65}, "--department-name: has more than 64 characters"),
        ({"stores": ("disk",)}, "--certificate[0].stores[0]: must be s3 or acm:<region>"),
    ],
)
def test_invalid_facts_are_refused(changes: dict[str, Any], expected: str) -> None:
    """The RAO would find them later, in SCM."""
    assert [fault for fault in faults(**changes) if expected in fault], faults(**changes)


def test_every_fault_is_reported_at_once() -> None:
    """The operator then asks the RAO only once."""
    found = faults(address="10.1.2.3/32", rao_email="x", mandate_ends="2020-01-01")

    assert len(found) == 3


@pytest.mark.parametrize(
    ("delegation", "third_party", "account"),
    [
        ("univ-exemple", "RENATER", "draoUNIVEXEMPLERENATER"),
        ("univ", "Réseau d'Exemple", "draoUNIVReseaudExemple"),
        ("univ", "東京", "draoUNIV"),
    ],
)
def test_the_proposed_account_has_characters_that_scm_accepts(delegation: str, third_party: str, account: str) -> None:
    """SCM accepts a-z A-Z 0-9 and a few signs (SCM reference §9)."""
    assert proposed_account(delegation, third_party) == account


def completed(text: str) -> str:
    """Complete the file as its comments instruct: add the profile, delete the lines, uncomment the certificates."""
    before, _, after = text.partition("certificates: []")
    lines = [line.removeprefix("# ") for line in after.splitlines()[2:]]
    return "\n".join([f"{before}profile_id: 1018", *lines, ""])


def test_the_file_can_be_applied_once_orgid_and_profile_are_added(tmp_path: Path) -> None:
    """The OrgID exists only after the third step of the guide."""
    found = onboarding(answers(), NOW)
    path = tmp_path / "univ.yaml"
    path.write_text(delegation_file(found), encoding="utf-8")
    with pytest.raises(FilesInvalid) as refused:
        load_delegation(path, NOW)
    path.write_text(f"{delegation_file(found)}department_id: 1698\n", encoding="utf-8")
    to_ask, _ = load_delegation(path, NOW)
    path.write_text(f"{completed(delegation_file(found))}department_id: 1698\n", encoding="utf-8")
    loaded, _ = load_delegation(path, NOW)

    assert {fault.place for fault in refused.value.faults} >= {("department_id",)}
    assert to_ask.certificates == ()  # certmandate check lists the profiles then
    assert loaded.delegation.department_id == 1698
    assert [certificate.name for certificate in loaded.certificates] == ["idp", "apps"]
    assert loaded.delegation.delegated_names == found.specification.delegation.delegated_names


def test_the_file_has_a_place_for_the_mandatory_fields(tmp_path: Path) -> None:
    """The RAO sends them with the OrgID; uncommented, the line is valid."""
    text = delegation_file(onboarding(answers(department_id=7, profile_id=8), NOW))
    (line,) = (line for line in text.splitlines() if "custom_fields" in line)
    path = tmp_path / "univ.yaml"
    path.write_text(f"{text}{line.removeprefix('# ').partition('  (')[0]}\n", encoding="utf-8")

    loaded, _ = load_delegation(path, NOW)

    assert loaded.certificates[0].custom_fields == {"Name": "value"}


def test_an_organisations_name_cannot_add_lines_to_the_file() -> None:
    """The name is also in a comment of the file."""
    name = "Université\ndepartment_id: 1\nrao_email: evil@example.org"

    with pytest.raises(FactsInvalid, match="--organisation: must be a text of 1 to 200 characters in one line"):
        onboarding(answers(organisation=name, department_id=7, profile_id=8), NOW)


def test_onboard_writes_the_file_and_the_guide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts read the JSON document."""
    ended = main([*COMMAND, f"--folder={tmp_path}", "--json"])

    assert ended == 0
    assert {path.name for path in tmp_path.iterdir()} == {"univ.yaml", "univ-guide.html"}
    assert json.loads(capsys.readouterr().out)["missing"] == ["department_id", "profile_id"]


def test_nothing_is_overwritten_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One existing file prevents both from being written."""
    (tmp_path / "univ-guide.html").write_text("mine", encoding="utf-8")

    assert main([*COMMAND, f"--folder={tmp_path}"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["univ-guide.html"]
    assert (tmp_path / "univ-guide.html").read_text(encoding="utf-8") == "mine"
    assert "--force" in capsys.readouterr().err
    assert main([*COMMAND, f"--folder={tmp_path}", "--force"]) == 0
    assert (tmp_path / "univ.yaml").exists()


def test_refused_facts_write_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without its guide would be incomplete."""
    assert main([*COMMAND, f"--folder={tmp_path / 'new'}", "--mandate-ends=2001-01-01"]) == 2
    assert not (tmp_path / "new").exists()
    assert "is in the past\nNothing was written." in capsys.readouterr().err


def test_without_a_terminal_the_missing_options_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A script must not hang at a question."""
    assert main(["onboard", "univ", "--domain=univ.example"]) == 2
    assert re.search(r"missing: --organisation, --certificate, --rao-email", capsys.readouterr().err)


def test_no_file_changes_when_one_cannot_be_written(tmp_path: Path) -> None:
    """A full disk must not leave a new file beside an old guide."""
    (tmp_path / "a").write_text("old", encoding="utf-8")
    (tmp_path / "b" / "in-the-way").mkdir(parents=True)

    with pytest.raises(NotWritten, match="cannot be written: Is a directory"):
        write_together({tmp_path / "a": b"new", tmp_path / "c": b"new", tmp_path / "b": b"new"}, force=True)

    assert (tmp_path / "a").read_text(encoding="utf-8") == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_a_folder_that_takes_no_file_is_reported_with_the_target() -> None:
    """The name of a temporary file means nothing to the operator. No one can write a file into /proc."""
    with pytest.raises(NotWritten, match=r"^/proc/trail\.json cannot be written"):
        write_together({Path("/proc/trail.json"): b"new"})


def typed(folder: Path, *answers: str) -> tuple[int, str]:
    """Run `certmandate onboard univ` at a terminal, with these lines typed; return its exit code and its output."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "certmandate", "onboard", "univ", f"--folder={folder}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CERTMANDATE")}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as running:
        os.write(ours, "".join(f"{line}\n" for line in answers).encode())
        running.wait(timeout=60)
    screen = os.read(ours, 65_536).decode()
    os.close(ours)
    os.close(theirs)
    return running.returncode, screen


def test_an_invalid_answer_is_asked_again_immediately(tmp_path: Path) -> None:
    """An error at the end would lose all other answers."""
    ended, screen = typed(
        tmp_path / "delegations",
        "Example University", "*.univ example", "univ.example", "idp", "idp=idp.univ.example",
        "rao", "rao@univ.example", "Example Network", "certificates@network.example",
        "10.0.0.1/32", "192.0.2.10/32", "51.15.20.30/32", "", "", "", "", "",
    )  # fmt: skip

    assert ended == 0, screen
    assert "'idp' must be NAME=domain,domain" in screen
    assert screen.count("is not a public address") == 2
    assert (tmp_path / "delegations" / "univ.yaml").exists()


def test_the_last_day_of_the_mandate_is_asked_at_a_terminal(tmp_path: Path) -> None:
    """The account's name was asked instead, a date was accepted as one, and the mandate had no end."""
    folder = tmp_path / "delegations"
    ended, screen = typed(
        folder, "Example University", "univ.example", "idp=idp.univ.example", "rao@univ.example",
        "Example Network", "certificates@network.example", "51.15.20.30/32", "31/12/2098", "2001-01-01", "2098-12-31",
        "", "", "", "",
    )  # fmt: skip

    assert ended == 0, screen
    assert "Last day of the mandate, as in 2028-12-31 (empty: indefinite)" in " ".join(screen.split())
    assert "must be a day, as in 2028-12-31" in screen
    assert "2001-01-01 is in the past" in screen
    assert "User name" not in screen
    assert "mandate_ends: '2098-12-31'" in (folder / "univ.yaml").read_text(encoding="utf-8")


def test_the_file_has_one_spelling_of_an_internationalised_name() -> None:
    """It had the A-labels in `delegated_names` and the U-labels in `certificates`."""
    facts = {"domains": ("école.example",), "certificates": {"www": ("www.École.example",)}}
    for delegate in ((), ("www.école.example",)):
        text = delegation_file(onboarding(answers(**facts, delegate=delegate, profile_id=1018), NOW))

        assert text.count("www.xn--cole-9oa.example") == 2
        assert "cole.example" not in text.replace("xn--cole-9oa.example", "")


def test_an_address_is_one_that_ses_can_send_to() -> None:
    """Amazon SES takes A-labels only."""
    found = onboarding(answers(rao_email="rao@école.example"), NOW)

    assert found.specification.delegation.rao_email == "rao@xn--cole-9oa.example"


def test_who_the_third_party_is_is_asked_once(tmp_path: Path) -> None:
    """N11: legal identity, address and contact are the same in every mandate."""
    folder, own = tmp_path / "delegations", ("Example University", "univ.example", "idp=idp.univ.example")
    first, screen = typed(
        folder, *own, "rao@univ.example", "Example Network", "certificates@network.example", "51.15.20.30/32", "",
        "Example Network Ltd, company number 01234567", "1 Example Street, London", "", "+44 20 7946 0000",
    )  # fmt: skip
    (folder / "univ.yaml").unlink()
    (folder / "univ-guide.html").unlink()
    again, second = typed(folder, *own, "rao@univ.example", "")

    assert (first, again) == (0, 0), screen + second
    assert "Blanks in the mandate: signatory." in " ".join(second.split())
    assert "company number" in (folder / "univ-guide.html").read_text(encoding="utf-8")


def test_a_faulty_file_of_the_third_party_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its values would be in every mandate."""
    (tmp_path / "third-party.yaml").write_text("address: 10.0.0.1/32\nsiren: 1\n", encoding="utf-8")

    assert main([*COMMAND, f"--folder={tmp_path / 'delegations'}"]) == 2
    printed = capsys.readouterr().err
    assert "third-party.yaml:1: address: 10.0.0.1/32 is not a public address" in printed
    assert "third-party.yaml:2: siren: unknown field" in printed
