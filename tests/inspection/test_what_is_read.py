"""What an inspection requests from SCM: everything once a week and where it matters, otherwise two requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from renewal.domain.errors import AddressRefused, CredentialRefused
from renewal.domain.run.payload import Task
from renewal.domain.setup.check_result import SetupStep
from renewal.domain.setup.domain_checks import dcv_soon
from renewal.domain.setup.inspection import Inspection
from scm_simulator.world.world import Domain
from tests.fakes import FakeDns
from tests.unit.system import NOW

from .conftest import DELEGATION, LISTED, LOGIN, NAMES, REPORT, Mandate, faults
from .test_persistent_dcv import RECORD
from .test_persistent_dcv import mandate as persistently_validated

DAILY = 2
"""Requests of a day on which nothing is due: the state of the password, and the SSL report."""
WEEK = 7
REFUSAL = httpx.Response(403, json={"code": -16, "description": "forbidden"})


def requests_of(mandate: Mandate, *, days: float = 1, **task: Any) -> int:
    """Inspect *days* later; return the number of requests to SCM."""
    mandate.clock.advance(days=days)
    mandate.inspect(**task)
    return len(mandate.simulator.calls)


def quiet() -> Mandate:
    """A delegation of which nothing is due or wrong; everything was read today, for the first time of this week."""
    mandate = Mandate(account={"password_expires_in_days": None})
    mandate.inspect()
    while requests_of(mandate) == DAILY:
        pass
    assert mandate.error is None
    assert not mandate.inspection.findings
    return mandate


def codes(inspection: Inspection) -> set[str]:
    """The codes of all findings."""
    return {finding.code for finding in inspection.findings}


def test_a_quiet_delegation_is_read_in_full_once_a_week() -> None:
    """Each inspection made eleven requests, or more, every day."""
    mandate = quiet()

    numbers = [requests_of(mandate) for _ in range(2 * WEEK)]

    assert [number == DAILY for number in numbers] == [day % WEEK != 0 for day in range(1, 2 * WEEK + 1)], numbers


def test_delegations_begin_their_weeks_on_different_days() -> None:
    """Otherwise SCM would be asked for all of an estate on one day, as it was set up on one."""
    began = set()
    for number in range(20):
        mandate = Mandate(delegation=replace(DELEGATION, name=f"univ-{number}"))
        mandate.specs = tuple(replace(spec, delegation=mandate.delegation.name) for spec in mandate.specs)
        mandate.inspect()
        began.add(next(day for day in range(1, WEEK + 1) if requests_of(mandate) > DAILY))

    assert began == set(range(1, WEEK + 1))


def test_what_was_not_read_is_judged_as_before() -> None:
    """The results of the setup steps, the names, the profiles and the dates hold until they are read again."""
    mandate = quiet()
    full = mandate.inspection

    assert requests_of(mandate) == DAILY

    kept = mandate.inspection
    assert (kept.full_at, kept.at) == (full.at, full.at + timedelta(days=1))
    assert kept == replace(full, at=kept.at)


@pytest.mark.parametrize("days", [1, 6])
def test_the_operator_reads_everything(days: int) -> None:
    """`certmandate check` after a change in SCM must show the change."""
    mandate = quiet()

    assert requests_of(mandate, days=days, is_full=True) > DAILY
    assert mandate.inspection.full_at == mandate.clock()


def test_everything_is_read_for_what_a_rule_replaces() -> None:
    """The certificate is not due by itself: only the plan has it."""
    mandate = quiet()

    assert requests_of(mandate, certificates=(Task("run", NOW, "univ", "idp", ("replacement",)),)) > DAILY


def without_an_answer(path: str) -> Any:
    """Make SCM fail for every path that begins with *path*."""

    def change(requested: str, document: Any) -> Any:
        return httpx.Response(503, json={}) if requested.startswith(path) else document

    return change


@pytest.mark.parametrize(
    "path", ["/ssl/v1/customFields", "/organization/v1", "/organization/v2", "/admin/v1/", "/domain/v1"]
)
def test_what_scm_did_not_answer_is_read_the_next_day(path: str) -> None:
    """A maintenance page would hide a fault for a week."""
    mandate = quiet()
    mandate.change = without_an_answer(path)
    requests_of(mandate, is_full=True)
    mandate.change = Mandate().change

    assert requests_of(mandate) > DAILY
    assert requests_of(mandate) == DAILY


def test_a_report_that_scm_shows_at_the_second_request_is_not_missing() -> None:
    """A daily inspection that lacks a section reads everything, and asks for it again."""
    mandate = quiet()
    answers = iter([httpx.Response(503, json={})])
    mandate.change = lambda path, document: next(answers, document) if path.startswith("/report") else document

    assert requests_of(mandate) > DAILY
    assert requests_of(mandate) == DAILY


def test_what_the_account_may_not_read_is_not_read_again_each_day() -> None:
    """SCM hides the custom fields from some accounts for ever."""
    mandate = quiet()
    mandate.change = lambda path, document: REFUSAL if path == "/ssl/v1/customFields" else document
    requests_of(mandate, is_full=True)
    requests_of(mandate)  # in full, because SCM had shown them

    assert requests_of(mandate) == DAILY


def test_a_section_that_scm_shows_no_more_is_read_the_next_day() -> None:
    """One refusal would hide for a week that a validation ends."""
    mandate = quiet()
    first, second = mandate.domains
    mandate.domains = (replace(first, dcv_expires_on=(mandate.clock() + timedelta(days=2)).date()), second)
    requests_of(mandate, is_full=True)
    assert codes(mandate.inspection) == {"DcvLapsing"}
    mandate.change = lambda path, document: REFUSAL if path.startswith("/domain/v1") else document
    requests_of(mandate)
    mandate.change = Mandate().change

    assert requests_of(mandate) > DAILY
    assert codes(mandate.inspection) == {"DcvLapsed"}


def test_a_changed_file_is_judged_with_what_is_read_for_it() -> None:
    """What was kept lacks the domain of a new name, and has that of a removed one: the RAO would get a false notice."""
    mandate, new = quiet(), "new.univ.example"
    before = mandate.delegation, mandate.domains
    mandate.delegation = replace(mandate.delegation, delegated_names=(*NAMES, new))
    mandate.domains = (*mandate.domains, Domain(new))
    requests_of(mandate)
    assert not mandate.inspection.findings

    mandate.delegation, mandate.domains = before
    requests_of(mandate)

    assert not mandate.inspection.findings


# ---- What hurts before the next full inspection is found on the day --------------------------------------------------


def test_a_refused_login_is_found_the_same_day() -> None:
    """The account is locked, or the password was changed: everything else waits for it."""
    mandate = quiet()
    mandate.stored = {"login": LOGIN, "password": "changed by someone", "customer_uri": "nren"}

    requests_of(mandate)

    assert isinstance(mandate.error, CredentialRefused)
    assert "LoginRefused" in codes(mandate.inspection)


def test_a_refused_address_is_found_the_same_day() -> None:
    """Both daily requests are refused, and either could be refused for a reason of its own."""
    mandate = quiet()
    mandate.address = "198.51.100.9"
    mandate.dials = {"blocked_address_answer": "403"}

    requests_of(mandate)

    assert isinstance(mandate.error, AddressRefused)


def test_a_password_that_is_about_to_expire_is_found_the_same_day() -> None:
    """The RAO may set another one on any day."""
    mandate = quiet()
    mandate.account = {"password_expires_in_days": 20}

    assert requests_of(mandate) == DAILY

    assert faults(mandate.inspection) == {(SetupStep.FIRST_LOGIN.value, "PasswordExpiring")}


def test_a_revoked_certificate_is_renewed_the_same_day() -> None:
    """Its users cannot wait; and its order needs what only a full inspection reads."""
    mandate = quiet()
    report = {"statusCode": 0, "reports": [{**LISTED, "status": "Revoked"}]}
    mandate.change = lambda path, document: report if path == REPORT else document

    assert requests_of(mandate) > DAILY

    paths = [call.path for call in mandate.simulator.calls]
    assert len(paths) == len(set(paths))
    assert mandate.inspection.withdrawn == {"ABC": "revoked"}
    assert {task["certificate"] for task in mandate.tasks["certificates"]} == {"idp", "apps"}
    assert mandate.inspection.full_at == mandate.clock()


def test_an_order_that_is_not_ours_is_found_the_same_day() -> None:
    """A thief of the credential does not wait a week."""
    mandate = quiet()
    row = {"id": 7, "commonName": "new.univ.example", "subjAltNames": "", "serialNumber": "D1", "status": "Issued"}
    row["requested"] = f"{mandate.clock() + timedelta(hours=20):%Y-%m-%dT%H:%M:%S.000Z}"
    report = {"statusCode": 0, "reports": [row]}
    mandate.change = lambda path, document: report if path == REPORT else document

    assert requests_of(mandate) == DAILY

    assert codes(mandate.inspection) == {"OrderNotOurs", "ServedNotListed"}


def test_a_validation_is_reported_on_its_day_from_what_was_kept() -> None:
    """The calendar goes on, and what was read last has the date."""
    mandate = Mandate(account={"password_expires_in_days": None})
    first, second = mandate.domains
    requests: list[int] = []
    # The day on which it is reported is no day of a full inspection.
    for days in range(60, 60 + WEEK):
        ends = (mandate.clock() + timedelta(days=days)).date()
        mandate.domains = (replace(first, dcv_expires_on=ends), second)
        mandate.inspect(is_full=True)
        requests = [requests_of(mandate) for _ in range(days - dcv_soon(NOW).days)]
        if requests[-1] == DAILY:
            break

    assert requests[-1] == DAILY
    assert faults(mandate.inspection) == {(SetupStep.DOMAINS.value, "DcvLapsing")}


@pytest.mark.parametrize("shape", ["a sixth name and a date that rolls", "a date that rolls"])
def test_everything_is_read_when_the_record_of_a_persistent_validation_is_removed(shape: str) -> None:
    """SCM's date rolls, and the date that was kept would order at once, or frighten the RAO."""
    mandate = persistently_validated(shape, RECORD, age=105, account={"password_expires_in_days": None})
    mandate.inspect()
    while requests_of(mandate) == DAILY:
        pass
    assert [requests_of(mandate) for _ in range(5)] == [DAILY] * 5
    mandate.dns = FakeDns({})

    assert requests_of(mandate) > DAILY
    assert mandate.tasks["certificates"] == []
