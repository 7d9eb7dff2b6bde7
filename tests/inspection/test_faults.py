"""Each fault of each of the eight steps is found and named; a healthy delegation has no finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import httpx
import pytest

from renewal.domain.setup.check_result import CheckStatus, SetupStep
from renewal.domain.setup.checks import review
from renewal.domain.setup.snapshot import Section, Snapshot
from scm_simulator.world.world import LEAST_PRIVILEGES, Domain
from tests.unit.system import NOW

from .conftest import APPS, DELEGATION, DEPARTMENT, IDP, NAMES, NEIGHBOUR, ORGANISATION, Change, Mandate, faults

IDP_ENTRY, APPS_ENTRY = (Domain(name) for name in NAMES)


def with_domains(*domains: Domain) -> Callable[[Mandate], None]:
    """The RAO delegated these."""
    return lambda mandate: setattr(mandate, "domains", domains)


def with_account(**changes: Any) -> Callable[[Mandate], None]:
    """The RAO made the account so."""
    return lambda mandate: setattr(mandate, "account", changes)


def with_department(**changes: Any) -> Callable[[Mandate], None]:
    """The RAO made the department so."""
    return lambda mandate: setattr(mandate, "department", changes)


def with_organisation(**changes: Any) -> Callable[[Mandate], None]:
    """The organisation is in this state."""
    return lambda mandate: setattr(mandate, "organisation", changes)


def with_order_id(number: int, **account: Any) -> Callable[[Mandate], None]:
    """The RAO gave this OrgID to the operator."""

    def corrupt(mandate: Mandate) -> None:
        mandate.delegation = replace(mandate.delegation, department_id=number)
        mandate.account = account

    return corrupt


def answering(path: str, **members: Any) -> Callable[[Mandate], None]:
    """SCM's record at *path* has these members."""

    def change(asked: str, document: Any) -> Any:
        return {**document, **members} if asked == path and isinstance(document, dict) else document

    return lambda mandate: setattr(mandate, "change", change)


def delegated_for(*types: str) -> Callable[[Mandate], None]:
    """Every name is delegated for these certificate types."""

    def change(asked: str, document: Any) -> Any:
        if not (asked.startswith("/domain/v1/") and isinstance(document, dict)):
            return document
        return {
            **document,
            "delegations": [{**delegation, "certTypes": list(types)} for delegation in document["delegations"]],
        }

    corrupted: Change = change
    return lambda mandate: setattr(mandate, "change", corrupted)


def from_elsewhere(mandate: Mandate) -> None:
    """We come from an address that the access list lacks."""
    mandate.address = "198.51.100.9"


def from_elsewhere_403(mandate: Mandate) -> None:
    """… and SCM's answer gives the reason."""
    mandate.address = "198.51.100.9"
    mandate.dials = {"blocked_address_answer": "403"}


def nothing_stored(mandate: Mandate) -> None:
    """The operator has not stored the credential."""
    mandate.stored = None


def mistyped_login(mandate: Mandate) -> None:
    """The operator stored another login."""
    mandate.stored = {**(mandate.stored or {}), "login": "dra0univ"}


