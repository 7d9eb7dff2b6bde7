"""One login a delegation and run: findings before they hurt, revocations before users see them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from renewal.domain.delegation import CustomField, Profile
from renewal.domain.due import Cause
from renewal.domain.errors import (
    LONGEST_TEXT,
    AddressRefused,
    CredentialExpired,
    CredentialMissing,
    CredentialRefused,
    MandateEnded,
    NeedsAttention,
    PermissionMissing,
    RenewalError,
    ScmUnavailable,
)
from renewal.domain.key_type import KeyType
from renewal.domain.setup.check_result import CheckStatus, SetupStep
from renewal.domain.setup.snapshot import PasswordState, ReportedCertificate
from renewal.steps.scm.login import ScmLogin
from tests.unit.system import DELEGATION, IDP, NOW, PATH, System, stored_by


def codes(system: System) -> list[tuple[str, str, str]]:
    return [(found.code, found.severity, found.certificate) for found in system.inspection().findings]


def test_a_healthy_delegation_has_no_findings(system: System) -> None:
    """Profiles are read, the plan goes on as it came."""
    task = system.item(certificates=(system.task(),))

    answer = system.inspect(task)

    assert answer == {
        "run_id": "run",
        "delegation": "univ",
        "dry_run": False,
        "deferred": 0,
        "certificates": [system.task().payload()],
        "summary": {"is_quiet": True, "first_expiry": None, "password_expires": None, "concerns_rao": False},
    }
    found = system.inspection()
    assert (found.run_id, found.at, found.profiles, found.findings) == ("run", NOW, system.scm.offered, ())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"names": ("sp.univ.example",)}, "NameNotDelegated"),
        ({"profile_id": 7}, "ProfileRefused"),
        ({"key_type": KeyType.P_384}, "KeyRefused"),
        ({"term_days": 30}, "TermRefused"),
        ({"custom_fields": {}}, "FieldRefused"),
        ({"custom_fields": {"Cost centre": "4711", "Project": "9"}}, "FieldRefused"),
    ],
)
def test_what_would_refuse_the_next_order_is_found_long_before(
    system: System, changes: dict[str, Any], code: str
) -> None:
    """The certificate is not due for months; the RAO has as long to fix it."""
    system.scm.offered = (Profile(1018, "OV", (99, 199), {"EC": ("P-256",)}),)
    system.scm.defined_fields = (CustomField("Cost centre", is_mandatory=True), CustomField("Owner"))
    with_field = replace(IDP, custom_fields={"Cost centre": "4711"})
    system.add(with_field)
    broken = replace(with_field, name="broken", **changes)
    system.add(broken)
    system.book.adopt(("univ", "broken"), stored_by(broken, age=1), NOW)

    system.inspect(system.item())

    assert codes(system) == [(code, "error", "broken")]


def test_a_custom_field_finding_has_the_line_to_write(system: System) -> None:
    """SCM's refusal, -62, does not name the field."""
    system.scm.defined_fields = (CustomField("Cost centre", is_mandatory=True), CustomField("Owner"))
    system.add(replace(IDP, custom_fields={"Centre": "4711"}))

    system.inspect(system.item())

    (finding,) = system.inspection().findings
    assert finding.text == (
        'SCM requires the custom field \'Cost centre\': write `custom_fields: {"Cost centre": "…"}` in the delegation '
        "file, with the value that the RAO gives; SCM has no custom field 'Centre'; it has 'Cost centre', 'Owner': "
        "correct custom_fields in the delegation file"
    )


@pytest.mark.parametrize("answer", [PermissionMissing("-3"), ScmUnavailable("no answer")])
def test_hidden_custom_fields_refuse_nothing(system: System, answer: RenewalError) -> None:
    """Nothing is known of them, and most accounts need none."""
    system.scm.answers["custom_fields"] = answer
    system.add(replace(IDP, custom_fields={"Cost centre": "4711"}))

    system.inspect(system.item())

    assert (codes(system), system.inspection().custom_fields) == ([], None)


@pytest.mark.parametrize(("days", "is_finding"), [(None, False), (22, False), (21, True), (1, True), (0, True)])
def test_a_password_that_expires_soon_is_a_finding(system: System, days: int | None, is_finding: bool) -> None:
    """Three weeks for the operator to change it; it expires sooner than the certificates do, or never."""
    expires = None if days is None else NOW.date() + timedelta(days=days)
    system.scm.password = PasswordState("ALIVE", expires)

    system.inspect(system.item())

    assert codes(system) == ([("PasswordExpiring", "warning", "")] if is_finding else [])
    assert system.inspection().password_expires == expires


