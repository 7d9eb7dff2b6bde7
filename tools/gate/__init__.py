"""The static gate: what `make check` holds against the tree beyond ruff, mypy and import-linter.

asl       the state machine: statelint, and faults that it does not see
template  template.yaml: cfn-lint before and after SAM's transform, handlers, schedules
shape     the sizes and names that CONTRIBUTING.md asks of the code
layer     the layer, trimmed: has it what the functions ask of it?

Each is a program: it prints one line per finding and exits 1 when there is one.
"""
