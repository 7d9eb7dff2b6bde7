"""Checks the eight setup steps of a delegation against a snapshot of SCM."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.errors import (
    AddressRefused,
    CredentialExpired,
    CredentialMissing,
    CredentialRefused,
    MandateEnded,
    NeedsAttention,
)
from renewal.domain.setup.check_result import (
    CheckResult,
    SetupStep,
    failed,
    manual,
    not_checked,
    passed,
    suspected,
    warning,
)
from renewal.domain.setup.domain_checks import domain_results
from renewal.domain.setup.finding import Finding, expires_on, finding_in_scm
from renewal.domain.setup.snapshot import Account, Department, Section, Snapshot, is_for_ssl

ROLE = "DRAO_SSL"
NEEDED_PRIVILEGES = frozenset({"sslRequest"})
ALLOWED_PRIVILEGES = NEEDED_PRIVILEGES | {
    "sslRenew",
    "autoApproveCertificates",
    "allowSslAutoApprove",  # its name before 25.5
    "wsApiUseOnly",  # an account type today (SCM reference §9.5)
}
"""Every other privilege is more than was agreed: with sslRevoke, a thief of the password can take services down."""
AUTO_APPROVAL = frozenset({"autoApproveCertificates", "allowSslAutoApprove"})
PASSWORD_SOON = timedelta(days=21)
NO_SUCH_DEPARTMENT = frozenset({"NoDepartment", "DepartmentNotFound", "OrganisationNotDepartment"})
"""Codes of the faults with which a check of the department's domains means nothing."""


def review(
    delegation: Delegation, certificates: Iterable[CertificateSpec], snapshot: Snapshot, now: datetime
) -> tuple[CheckResult, ...]:
    """Return the results of all steps in their order, at least one for each step.

    The names that are checked are those of *certificates*, or those of the mandate while there are none.
    """
    wanted = tuple(dict.fromkeys(name for spec in certificates for name in spec.names))
    department = _department(delegation, snapshot)
    is_ours = not any(result.code in NO_SUCH_DEPARTMENT for result in department)
    results = [
        *_organisation(snapshot),
        *department,
        *(_domains(delegation, wanted or delegation.delegated_names, snapshot, now) if is_ours else _NO_DOMAINS),
        *_account(delegation, snapshot),
        *_password(snapshot, now),
        _access_list(delegation, snapshot),
    ]
    checked = {result.step for result in results}
    results += [passed(step, _observed(step, delegation, snapshot)) for step in SetupStep if step not in checked]
    return tuple(sorted(results, key=lambda result: result.step))


def review_again(
    before: Iterable[CheckResult],
    delegation: Delegation,
    certificates: Iterable[CertificateSpec],
    snapshot: Snapshot,
    now: datetime,
) -> tuple[CheckResult, ...]:
    """Return the results of all steps when *snapshot* has only the daily sections anew.

    The password, and validations that end, are judged again; the results of the other steps stay as they were *before*.
    """
    steps = {SetupStep.FIRST_LOGIN, *({SetupStep.DOMAINS} if snapshot.delegated else ())}
    again = (each for each in review(delegation, certificates, snapshot, now) if each.step in steps)
    kept = (each for each in before if each.step not in steps)
    return tuple(sorted((*kept, *again), key=lambda result: result.step))


def _observed(step: SetupStep, delegation: Delegation, snapshot: Snapshot) -> str:
    """What SCM shows of a step without a fault."""
    account = snapshot.account
    if step is SetupStep.ORG_ID:
        return f"OrgID {delegation.department_id} is the department's"
    if account and step is SetupStep.ADMIN:
        privileges = ", ".join(sorted(account.privileges))
        return f"account {account.login}: {_listed(account.roles)} only; privileges: {privileges}"
    if account and step is SetupStep.API_ONLY:
        return f"the account is of type {account.kind}"
    return "in order"


def unreachable(error: NeedsAttention) -> tuple[CheckResult, ...]:
    """Return the results of all steps when *error* prevented the inspection.

    A certain cause is `wrong`; where SCM's refusal has several likely causes, each of them is `perhaps`. The others are
    `not-checked`.
    """
    causes = {CredentialRefused: _REFUSED, AddressRefused: _ADDRESS_REFUSED, CredentialMissing: _NOT_STORED}
    results = list(causes.get(type(error), ()))
    checked = {result.step for result in results}
    reason = str(error) if isinstance(error, MandateEnded) else type(error).__name__
    results += [not_checked(step, reason) for step in SetupStep if step not in checked]
    return tuple(sorted(results, key=lambda result: result.step))


def explained(error: NeedsAttention, expires: date | None, now: datetime) -> NeedsAttention:
    """Return *error*; a refused login with the likely cause, if the password *expires* before *now*, as is known."""
    if not isinstance(error, CredentialRefused) or expires is None or expires > now.date():
        return error
    return CredentialRefused(f"The account's password expired on {expires}, which is the likely cause: {error}")