def test_a_password_that_expires_before_its_rotation_is_a_finding(system: System) -> None:
    """The interval is in Secrets Manager, and the end only in SCM: only the inspection reads both."""
    system.scm.password = PasswordState("ALIVE", NOW.date() + timedelta(days=45))
    system.rotation = NOW.date() + timedelta(days=60)

    system.inspect(system.item())

    assert codes(system) == [("RotationTooLate", "error", "")]


def test_a_refused_login_forgets_neither_password_nor_withdrawal(system: System) -> None:
    """N2: a revoked certificate was *fine* as soon as SCM refused the account; N10: its password had just expired."""
    expires = NOW.date() + timedelta(days=1)
    system.scm.password = PasswordState("ALIVE", expires)
    system.book.adopt(PATH, stored_by(IDP, ssl_id=9, serial="ABC"), NOW)
    system.scm.rows = (row("ABC", ssl_id=9, status="REVOKED"),)
    system.inspect(system.item())
    wrong_password(system)

    with pytest.raises(CredentialRefused):
        system.inspect(system.item(run_id="next"))

    found = system.inspection()
    assert (found.run_id, found.password_expires, found.withdrawn) == ("next", expires, {"ABC": Cause.REVOKED})


@pytest.mark.parametrize(("days", "is_named"), [(-1, True), (0, True), (1, False)])
def test_a_refused_login_names_a_password_that_has_expired(system: System, days: int, is_named: bool) -> None:
    """The RAO's mail named it; the operator's alert, report and findings had a list of likely causes."""
    system.scm.password = PasswordState("ALIVE", NOW.date() + timedelta(days=10 + days))
    system.inspect(system.item())
    system.clock.advance(days=10)
    wrong_password(system)

    with pytest.raises(CredentialRefused) as raised:
        system.inspect(system.item(run_id="next"))

    found = next(finding for finding in system.inspection().findings if finding.code == "CredentialRefused")
    begins = f"The account's password expired on {NOW.date() + timedelta(days=10 + days)}, which is the likely cause: "
    assert str(raised.value) == found.text
    assert found.text.startswith(begins) is is_named
    assert len(found.text) + 50 < LONGEST_TEXT, "a report would cut it, also with a long name of the delegation"


def expired_password(system: System) -> None:
    system.scm.password = PasswordState("EXPIRED")


def ended_mandate(system: System) -> None:
    system.book.apply(replace(DELEGATION, mandate_ends=NOW.date() - timedelta(days=1)), now=NOW)


def wrong_password(system: System) -> None:
    system.accounts.refused = {("univ", "v1")}


def no_password(system: System) -> None:
    system.accounts.versions = {"univ": ""}


def wrong_address(system: System) -> None:
    system.scm.answers["profiles"] = AddressRefused("403")


def missing_privilege(system: System) -> None:
    system.scm.answers |= {"profiles": PermissionMissing("-226"), "department": PermissionMissing("-3")}


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (expired_password, CredentialExpired),
        (ended_mandate, MandateEnded),
        (wrong_password, CredentialRefused),
        (no_password, CredentialMissing),
        (wrong_address, AddressRefused),
        (missing_privilege, PermissionMissing),
    ],
)
def test_what_stops_a_whole_delegation_is_raised_and_recorded(
    system: System, broken: Callable[[System], None], error: type[NeedsAttention]
) -> None:
    """One page, and a finding that the next report and the operator's tools show."""
    broken(system)
    with pytest.raises(error):
        system.inspect(system.item())

    of_the_rao = [("LoginRefused", "error", "")] if error is CredentialRefused else []
    assert codes(system) == [(error.__name__, "error", ""), *of_the_rao]
    assert system.inspection().findings[0].actor == error.actor


def test_after_the_mandate_no_step_is_checked_and_no_login_is_made(system: System) -> None:
    """`check` of it asked for a manual check of all eight steps, as if SCM did not show them."""
    ended_mandate(system)
    with pytest.raises(MandateEnded):
        system.inspect(system.item())

    results = system.inspection().check_results
    assert [found.step for found in results] == list(SetupStep)
    assert {found.status for found in results} == {CheckStatus.NOT_CHECKED}
    assert system.inspection().unread == results[0].text
    assert re.fullmatch(r"the mandate of .* ended on \d{4}-\d\d-\d\d", results[0].text)
    assert not system.scm.calls


