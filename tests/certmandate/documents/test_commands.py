"""Every command of certmandate in every document, run on an estate that has what the documents name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from tests.certmandate.desk import Desk
from tests.documents import ALL, ROOT, typed

ESTATE = ("idp:20", "www:160")
_DELEGATION = re.compile(
    r"(?:univ-example|example-university|first|univ|value|NAME|DELEGATION)(?P<path>/(?:idp|portal|value|CERTIFICATE))?"
)
"""The delegations and certificates of the documents; `value` is what a variable of the shell has."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ")
_ELSEWHERE = {"drill", "local", "--open"}
"""`drill` needs a real AWS account, as docs/operator.md states; tests/local runs `local`; `--open` needs a browser."""
_ANSWERS = {
    "retire univ": "univ\n",
    "credential univ --stdin": "drao-univ\nUniv-example-1\nnren-a\n",
    "credential univ --rotate": "n\n",  # tests/certmandate/test_password_rotation.py waits for rotations
    "credential univ --rotate --rotate-days 30": "n\n",
}
_REFUSED = {
    "acknowledge": "does not report SSL ID 4711",
    "adopt": "the audit trail has serial",
    "close-order": "univ/idp has no open order",
    "credential": "there is no terminal to type the credential into|Rotate the password of univ now",
    "onboard": "Pass them, or run the command at a terminal, where it asks|--pdf needs WeasyPrint",
    "renew": "the rule covers no certificate that is stored|no request is stored",
    "replace": "the rule covers no certificate that is stored",
}
"""What a command may answer where the documents describe another state of SCM, or a terminal: with exit code 2."""


def documented(desk: Desk, folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each command with the names of the estate, once whatever its reason, and the document that has it."""
    found: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = {}
    for document in (path for path in ALL if path.name != "CHANGELOG.md"):  # which mentions commands only
        (folder / document.name).mkdir()
        for program, *arguments in typed(document, folder / document.name):
            if program == "certmandate" and "…" not in "".join(arguments) and _ELSEWHERE.isdisjoint(arguments):
                line = tuple(_of_the_estate(argument, desk) for argument in arguments)
                shape = tuple(
                    "reason" if before == "--reason" else argument for before, argument in pairwise(("", *line))
                )
                found.setdefault(shape, (document.name, line))
    yield from sorted(found.values(), key=lambda each: each[1][0] == "retire")  # nothing works after it


def _of_the_estate(argument: str, desk: Desk) -> str:
    if match := _DELEGATION.fullmatch(argument):
        return "univ/idp" if match["path"] else "univ"
    if _TIME.fullmatch(argument):
        return f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%MZ}"
    return str(desk.folder) if argument in {"DIR", "delegations", "delegations/"} else argument


def _third_party() -> str:
    """Return the file that docs/delegation-guide.md has, with an address."""
    text = (ROOT / "docs" / "delegation-guide.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(third_party:.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return str(block).replace("<Elastic IP>", "51.15.20.30")


def test_every_command_in_the_documents_does_what_it_is_for(desk: Desk, tmp_path: Path, monkeypatch):
    """N12: a command with a delegation where it takes a certificate was parsed, and refused when it was run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "third-party.yaml").write_text(_third_party(), encoding="utf-8")
    failed, commands = {}, list(documented(desk, tmp_path))

    for document, line in commands:
        text = " ".join(line)
        (tmp_path / "FILE").unlink(missing_ok=True)
        if line[0] == "replace":
            (tmp_path / "FILE").write_text(desk.stored("idp").serial, encoding="utf-8")
        result = desk.run(*line, stdin=_ANSWERS.get(text, "y\ny\n"))
        refusal = re.search(_REFUSED.get(line[0], "nothing"), " ".join(result.stderr.split()))
        if result.exit_code not in {0, 1} and not (result.exit_code == 2 and refusal):
            failed[f"{document}: certmandate {text}"] = f"{result.exit_code}: {result.stderr}"

    assert len(commands) > 30
    assert not failed
