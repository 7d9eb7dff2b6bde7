"""`make run`: the example estate through real child processes and HTTPS, as an operator sees it."""

from __future__ import annotations

import io
import json
import stat
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certmandate.cli import main
from renewal.domain.run.report import CertificateRow, RunReport
from tests.workflow.system import leave

EXPECTED = {
    "brzegowa/biblioteka": ("renewed", "order-open, age"),
    "brzegowa/dziekanat": ("renewed", "age"),
    "brzegowa/rekrutacja": ("renewed", "new"),
    "seeberg/mail": ("renewed", "revoked"),
    "seeberg/muenster": ("renewed", "new"),
    "seeberg/portal": ("renewed", "key-type-changed"),
    "seeberg/sso": ("renewed", "age"),
    "seeberg/wiki": ("renewed", "last-resort"),
    "valombre/archives": ("renewed", "expired"),
    "valombre/idp": ("renewed", "age"),
    "valombre/vpn": ("not-due", ""),
    "valombre/labs": ("renewed", "new"),
    "valombre/lms": ("renewed", "new"),
    "valombre/www": ("renewed", "names-changed"),
}
FILES = ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")


@dataclass(frozen=True)
class Campus:
    """What `certmandate local run` left behind."""

    exit_code: int
    document: dict[str, Any]
    progress: str
    output: Path

    @property
    def report(self) -> RunReport:
        return RunReport.parse(self.document["report"])

    def row(self, path: str) -> CertificateRow:
        return next(row for row in self.report.certificates if row.path == path)


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Campus:
    """One run of the default estate."""
    leave()  # one AWS at a time in a process
    output = tmp_path_factory.mktemp("campus") / "run"
    printed, progress = io.StringIO(), io.StringIO()
    with redirect_stdout(printed), redirect_stderr(progress):
        code = main(["local", "run", "--json", "--output", str(output)])
    return Campus(code, json.loads(printed.getvalue()), progress.getvalue(), output)


def test_all_of_it_ends_well(campus: Campus) -> None:
    """Exit code 0 is what `make run` and a newcomer go by."""
    assert campus.exit_code == 0
    assert campus.document["status"] == "SUCCEEDED"


def test_what_was_renewed_is_served(campus: Campus) -> None:
    """A run that prints *served* has connected to the servers after it stored the certificates."""
    declared = {row.path: row.service for row in campus.report.certificates if row.service != "not declared"}

    on_the_web = {f"valombre/{name}" for name in ("idp", "vpn", "archives", "www", "lms")}
    assert set(declared) == {*on_the_web, "seeberg/mail"}  # by SMTP and IMAP
    assert set(declared.values()) == {"served"}


def test_every_certificate_is_renewed_for_its_own_reason(campus: Campus) -> None:
    """Each certificate of the estate is there to show one cause."""
    found = {path: campus.row(path) for path in EXPECTED}

    assert len(campus.report.certificates) == len(EXPECTED)
    for path, (outcome, reason) in EXPECTED.items():
        assert found[path].outcome == outcome, path
        assert not reason or found[path].reason == reason, path


def test_one_renewal_costs_scm_at_most_four_calls(campus: Campus) -> None:
    """The figure of the issue; a detail call per certificate would double what SCM has to bear."""
    assert len(campus.document["one_renewal_issued_at_once"]) <= 4


def test_nothing_is_ordered_twice(campus: Campus) -> None:
    """The order that an earlier run left open and the one whose answer was lost are adopted."""
    renewed = [path for path, (outcome, _) in EXPECTED.items() if outcome == "renewed"]

    assert campus.document["scm_calls"]["POST /api/ssl/v1/enroll"] == len(renewed) - len({"biblioteka"})


def test_the_progress_distinguishes_an_open_order_from_a_new_one(campus: Campus) -> None:
    """An operator must not believe that it was ordered twice."""
    lines = [line for line in campus.progress.splitlines() if "brzegowa/biblioteka" in line]

    assert any("its order is still open" in line for line in lines)
    assert any("not ordered again" in line for line in lines)
    assert not any(" ordered (SSL ID" in line for line in lines)


def test_a_changed_key_type_gets_a_new_arn_and_is_reported(campus: Campus) -> None:
    """The operator must associate the new ARN, which only this note names."""
    (check,) = campus.row("seeberg/portal").notes

    assert campus.row("seeberg/portal").arns["eu-central-1"] in check
    assert "Associate it" in check


def test_acm_has_the_certificate_in_both_regions(campus: Campus) -> None:
    """One ARN a region."""
    assert set(campus.row("seeberg/sso").arns) == {"eu-central-1", "eu-west-1"}


def test_an_internationalised_name_is_ordered_as_an_a_label(campus: Campus) -> None:
    """SCM, certificates and browsers use A-labels only."""
    assert campus.row("seeberg/muenster").names == ("xn--mnster-3ya.seeberg.example",)


def test_the_certificates_are_there_as_the_s3_store_holds_them(campus: Campus) -> None:
    """A key of another certificate, or one that others may read, would be found out here."""
    folder = campus.output / "certificates" / "valombre" / "www"
    leaf = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    key = load_pem_private_key((folder / "privkey.pem").read_bytes(), password=None)

    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in FILES} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent, folder.parent.parent)} == {0o700}
    assert key.public_key() == leaf.public_key()
    assert (folder / "fullchain.pem").read_bytes() == (folder / "cert.pem").read_bytes() + (
        folder / "chain.pem"
    ).read_bytes()
    assert f"{leaf.serial_number:X}" == campus.row("valombre/www").new_serial


def test_the_chain_leads_to_scms_root(campus: Campus) -> None:
    """What is stored must be what a browser can follow."""
    folder = campus.output / "certificates" / "valombre" / "www"
    chain = x509.load_pem_x509_certificates((folder / "fullchain.pem").read_bytes())
    roots = x509.load_pem_x509_certificates((campus.output / "scm-root.pem").read_bytes())

    for subject, issuer in pairwise(chain):
        subject.verify_directly_issued_by(issuer)
    assert chain[-1].issuer in {root.subject for root in roots}


def test_the_report_and_the_history_are_there(campus: Campus) -> None:
    """With children: most of what happens, happens in them."""
    report = json.loads((campus.output / "report.json").read_text(encoding="utf-8"))
    history = json.loads((campus.output / "history.json").read_text(encoding="utf-8"))

    assert report == campus.document["report"]
    inspected = [child for child in history["children"] if "whole" in json.loads(child["execution"]["input"])]
    assert len(inspected) == len(campus.report.delegations) == 3


def test_the_progress_is_one_plain_line_a_change(campus: Campus) -> None:
    """It is read in terminals, pipes and CI logs alike."""
    lines = campus.progress.splitlines()

    assert all(character.isprintable() for line in lines for character in line)
    assert "Waits of the state machine are multiplied by 0.01." in campus.progress
    slow = [line.split(maxsplit=2)[2] for line in lines if "brzegowa/dziekanat" in line]
    assert slow[0] == "enrolling"
    assert slow[1].startswith("ordered (SSL ID ")
    assert slow[2:-1] == ["pending"] * 4
    assert slow[-1] == "stored"
