"""Faults of the first version, brought back one at a time: the tests that hold their corrections must fail.

`planted.toml` has a row for each: what was wrong, the text that brings it back, and the tests. Each is planted in a
copy of the repository. A test counts when it passes without the fault, and fails with it by an assertion or an error of
ours, not because the code cannot be imported. `--write` puts the tables into docs/reliability.md and docs/security.md.
"""

from __future__ import annotations

import argparse
import builtins
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

from gate import computed

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {"docs/reliability.md": "ON", "docs/security.md": "S"}
"""By document, the first letters of the faults whose table it has."""
PART = "planted faults"
_LONGEST_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of planted.toml."""

    label: str
    was: str
    """What was wrong, in a sentence."""
    file: str
    old: str
    """Occurs once in `file`."""
    new: str
    """In place of `old` it brings the fault back."""
    tests: tuple[str, ...]
    fails_with: str = ""
    """An exception of Python's own by which a test shows the fault: `(finding,) = findings` is a ValueError."""


def faults(labels: Iterable[str] = ()) -> list[Fault]:
    """Return the faults with these labels, or all."""
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["fault"]
    chosen = set(labels)
    return [Fault(**row | {"tests": tuple(row["tests"])}) for row in rows if not chosen or row["label"] in chosen]


def _copied(tree: Path) -> Path:
    """Copy what git has or would add, with its times, because Python recognises bytecode of another text by them."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    return tree


def _results(tree: Path, tests: Sequence[str], *options: str) -> Mapping[str, str]:
    """Return by test the exception that it failed with, empty when it passed; nothing when pytest itself has failed."""
    report = tree / "planted.xml"
    report.unlink(missing_ok=True)
    own = os.environ | {"PYTHONPATH": os.pathsep.join(str(tree / folder) for folder in ("functions", "tools"))}
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *options, *tests]
    try:
        subprocess.run(command, check=False, cwd=tree, env=own, capture_output=True, timeout=_LONGEST_SECONDS)
        cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - pytest wrote it
    except (subprocess.TimeoutExpired, FileNotFoundError):
        return {}
    found: dict[str, str] = {}
    for case in cases:
        test = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '').partition('[')[0]}"
        found[test] = found.get(test) or _exception(case)
    return found


def _exception(case: ET.Element) -> str:
    if (failure := case.find("failure")) is None:
        return "" if case.find("error") is None else "an error outside the test"
    name = failure.get("message", "").partition(":")[0].strip()
    return "AssertionError" if name.startswith("assert ") else name.rpartition(".")[2]


def survival(fault: Fault, found: Mapping[str, str]) -> str:
    """Return why the tests, with these results, have not detected the fault; empty when they have."""
    for test in fault.tests:
        name = found.get(test, "no result")
        is_named = name == "AssertionError" or (name.isidentifier() and not hasattr(builtins, name))
        if not name or (name != fault.fails_with and not is_named):
            return f"{test} {f'fails with {name}' if name else 'passes'}"
    return ""


def played(chosen: Sequence[Fault], jobs: int) -> Iterator[tuple[Fault, str]]:
    """Yield each fault in turn, and why it survived; empty when it was detected."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            trees.put(_copied(Path(folder) / str(number)))
        every = sorted({test for fault in chosen for test in fault.tests})
        sound = _results(Path(folder) / "0", every, f"-n{jobs}")

        def play(fault: Fault) -> str:
            if unsound := [test for test in fault.tests if sound.get(test, "no result")]:
                return f"{unsound[0]} does not pass without it"
            tree = trees.get()
            file = tree / fault.file
            kept = shutil.copy2(file, tree / "planted.kept")
            file.write_text(file.read_text(encoding="utf-8").replace(fault.old, fault.new), encoding="utf-8")
            found = _results(tree, fault.tests)
            shutil.copy2(kept, file)
            trees.put(tree)
            return survival(fault, found)

        yield from zip(chosen, pool.map(play, chosen), strict=True)


def table(letters: str) -> str:
    """Return the table of the faults whose labels begin with one of *letters*, as Markdown."""
    heading = "| | what was wrong | tests that fail when the fault is back |\n| --- | --- | --- |\n"
    return heading + "".join(
        f"| {fault.label} | {fault.was} | {', '.join(f'`{test}`' for test in fault.tests)} |\n"
        for fault in faults()
        if fault.label[0] in letters
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every fault is detected, 1 when one survives."""
    parser = argparse.ArgumentParser(prog="python -m gate.planted", description=__doc__.splitlines()[0])
    parser.add_argument("labels", nargs="*", help="only the faults with these labels, such as O1")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="parallel copies of the repository")
    parser.add_argument("--json", action="store_true", help="print one JSON document, at the end")
    parser.add_argument("--write", action="store_true", help="only put the tables into the documents")
    options = parser.parse_args(arguments)
    if options.write:
        for name, letters in DOCUMENTS.items():
            computed.write(ROOT / name, {PART: table(letters)})
        return 0
    rows = []
    for fault, survived in played(faults(options.labels), options.jobs):
        rows.append(asdict(fault) | {"survived": survived})
        if not options.json:
            print(f"{fault.label:4}{f'SURVIVED: {survived}' if survived else 'detected'}: {fault.was}", flush=True)
    survivors = sum(bool(row["survived"]) for row in rows)
    print(json.dumps(rows, indent=2) if options.json else f"{len(rows)} faults planted, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
