"""The page of `certmandate status --html`: what it has, in which order, and that nothing in it can become markup."""

from __future__ import annotations

import html
import re
import stat
import webbrowser
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from certmandate.views.advice import ADVICE
from certmandate.views.language import languages
from certmandate.views.status_page.page import status_page
from certmandate.views.status_page.pictures import MOST_BY_DAY, MOST_LANES, Planned, Timeline, Weeks
from renewal.domain.endpoint.observation import EndpointState, ServiceState
from renewal.domain.judgement.certificate_state import CertificateState
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.order import CLOSED, OrderStatus
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.mail.language import Language
from tests.certmandate.desk import Desk
from tests.certmandate.rao_samples import DELEGATION
from tests.certmandate.views import status_samples as samples
from tests.codes import problem_codes
from tests.unit.orders import an_order
from tests.unit.system import NOW

ESTATE = ("recent:20", "old:198", "new")
TODAY = date(2026, 11, 30)
DAY = timedelta(days=1)


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.found.append((tag, dict(attrs)))

    @property
    def ids(self) -> list[str]:
        return [value for _, attributes in self.found if (value := attributes.get("id"))]


def section(page: str, code: str) -> str:
    """Return the part of the page in one language, as text lines."""
    return page.split(f'<section class="language" id="{code}"')[1].partition("</section>")[0]


# ---- Content -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["fr", "en"])
def test_what_needs_attention_comes_first(code: str) -> None:
    """Who opens the page in the morning reads the first screen."""
    page = section(samples.every_case(), code)
    title = languages()[code == "en"].at("status.timeline.title")

    assert page.index("<span>univ/old</span>") < page.index(title) < page.index('class="certificate"')
    assert page.index('class="task error"') < page.index('class="task warning"')


@pytest.mark.parametrize(("code", "now"), [("fr", "dès maintenant"), ("en", "now")])
def test_what_needs_attention_now_has_no_later_day(code: str, now: str) -> None:
    """`status` had *for the operator now*, and the page *begin by 7 January 2027* under what needs attention now."""
    refused = samples.certificate("refused", age=150, failures=1, last_error="OrderRevoked")
    estate = samples.estate([DelegationRecord(DELEGATION)], [refused])
    problem = estate.judged.problems[0]
    assert problem.needs_attention
    assert problem.act_by
    assert problem.act_by > estate.at.date()

    page = section(status_page(estate, [], samples.STACK, code), code)

    assert f"<strong>{now}</strong>" in page
    assert languages()[code == "en"].text("status.attention.until", day="").strip() not in page.split("task warning")[0]


@pytest.mark.parametrize("code", ["fr", "en"])
def test_each_command_can_be_copied(code: str) -> None:
    """On a phone it breaks between its words, and not within an option."""
    page = section(samples.every_case(), code)

    tasks = {re.sub("<[^>]+>", "", line) for line in re.findall(r"<dd><code class=.*?</dd>", page)}

    assert "certmandate show univ/old" in tasks
    assert "certmandate apply delegations/" in tasks


@pytest.mark.parametrize(
    ("code", "awaits", "misuse"),
    [
        ("fr", "en attente de l\u2019approbation du RAO", "il est possible de demander plus que ce qui a été convenu"),
        ("en", "it waits for the RAO's approval in SCM", "more can be ordered than was agreed"),
    ],
)
def test_the_page_is_for_the_operator(code: str, awaits: str, misuse: str) -> None:
    """It printed "more than you agreed to" to its reader, and of an order that the RAO has to approve `ordered`."""
    order = an_order(certificate="pending", status=OrderStatus.ORDERED, ssl_id=77, scm_status="REQUESTED")
    extra = Finding("NameExtra", "error", "rao", "extra.univ.example is delegated, but not agreed")
    records = [DelegationRecord(DELEGATION, Inspection("run-1", NOW, findings=(extra,)))]
    estate = samples.estate(records, [samples.certificate("pending", age=140, order=order)])

    page = html.unescape(section(status_page(estate, [], samples.STACK, code), code))

    assert awaits in page
    assert misuse in page


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("fr", "Le certificat d\u2019une demande n\u2019est pas encore émis"),
        ("en", "SCM has not issued the certificate of an order"),
    ],
)
@pytest.mark.parametrize("status", ["APPLIED", "REQUESTED"])
def test_only_an_order_that_awaits_approval_is_described_so(code: str, what: str, status: str) -> None:
    """The page wrote of an order that the CA was working on that it waits for approval in SCM."""
    order = an_order(certificate="pending", status=OrderStatus.ORDERED, ssl_id=77, scm_status=status)
    estate = samples.estate([DelegationRecord(DELEGATION)], [samples.certificate("pending", age=198, order=order)])

    page = html.unescape(section(status_page(estate, [], samples.STACK, code), code))

    assert what in page
    assert bool(re.search("approval|approbation", page)) is (status == "REQUESTED")


