"""The codes of all problems, from the code that makes them."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from renewal.domain.errors import every_error
from renewal.domain.order import CLOSED

ROOT = Path(__file__).parents[1]
_MAKERS = {"CheckResult", "Finding", "failed", "finding_in_scm", "suspected", "warning"}
_CODE = re.compile(r"(?:[A-Z][a-z]+){2,}")
_NO_CODES = {"ByEye", "NotChecked", CLOSED}


@cache
def finding_codes() -> frozenset[str]:
    """Every literal of the form of a code in the modules that make findings or results of setup steps.

    `ByEye` and `NotChecked` are results that are no findings, and what the operator has closed is no problem any more.
    """
    folders = ("functions/renewal", "tools/certmandate")
    return frozenset(code for folder in folders for code in _codes_below(ROOT / folder))


def problem_codes() -> frozenset[str]:
    """The codes of the findings, and the names of the errors."""
    return finding_codes() | {kind.__name__ for kind in every_error()}


def _codes_below(folder: Path) -> set[str]:
    trees = [ast.parse(module.read_text(encoding="utf-8")) for module in folder.rglob("*.py")]
    literals = {
        node.value
        for tree in trees
        if _makes_findings(tree)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in literals if _CODE.fullmatch(text)} - _NO_CODES


def _makes_findings(tree: ast.Module) -> bool:
    nodes = list(ast.walk(tree))
    imports = (each for each in nodes if isinstance(each, ast.ImportFrom) and each.module)
    of_setup = (each for each in imports if str(each.module).startswith("renewal.domain.setup"))
    known = {name.name for each in of_setup for name in each.names}
    known |= {each.name for each in nodes if isinstance(each, ast.FunctionDef | ast.ClassDef)}
    called = {each.func.id for each in nodes if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)}
    return bool(_MAKERS & known & called)