def refused_login(error: NeedsAttention) -> tuple[Finding, ...]:
    """Return what the RAO must check when SCM refuses the login: most causes are theirs to fix."""
    if not isinstance(error, CredentialRefused):
        return ()
    text = (
        "one of steps 5 to 8 is wrong, and SCM does not report which: check whether the account is locked or "
        "suspended, whether its password has expired or is still temporary, and whether the access list has our address"
    )
    return (finding_in_scm("LoginRefused", "error", "rao", text),)


_REFUSED = (
    suspected(SetupStep.ADMIN, "the login is mistyped, or the account is locked or suspended"),
    suspected(
        SetupStep.FIRST_LOGIN,
        "the temporary password is still in place, or the stored password is wrong or has expired",
        "operator",
    ),
    suspected(SetupStep.API_ONLY, "the account's type does not permit the API"),
    suspected(SetupStep.ACCESS_LIST, "the access list lacks the address that we send from"),
)
_ADDRESS_REFUSED = (
    failed(SetupStep.ACCESS_LIST, "AddressRefused", "the access list lacks the address that we send from"),
)
_NOT_STORED = (
    failed(
        SetupStep.FIRST_LOGIN,
        "CredentialMissing",
        "no login and password are stored: run `certmandate credential`",
        "operator",
    ),
)


# ---- Steps 1 to 3: the department ------------------------------------------------------------------------------


def _department(delegation: Delegation, snapshot: Snapshot) -> list[CheckResult]:
    department = snapshot.department
    if department is None:
        return _no_department(delegation, snapshot)
    if department.organisation_id is None and not department.organisation:
        return _an_organisation(department, snapshot.account)
    above = f" of '{department.organisation}'" if department.organisation else ""
    return [passed(SetupStep.DEPARTMENT, f"department '{department.name}'{above}"), *_web_api(department)]


def _no_department(delegation: Delegation, snapshot: Snapshot) -> list[CheckResult]:
    number = delegation.department_id
    has_role = snapshot.account is not None and (ROLE, number) in snapshot.account.roles
    exists = bool(snapshot.profiles or snapshot.delegated or has_role)
    if exists or Section.DEPARTMENT in snapshot.unavailable:
        check = f"SCM did not show department {number} to the account. Check manually:"
        return [
            manual(SetupStep.DEPARTMENT, f"{check} it is a department of the organisation"),
            manual(SetupStep.WEB_API, f"{check} 'Web API' is ticked for SSL"),
            manual(SetupStep.ORG_ID, f"{check} its OrgID is {number}"),
        ]
    text = f"SCM shows no department {number} to this account{_own_departments(snapshot.account)}"
    return [
        manual(SetupStep.DEPARTMENT, "not checked: no such OrgID"),
        manual(SetupStep.WEB_API, "not checked: no such OrgID"),
        failed(SetupStep.ORG_ID, "DepartmentNotFound", text),
    ]


def _an_organisation(department: Department, account: Account | None) -> list[CheckResult]:
    text = f"{department.department_id} is the organisation '{department.name}' itself"
    if own := _own_departments(account):
        return [failed(SetupStep.ORG_ID, "OrganisationNotDepartment", f"{text}, not a department{own}")]
    return [failed(SetupStep.DEPARTMENT, "NoDepartment", f"{text}; add a department for this mandate alone")]


def _own_departments(account: Account | None) -> str:
    places = [str(place) for role, place in account.roles if role == ROLE] if account else []
    return f"; its own department is {', '.join(places)}: compare the OrgID" if places else ""


def _web_api(department: Department) -> list[CheckResult]:
    if department.web_api is False:
        return [failed(SetupStep.WEB_API, "WebApiOff", "'Web API' is not ticked, so nothing can be ordered")]
    if department.certificate_types and "SSL" not in department.certificate_types:
        return [failed(SetupStep.WEB_API, "SslOff", "SSL certificates are not enabled for the department")]
    ticked = "'Web API' is ticked" if department.web_api else "SCM does not show whether 'Web API' is ticked"
    text = f"{ticked}. Check manually: the secret key is hard to guess and at most 20 characters long"
    return [manual(SetupStep.WEB_API, text)]


def _organisation(snapshot: Snapshot) -> list[CheckResult]:
    """Without the organisation's validation nothing is issued for its departments."""
    ours = [validation for validation in snapshot.validations if is_for_ssl(validation)]
    if not ours or any(validation.status == "VALIDATED" for validation in ours):
        return []
    text = f"the organisation validation (OV) is {ours[0].status.lower()}, so nothing can be issued"
    return [failed(SetupStep.DEPARTMENT, "OrganisationNotValidated", text)]


# ---- Step 4: the domains ---------------------------------------------------------------------------------------


