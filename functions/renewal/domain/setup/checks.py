"""What one look at SCM says of each of the eight steps by which a RAO delegates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.errors import (
    AddressRefused,
    CredentialExpired,
    CredentialMissing,
    CredentialRefused,
    NeedsPerson,
)
from renewal.domain.setup.check_result import CheckResult, SetupStep, failed, manual, passed, suspected, warning
from renewal.domain.setup.domain_checks import domain_remarks
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.scm_menu import screen_of
from renewal.domain.setup.snapshot import Account, Department, Section, Snapshot, is_for_ssl

ROLE = "DRAO_SSL"
NEEDED_PRIVILEGES = frozenset({"sslRequest"})
ALLOWED_PRIVILEGES = NEEDED_PRIVILEGES | {
    "sslRenew",
    "autoApproveCertificates",
    "allowSslAutoApprove",  # its name before 25.5
    "wsApiUseOnly",  # an account type today (SCM reference §9.5)
}
"""Everything else is more than was agreed; with sslRevoke, whoever gets the password takes every service down."""
AUTO_APPROVAL = frozenset({"autoApproveCertificates", "allowSslAutoApprove"})
PASSWORD_SOON = timedelta(days=21)
NO_SUCH_DEPARTMENT = frozenset({"NoDepartment", "DepartmentNotFound", "OrganisationNotDepartment"})
"""Codes of the faults that make whatever is said of the department's domains worthless."""


def review(
    delegation: Delegation, certificates: Iterable[CertificateSpec], seen: Snapshot, now: datetime
) -> tuple[CheckResult, ...]:
    """Return what is said of every step, in the order of the procedure; each has one remark at least.

    The names that matter are those of *certificates*, or the mandate's own as long as there are none.
    """
    wanted = tuple(dict.fromkeys(name for spec in certificates for name in spec.names))
    department = _department(delegation, seen)
    is_ours = not any(one.code in NO_SUCH_DEPARTMENT for one in department)
    remarks = [
        *_organisation(seen),
        *department,
        *(_domains(delegation, wanted or delegation.delegated_names, seen, now) if is_ours else _NO_DOMAINS),
        *_account(delegation, seen),
        *_password(seen, now),
        _access_list(delegation),
    ]
    judged = {remark.step for remark in remarks}
    remarks += [passed(step, _seen_at(step, delegation, seen)) for step in SetupStep if step not in judged]
    return tuple(sorted(remarks, key=lambda remark: remark.step))


def _seen_at(step: SetupStep, delegation: Delegation, seen: Snapshot) -> str:
    """What was seen of a step with which nothing is wrong."""
    account = seen.account
    if step is SetupStep.ORG_ID:
        return f"OrgID {delegation.department_id} is the department's"
    if account and step is SetupStep.ADMIN:
        may = ", ".join(sorted(account.privileges))
        return f"account {account.login}: {_listed(account.roles)}, and nothing else; privileges: {may}"
    if account and step is SetupStep.API_ONLY:
        return f"the account is of type {account.kind}"
    return "in order"


def unreachable(error: NeedsPerson) -> tuple[CheckResult, ...]:
    """Return what is said of every step when *error* kept us from looking.

    What surely causes it is `wrong`; where SCM's refusal has several likely causes, each of them is `perhaps`.
    """
    causes = {CredentialRefused: _REFUSED, AddressRefused: _FROM_ELSEWHERE, CredentialMissing: _NOT_STORED}
    remarks = list(causes.get(type(error), ()))
    judged = {remark.step for remark in remarks}
    remarks += [
        manual(step, f"could not be looked at: {type(error).__name__}") for step in SetupStep if step not in judged
    ]
    return tuple(sorted(remarks, key=lambda remark: remark.step))


def refused_login(error: NeedsPerson) -> tuple[Finding, ...]:
    """Return what the RAO has to look at when SCM refuses the login: of the causes, most are theirs to mend."""
    if not isinstance(error, CredentialRefused):
        return ()
    text = (
        "one of steps 5 to 8 is wrong, SCM does not say which: see whether the account is locked or suspended, whether "
        "its password has expired or is temporary yet, and whether the access list has our address"
    )
    return (Finding("LoginRefused", "error", "rao", text, screen=screen_of("LoginRefused")),)


