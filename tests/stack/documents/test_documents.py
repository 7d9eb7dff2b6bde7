"""The documents: each command in them exists, and what they state about permissions is true."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore import xform_name
from botocore.session import get_session
from click.exceptions import UsageError
from samtranslator.yaml_helper import yaml_parse

from certmandate.cli import app
from certmandate_fetch import __main__ as client
from gate.structure.vocabulary import Vocabulary
from stack.deploy import overrides
from stack.policy import Request, allowed, statements
from stack.resolved import IN_A_VPC, Stack
from tests.documents import ALL, BASH, ROOT, blocks, typed

DOCUMENTS = [ROOT / "docs" / name for name in ("deploy.md", "runbook.md")]
"""Their blocks are copied into a shell, one after the other."""
CALLING_AWS = [*DOCUMENTS, ROOT / "docs" / "first-account.md"]
_NOT_CALLED = "git() { :; }; make() { :; }; aws() { :; }; cd() { :; }\n"
_TEMPLATES = {"deploy": ROOT / "template.yaml", "deploy-network": ROOT / "infra" / "network.yaml"}


@pytest.mark.parametrize("document", ALL, ids=lambda path: path.name)
def test_a_document_uses_the_words_of_the_vocabulary(document: Path) -> None:
    """One word for each concept, in documents as in identifiers; code, commands and links are quoted as they are."""
    quoted = r"^```.*?^```|`[^`]*`|\]\([^)]*\)"
    text = re.sub(quoted, "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    replaced = Vocabulary.read().parts
    assert not {term: replaced[term] for term in re.findall(r"[a-z]+", text.lower()) if term in replaced}


@pytest.mark.parametrize("document", CALLING_AWS, ids=lambda path: path.name)
def test_bash_can_parse_every_block_of_commands(document: Path) -> None:
    """With an open quote, the shell waits for input."""
    for block in blocks(document):
        done = subprocess.run([BASH, "-n"], input=block, capture_output=True, text=True, check=False)
        assert not done.stderr, block


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_first_block_sets_the_path_and_the_region(document: Path, tmp_path: Path) -> None:
    """boto3 reads AWS_DEFAULT_REGION only, and no other line adds .venv/bin to the path."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "certmandate").symlink_to(sys.executable)
    query = 'command -v certmandate; certmandate -c "import boto3; print(boto3.Session().region_name)"'
    printed = subprocess.run(
        [BASH, "-c", _NOT_CALLED + blocks(document)[0] + query],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "AWS_CONFIG_FILE": "/dev/null"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert printed == [str(folder / "certmandate"), "eu-west-3"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_parameter_of_make_deploy_exists_in_its_template(document: Path) -> None:
    """CloudFormation refuses an unknown name only after everything has been uploaded."""
    given = re.findall(r'make (deploy(?:-network)?) PARAMETERS="([^"]*)"', document.read_text(encoding="utf-8"))
    assert given
    for target, parameters in given:
        known = yaml_parse(_TEMPLATES[target].read_text(encoding="utf-8"))["Parameters"]
        plain = re.sub(r"\$\([^)]*\)", "value", parameters.replace("\\\n", " "))
        assert {pair.partition("=")[0] for pair in overrides(plain)} <= set(known), parameters


# ---- Each command, as a shell parses it ------------------------------------------------------------------------------

_EVERYWHERE = {"--output", "--query", "--profile", "--region"}


@cache
def service_model(service: str) -> Any:
    """Return botocore's model of a service; reading EC2's takes a quarter of a second."""
    return get_session().get_service_model(service)


def unknown_to_aws(service: str, operation: str, *words: str) -> set[str]:
    """Return what the AWS CLI would refuse: an unknown operation or option, or a missing argument."""
    if service == "s3" or operation == "wait":  # not operations of the API
        return set()
    model = service_model({"s3api": "s3"}.get(service, service))
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return {f"{service} {operation}"}
    shape: Any = model.operation_model(names[operation]).input_shape
    known = {f"--{xform_name(name, '-')}": name for name in shape.members} if shape else {}
    given = {option.replace("--no-", "--") for option in words if option.startswith("--")}
    missing = {option for option, name in known.items() if shape and name in shape.required_members} - given
    return (given - set(known) - _EVERYWHERE) | missing


@pytest.mark.parametrize("document", CALLING_AWS, ids=lambda path: path.name)
def test_every_aws_command_exists_with_its_options(document: Path, tmp_path: Path) -> None:
    """During an incident there is no time to search for an option."""
    calls = [call[1:] for call in typed(document, tmp_path) if call[0] == "aws"]
    assert len(calls) > 10
    assert not {" ".join(call): wrong for call in calls if (wrong := unknown_to_aws(*call))}


@pytest.mark.parametrize("document", ALL, ids=lambda path: path.name)
def test_every_certmandate_command_accepts_its_arguments(document: Path, tmp_path: Path) -> None:
    """A command that is copied from a document must work."""
    command: Any = typer.main.get_command(app)
    named = re.findall(r"`certmandate ([a-z][a-z-]*)", document.read_text(encoding="utf-8"))
    assert set(named) <= set(command.list_commands(None))
    for call in [call[1:] for call in typed(document, tmp_path) if call[0] == "certmandate"]:
        context = command.make_context("certmandate", list(call))
        name, chosen, rest = command.resolve_command(context, list(call))
        try:
            chosen.make_context(name, list(rest), parent=context)
        except UsageError as error:
            pytest.fail(f"certmandate {' '.join(call)}: {error.format_message()}")


def test_what_only_an_account_shows_is_marked_where_it_is_stated() -> None:
    """Fault S10: a sentence stated as known what only CloudTrail on a real account can show."""
    text = (ROOT / "docs" / "first-account.md").read_text(encoding="utf-8")
    depending = [cells[3] for row in text.splitlines() if len(cells := re.split(r"(?<!\\)\|", row)) == 7]
    linked = {name for cell in depending for name in re.findall(r"\]\((\w+\.md)", cell)}
    assert "security.md" in linked
    for name in linked:
        assert "(first-account.md" in (ROOT / "docs" / name).read_text(encoding="utf-8"), name


def test_the_readme_states_what_was_not_tried() -> None:
    """Fault N13: it promised "never" three times, and another document alone had that no real account was used."""
    _, _, status = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Does it work?\n")
    first = status.strip().partition("\n\n")[0]
    assert "not run against a live SCM account, nor in a live AWS account" in first
    assert "docs/first-account.md" in status.partition("\n## ")[0]


def test_every_command_of_the_client_accepts_its_arguments(tmp_path: Path) -> None:
    """It is copied onto a server, far from `--help` of this repository."""
    calls = [call[1:] for call in typed(ROOT / "docs" / "servers.md", tmp_path) if call[0] == "certmandate-fetch"]
    assert len(calls) > 3
    for call in calls:
        client.parser().parse_args(call)


@pytest.mark.parametrize("document", ALL, ids=lambda path: path.name)
def test_every_target_of_make_in_a_document_exists(document: Path) -> None:
    """A renamed target would be found by the reader."""
    text = document.read_text(encoding="utf-8")
    lines = [
        *re.findall(r"`make ([^`]*)`", text),
        *re.findall(r"^make ([^#\n]*)", "".join(blocks(document)), re.MULTILINE),
    ]
    named = {target for line in lines for target in re.findall(r"^[a-z-]+(?: [a-z-]+)*", line)}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {target for line in named for target in line.split()} <= targets


@pytest.mark.parametrize("error", ["RunFailed", "ScmRefused", "ChainBroken", "AcmRefused", "BacklogRemains"])
def test_the_section_has_a_block_of_commands_to_copy(error: str) -> None:
    """A description of what to do is slower than a command."""
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    section = re.split(r"^#{3,4} ", text.partition(f"# {error}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    assert "```sh" in section


def test_the_example_file_is_removed_before_the_first_apply() -> None:
    """Otherwise the example is applied as a mandate, and its alarms do not end."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert (ROOT / "delegations" / "example.yaml").is_file()
    assert "\nrm delegations/example.yaml " in text.partition("\ncertmandate apply delegations/")[0]


def test_the_section_runfailed_searches_for_all_three_end_states() -> None:
    """The alarm counts all three; a search for FAILED alone finds the run of another day."""
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").partition("### RunFailed\n")[2]
    assert '["FAILED", "TIMED_OUT", "ABORTED"]' in text.partition("\n### ")[0]


# ---- Permissions in docs/security.md ---------------------------------------------------------------------------------

SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stack() -> Stack:
    """The stack as it is deployed."""
    return Stack(ROOT / "template.yaml", IN_A_VPC)


def permitted(stack: Stack, action: str) -> set[str]:
    """Return the functions that may do this to a delegation's credential, by the names in the documents."""
    secret = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:certmandate/univ-AbCdEf"
    functions = {
        str(function.properties["Handler"]).partition(".")[0]: function
        for function in stack.resources("AWS::Lambda::Function")
    }
    roles = {name: f"{function.logical_id.removesuffix('Function')}Role" for name, function in functions.items()}
    request = Request(action, secret)
    return {name for name, role in roles.items() if allowed(statements(stack.policies(role)), request)}


def test_the_table_of_permissions_has_every_function(stack: Stack) -> None:
    """The function that was missing once was the one that writes credentials."""
    handlers = {function.properties["Handler"] for function in stack.resources("AWS::Lambda::Function")}
    functions = {str(handler).partition(".")[0] for handler in handlers}
    table = SECURITY.partition("## Who may do what")[2].partition("\n## ")[0]
    assert functions <= set(re.findall(r"^\| (\w+) \|", table, flags=re.MULTILINE))


def test_the_page_names_readers_and_writers_of_credentials(stack: Stack) -> None:
    """The investigation of a stolen credential starts from that row."""
    (row,) = re.findall(r"^\| credentials of SCM accounts \|[^|]*\|([^|]*)\|", SECURITY, flags=re.MULTILINE)
    readers, _, writers = row.partition(" read; ")
    assert set(re.findall(r"`(\w+)`", readers)) == permitted(stack, "secretsmanager:GetSecretValue")
    assert set(re.findall(r"`(\w+)`", writers)) == permitted(stack, "secretsmanager:PutSecretValue")


TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
_EVIDENCE = re.compile(r"`test_\w+`|`tests/[\w/.:]+`|`(?:make|(?:\.venv/bin/)?python -m) |AWS: [A-Z]")


@pytest.mark.parametrize("document", ALL, ids=lambda path: path.name)
def test_a_test_that_a_document_names_exists(document: Path) -> None:
    """A renamed test leaves a sentence that nothing holds."""
    text = document.read_text(encoding="utf-8")
    named = {*re.findall(r"`(test_\w+)`", text), *re.findall(r"`tests/[\w/.]+::(\w+)`", text)}
    assert {name for name in named if f"def {name}(" not in TESTS} == set()
    paths = re.findall(r"`(tests/[\w/.]+)(?:::\w+)?`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []


ENFORCED = re.sub(r"^## Not protected$.*?(?=^## )|<!--.*?-->\n", "", SECURITY, flags=re.MULTILINE | re.DOTALL)


def claims(section: str) -> Iterator[str]:
    """Yield each row of its tables, with the header if that names what enforces a column, and each other sentence."""
    for block in filter(None, map(str.strip, section.partition("\n")[2].split("\n\n"))):
        if block.startswith("|"):
            header, _, *rows = block.splitlines()
            yield from (f"{header if _EVIDENCE.search(header) else ''}{row}" for row in rows)
        elif not block.startswith("#"):
            yield from re.split(r"(?<=[.:;])\s+", block)


def test_each_claim_of_the_security_page_names_what_enforces_it() -> None:
    """By it a network decides whether it lets this hold keys; what nothing enforces has a heading of its own."""
    found = [claim for section in re.split(r"^#{2,3} ", ENFORCED, flags=re.MULTILINE)[1:] for claim in claims(section)]
    assert len(found) > 80
    assert [claim for claim in found if not _EVIDENCE.search(claim)] == []


def test_a_claim_of_the_security_page_is_one_sentence() -> None:
    """Two sentences in a cell could share the evidence of one."""
    cells = re.findall(r"^\| ([^|]*) \|", ENFORCED, flags=re.MULTILINE)
    assert [cell for cell in cells if re.search(r"[.!?] ", cell)] == []


def test_each_statement_that_the_security_page_names_is_in_the_template() -> None:
    """A `Sid` that was renamed leaves a claim that no policy enforces."""
    rows = re.findall(r"^\|.*\| ([^|]*) \|$", ENFORCED, flags=re.MULTILINE)
    named = {name for cell in rows for name in re.findall(r"`([A-Z][A-Za-z0-9]+)`", cell)}
    sids = set(re.findall(r"Sid: (\w+)", (ROOT / "template.yaml").read_text(encoding="utf-8")))
    assert len(named) > 10
    assert named <= sids