def test_after_the_mandate_no_password_is_about_to_expire(system: System) -> None:
    """Nobody logs in any more: the date would never change, and two months later an alert would go off for it."""
    system.scm.password = PasswordState("ALIVE", NOW.date() + timedelta(days=60))
    system.inspect(system.item())
    assert system.inspection().password_expires
    ended_mandate(system)

    with pytest.raises(MandateEnded):
        system.inspect(system.item())

    assert system.inspection().password_expires is None


def test_an_order_of_the_mandate_is_inspected_for_after_its_end(system: System) -> None:
    """To collect it needs the login; that nothing else is ordered is a finding all the same."""
    ended_mandate(system)
    resumed = system.task(causes=("order-open",))

    system.inspect(system.item(certificates=(resumed,)))
    assert ("MandateEnded", "error", "") in codes(system)

    with pytest.raises(MandateEnded):
        system.inspect(system.item(certificates=(resumed,), issued=(resumed,)))


def test_an_scm_that_is_down_is_no_finding(system: System) -> None:
    """The state machine tries again; yesterday's inspection stands."""
    system.inspect(system.item())
    before = system.inspection()
    system.scm.answers["profiles"] = ScmUnavailable("503")
    with pytest.raises(ScmUnavailable):
        system.inspect(system.item(run_id="tomorrow"))

    assert replace(system.inspection(), address_run=before.address_run) == before


# ---- Revoked at SCM --------------------------------------------------------------------------------------------------


def revoked(system: System, age: float = 10) -> None:
    """SCM has revoked what `univ/idp` serves."""
    system.book.adopt(PATH, stored_by(IDP, age=age), NOW)
    system.scm.revoked = {4000}


def test_what_scm_revoked_is_added_to_the_plan_before_everything_else(system: System) -> None:
    """SCM sends no notice, and users are affected. A renewal by age can wait a day."""
    revoked(system)
    other = system.task(replace(IDP, name="old"), causes=("age",))

    answer = system.inspect(system.item(certificates=(other,)))

    assert [(found["certificate"], found["causes"]) for found in answer["certificates"]] == [
        ("idp", ["revoked"]),
        ("old", ["age"]),
    ]
    assert system.inspection().withdrawn == {"ABC": Cause.REVOKED}


@pytest.mark.parametrize("answer", [PermissionMissing("-3"), ScmUnavailable("-2")])
def test_a_report_that_scm_does_not_show_stops_no_renewal(system: System, answer: RenewalError) -> None:
    """A department's officer may lack the right to read reports: that is a warning, and age still counts."""
    system.scm.answers["reported"] = answer
    due = system.task(IDP, causes=("age",))

    planned = system.inspect(system.item(certificates=(due,)))

    assert [found["certificate"] for found in planned["certificates"]] == ["idp"]
    assert codes(system) == [("ReportNotShown", "warning", "")]


@pytest.mark.parametrize(
    ("is_too_large", "remedy"), [(True, "a department of its own"), (False, "let the account read")]
)
def test_a_report_that_is_too_large_is_not_called_a_missing_permission(
    system: System, remedy: str, *, is_too_large: bool
) -> None:
    """The RAO granted a right that the account had, for ever."""
    system.scm.answers["reported"] = outage = ScmUnavailable("no answer")
    outage.is_too_large = is_too_large

    system.inspect(system.item())

    (found,) = [finding for finding in system.inspection().findings if finding.code == "ReportNotShown"]
    assert remedy in found.text


@pytest.mark.parametrize(
    ("changes", "is_found"),
    [({"age": 2}, True), ({"age": 0.9}, False), ({"age": 2, "ssl_id": 0}, False), ({"age": 2, "token": ""}, False)],
    ids=["must be listed", "new", "no SSL ID", "adopted"],
)
def test_an_empty_report_that_must_have_a_row_counts_as_not_shown(
    system: System, changes: dict[str, Any], *, is_found: bool
) -> None:
    """Foreign orders and revocations were unknown, and no finding reported it."""
    system.book.adopt(PATH, stored_by(IDP, **changes), NOW)

    planned = system.inspect(system.item())

    found = [finding.text for finding in system.inspection().findings if finding.code == "ReportNotShown"]
    assert [text.startswith("SCM's SSL report is empty") for text in found] == [True] * is_found
    assert (system.inspection().foreign is None) == is_found
    assert not planned["certificates"]


