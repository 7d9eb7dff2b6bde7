"""The picture in README.md: one delegation of the example estate, renewed in a terminal. `python -m stack.picture`."""

from __future__ import annotations

import html
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "images" / "run.svg"
COMMAND = "certmandate local run --estate examples/campus --delegation brzegowa"
COLUMNS = 100


def recorded() -> str:
    """Return what the command prints on a terminal, with its colours; raise CalledProcessError when the run fails."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(ROOT / "examples")
        done = subprocess.run(
            [sys.executable, "-m", *COMMAND.split()],
            cwd=folder,
            env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TZ": "UTC"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return done.stdout


def drawn(output: str) -> str:
    """Return the SVG of a terminal that shows the command and this output."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(Text(f"$ {COMMAND}", style="bold"))
    console.print(Text.from_ansi(output.rstrip()))
    svg = console.export_svg(title="certmandate", unique_id="run")
    # rich's template loads a font from a content delivery network; a picture in a repository loads nothing.
    svg = re.sub(r"@font-face \{.*?\}|<!--.*?-->", "", svg, flags=re.DOTALL).replace(
        "Fira Code, monospace", "monospace"
    )
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)  # else some renderers drop blanks between columns
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def words(svg: str) -> set[str]:
    """Return the words of a picture; each number is a 0, because times, SSL IDs and counts differ from run to run."""
    text = html.unescape(" ".join(re.findall(r"<text [^>]*>(.*?)</text>", svg)))
    return set(re.sub(r"\d+", "0", text).split())


if __name__ == "__main__":
    PICTURE.write_text(drawn(recorded()), encoding="utf-8")