REQUESTER = ("sslRequest", "autoApproveCertificates")
FAULTS: dict[str, tuple[Callable[[Mandate], None], set[tuple[str, str]]]] = {
    # 1. the department
    "no department was made": (
        with_order_id(ORGANISATION, departments=(), organisations=(ORGANISATION,)),
        {("1", "NoDepartment"), ("5", "RoleMissing")},
    ),
    "the organisation's validation has expired": (
        with_organisation(validation="EXPIRED"), {("1", "OrganisationNotValidated")},
    ),
    "the organisation was never validated": (
        with_organisation(validation="PENDING"), {("1", "OrganisationNotValidated")},
    ),
    # 2. Web API
    "Web API is not ticked": (with_department(web_api=False), {("2", "WebApiOff")}),
    "the department has no SSL": (answering(f"/organization/v1/{DEPARTMENT}", certTypes=["SMIME"]), {("2", "SslOff")}),
    # 3. the OrgID
    "the OrgID is the organisation's": (
        with_order_id(ORGANISATION), {("3", "DepartmentNotFound"), ("5", "RoleMissing")},
    ),
    "the OrgID is the organisation's, which SCM shows to the account": (
        with_order_id(ORGANISATION, organisations=(ORGANISATION,)),
        {("3", "OrganisationNotDepartment"), ("5", "RoleMissing")},
    ),
    "the OrgID does not exist": (with_order_id(9999), {("3", "DepartmentNotFound"), ("5", "RoleMissing")}),
    "the OrgID is another department's": (
        with_order_id(NEIGHBOUR), {("3", "DepartmentNotFound"), ("5", "RoleMissing")},
    ),
    # 4. the domains
    "nothing is delegated": (with_domains(), {("4", "NameNotDelegated")}),
    "a name is missing": (with_domains(APPS_ENTRY), {("4", "NameNotDelegated")}),
    "only the parent is delegated": (
        with_domains(Domain("univ.example"), APPS_ENTRY), {("4", "ParentOnly"), ("4", "NameExtra")},
    ),
    "the star is delegated without its base": (
        with_domains(Domain("*.idp.univ.example"), APPS_ENTRY), {("4", "BaseNotDelegated"), ("4", "NameExtra")},
    ),
    "the base is delegated without its star": (
        with_domains(IDP_ENTRY, Domain("apps.univ.example")), {("4", "StarNotDelegated"), ("4", "NameExtra")},
    ),
    "the delegation waits for approval": (
        with_domains(replace(IDP_ENTRY, status="REQUESTED"), APPS_ENTRY), {("4", "DelegationNotActive")},
    ),
    "the domain is suspended": (
        with_domains(replace(IDP_ENTRY, state="SUSPENDED"), APPS_ENTRY), {("4", "DelegationNotActive")},
    ),
    "it is delegated for S/MIME instead": (delegated_for("SMIME"), {("4", "NotForSsl"), ("4", "TypesExtra")}),
    "it is delegated for S/MIME too": (delegated_for("SSL", "SMIME"), {("4", "TypesExtra")}),
    "one name more is delegated": (
        with_domains(IDP_ENTRY, APPS_ENTRY, Domain("www.univ.example")), {("4", "NameExtra")},
    ),
    "a wildcard is delegated where the exact name was agreed": (
        with_domains(Domain("*.univ.example"), APPS_ENTRY), {("4", "WiderThanWanted")},
    ),
    "a wildcard is delegated beside the exact name": (
        with_domains(IDP_ENTRY, Domain("*.univ.example"), APPS_ENTRY), {("4", "WiderThanWanted")},
    ),
    "the validation is missing": (
        with_domains(replace(IDP_ENTRY, dcv="NOT_VALIDATED"), APPS_ENTRY), {("4", "DcvMissing")},
    ),
    "the validation has expired": (
        with_domains(replace(IDP_ENTRY, dcv_expires_in_days=-3), APPS_ENTRY), {("4", "DcvLapsed")},
    ),
    "the validation expires soon": (
        with_domains(replace(IDP_ENTRY, dcv_expires_in_days=20), APPS_ENTRY), {("4", "DcvLapsing")},
    ),
    # 5. the account
    "the role is RAO": (
        with_account(departments=(), organisations=(ORGANISATION,)), {("5", "RoleMissing")},
    ),
    "the role is on another department": (
        with_account(departments=(NEIGHBOUR,)), {("3", "DepartmentNotFound"), ("5", "RoleMissing")},
    ),
    "the role is on another department too": (with_account(departments=(DEPARTMENT, NEIGHBOUR)), {("5", "RoleExtra")}),
    "the role RAO was given too": (with_account(organisations=(ORGANISATION,)), {("5", "RoleExtra")}),
    "the account may manage domains": (
        with_account(privileges=(*LEAST_PRIVILEGES, "allowManageDomains")), {("5", "PrivilegeExtra")},
    ),
    "the account may approve orders": (
        with_account(privileges=(*LEAST_PRIVILEGES, "sslApprove")), {("5", "PrivilegeExtra")},
    ),
    "the account may revoke": (
        with_account(privileges=(*LEAST_PRIVILEGES, "sslRevoke")), {("5", "PrivilegeExtra")},
    ),
    "the account may not order": (with_account(privileges=("sslRenew",)), {("5", "PrivilegeMissing")}),
    "orders wait for an approval": (with_account(privileges=("sslRequest",)), {("5", "ApprovalByHand")}),
    "the account is suspended": (
        answering("/admin/v1/1601", activeStatus="SUSPENDED", activeState="Suspended"), {("5", "AccountSuspended")},
    ),
    "the account is locked": (with_account(locked=True), {(step, "LoginRefused") for step in "5678"}),
    "the login is mistyped": (mistyped_login, {(step, "LoginRefused") for step in "5678"}),
    # 6. the first login
    "the temporary password was not changed": (
        with_account(type="STANDARD", temporary_password=True), {(step, "LoginRefused") for step in "5678"},
    ),
    "nothing is stored": (nothing_stored, {("6", "CredentialMissing")}),
    "the password has expired": (
        with_account(password_expires_in_days=-1), {(step, "LoginRefused") for step in "5678"},
    ),
    "SCM's answer is that the password has expired": (
        answering("/admin/v1/password", state="Expired"), {("6", "CredentialExpired")},
    ),
    "the password expires soon": (with_account(password_expires_in_days=14), {("6", "PasswordExpiring")}),
    # 7. API only
    "the account may use the portal": (with_account(type="STANDARD"), {("7", "NotApiOnly")}),
    # 8. the access list
    "the access list has another address": (from_elsewhere, {(step, "LoginRefused") for step in "5678"}),
    "the access list has another address, and SCM answers that": (from_elsewhere_403, {("8", "AddressRefused")}),
}  # fmt: skip