_REFUSED = (
    suspected(SetupStep.ADMIN, "LoginRefused", "the login is mistyped, or the account is locked or suspended"),
    suspected(
        SetupStep.FIRST_LOGIN,
        "LoginRefused",
        "the temporary password was not changed yet, or the stored password is another or has expired",
        "operator",
    ),
    suspected(SetupStep.API_ONLY, "LoginRefused", "the account is of a type that may not use the API"),
    suspected(SetupStep.ACCESS_LIST, "LoginRefused", "the access list lacks the address that we come from"),
)
_FROM_ELSEWHERE = (
    failed(SetupStep.ACCESS_LIST, "AddressRefused", "the access list lacks the address that we come from"),
)
_NOT_STORED = (
    failed(
        SetupStep.FIRST_LOGIN,
        "CredentialMissing",
        "no login and password are stored yet: certmandate credential",
        "operator",
    ),
)


# ---- Steps 1 to 3: the department ------------------------------------------------------------------------------


def _department(delegation: Delegation, seen: Snapshot) -> list[CheckResult]:
    department = seen.department
    if department is None:
        return _no_department(delegation, seen)
    if department.organisation_id is None and not department.organisation:
        return _an_organisation(department, seen.account)
    above = f" of '{department.organisation}'" if department.organisation else ""
    return [passed(SetupStep.DEPARTMENT, f"department '{department.name}'{above}"), *_web_api(department)]


def _no_department(delegation: Delegation, seen: Snapshot) -> list[CheckResult]:
    number = delegation.department_id
    known = bool(seen.profiles or seen.delegated or (seen.account and (ROLE, number) in seen.account.roles))
    if known or Section.DEPARTMENT in seen.unavailable:
        look = f"SCM did not show department {number} to the account. Check manually:"
        return [
            manual(SetupStep.DEPARTMENT, f"{look} that it is a department of the organisation"),
            manual(SetupStep.WEB_API, f"{look} that 'Web API' is ticked for SSL"),
            manual(SetupStep.ORG_ID, f"{look} that its OrgID is {number}"),
        ]
    text = f"there is no department {number}, or not for this account{_meant(seen.account)}"
    return [
        manual(SetupStep.DEPARTMENT, "could not be looked at: no such OrgID"),
        manual(SetupStep.WEB_API, "could not be looked at: no such OrgID"),
        failed(SetupStep.ORG_ID, "DepartmentNotFound", text),
    ]


def _an_organisation(department: Department, account: Account | None) -> list[CheckResult]:
    text = f"{department.department_id} is the organisation '{department.name}' itself"
    if meant := _meant(account):
        return [failed(SetupStep.ORG_ID, "OrganisationNotDepartment", f"{text}, not a department{meant}")]
    return [failed(SetupStep.DEPARTMENT, "NoDepartment", f"{text}; add a department for this mandate alone")]


def _meant(account: Account | None) -> str:
    places = [str(place) for role, place in account.roles if role == ROLE] if account else []
    return f"; the account's own department is {', '.join(places)}: compare the OrgID" if places else ""


def _web_api(department: Department) -> list[CheckResult]:
    if department.web_api is False:
        return [failed(SetupStep.WEB_API, "WebApiOff", "'Web API' is not ticked: nothing can be ordered")]
    if department.certificate_types and "SSL" not in department.certificate_types:
        return [failed(SetupStep.WEB_API, "SslOff", "the department has no SSL certificates enabled")]
    ticked = "'Web API' is ticked" if department.web_api else "SCM does not say whether 'Web API' is ticked"
    text = f"{ticked}. Check manually: the secret key must be hard to guess and at most 20 characters long"
    return [manual(SetupStep.WEB_API, text)]


def _organisation(seen: Snapshot) -> list[CheckResult]:
    """Without it nothing is issued for the department either; SCM shows it with the organisation."""
    ours = [one for one in seen.validations if is_for_ssl(one)]
    if not ours or any(one.status == "VALIDATED" for one in ours):
        return []
    text = f"the organisation's OV validation is {ours[0].status.lower()}: nothing can be issued"
    return [failed(SetupStep.DEPARTMENT, "OrganisationNotValidated", text)]


# ---- SetupStep 4: the domains ---------------------------------------------------------------------------------------


