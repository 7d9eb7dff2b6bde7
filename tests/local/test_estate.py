"""An estate of the user's own: contradictions are reported before anything is started."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from certmandate.files.delegation_files import load_delegations
from certmandate.files.yaml_document import FilesInvalid
from local.estate import load_estate
from tests.workflow.conftest import write_estate

NOW = datetime(2026, 11, 23, tzinfo=UTC)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def faults(folder: Path, *, scm: str = "", replace: tuple[str, str] = ("", "")) -> list[str]:
    """Write a sound estate with one thing changed and return what is wrong, without the folder's name."""
    write_estate(folder / "e", "idp", scm=scm)
    world = folder / "e" / "scm.yaml"
    world.write_text(world.read_text(encoding="utf-8").replace(*replace, 1), encoding="utf-8")
    with pytest.raises(FilesInvalid) as refused:
        load_estate(folder / "e", NOW)
    return [str(fault).removeprefix(f"{folder / 'e'}/") for fault in refused.value.faults]


def certificate(**fields: object) -> str:
    """One entry of `certificates` that fits, but for *fields*."""
    entry = {"label": "univ/idp", "department": 7, "names": "[idp.univ.example]", "profile": 1, "term_days": 199}
    return "- {" + ", ".join(f"{name}: {value}" for name, value in {**entry, **fields}.items()) + "}\n"


def test_the_examples_are_sound() -> None:
    """Operators copy them."""
    campus, troubled = (load_estate(EXAMPLES / name, NOW) for name in ("campus", "troubled"))

    assert len(campus.specifications) == 3
    assert len(campus.certificates) >= 12
    assert len(troubled.certificates) >= 20


def test_the_troubled_example_is_as_troubled_on_every_day() -> None:
    """A mandate that ends on a day to come would end well until then."""
    troubled = load_estate(EXAMPLES / "troubled", datetime(2024, 1, 1, tzinfo=UTC))

    ends = [spec.delegation.mandate_ends for spec in troubled.specifications if spec.delegation.mandate_ends]
    assert [day < date(2024, 1, 1) for day in ends] == [True]


def test_the_example_in_the_documentation_works(tmp_path: Path) -> None:
    """It is complete, and operators start from it."""
    text = (EXAMPLES.parent / "docs" / "estate.md").read_text(encoding="utf-8")
    folder = write_estate(tmp_path / "e", "idp")
    (folder / "scm.yaml").write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")

    estate = load_estate(folder, NOW)

    assert [past.label for past in estate.world.certificates] == ["univ/idp"]
    assert estate.credential("univ")["client_id"] == "univ-renewal"


def test_the_documented_throttle_is_read(tmp_path: Path) -> None:
    """The optional file, too, is complete in the documentation."""
    text = (EXAMPLES.parent / "docs" / "estate.md").read_text(encoding="utf-8")
    folder = write_estate(tmp_path / "e", "idp")
    (folder / "aws.yaml").write_text(text.split("```yaml\n")[2].split("```")[0], encoding="utf-8")
    file = folder / "delegations" / "univ.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("}\n", ', stores: ["acm:eu-north-1"]}\n'), encoding="utf-8"
    )

    assert load_estate(folder, NOW).throttled_regions == ("eu-north-1",)


def test_the_example_delegation_file_works() -> None:
    """It has every field, so that an operator only deletes."""
    ((found, _),) = load_delegations(EXAMPLES.parent / "delegations", NOW)

    assert found.delegation.name == "example"
    assert len(found.certificates) == 2


def test_the_account_of_the_department_is_the_delegations(tmp_path: Path) -> None:
    """The estate needs no other credentials."""
    estate = load_estate(write_estate(tmp_path / "e", "idp"), NOW)

    assert estate.credential("univ")["login"] == "drao-univ"
    assert "Univ-example-1" not in repr(estate)


def test_the_accounts_api_key_is_used_where_there_is_one(tmp_path: Path) -> None:
    """SCM calls OAuth2 the recommended way."""
    key = "oauth_clients: [{client_id: c, client_secret: s, login: drao-univ}]\n"

    assert load_estate(write_estate(tmp_path / "e", "idp", scm=key), NOW).credential("univ") == {
        "client_id": "c",
        "client_secret": "s",
    }


@pytest.mark.parametrize(
    ("scm", "reported"),
    [
        ("certificates:\n" + certificate(label="univ/idq"), "scm.yaml:8: certificates[0].label: 'univ/idq' is no cert"),
        ("certificates:\n" + certificate(status="Declined"), "scm.yaml:8: certificates[0].status: only an issued, rev"),
        ("certificates:\n" + certificate(key_type="RSA - 1024"), "scm.yaml:8: certificates[0].key_type: must be one"),
        ("certificates:\n" + certificate() * 2, "scm.yaml:9: certificates[1].label: 'univ/idp' has another cert"),
        ("certificates:\n" + certificate(issued_days_ago="soon"), "scm.yaml:8: certificates[0].issued_days_ago: must"),
        ("certificates:\n" + certificate(profile=9), "scm.yaml:8: certificates[0].profile: there is no profile 9"),
        ("dials: {issuance_pols: 3}\n", "scm.yaml:7: dials.issuance_pols: is not a known field; did you mean"),
        ("\tdials:\n", "scm.yaml:7: a tab"),
    ],
)  # fmt: skip
def test_a_fault_of_the_scm_file_is_reported_with_line_and_field(tmp_path: Path, scm: str, reported: str) -> None:
    """Two files that contradict each other are hard to fix without a line number."""
    (fault,) = faults(tmp_path, scm=scm)

    assert fault.startswith(reported)