_NO_DOMAINS = (manual(SetupStep.DOMAINS, "not checked: no such department"),)


def _domains(delegation: Delegation, wanted: tuple[str, ...], snapshot: Snapshot, now: datetime) -> list[CheckResult]:
    if Section.DOMAINS in snapshot.unavailable:
        text = (
            f"SCM did not show the delegated domains. Check manually: {', '.join(delegation.delegated_names)}, SSL only"
        )
        return [manual(SetupStep.DOMAINS, text)]
    return domain_results(delegation, wanted, snapshot.domains, now)


# ---- Steps 5 to 7: the account ---------------------------------------------------------------------------------


def _account(delegation: Delegation, snapshot: Snapshot) -> list[CheckResult]:
    account = snapshot.account
    if account is None:
        who = "an OAuth2 client its account" if snapshot.is_of_client else "the account to itself"
        check = f"SCM does not show {who}. Check manually:"
        return [
            manual(SetupStep.ADMIN, f"{check} its only role is {ROLE} on department {delegation.department_id}"),
            manual(SetupStep.API_ONLY, f"{check} 'Web API use only' is ticked"),
        ]
    results = _roles(delegation, account)
    if not account.is_active:
        results.append(failed(SetupStep.ADMIN, "AccountSuspended", f"account {account.login} is suspended"))
    if account.kind != "API":
        text = f"the account is of type {account.kind} and can use the portal: tick 'Web API use only'"
        results.append(warning(SetupStep.API_ONLY, "NotApiOnly", text))
    return [*results, *_privileges(account)]


def _roles(delegation: Delegation, account: Account) -> list[CheckResult]:
    wanted, roles = (ROLE, delegation.department_id), account.roles
    if wanted not in roles:
        text = f"the account needs {ROLE} on department {delegation.department_id}, but it has {_listed(roles)}"
        return [failed(SetupStep.ADMIN, "RoleMissing", text)]
    if extra := [role for role in roles if role != wanted]:
        text = f"the account has more roles than agreed: {_listed(extra)}"
        return [warning(SetupStep.ADMIN, "RoleExtra", text, about=_listed(extra))]
    return []


def _listed(roles: Iterable[tuple[str, int | None]]) -> str:
    return ", ".join(f"{role} on {place or 'everything'}" for role, place in roles) or "no role"


def _privileges(account: Account) -> list[CheckResult]:
    results = []
    if missing := NEEDED_PRIVILEGES - account.privileges:
        text = f"the account lacks the privilege {', '.join(sorted(missing))}: nothing can be ordered"
        results.append(failed(SetupStep.ADMIN, "PrivilegeMissing", text))
    elif not AUTO_APPROVAL & account.privileges:
        text = "the account lacks autoApproveCertificates: every order waits for an administrator's approval"
        results.append(warning(SetupStep.ADMIN, "ApprovalByHand", text))
    if extra := account.privileges - ALLOWED_PRIVILEGES:
        listed = ", ".join(sorted(extra))
        text = f"the account may do more than order certificates: {listed}"
        results.append(warning(SetupStep.ADMIN, "PrivilegeExtra", text, about=listed))
    return results


def _password(snapshot: Snapshot, now: datetime) -> list[CheckResult]:
    password, step = snapshot.password, SetupStep.FIRST_LOGIN
    if Section.PASSWORD in snapshot.unavailable:
        return [manual(step, "the login works; SCM did not show when its password expires. Check manually")]
    if password is None:
        return [passed(step, "the OAuth2 client is accepted; it has no password that could expire")]
    if is_expired(snapshot):
        return [failed(step, CredentialExpired.__name__, "the account's password has expired")]
    if password.expires and password.expires - now.date() <= PASSWORD_SOON:
        then = "renewals stop then" if password.expires >= now.date() else "the login still works"
        text = f"SCM shows that the account's password {expires_on(password.expires, now.date())}; {then}"
        return [warning(step, "PasswordExpiring", text, "operator", password.expires)]
    return [passed(step, f"the login works; the password is valid until {password.expires or 'it is changed'}")]


def is_expired(snapshot: Snapshot) -> bool:
    """Return whether SCM shows the account's password as expired: its state decides, its date only warns."""
    return snapshot.password is not None and snapshot.password.state == "EXPIRED"


# ---- Step 8: the access list -----------------------------------------------------------------------------------


def _access_list(delegation: Delegation, snapshot: Snapshot) -> CheckResult:
    address = delegation.address or "our registered /32"
    text = (
        "the login works from our address, but SCM does not show access lists. Check manually that the list has "
        f"{address} and nothing wider"
    )
    if not snapshot.is_of_client:  # it is not known whether SCM applies access lists to these
        text += ", or run `certmandate check --from-here` from another address: it must be refused"
    return manual(SetupStep.ACCESS_LIST, text)
