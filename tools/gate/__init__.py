"""The static gate: what `make check` checks beyond ruff, mypy and import-linter.

asl        the state machine: statelint, and faults that statelint does not find
layer      whether the trimmed layer has what the functions import and call
shape      the sizes and names that CONTRIBUTING.md asks of the code, and the reason of each test
structure  folders, complexity, modules that no handler reaches, words that identifiers do not use
template   template.yaml: cfn-lint before and after SAM's transform, handlers, schedules

Each is a program: it prints one line per finding and exits 1 when there is one. So does `planted`, which `make check`
does not run: whether the tests detect each fault of the first version. `computed` puts tables into documents.
"""