@pytest.mark.parametrize(
    ("expires", "error", "shown"), [(9, "", True), (9, "CredentialRefused", False), (-9, "CredentialRefused", True)]
)
def test_the_end_of_a_password_is_shown_as_far_as_it_is_known(expires: int, error: str, shown: bool) -> None:
    """`Password valid until` stood below a login that SCM had refused; an end that is over explains the refusal."""
    findings = (Finding(error, "error", "operator", "401"),) if error else ()
    end = NOW.date() + timedelta(days=expires)
    inspection = Inspection("run-1", NOW, findings=findings, password_expires=end)
    estate = samples.estate([DelegationRecord(DELEGATION, inspection)], [samples.certificate("idp", age=20)])

    page = section(status_page(estate, [], samples.STACK, "en"), "en")

    assert ("Password valid until" in page) is (shown and expires > 0)
    assert ("Password expired on" in page) is (expires < 0)


def test_one_cause_in_one_delegation_is_one_task() -> None:
    """A name that is not delegated stops two certificates: one thing to do."""
    page = section(samples.every_case(), "en")
    tasks = re.findall(r'<li class="task error">.*?</li>', page, re.DOTALL)

    (undelegated,) = (task for task in tasks if "is not delegated to the department" in task)
    assert re.findall(r'<a href="#en-univ/(\w+)">', undelegated) == ["due", "new"]


def test_both_languages_have_every_certificate_and_order() -> None:
    """The page is forwarded to colleagues of either language."""
    page = samples.every_case()

    for code in ("fr", "en"):
        part = section(page, code)
        assert part.count('<details class="certificate">') == 8
        assert part.count("C0FFEE00D15EA5E00C0FFEE00D15EA5E") == 6
        assert "192.0.2.7" in part
        assert part.count("26 h 15 min") == 1


def test_the_page_shows_a_replacement_against_its_deadline() -> None:
    """On the day of a mass revocation, those who watch the page have no terminal."""
    page = section(samples.every_case(), "en")

    for text in (
        "replaced: 120; left: 380, 31 of them ordered, 0 unconfirmed, 0 with an earlier order and 2 failed;",
        "replaced and not served: 15",
        "13 an hour",
        "estimated end: 24 November 2026, 14:00",
        "deadline: 24 November 2026, 04:00",
        "It will not make the deadline.",
    ):
        assert text in page


def test_english_text_on_the_french_page_is_marked_as_english() -> None:
    """A screen reader would read it with French sounds; SCM's and certmandate's own texts are quoted."""
    french = section(samples.every_case(text="the text"), "fr")

    for english in ("delegated are idp.univ.example", "it presents a former certificate the text"):
        assert re.search(rf'lang="en">[^<]*{english}', french)


@pytest.mark.parametrize(("age", "cause"), [(150, "due by age"), (None, "first certificate")])
def test_no_renewal_is_promised_after_a_failed_attempt(age: float | None, cause: str) -> None:
    """The RAO must act first; the page printed that the next run renews it."""
    failed = samples.certificate("idp", age=age, failures=1, last_error="PermissionMissing")
    record = DelegationRecord(DELEGATION)

    page = section(status_page(samples.estate([record], [failed]), (), {}, "en"), "en")

    assert f"the next daily run tries again: {cause}" in page


