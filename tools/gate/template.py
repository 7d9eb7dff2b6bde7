"""Lint templates, SAM's or plain: `python -m gate.template template.yaml infra/*.yaml`.

cfn-lint reads the source and its transformation by SAM: a Ref to nothing in Globals, a circular dependency or a
misspelt IAM action appears only there. cfn-lint does not check handlers, code folders and schedules.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from gate import handlers, schedule
from gate.findings import report
from local.cloudformation.template import TemplateProblem, load

REGION = "eu-west-1"  # any region that has all services used


def faults(template: Path) -> Iterator[str]:
    """Yield every fault of *template*."""
    text = template.read_text(encoding="utf-8")
    parsed = yaml_parse(text)
    yield from (f"{template}: {fault}" for fault in _cfn_lint(text))
    if "Transform" in parsed:
        yield from (f"{template}: {fault}" for fault in handlers.faults(parsed, template.parent))
        yield from _transformed(template)
    else:
        yield from (f"{template}: {fault}" for fault in schedule.faults(parsed))


def _transformed(template: Path) -> Iterator[str]:
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # SAM's transform asks for one
    try:
        plain = load(template, {}).body
    except TemplateProblem as refused:
        yield f"{template}: {refused}"
    else:
        found = [*_cfn_lint(json.dumps(plain, indent=1)), *schedule.faults(plain)]
        yield from (f"{template}, transformed: {fault}" for fault in found)


def _cfn_lint(text: str) -> Iterator[str]:
    from cfnlint.api import ManualArgs, lint  # noqa: PLC0415 - takes seconds to import

    for match in lint(text, config=ManualArgs(regions=[REGION])):
        path = ".".join(str(key) for key in getattr(match, "path", None) or ())
        yield f"line {match.linenumber}: {path}: {match.rule.id} {match.message}"


def main(arguments: list[str] | None = None) -> int:
    """Lint the templates named in *arguments*."""
    templates = arguments or sys.argv[1:]
    found = (fault for template in templates for fault in faults(Path(template)))
    return report(found, clean=f"{', '.join(templates)}: sound, before and after SAM's transform")


if __name__ == "__main__":
    sys.exit(main())
