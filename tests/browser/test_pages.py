"""The pages in a real browser: no axe violation, readable on a phone, no request to the network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from certmandate.files.third_party import LegalIdentity
from certmandate.onboarding import onboarding
from certmandate.views import rao_report
from certmandate.views.guide import guide
from certmandate.views.html_page import PdfMissing, pdf
from tests.certmandate.rao_samples import HOSTILE, answers, month
from tests.certmandate.views import status_samples
from tests.unit.system import NOW

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

MANY_CERTIFICATES = 65
"""More than are listed unfolded."""

Measurements = list[dict[str, Any]]


def pages() -> dict[str, str]:
    """Return each page in its usual form, and with the longest and most hostile values."""
    identity = LegalIdentity(HOSTILE, HOSTILE * 3, HOSTILE, HOSTILE)
    hostile = answers(organisation=HOSTILE, third_party=HOSTILE, account="drao" + "x" * 120, identity=identity)
    many = answers(certificates=MANY_NAMES, delegate=(), organisation="Université" + " très" * 20)
    return {
        "guide": guide(onboarding(answers(), NOW), NOW.date()),
        "guide-hostile": guide(onboarding(hostile, NOW), NOW.date()),
        "guide-many": guide(onboarding(many, NOW), NOW.date()),
        "report": rao_report.page(month()),
        "report-empty": rao_report.page(month(name="2026-10", organisation=HOSTILE)),
        "status": status_samples.every_case(),
        "status-unfolded": status_samples.hostile().replace("<details", "<details open"),
        "status-many": status_samples.a_thousand(MANY_CERTIFICATES),
        "status-empty": status_samples.nothing(),
    }


@pytest.fixture(scope="module")
def measurements(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measurements]:
    """The browser's measurements of every page, at each width and in each language."""
    folder = tmp_path_factory.mktemp("browser")
    paths = {folder / f"{name}.html": text for name, text in pages().items()}
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
    command = [str(NODE), str(HERE / "measure.mjs"), CHROMIUM, str(folder), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Measurements] = json.loads(done.stdout)
    return found


@pytest.fixture(params=list(pages()))
def measured(request: pytest.FixtureRequest, measurements: dict[str, Measurements]) -> Measurements:
    """The browser's measurements of one page."""
    return measurements[request.param]


@needs_browser
def test_axe_finds_no_violation(measured: Measurements) -> None:
    """WCAG 2 A and AA and axe's best practices; a RAO may use a screen reader."""
    found = [view["violations"] for view in measured]

    assert found == [[] for _ in measured]
    assert all(view["rules"] > 20 for view in measured)


@needs_browser
def test_axe_finds_no_violation_in_what_is_printed(measured: Measurements) -> None:
    """Guide and mandate are signed on paper; a colour that is readable on a screen may not be on white."""
    assert [view["printedViolations"] for view in measured] == [[] for _ in measured]


@needs_browser
def test_a_phone_shows_each_page_without_horizontal_scrolling(measured: Measurements) -> None:
    """360 px is the narrowest phone that is still sold."""
    assert [(view["width"], view["scrollWidth"]) for view in measured if view["scrollWidth"] > view["width"]] == []


@needs_browser
def test_a_phone_shows_a_stacked_row_at_full_width(measured: Measurements) -> None:
    """The names of a certificate are unreadable in a column of 60 px."""
    narrow = [share for view in measured if view["width"] == 360 for share in view["headings"]]

    assert [share for share in narrow if share < 0.9] == []


@needs_browser
def test_a_page_requests_nothing_from_the_network(measured: Measurements) -> None:
    """It is opened from a mail, possibly offline."""
    assert [view["requested"] for view in measured] == [0 for _ in measured]


@needs_browser
def test_everything_is_printed_or_the_page_names_what_is_not(measurements: dict[str, Measurements]) -> None:
    """A folded list on paper cannot be unfolded: of 65 certificates none would be printed."""
    for name, certificates in (("status", 8), ("status-many", MANY_CERTIFICATES)):
        page = pages()[name]
        for view in measurements[name]:
            assert view["printed"] == {
                ".certificate .name": certificates,
                ".task h3": page.count('<li class="task') // 2,
                ".printed": 1,
            }


@needs_browser
def test_the_language_is_chosen_without_a_script(request: pytest.FixtureRequest, measured: Measurements) -> None:
    """Both languages of a RAO's page are shown until one is chosen, and the first one of the operator's."""
    shown = {view["language"]: view["shown"] for view in measured}
    first = {"status": ["fr"], "status-unfolded": ["fr"], "status-many": ["en"], "status-empty": ["en"]}
    name = request.node.callspec.params["measured"]

    assert shown == {"": first.get(name, ["fr", "en"]), "fr": ["fr"], "en": ["en"]}


@pytest.mark.parametrize("name", ["guide", "report"])
def test_the_pdf_needs_only_the_page(name: str) -> None:
    """No browser is necessary; the optional library is."""
    try:
        made = pdf(pages()[name])
    except PdfMissing as error:
        pytest.skip(str(error))

    assert made.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in inflated(made)  # tagged, for screen readers


def test_the_mandate_is_two_pages_in_each_language() -> None:
    """N11: it is signed on paper, without the guide before it."""
    page = guide(onboarding(answers(), NOW), NOW.date())
    without = re.sub(r'<article class="mandate".*?</article>', "", page, flags=re.DOTALL)
    try:
        sheets = [len(re.findall(rb"/Type /Page\b", inflated(pdf(text)))) for text in (page, without)]
    except PdfMissing as error:
        pytest.skip(str(error))

    assert sheets[0] - sheets[1] == 4


def inflated(document: bytes) -> bytes:
    """Return the objects of a PDF in compressed streams."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL)
    return b"".join(zlib.decompressobj().decompress(stream) for stream in streams if stream[:1] == b"x")