def test_an_empty_report_changes_nothing_of_what_was_known(system: System) -> None:
    """What was revoked is replaced, and another's order stays reported, while SCM shows neither."""
    revoked(system)
    system.scm.rows = (replace(row("DEF", ssl_id=4001), expires=NOW + timedelta(days=90)),)
    system.inspect(system.item())
    before = system.inspection()
    system.scm.revoked, system.scm.rows = set(), ()

    planned = system.inspect(system.item(run_id="tomorrow"))

    after = system.inspection()
    assert [found["causes"] for found in planned["certificates"]] == [["revoked"]]
    assert before.foreign is not None
    assert (after.withdrawn, after.foreign) == (before.withdrawn, before.foreign)
    assert {code for code, _, _ in codes(system)} == {"OrderNotOurs", "ReportNotShown", "ServedRevoked"}


def test_a_revoked_certificate_that_is_planned_already_is_not_added_again(system: System) -> None:
    """It was due by age as well."""
    revoked(system, age=150)
    planned = system.task(causes=("age",))

    assert system.inspect(system.item(certificates=(planned,)))["certificates"] == [planned.payload()]


def test_a_narrowed_run_adds_nothing(system: System) -> None:
    """It does what was requested; the daily run adds the rest."""
    revoked(system)

    assert not system.inspect(system.item(may_add=False))["certificates"]


def test_a_revoked_certificate_on_hold_is_not_ordered_every_day(system: System) -> None:
    """The RAO has declined its replacement: asking daily is no better than asking for any other reason."""
    revoked(system)
    system.book.managed[PATH] = replace(system.book.managed[PATH], hold_until=NOW + timedelta(days=1))

    assert not system.inspect(system.item())["certificates"]


def test_a_certificate_revoked_elsewhere_is_not_ours(system: System) -> None:
    """Only what we serve counts."""
    system.book.adopt(PATH, stored_by(IDP, age=1), NOW)
    system.scm.revoked = {77}

    assert not system.inspect(system.item())["certificates"]
    assert not system.inspection().withdrawn


# ---- Identified by its serial ----------------------------------------------------------------------------------------


def row(
    serial: str, ssl_id: int = 4000, status: str = "ISSUED", replaced: datetime | None = None
) -> ReportedCertificate:
    """A row of the SSL report."""
    return ReportedCertificate(ssl_id, "idp.univ.example", IDP.names, status, serial=serial, replaced=replaced)


YESTERDAY = NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("rows", "causes", "finding"),
    [
        ((row("ABC"),), [], None),
        ((row("DEF", replaced=YESTERDAY),), ["replaced-in-scm"], "ServedReplaced"),
        ((row("ABC", ssl_id=9, status="REVOKED"),), ["revoked"], "ServedRevoked"),
        ((row("ABC"), row("DEF", 4001, "REVOKED")), [], None),
        ((row("DEF", ssl_id=4001),), [], "ServedNotListed"),
        ((row("", replaced=YESTERDAY),), [], None),
        ((row("DEF"),), [], None),
        ((), [], None),
    ],
    ids=[
        "served",
        "replaced",
        "revoked, other ID",
        "another revoked",
        "deleted",
        "no serial",
        "no day",
        "empty report",
    ],
)
def test_what_is_stored_is_compared_with_the_report_by_its_serial(
    system: System, rows: tuple[ReportedCertificate, ...], causes: list[str], finding: str | None
) -> None:
    """SCM keeps the SSL ID of a replaced certificate. What the report does not show proves nothing."""
    system.book.adopt(PATH, stored_by(IDP, age=10), NOW)
    system.scm.rows = rows

    answer = system.inspect(system.item())

    assert [found["causes"] for found in answer["certificates"]] == ([causes] if causes else [])
    assert [code for code, _, _ in codes(system) if code.startswith("Served")] == ([finding] if finding else [])


