from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.aws.records import SPEC, a_pair
from tests.certmandate.desk import Desk

ESTATE = ("idp:20", "www")


@pytest.fixture
def text(desk: Desk) -> Iterator[None]:
    """Restore the delegation file after the test."""
    before = desk.file.read_text(encoding="utf-8")
    yield
    desk.file.write_text(before, encoding="utf-8")


def test_a_plan_of_applied_files_has_no_changes(desk: Desk):
    """A repeated `plan` must not report changes that are already made."""
    found = desk.document("plan", desk.folder)

    assert (found["changes"], found["unchanged"]) == ([], 3)
    assert {certificate["name"]: certificate["state"] for certificate in found["next_run"]} == {
        "idp": "fine",
        "www": "new",
    }


@pytest.mark.usefixtures("text")
def test_a_plan_shows_each_field_and_the_cause_of_the_next_order(desk: Desk):
    """The operator must see what `apply` will order before it is ordered."""
    desk.rewrite("names: [idp.univ.example]", "names: [idp.univ.example, sso.univ.example]")

    found = desk.document("plan", desk.folder)

    assert found["changes"][0]["fields"] == {
        "names": {"before": "idp.univ.example", "after": "idp.univ.example, sso.univ.example"}
    }
    assert {certificate["name"]: certificate["causes"] for certificate in found["next_run"]}["idp"] == ["names-changed"]
    assert desk.certificate("idp").spec.names == ("idp.univ.example",)


@pytest.mark.usefixtures("text")
def test_a_plan_shows_what_stays_when_a_certificate_is_renamed(desk: Desk):
    """Both would be ordered: the plan showed the new name only."""
    desk.rewrite("name: idp,", "name: login,")

    plain, pruned = desk.run("plan", desk.folder), desk.run("plan", desk.folder, "--prune")
    words = " ".join(plain.stdout.split())

    assert "univ/login has the names of univ/idp, which stays in the order book: both would be ordered" in words
    assert "univ/idp (in no file)" in words
    assert ("both would be ordered" in pruned.stdout, "(in no file)" in pruned.stdout) == (False, False)


def test_a_plan_warns_of_two_delegations_with_one_name_or_department(desk: Desk, tmp_path: Path):
    """The SSL report is that of the department: each delegation would report every renewal of the other.

    A name in certificates of both was ordered twice without a word.
    """
    text = desk.file.read_text(encoding="utf-8")
    (tmp_path / "univ.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "other.yaml").write_text(text.replace("delegation: univ", "delegation: other"), encoding="utf-8")

    shared, *_, warning = desk.document("plan", tmp_path)["warnings"]

    assert "other/idp and univ/idp both have idp.univ.example: both are ordered" in shared
    assert "same department_id 7: each will report the orders of the other as OrderNotOurs" in warning


NO_ARN = "arn:aws:acm:eu-west-3:123456789012:certificate/00000000-0000-0000-0000-000000000000"
OTHERS_ARN = NO_ARN.replace("123456789012", "9" * 12)
FAULTS = {
    "a region without ACM": (
        "names: [idp.univ.example]",
        'names: [idp.univ.example], stores: ["acm:eu-nowhere-9"]',
        "no region",
    ),
    "an ARN that does not exist": (
        "names: [idp.univ.example]",
        f'names: [idp.univ.example], stores: ["acm:eu-west-3"], arns: {{eu-west-3: "{NO_ARN}"}}',
        "certificates[0].arns",
    ),
    "an ARN of another account": (
        "names: [idp.univ.example]",
        f'names: [idp.univ.example], stores: ["acm:eu-west-3"], arns: {{eu-west-3: "{OTHERS_ARN}"}}',
        "is of account 999999999999, and the stack is in 123456789012",
    ),
    "no YAML": ("certificates:", "certificates: [", "is not YAML"),
}


@pytest.mark.usefixtures("text")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_one_fault_prevents_the_whole_apply(desk: Desk, fault: tuple[str, str, str]):
    """With half of the files applied, nothing would show the operator which half."""
    old, new, expected = fault
    before = desk.certificate("idp"), desk.certificate("www")
    desk.rewrite("name: www,", "name: other,")
    desk.rewrite(old, new)

    error = desk.refused("apply", desk.folder, "--yes")

    assert expected in error
    assert "univ.yaml:" in error
    assert (desk.certificate("idp"), desk.certificate("www")) == before
    assert len(list(desk.book.every_certificate())) == 2


@pytest.mark.usefixtures("text")
def test_nothing_is_applied_without_confirmation(desk: Desk):
    """Enter alone and an empty standard input both decline."""
    desk.rewrite("organisation: Université d'Exemple", "organisation: Other")

    assert "--yes" in desk.refused("apply", desk.folder)
    assert desk.book.delegation("univ").delegation.organisation == "Université d'Exemple"


@pytest.mark.usefixtures("text")
def test_an_arn_of_unknown_origin_is_refused_before_anything_is_written(desk: Desk):
    """S1: another program imported it, for other names: no tag names an owner, and the order book has it nowhere."""
    pair = a_pair(SPEC)
    leaf, chain = pair.chain.leaf.pem().encode(), pair.chain.issuers_pem().encode()
    acm = desk.system.aws.client("acm", "eu-west-3")
    arn = acm.import_certificate(Certificate=leaf, CertificateChain=chain, PrivateKey=pair.key.pem())["CertificateArn"]
    names = "names: [www.univ.example]"
    desk.rewrite(names, f'{names}, stores: ["acm:eu-west-3"], arns: {{eu-west-3: "{arn}"}}')

    for command in (("plan", desk.folder), ("apply", desk.folder, "--yes")):
        assert "is for idp.univ.example, and has no tag certmandate:delegation" in desk.refused(*command)
    assert desk.certificate("www").spec.arns == {}
