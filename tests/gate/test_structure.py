"""Each guard of the layout and the names finds its planted fault."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gate.structure import complexity, layout, reach, vocabulary

WORDS = vocabulary.Vocabulary({"told": "reported"}, {"one": "the noun"}, ("DcvTold",))


def files(folder: Path, **sources: str) -> list[Path]:
    """Write modules and return their files."""
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    return sorted(folder.glob("*.py"))


def texts(findings: list[str]) -> str:
    """Return the lines to print."""
    return "\n".join(findings)


def test_three_modules_with_one_prefix_are_a_hidden_package(tmp_path: Path):
    """Two may be a pair; a third makes a folder that has no name."""
    found = files(tmp_path, order_book="", order_reader="")
    assert list(layout.faults(found, {})) == []

    found = files(tmp_path, order="")
    assert "order, order_book, order_reader have one prefix: make a package order/" in texts(
        [*layout.faults(found, {})]
    )


def test_a_folder_with_more_than_sixteen_modules_is_found(tmp_path: Path):
    """The package's own `__init__` does not count."""
    found = files(tmp_path, __init__="", **{f"m{number}": "" for number in range(16)})
    assert list(layout.faults(found, {})) == []

    found = files(tmp_path, m16="")
    assert "17 modules, more than 16" in texts([*layout.faults(found, {})])


def test_two_classes_of_one_name_in_a_distribution_are_found(tmp_path: Path):
    """In two distributions they may have one name: no module imports both."""
    files(tmp_path, account="class Account: ...\n", snapshot="class Account: ...\n")
    assert "two classes Account in renewal" in texts([*layout.faults([], {"renewal": tmp_path})])


@pytest.mark.parametrize(
    "path", ["if x: ...", "y = 1 if x else 2", "y = [z for z in x]", "for z in x: ...", "while x: ..."]
)
def test_every_kind_of_path_counts(tmp_path: Path, path: str):
    """A comprehension or a conditional expression is a branch, wherever it is written."""
    (module,) = files(tmp_path, renew="def renew(x):\n" + f"    {path}\n" * (complexity.MOST_PATHS - 1))
    assert list(complexity.faults([module])) == []

    module.write_text(module.read_text() + f"    {path}\n")
    assert "renew has 13 paths, more than 12" in texts([*complexity.faults([module])])


def test_a_module_that_no_handler_reaches_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its package and what a reached module imports are reached."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    package = tmp_path / "gate_sample"
    package.mkdir()
    files(tmp_path, enroll="from gate_sample import step\n")
    files(package, __init__="", step="import gate_sample.port\n", port="", editor="")

    (found,) = reach.faults(tmp_path, "gate_sample")
    assert found.startswith("gate_sample.editor: no handler reaches it")


@pytest.mark.parametrize(
    "source",
    ["def is_told(): ...", "class ToldRun: ...", "def f(told): ...", "TOLD = 1", "f.told = 1", "for one in (): ..."],
)
def test_a_replaced_word_is_found_in_every_kind_of_name(tmp_path: Path, source: str):
    """A word counts as a part of a name, whatever its case; some only as the whole name."""
    found = list(vocabulary.faults(files(tmp_path, renew=source), WORDS))

    assert "renew.py:1" in texts(found)
    assert "write another word" in texts(found)


def test_a_word_inside_another_and_a_contract_are_left_alone(tmp_path: Path):
    """`untold` is another word, `one_of_two` is no pronoun, and others rely on the name of a contract."""
    found = files(tmp_path, renew="untold = one_of_two = 1\nclass DcvTold: ...\n")

    assert list(vocabulary.faults(found, WORDS)) == []