@pytest.mark.parametrize(
    ("replace", "reported"),
    [
        (
            ("departments: [7]", "organisations: [6]"),
            "delegations/univ.yaml:3: department_id: no account in scm.yaml has",
        ),
        (("{id: 7,", "{id: 8,"), "scm.yaml:4: accounts[0].departments[0]: there is no department 7"),
    ],
)
def test_a_delegation_without_its_department_or_account_is_refused(
    tmp_path: Path, replace: tuple[str, str], reported: str
) -> None:
    """It could not log in, and would look like a refused credential."""
    (fault,) = faults(tmp_path, replace=replace)

    assert fault.startswith(reported)


def test_a_certificate_of_another_department_is_refused(tmp_path: Path) -> None:
    """SCM would not even show it to the delegation's account."""
    second = ("departments: [{id: 7,", "departments: [{id: 8, name: Others}, {id: 7,")

    (fault,) = faults(tmp_path, scm="certificates:\n" + certificate(department=8), replace=second)

    assert fault == "scm.yaml:8: certificates[0].department: is not the department of univ, which is 7"


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("acm: {throttled_regions: [eu-west-4]}\n", "aws.yaml:1: acm.throttled_regions[0]: 'eu-west-4' is not"),
        ("acm:\n  throttled_regions: eu-west-3\n", "aws.yaml:2: acm.throttled_regions: must be a list of regions"),
        ("acm: {throtled_regions: []}\n", "aws.yaml:1: acm: must be a mapping with one field, throttled_regions"),
        ("acm: {throttled_regions: [1]}\n", "aws.yaml:1: acm.throttled_regions: must be a list of regions"),
        ("s3: {}\n", "aws.yaml:1: must be a mapping with one field, acm"),
        ("", "aws.yaml:1: the file is empty"),
    ],
)  # fmt: skip
def test_a_fault_of_the_aws_file_is_reported_with_line_and_field(tmp_path: Path, text: str, reported: str) -> None:
    """A region with a typo would be a trouble that never comes."""
    folder = write_estate(tmp_path / "e", "idp")
    (folder / "aws.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(FilesInvalid) as refused:
        load_estate(folder, NOW)

    (fault,) = refused.value.faults
    assert str(fault).removeprefix(f"{folder}/").startswith(reported)


def test_an_expired_certificate_cannot_be_in_acm(tmp_path: Path) -> None:
    """ACM does not take it, so no earlier run can be played with it."""
    folder = write_estate(tmp_path / "e", "idp", scm="certificates:\n" + certificate(issued_days_ago=200))
    file = folder / "delegations" / "univ.yaml"
    text = file.read_text(encoding="utf-8").replace("example]}", 'example], stores: ["acm:eu-west-3"]}')
    file.write_text(text, encoding="utf-8")

    with pytest.raises(FilesInvalid, match="has expired, and ACM takes no expired certificate"):
        load_estate(folder, NOW)


def test_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    """Delegation files first: they are what the operator owns."""
    folder = write_estate(tmp_path / "e", "IDP", scm="nonsense: 1\n")
    (folder / "aws.yaml").write_text("nonsense: 1\n", encoding="utf-8")

    with pytest.raises(FilesInvalid) as refused:
        load_estate(folder, NOW)

    assert [fault.path.name for fault in refused.value.faults] == ["univ.yaml", "scm.yaml", "aws.yaml"]


def test_all_faults_of_the_scm_file_are_reported_together(tmp_path: Path) -> None:
    """As of delegation files: an estate is fixed in one edit."""
    wrong = certificate(status="Lost") + certificate(profile=9) + certificate(issued_days_ago="soon")

    found = faults(tmp_path, scm="certificates:\n" + wrong + "dials: {issuance_pols: 3}\n")

    assert [fault.split(": ")[:2] for fault in found] == [
        ["scm.yaml:8", "certificates[0].status"],
        ["scm.yaml:9", "certificates[1].profile"],
        ["scm.yaml:10", "certificates[2].issued_days_ago"],
        ["scm.yaml:11", "dials.issuance_pols"],
    ]


@pytest.mark.parametrize("status", ["Requested", "Approved", "Applied"])
def test_an_open_order_may_have_each_open_status(tmp_path: Path, status: str) -> None:
    """The documentation lists these three, so each must be taken."""
    folder = write_estate(tmp_path / "e", "idp", scm="certificates:\n" + certificate(status=status))

    assert load_estate(folder, NOW).world.certificates[0].status == status


def test_a_missing_scm_file_is_named(tmp_path: Path) -> None:
    """The other half of the estate."""
    folder = write_estate(tmp_path / "e", "idp")
    (folder / "scm.yaml").unlink()

    with pytest.raises(FilesInvalid, match=r"scm\.yaml:1: cannot be read: No such file"):
        load_estate(folder, NOW)
