"""Lint the state machines of a SAM template: `python -m gate.asl template.yaml`.

cfn-lint and `sam validate` do not read a `DefinitionUri`. statelint checks fields, types and transitions. The rest is
checked here: faults that deploy without an error and fail in a run.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse
from statelint.linter import Linter

from gate.asl import error_names, integrations, missing_fields, paths
from gate.asl.error_names import Names
from gate.asl.state_machine import State, Unreadable, every_state, leaves, parsed
from gate.findings import report

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")

STATELINT_IS_WRONG = re.compile(
    r"ToleratedFailurePercentage is [\d.]+ but should be an Integer"  # any number; moto reads only decimals
    r'|Field "Label" not allowed'  # AWS: step-functions/latest/dg/state-map-distributed.html
    r'|Field "(InputType|MaxItems|Transformation)" not allowed in .*\.(Reader|Writer)Config'
)
"""What statelint 3.1.0 reports for valid definitions."""

_ONLY_DISTRIBUTED = (
    "ItemBatcher", "ItemReader", "Label", "ResultWriter", "ToleratedFailureCount",
    "ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath",
)  # fmt: skip
_INLINE_CONCURRENCY = 40  # AWS: step-functions/latest/dg/state-map-inline.html


def lint(text: str, substitutions: Mapping[str, Any], names: Names) -> Iterator[str]:
    """Yield every fault of the definition in *text*; *names* are the errors that its functions raise."""
    try:
        machine = parsed(text)
    except Unreadable as broken:
        yield str(broken)
        return
    malformed = [fault.strip() for fault in Linter.validate(machine) if not STATELINT_IS_WRONG.search(fault)]
    yield from malformed or _unsound(machine, substitutions, names)


def _unsound(machine: Mapping[str, Any], substitutions: Mapping[str, Any], names: Names) -> Iterator[str]:
    """Yield the faults of a well-formed machine."""
    yield from _placeholders(machine, substitutions)
    yield from _timeouts(machine)
    yield from error_names.faults(machine, names)
    yield from integrations.faults(machine)
    yield from missing_fields.faults(machine)
    for state in every_state(machine):
        yield from paths.faults(state)
        yield from _modes(state)
        yield from _decimals(state)
        yield from _query_language(state)


def _placeholders(machine: Mapping[str, Any], substitutions: Mapping[str, Any]) -> Iterator[str]:
    used = {name for _, value in leaves(machine) for name in _PLACEHOLDER.findall(str(value))}
    for name in sorted(used - set(substitutions)):
        yield f"${{{name}}} is not among the template's DefinitionSubstitutions"
    for name in sorted(set(substitutions) - used):
        yield f"the template's DefinitionSubstitution {name} is not used"


def _timeouts(machine: Mapping[str, Any]) -> Iterator[str]:
    """Yield what may wait for ever: Step Functions' own time limit is a year."""
    if "TimeoutSeconds" not in machine:
        yield "the machine has no TimeoutSeconds"
    for state in every_state(machine):
        if state.type == "Task" and not {"TimeoutSeconds", "TimeoutSecondsPath"} & set(state.body):
            yield f"{state.path}: a Task without TimeoutSeconds"


def _modes(state: State) -> Iterator[str]:
    if state.type != "Map":
        return
    mode = state.body.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode", "INLINE")
    if mode not in ("INLINE", "DISTRIBUTED"):
        yield f"{state.path}: there is no Mode {mode}"
    if mode == "INLINE":
        for field in _ONLY_DISTRIBUTED:
            if field in state.body:
                yield f"{state.path}: {field} needs a DISTRIBUTED Map"
        if state.body.get("MaxConcurrency", 0) > _INLINE_CONCURRENCY:
            yield f"{state.path}: an INLINE Map runs at most {_INLINE_CONCURRENCY} items at a time"


def _decimals(state: State) -> Iterator[str]:
    """Yield whole numbers where the interpreters that run offline need decimals."""
    for keys, value in leaves(state.body.get("Retry", []), "Retry"):
        if keys[-1] == "BackoffRate" and not isinstance(value, float):
            yield f"{state.path}: {'.'.join(keys)}: write {value} as a decimal"
    percentage = state.body.get("ToleratedFailurePercentage", 0.0)
    if not isinstance(percentage, float):
        yield f"{state.path}: ToleratedFailurePercentage: write {percentage} as a decimal"


def _query_language(state: State) -> Iterator[str]:
    if state.body.get("QueryLanguage", "JSONPath") != "JSONPath":
        yield f"{state.path}: {state.body['QueryLanguage']} does not run offline; write JSONPath"


def lint_template(template: Path, names: Names) -> Iterator[str]:
    """Yield every fault of every state machine that *template* points at."""
    for logical_id, resource in yaml_parse(template.read_text(encoding="utf-8"))["Resources"].items():
        properties = resource.get("Properties", {})
        uri = properties.get("DefinitionUri")
        if resource["Type"] != "AWS::Serverless::StateMachine" or not isinstance(uri, str):
            continue
        file = template.parent / uri
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            yield from (f"{uri}: {fault}" for fault in lint(text, properties.get("DefinitionSubstitutions", {}), names))
        else:
            yield f"{template}: {logical_id}: DefinitionUri {uri} is not a file"


def main(arguments: list[str] | None = None) -> int:
    """Lint the state machines of the template named in *arguments*."""
    (template,) = arguments or sys.argv[1:]
    faults = lint_template(Path(template), Names.of_the_functions())
    return report(faults, clean=f"{template}: the state machines are sound")


if __name__ == "__main__":
    sys.exit(main())