def test_an_empty_estate_needs_no_attention() -> None:
    """The first page of a new operator."""
    page = section(samples.nothing(), "en")

    assert "Nothing needs attention." in page
    assert "The order book has no certificate." in page
    assert "<svg" not in page


def test_a_large_estate_is_folded_by_delegation() -> None:
    """A list of a thousand certificates is fifty screens long."""
    page = section(samples.a_thousand(MOST_BY_DAY + 1), "en")

    assert page.count('<details class="delegation">') == 30
    assert section(samples.a_thousand(MOST_BY_DAY), "en").count('<details class="delegation" open>') == 30


def test_every_link_of_the_page_leads_somewhere() -> None:
    """A task links to its certificate, in its own language."""
    page = Elements(samples.every_case())
    links = [str(attributes["href"]) for tag, attributes in page.found if tag == "a"]

    unknown = [link for link in links if link.removeprefix("#") not in page.ids]
    assert unknown == ["#fr-univ/idp", "#en-univ/idp"]  # a finding about a certificate that the order book lacks
    assert len(page.ids) == len(set(page.ids))


# ---- Texts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", languages(), ids=lambda language: language.code)
def test_every_code_has_a_sentence(language: Language) -> None:
    """A code such as StoreDrifted is no French, and no English either."""
    codes = {*ADVICE, *problem_codes(), CLOSED}

    assert len(codes) > 80
    assert codes - set(language.at("status.problems")) - set(language.at("findings")) == set()


@pytest.mark.parametrize("language", languages(), ids=lambda language: language.code)
def test_every_state_and_consequence_has_a_word(language: Language) -> None:
    """A state without a text would end the command."""
    assert set(language.at("status.states")) == {state.label for state in CertificateState}
    assert set(language.at("status.services")) == set(ServiceState)
    assert set(language.at("status.endpoint_states")) == set(EndpointState)
    open_statuses = {OrderStatus.INTENT, OrderStatus.ORDERED, OrderStatus.ISSUED}
    assert set(language.at("status.next")) >= open_statuses
    assert set(language.at("consequences")) >= set(Consequence) - {Consequence.NONE}


# ---- Safety --------------------------------------------------------------------------------------------------------


def test_no_text_becomes_markup() -> None:
    """Texts of SCM, servers, files and operators are untrusted input."""
    hostile, usual = Elements(samples.hostile()), Elements(samples.every_case(text="text"))

    assert "<script>" not in samples.hostile()
    assert [tag for tag, _ in hostile.found] == [tag for tag, _ in usual.found]
    assert {name for _, attributes in hostile.found for name in attributes} == {
        name for _, attributes in usual.found for name in attributes
    }


def test_the_page_is_self_contained() -> None:
    """It is opened from a mail or a file share, and must send nothing to anyone."""
    page = Elements(samples.every_case())

    assert not [tag for tag, _ in page.found if tag in {"script", "img", "link", "iframe", "object", "form", "base"}]
    values = [
        str(value) for _, attributes in page.found for name, value in attributes.items() if name in {"href", "src"}
    ]
    assert [value for value in values if not value.startswith("#")] == []
    assert "url(" not in samples.every_case()


# ---- Pictures ------------------------------------------------------------------------------------------------------


def test_an_expiry_without_a_renewal_before_is_late() -> None:
    """It is the only mark in the picture on which the operator must act, so it is drawn over all others."""
    planned = [
        Planned("univ", TODAY + 60 * DAY, (TODAY + 30 * DAY, TODAY + 160 * DAY)),
        Planned("univ", TODAY + 60 * DAY, (TODAY + 61 * DAY,)),
        Planned("univ", TODAY - 9 * DAY, ()),
    ]

    (lane,) = Timeline.of(planned, TODAY).lanes
    assert [(mark.kind, (mark.day - TODAY).days) for mark in lane.marks if mark.kind != "renewal"] == [
        ("expiry", 60),
        ("late", 0),
        ("late", 60),
    ]


