"""The picture of a run in README.md."""

from __future__ import annotations

import re

from stack.picture import COMMAND, PICTURE, ROOT, drawn, recorded, words


def test_the_picture_shows_what_a_run_prints_today() -> None:
    """An old picture promises output that no one sees. `make picture` draws it again."""
    assert words(PICTURE.read_text(encoding="utf-8")) == words(drawn(recorded()))


def test_the_picture_loads_nothing_from_elsewhere() -> None:
    """A page that shows it must not fetch a font from another host."""
    svg = PICTURE.read_text(encoding="utf-8")
    assert re.findall(r"(?:https?:)?//[^\s\"')]+", svg) == ["http://www.w3.org/2000/svg"]


def test_the_readme_shows_the_picture_and_its_command() -> None:
    """A reader repeats what the picture shows."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"]({PICTURE.relative_to(ROOT)})" in readme
    assert COMMAND in readme