def test_every_step_can_be_done_wrong_in_this_table() -> None:
    """A step without a fault here would be inspected without evidence."""
    assert len(FAULTS) >= 40
    assert {step for _, found in FAULTS.values() for step, _ in found} == {step.value for step in SetupStep}


@cache
def inspected(fault: str) -> Mandate:
    """The delegation with this fault, after an inspection; its result is `inspection`."""
    mandate = Mandate()
    FAULTS[fault][0](mandate)
    mandate.inspect()
    return mandate


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named_with_its_step(fault: str) -> None:
    """And no other fault is. An RAO opens SCM perhaps twice a year, and SCM counts refused logins."""
    mandate, expected = inspected(fault), FAULTS[fault][1]
    findings = mandate.inspection.findings

    assert faults(mandate.inspection) == expected
    assert {finding.code for finding in findings if finding.severity != "info"} & (
        {code for _, code in expected} | {"CredentialRefused"}
    )
    assert [finding.code for finding in findings if finding.actor == "rao" and not finding.screen] == []
    statuses = [call.status for call in mandate.simulator.calls]
    assert statuses.count(401) <= 1
    assert statuses.count(403) <= 2  # the state of the password alone proves nothing


REFUSED = [fault for fault, (_, found) in FAULTS.items() if ("8", "LoginRefused") in found]


@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_without_a_reason_is_only_suspected_in_each_step(fault: str) -> None:
    """One of four steps is wrong; reported as four faults, three of them would be searched without success.

    The RAO is asked all the same: a lock, a password that has expired and an access list only they can fix.
    """
    inspection = inspected(fault).inspection
    doubtful = [result for result in inspection.check_results if result.code == "LoginRefused"]
    asked = [(finding.code, finding.screen) for finding in inspection.findings if finding.actor == "rao"]

    assert {result.status for result in doubtful} == {CheckStatus.SUSPECTED}
    assert all(result.text.startswith("perhaps: ") for result in doubtful)
    assert asked == [("LoginRefused", "Admins → Edit; Settings → Access Control → Organization ACL")]


STEP_MENUS = {
    "the account is suspended": "Admins → Edit",
    "the role RAO was given too": "Admins → Edit",
    "the role is on another department": "Admins → Edit",
    "the account may revoke": "Admins → Edit",
    "the account may not order": "Admins → Edit",
    "the validation is missing": "Domains → DCV",
    "the validation has expired": "Domains → DCV",
    "the validation expires soon": "Domains → DCV",
    "one name more is delegated": "Settings → Organizations → Departments → Domains",
    "the organisation was never validated": "Settings → Organizations → Validations",
    "the access list has another address, and SCM answers that": "Settings → Access Control → Organization ACL",
    "SCM's answer is that the password has expired": "Admins → Edit",
}


@pytest.mark.parametrize("fault", STEP_MENUS)
def test_a_finding_names_the_scm_menu_where_it_is_fixed(fault: str) -> None:
    """An existing account is not changed under "Add", and a domain is not validated where it is delegated."""
    findings = inspected(fault).inspection.findings

    assert STEP_MENUS[fault] in {finding.screen for finding in findings if finding.severity != "info"}