_NO_DOMAINS = (manual(SetupStep.DOMAINS, "could not be looked at: no such department"),)


def _domains(delegation: Delegation, wanted: tuple[str, ...], seen: Snapshot, now: datetime) -> list[CheckResult]:
    if Section.DOMAINS in seen.unavailable:
        text = (
            f"SCM did not show the delegated domains. Check manually: {', '.join(delegation.delegated_names)}, SSL only"
        )
        return [manual(SetupStep.DOMAINS, text)]
    return domain_remarks(delegation, wanted, seen.delegated, now)


# ---- Steps 5 to 7: the account ---------------------------------------------------------------------------------


def _account(delegation: Delegation, seen: Snapshot) -> list[CheckResult]:
    account = seen.account
    if account is None:
        look = "SCM does not show the account to itself. Check manually:"
        return [
            manual(SetupStep.ADMIN, f"{look} {ROLE} on department {delegation.department_id} and nothing else"),
            manual(SetupStep.API_ONLY, f"{look} 'Web API use only' is ticked"),
        ]
    remarks = _roles(delegation, account)
    if not account.active:
        remarks.append(failed(SetupStep.ADMIN, "AccountSuspended", f"account {account.login} is suspended"))
    if account.kind != "API":
        text = f"the account is of type {account.kind} and can use the portal: tick 'Web API use only'"
        remarks.append(warning(SetupStep.API_ONLY, "NotApiOnly", text))
    return [*remarks, *_privileges(account)]


def _roles(delegation: Delegation, account: Account) -> list[CheckResult]:
    wanted, roles = (ROLE, delegation.department_id), account.roles
    if wanted not in roles:
        text = f"the account needs {ROLE} on department {delegation.department_id}; it has {_listed(roles)}"
        return [failed(SetupStep.ADMIN, "RoleMissing", text)]
    if extra := [role for role in roles if role != wanted]:
        return [warning(SetupStep.ADMIN, "RoleExtra", f"the account has more roles than agreed: {_listed(extra)}")]
    return []


def _listed(roles: Iterable[tuple[str, int | None]]) -> str:
    return ", ".join(f"{role} on {place or 'everything'}" for role, place in roles) or "no role"


def _privileges(account: Account) -> list[CheckResult]:
    remarks = []
    if missing := NEEDED_PRIVILEGES - account.privileges:
        text = f"the account lacks the privilege {', '.join(sorted(missing))}: nothing can be ordered"
        remarks.append(failed(SetupStep.ADMIN, "PrivilegeMissing", text))
    elif not AUTO_APPROVAL & account.privileges:
        text = "the account lacks autoApproveCertificates: every order waits until somebody approves it"
        remarks.append(warning(SetupStep.ADMIN, "ApprovalByHand", text))
    if extra := account.privileges - ALLOWED_PRIVILEGES:
        text = f"the account may do more than order certificates: {', '.join(sorted(extra))}"
        remarks.append(warning(SetupStep.ADMIN, "PrivilegeExtra", text))
    return remarks


def _password(seen: Snapshot, now: datetime) -> list[CheckResult]:
    password, step = seen.password, SetupStep.FIRST_LOGIN
    if password is None:
        return [passed(step, "the login works, and it has no password that could expire")]
    if is_expired(seen, now):
        return [failed(step, CredentialExpired.__name__, "the account's password has expired")]
    if password.expires and password.expires - now.date() <= PASSWORD_SOON:
        text = f"the account's password expires on {password.expires}; renewals stop on that day"
        return [warning(step, "PasswordExpiring", text, "operator", password.expires)]
    return [passed(step, f"the login works; the password is good until {password.expires or 'it is changed'}")]


def is_expired(seen: Snapshot, now: datetime) -> bool:
    """Return whether the account's password is no longer good."""
    password = seen.password
    if password is None:
        return False
    return password.state == "EXPIRED" or (password.expires is not None and password.expires < now.date())


# ---- SetupStep 8: the access list -----------------------------------------------------------------------------------


def _access_list(delegation: Delegation) -> CheckResult:
    address = delegation.address or "our registered /32"
    text = f"from our address it works. SCM shows no access list: look by eye that it has {address} and nothing wider"
    return manual(SetupStep.ACCESS_LIST, f"{text}, or be refused from elsewhere: certmandate check --from-here")
