"""What is uploaded does what the source does, and its tracebacks point into the source."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stack.lighten import lightened, main

FUNCTIONS = Path(__file__).parents[2] / "functions"


class _WithoutTexts(ast.NodeTransformer):
    """Takes out every statement that is nothing but a text."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if _is_text(node) else node


def _is_text(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _shape(source: str) -> str:
    return ast.dump(_WithoutTexts().visit(ast.parse(source)))


def _lines(source: str) -> list[tuple[str, int]]:
    statements = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt))
    return [(type(node).__name__, node.lineno) for node in statements if not _is_text(node)]


@pytest.mark.parametrize("file", sorted(FUNCTIONS.rglob("*.py")), ids=lambda file: str(file.relative_to(FUNCTIONS)))
def test_every_file_means_the_same_on_the_same_lines(file: Path) -> None:
    """A bundle that differed from its source in more than texts could not be trusted, nor its tracebacks."""
    source = file.read_text(encoding="utf-8")

    light = lightened(source)

    assert _shape(light) == _shape(source)
    assert _lines(light) == _lines(source)
    assert len(light) < len(source)


def test_texts_that_are_used_stay() -> None:
    """Only statements that are nothing but a text go; a hash inside a text is no comment."""
    source = 'def f():\n    """Why."""  # because\n    return "#1"  # number one\n'

    assert lightened(source) == 'def f():\n\n return "#1"\n'


def test_a_body_of_nothing_but_its_docstring_keeps_an_empty_one() -> None:
    """Without any statement it would be no body."""
    assert lightened('class Refused(Exception):\n    """No."""\n') == 'class Refused(Exception):\n ""\n'


def test_the_inside_of_a_text_of_several_lines_keeps_its_blanks() -> None:
    """It is what somebody reads, not indentation."""
    source = 'def f():\n    return """a\n    b"""\n'

    assert lightened(source) == 'def f():\n return """a\n    b"""\n'


def test_what_is_left_can_be_imported_whole(tmp_path: Path) -> None:
    """A module that a handler needs and that was left out would fail the first call of a run."""
    bundle = tmp_path / "EnrollFunction"
    shutil.copytree(FUNCTIONS, bundle, ignore=shutil.ignore_patterns("__pycache__"))

    (tmp_path / "template.yaml").write_text(
        "Resources: {EnrollFunction: {Properties: {Handler: enroll.handler}}}\n", encoding="utf-8"
    )

    main([str(tmp_path)])

    handlers = ", ".join(file.stem for file in sorted(bundle.glob("*.py")))
    assert handlers == "enroll", "no other function's handler"
    wired = "from renewal import wiring, settings"
    command = [sys.executable, "-c", f"import {handlers}; {wired}; print(len(__import__('sys').modules))"]
    subprocess.run(command, cwd=bundle, check=True, capture_output=True, env={"PYTHONPATH": str(bundle)})
    assert not (bundle / "renewal" / "adapters" / "order_book_editor.py").exists(), "only operators' programs edit"