@pytest.mark.parametrize(("name", "causes"), [("mail.univ.example", []), ("idp.univ.example", [["revoked"]])])
def test_an_adopted_number_is_compared_by_name_too(system: System, name: str, causes: list[list[str]]) -> None:
    """S1: it was typed, and the revocation of another certificate would cost an order."""
    system.book.adopt(PATH, stored_by(IDP, age=10, token=""), NOW)
    system.scm.rows = (replace(row("DEF", status="REVOKED"), common_name=name, names=(name,)),)

    answer = system.inspect(system.item())

    assert [found["causes"] for found in answer["certificates"]] == causes


def test_a_revoked_certificate_stays_withdrawn_after_it_was_deleted(system: System) -> None:
    """SCM's portal removes revoked certificates from its lists; the key is still served."""
    revoked(system)
    system.inspect(system.item())
    system.scm.revoked, system.scm.rows = set(), (row("DEF", ssl_id=4001),)

    (again,) = system.inspect(system.item(run_id="tomorrow"))["certificates"]

    assert again["causes"] == ["revoked"]


def test_a_mass_revocation_stays_within_the_delegations_limit(system: System) -> None:
    """The rest is reported as deferred."""
    system.limits = replace(system.limits, orders_per_delegation=3)
    for n in range(5):
        found = replace(IDP, name=f"c{n}")
        system.add(found)
        system.book.adopt(("univ", found.name), stored_by(found, age=1, ssl_id=n + 1), NOW)
    system.scm.revoked = {1, 2, 3, 4, 5}

    answer = system.inspect(system.item(certificates=(system.task(),)))

    assert (len(answer["certificates"]), answer["deferred"]) == (3, 3)


def test_what_is_revoked_takes_no_more_than_the_runs_cap_leaves(system: System) -> None:
    """It displaces what merely grows old, and the rest is reported as deferred."""
    revoked(system)
    others = tuple(system.task(replace(IDP, name=name), causes=("age",)) for name in ("old", "older"))

    answer = system.inspect(system.item(certificates=others, capacity=0))

    assert [found["certificate"] for found in answer["certificates"]] == ["idp", "old"]
    assert answer["deferred"] == 1


# ---- Logging in ------------------------------------------------------------------------------------------------------


def test_a_refused_credential_is_shown_once_in_a_run(system: System) -> None:
    """SCM counts failed attempts and locks accounts."""
    wrong_password(system)
    for _ in range(3):
        with pytest.raises(CredentialRefused, match="It is tried again by the next daily run"):
            system.inspect(system.item())

    assert system.accounts.shown == {("univ", "v1"): 1}


def test_a_new_version_of_the_credential_is_tried_in_the_same_run(system: System) -> None:
    """The operator stored the right one meanwhile."""
    wrong_password(system)
    with pytest.raises(CredentialRefused):
        system.inspect(system.item())
    system.accounts.versions["univ"] = "v2"

    system.inspect(system.item())

    assert not codes(system)


def test_the_next_run_tries_the_same_version_again(system: System) -> None:
    """The RAO may have unlocked the account: once a run is what SCM permits."""
    wrong_password(system)
    for run_id in ("run", "tomorrow"):
        with pytest.raises(CredentialRefused):
            system.inspect(system.item(run_id=run_id))

    assert system.accounts.shown == {("univ", "v1"): 2}


def test_an_hourly_run_does_not_try_what_was_refused(system: System) -> None:
    """An open order is polled 24 times a day: so many failed logins lock every account."""
    wrong_password(system)
    for run_id in ("run", "hour-1", "hour-2"):
        with pytest.raises(CredentialRefused):
            system.inspect(system.item(run_id=run_id, is_hourly=run_id != "run"))

    assert system.accounts.shown == {("univ", "v1"): 1}
    assert "by the next daily run" in system.inspection().findings[0].text


def test_an_hourly_run_tries_what_has_worked_since(system: System) -> None:
    """The account was unlocked, and the daily run has logged in with the same password: the order is collected."""
    wrong_password(system)
    with pytest.raises(CredentialRefused):
        system.inspect(system.item())
    system.accounts.refused.clear()
    system.inspect(system.item(run_id="tomorrow"))

    system.inspect(system.item(run_id="hour-1", is_hourly=True))

    assert not codes(system)


def test_other_errors_do_not_count_as_a_refused_login(system: System) -> None:
    """Only a 401 does."""
    record = system.book.delegation("univ")
    with pytest.raises(PermissionMissing), ScmLogin(system.book, system.accounts).authority(record, "run"):
        raise PermissionMissing("no")

    assert system.book.delegation("univ").refusal is None
