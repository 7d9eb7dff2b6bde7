"""The pages in a real browser: axe finds nothing, a phone shows all of it, nothing is asked of the network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from certmandate.onboarding import onboarding
from certmandate.views import rao_report
from certmandate.views.guide import guide
from certmandate.views.html_page import PdfMissing, pdf
from tests.certmandate.rao_samples import HOSTILE, NOW, answers, month

HERE = Path(__file__).parent
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
NODE = shutil.which("node")
HOW = "apt-get install chromium nodejs npm, then npm ci --prefix tests/browser"
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and NODE and (HERE / "node_modules" / "axe-core").is_dir()),
    reason=f"no Chromium, Node.js or axe here; to run the browser tests: {HOW}",
)
MANY_NAMES = {"labs": tuple(f"a-long-name-of-a-laboratory-{number}.labs.univ.example" for number in range(30))}

Looks = list[dict[str, Any]]


def pages() -> dict[str, str]:
    """Each page in its usual form, and with the longest and most hostile values."""
    hostile = answers(organisation=HOSTILE, third_party=HOSTILE, account="drao" + "x" * 120)
    many = answers(certificates=MANY_NAMES, delegate=(), organisation="Université" + " très" * 20)
    return {
        "guide": guide(onboarding(answers(), NOW), NOW.date()),
        "guide-hostile": guide(onboarding(hostile, NOW), NOW.date()),
        "guide-many": guide(onboarding(many, NOW), NOW.date()),
        "report": rao_report.page(month()),
        "report-empty": rao_report.page(month(name="2026-10", organisation=HOSTILE)),
    }


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Looks]:
    """What the browser says of every page, at each width and in each language."""
    folder = tmp_path_factory.mktemp("browser")
    paths = {folder / f"{name}.html": text for name, text in pages().items()}
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
    command = [str(NODE), str(HERE / "look.mjs"), CHROMIUM, str(folder), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Looks] = json.loads(done.stdout)
    return found


@pytest.fixture(params=list(pages()))
def looks(request: pytest.FixtureRequest, seen: dict[str, Looks]) -> Looks:
    """What the browser says of one page."""
    return seen[request.param]


@needs_browser
def test_axe_finds_no_violation(looks: Looks) -> None:
    """WCAG 2 A and AA and axe's best practices; a RAO may use a screen reader."""
    found = [one["violations"] for one in looks]

    assert found == [[] for _ in looks]
    assert all(one["rules"] > 20 for one in looks)


@needs_browser
def test_a_phone_shows_it_without_scrolling_sideways(looks: Looks) -> None:
    """360 px is the narrowest phone that is still sold."""
    assert [(one["width"], one["scrollWidth"]) for one in looks if one["scrollWidth"] > one["width"]] == []


@needs_browser
def test_a_phone_gives_a_stacked_row_all_its_width(looks: Looks) -> None:
    """A certificate's names in a strip of sixty pixels are there, and nobody can read them."""
    narrow = [share for one in looks if one["width"] == 360 for share in one["headings"]]

    assert [share for share in narrow if share < 0.9] == []


@needs_browser
def test_a_page_asks_the_network_for_nothing(looks: Looks) -> None:
    """It is opened from a mail, maybe on a train."""
    assert [one["asked"] for one in looks] == [0 for _ in looks]


@needs_browser
def test_the_language_is_chosen_without_a_script(looks: Looks) -> None:
    """Both are there until one is chosen."""
    shown = {one["language"]: one["shown"] for one in looks}

    assert shown == {"": ["fr", "en"], "fr": ["fr"], "en": ["en"]}


@pytest.mark.parametrize("name", ["guide", "report"])
def test_the_pdf_is_made_of_the_page_alone(name: str) -> None:
    """It can be printed where there is no browser; needs the optional library."""
    try:
        made = pdf(pages()[name])
    except PdfMissing as error:
        pytest.skip(str(error))

    assert made.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in inflated(made)  # tagged, for screen readers


def inflated(document: bytes) -> bytes:
    """The objects of a PDF that stand in compressed streams."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL)
    return b"".join(zlib.decompressobj().decompress(stream) for stream in streams if stream[:1] == b"x")