@pytest.mark.parametrize(
    ("fault", "is_security"),
    [
        ("a wildcard is delegated where the exact name was agreed", True),
        ("one name more is delegated", True),
        ("it is delegated for S/MIME too", True),
        ("the role RAO was given too", True),
        ("the account may revoke", True),
        ("the account may use the portal", True),
        ("no department was made", True),
        ("a name is missing", False),
        ("the password expires soon", False),
    ],
)
def test_more_than_was_agreed_is_a_security_finding(fault: str, *, is_security: bool) -> None:
    """It does harm only when the password leaks; among ordinary warnings it would be ignored."""
    inspection = inspected(fault).inspection

    assert any(finding.is_security for finding in inspection.findings) is is_security
    assert any(result.is_security for result in inspection.check_results) is is_security


def test_an_expired_password_is_the_raos_to_replace() -> None:
    """An account that may use the API only cannot change it any more."""
    findings = inspected("SCM's answer is that the password has expired").inspection.findings

    assert [(finding.code, finding.actor) for finding in findings] == [("CredentialExpired", "rao")]


def test_a_healthy_delegation_has_no_fault_and_no_finding() -> None:
    """Zero false alarms: every step passed, or needs a manual check because SCM does not show it."""
    inspection = Mandate().inspect()

    assert not inspection.findings
    statuses = {result.step: result.status for result in inspection.check_results}
    assert list(statuses) == list(SetupStep)
    manual = {step for step, status in statuses.items() if status is CheckStatus.MANUAL}
    assert manual == {SetupStep.WEB_API, SetupStep.ACCESS_LIST}


@pytest.mark.parametrize(
    "hidden", ["/admin/v1/password", "/admin/v1", "/organization/v1", "/organization/v2", "/domain", "/dcv"]
)
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"code": -3, "description": "You are not authorized to perform this."}),
        httpx.Response(403, json={}),
        httpx.Response(404),
        httpx.Response(503, text="upstream connect error"),
        httpx.Response(200, text="<html>"),
    ],
    ids=["-3", "403", "404", "503", "HTML"],
)
def test_what_scm_does_not_show_is_a_manual_check_and_no_finding(hidden: str, answer: httpx.Response) -> None:
    """SCM does not guarantee that a department's officer may read this; renewals do not depend on it."""
    mandate = Mandate()
    mandate.change = lambda path, document: answer if path.startswith(hidden) else document

    inspection = mandate.inspect()

    assert mandate.error is None
    assert not inspection.findings
    assert {result.step for result in inspection.check_results} == set(SetupStep)


def test_an_inspection_asks_scm_nine_things_and_one_an_entry() -> None:
    """Password, profiles, account (2), department, fields, report, organisation (2), domains; and each entry."""
    mandate = Mandate()
    mandate.inspect()

    assert [call.path.removeprefix("/api") for call in mandate.simulator.calls] == [
        "/admin/v1/password",
        "/ssl/v1/types",
        "/admin/v1",
        "/admin/v1/1601",
        f"/organization/v1/{DEPARTMENT}",
        "/ssl/v1/customFields",
        "/report/v1/ssl-certificates",
        f"/organization/v2/{ORGANISATION}/validations",
        f"/organization/v2/{DEPARTMENT}/validations",
        "/domain/v1",
        "/domain/v1/401",
        "/domain/v1/402",
    ]


def test_a_profile_that_is_missing_is_found_before_an_order_is_spent() -> None:
    """It is no step of the RAO's, and stops renewals all the same."""
    findings = Mandate(specs=(replace(IDP, profile_id=99), APPS)).inspect().findings

    assert [(finding.code, finding.certificate) for finding in findings] == [("ProfileRefused", "idp")]


def test_the_steps_of_an_oauth2_client_are_about_a_client() -> None:
    """Step 6 read `the login works; it has no password`, and step 8 advised a command that refuses clients."""
    shown = Snapshot(unavailable=frozenset(Section) - {Section.PASSWORD})

    texts = {result.step: result.text for result in review(DELEGATION, [IDP], shown, NOW)}

    assert texts[SetupStep.ADMIN].startswith("SCM does not show an OAuth2 client its account. Check manually:")
    assert texts[SetupStep.FIRST_LOGIN] == "the OAuth2 client is accepted; it has no password that could expire"
    assert "--from-here" not in texts[SetupStep.ACCESS_LIST]
    with_password = {each.step: each.text for each in review(DELEGATION, [IDP], Snapshot(), NOW)}
    assert "--from-here" in with_password[SetupStep.ACCESS_LIST]