def test_the_picture_has_what_is_within_twelve_months() -> None:
    """A date beyond its edge would be drawn outside of the page."""
    planned = [Planned("univ", TODAY + 400 * DAY, (TODAY - DAY, TODAY, TODAY + 365 * DAY, TODAY + 366 * DAY))]
    timeline = Timeline.of(planned, TODAY)

    assert [mark.share for mark in timeline.lanes[0].marks] == [0, 100]
    assert len(list(timeline.months())) == 12


def test_of_many_delegations_those_with_the_nearest_date_are_drawn() -> None:
    """The picture stays on one page, and leaves out what is far away, never what is late."""
    planned = [Planned(f"d{number:02}", TODAY + (100 + number) * DAY, (TODAY + number * DAY,)) for number in range(60)]
    planned.append(Planned("late", TODAY + 300 * DAY, ()))
    timeline = Timeline.of(planned, TODAY)

    names = [lane.delegation for lane in timeline.lanes]
    assert (len(names), timeline.left_out) == (MOST_LANES, 61 - MOST_LANES)
    assert {"late", "d00", "d01"} <= set(names)
    assert names == sorted(names)


def test_each_order_is_in_one_week() -> None:
    """The bars must add up to what was ordered and what is planned."""
    ended = [(TODAY - 7 * DAY, "stored"), (TODAY - 8 * DAY, "failed"), (TODAY - 400 * DAY, "stored")]
    weeks = Weeks.of(ended, [TODAY, TODAY + 6 * DAY, TODAY + 7 * DAY], TODAY)

    assert [(week.begins, dict(week.orders)) for week in weeks.weeks if week.total] == [
        (TODAY - 14 * DAY, {"stored": 0, "failed": 1, "planned": 0}),
        (TODAY - 7 * DAY, {"stored": 1, "failed": 0, "planned": 0}),
        (TODAY, {"stored": 0, "failed": 0, "planned": 2}),
        (TODAY + 7 * DAY, {"stored": 0, "failed": 0, "planned": 1}),
    ]
    assert (weeks.busiest, weeks.highest) == (2, 2)
    assert list(weeks.bars(weeks.weeks[12], 100)) == [("planned", 0, 100)]


# ---- The command ---------------------------------------------------------------------------------------------------


def test_the_command_writes_the_page_for_its_owner_only(desk: Desk, tmp_path: Path) -> None:
    """It names what is wrong with an organisation's servers."""
    file = tmp_path / "status.html"

    result = desk.run("status", "--html", file, "--language", "fr")

    assert (result.exit_code, result.stdout) == (1, f"written: {file}\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    page = file.read_text(encoding="utf-8")
    assert page.index('id="fr"') < page.index('id="en"')
    assert section(page, "en").count('<details class="certificate">') == len(ESTATE)
    assert "stack certmandate" in page
    assert desk.stored("recent").serial in page


def test_the_page_has_what_is_selected(desk: Desk, tmp_path: Path) -> None:
    """A delegation's page can be forwarded without the others."""
    file = tmp_path / "status.html"

    result = desk.run("status", "--html", file, "--state", "fine")

    assert result.exit_code == desk.run("status", "--state", "fine").exit_code
    assert 'id="en-univ/recent"' in file.read_text(encoding="utf-8")
    assert 'id="en-univ/old"' not in file.read_text(encoding="utf-8")


def test_the_page_is_opened_in_the_browser(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--open` without a file leaves it in a temporary folder of its own."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # browsers are looked for once in a process

    desk.run("status", "--open")

    opened = Path((tmp_path / "opened").read_text().removeprefix("file://"))
    assert opened.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(opened.parent.stat().st_mode) == 0o700
    opened.unlink()
    opened.parent.rmdir()


@pytest.mark.parametrize("other", ["--csv", "--json"])
def test_the_page_is_one_of_three_forms(desk: Desk, tmp_path: Path, other: str) -> None:
    """Two forms of the output at once would be ambiguous."""
    file = tmp_path / "status.html"

    assert "forms of the same output" in desk.refused("status", "--html", file, other)
    assert not file.exists()
