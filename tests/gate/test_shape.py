"""The sizes and names that the gate requires."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gate.shape import LONGEST_FUNCTION, LONGEST_MODULE, MOST_METHODS, Function, faults, length, main


def function_of(lines: int) -> str:
    """Return the source of a function of so many lines."""
    return "def renew():\n" + "    x = 1\n" * (lines - 1)


def protocol_of(methods: int) -> str:
    """Return the source of a protocol with so many methods."""
    return "class Orders(Protocol):\n" + "".join(f"    def m{number}(self): ...\n" for number in range(methods))


def test_a_docstring_does_not_make_a_function_long():
    """Otherwise the gate would be an argument against docstrings."""
    (function,) = ast.parse('def renew():\n    """One.\n\n    Two.\n    """\n    return 1\n').body

    assert isinstance(function, Function)
    assert length(function) == 2


@pytest.mark.parametrize(
    ("name", "source", "finding"),
    [
        ("renew.py", function_of(LONGEST_FUNCTION + 1), "renew.py:1: renew: 41 lines, more than 40"),
        ("renew.py", "\n" * (LONGEST_MODULE + 1), "split a module"),
        ("test_renew.py", function_of(LONGEST_FUNCTION + 1), "test_renew.py:1: renew: 41 lines, more than 40"),
        ("utils.py", "", "name it after what it holds"),
        ("ports.py", protocol_of(MOST_METHODS + 1), "ports.py:1: Orders: 13 methods, more than 12"),
        ("test_renew.py", "def test_a_day_is_a_day(): ...", "test_a_day_is_a_day: give its reason"),
    ],
)
def test_what_is_too_long_or_has_no_name_or_reason_is_found(tmp_path: Path, name: str, source: str, finding: str):
    """Each makes the code harder to read."""
    (tmp_path / name).write_text(source)

    assert finding in "".join(faults(tmp_path / name))


def test_what_is_just_short_enough_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The limits themselves are allowed, and the figures are printed."""
    (tmp_path / "renew.py").write_text(function_of(LONGEST_FUNCTION))
    (tmp_path / "ports.py").write_text(protocol_of(MOST_METHODS))

    assert main([str(tmp_path)]) == 0
    assert "2 modules, 13 functions: median 1 lines, longest 40" in capsys.readouterr().out
