"""Every command in every document is executed by a test or by `.ci/run`, or the document has it as not executed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from stack.rehearsal.documented import not_executed
from tests.documents import ALL, ROOT, typed

DOCUMENTS = [path for path in ALL if path.name != "CHANGELOG.md"]
GENERAL = ROOT / "CONTRIBUTING.md"
"""Its table holds for every document."""
EXECUTED = {
    "aws": ("tools/stack/rehearsal/__main__.py", "execute_documents(options.aws)"),
    "certmandate": ("tests/certmandate/documents/test_commands.py", "does_what_it_is_for"),
    "certmandate-fetch": ("tests/fetch/test_recipes.py", '["/usr/bin/python3", client'),
    "make build": ("Makefile", "rehearse: build "),
    "make check": (".ci/run", "check checkov"),
    "make checkov": (".ci/run", "check checkov"),
    "make client": ("tests/fetch/test_recipes.py", '"--silent", "client"'),
    "make deploy": ("tests/stack/test_deploy.py", '["deploy", "deploy-network"]'),
    "make deploy-network": ("tools/stack/rehearsal/deployed.py", '"--silent", "deploy-network"'),
    "make help": ("tests/stack/documents/test_executed.py", '["make", "--no-print-directory"]'),
    "make pdf": (".ci/run", "step pdf"),
    "make rehearse": (".ci/run", "test test-long run rehearse"),
    "make run": (".ci/run", "test test-long run rehearse"),
    "make setup": (".ci/run", ".venv/.dev .venv-sam/.sam"),
    "make test": (".ci/run", "test test-long run rehearse"),
    "make test-long": (".ci/run", "test test-long run rehearse"),
    "apt-get install": (".ci/run", "apt-get install"),
    "nginx -t": ("tests/fetch/test_recipes.py", "{NGINX} -t"),
    "haproxy -c": ("tests/fetch/test_recipes.py", "{HAPROXY} -c -q"),
    "npm ci": (".ci/run", "npm ci"),
    "pytest": ("Makefile", "-m pytest"),
    "python -m stack.measure.command_times": ("tests/stack/test_command_times.py", "command_times.main("),
    "python -m campaign.results": ("tests/campaign/test_results.py", "main([])"),
    "python -m pytest": ("Makefile", "-m pytest"),
    "python -m scm_simulator": ("tests/simulator/server/test_command.py", '"-m", "scm_simulator"'),
    "python3": ("tools/stack/rehearsal/documented.py", ":/usr/bin:/bin"),
    "sam validate --lint": ("Makefile", "validate --lint"),
    "systemd-analyze verify": ("tests/fetch/test_recipes.py", '["systemd-analyze", "verify"'),
}
"""What executes the commands that begin so, and where: the file has this text."""
_DEFINED = re.compile(r"^(\w+)\(\) \{", flags=re.MULTILINE)
OWN = {name for path in DOCUMENTS for name in _DEFINED.findall(path.read_text(encoding="utf-8"))}
"""Functions that the documents define for the reader's shell."""


def beginning(command: str, known: Iterable[str]) -> str:
    """Return the longest of *known* with which a command begins, word by word; empty: none."""
    words = command.split()
    return max((each for each in known if words[: len(each.split())] == each.split()), key=len, default="")


def table(document: Path) -> set[str]:
    return set(not_executed(document.read_text(encoding="utf-8")))


def commands(document: Path, folder: Path) -> set[str]:
    """The commands in a document; of `make`, each target."""
    found = set()
    for program, *rest in typed(document, folder):
        targets = [text for text in rest if re.fullmatch(r"[a-z-]+", text)] or ["help"]
        found |= {f"make {target}" for target in targets} if program == "make" else {" ".join((program, *rest))}
    return {command for command in found if command.split()[0] not in OWN}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_is_executed_or_in_the_table(document: Path, tmp_path: Path) -> None:
    """N12: what no test executes fails first at the operator's, who has to know that it may."""
    marked = table(document) | table(GENERAL)
    unknown, twice, used = set(), set(), set()
    for command in commands(document, tmp_path):
        mark, evidence = beginning(command, marked), beginning(command, EXECUTED)
        used.add(mark)
        if not mark and not evidence:
            unknown.add(command)
        if len(evidence) >= len(mark) > 0:
            twice.add(mark)

    assert not unknown, "neither executed nor in the table"
    assert not twice, "executed, and in the table"
    assert document == GENERAL or table(document) <= used, "in the table, and not in the document"


def test_every_command_of_the_general_table_is_in_a_document(tmp_path: Path) -> None:
    """A renamed command would leave its row."""
    used = set()
    for document in DOCUMENTS:
        folder = tmp_path / document.name
        folder.mkdir()
        used |= {beginning(command, table(GENERAL)) for command in commands(document, folder)}

    assert table(GENERAL) <= used


@pytest.mark.parametrize("command", EXECUTED)
def test_what_executes_a_command_exists(command: str) -> None:
    """A test that is removed leaves its commands unexecuted."""
    file, text = EXECUTED[command]

    assert text in (ROOT / file).read_text(encoding="utf-8")


def test_make_lists_every_target() -> None:
    """A newcomer types it first."""
    command = ["make", "--no-print-directory"]  # which make prints of itself where these tests run below another make
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = makefile.partition(".PHONY: ")[2].replace("\\\n", "").partition("\n")[0].split()

    assert {line.split()[1] for line in listed.splitlines()} == set(phony)
