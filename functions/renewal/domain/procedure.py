"""The eight steps by which a RAO delegates, each with a verdict from what SCM shows.

The steps are those of the guide that the RAO receives. What SCM does not show over its API (access lists, the department's secret
key) gets the verdict `by-eye` with how to look.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.errors import Actor
from renewal.domain.names import is_wildcard, permits
from renewal.domain.observation import DelegatedName, Observation

ROLE = "DRAO_SSL"
NEEDED_PRIVILEGES = frozenset({"sslRequest"})
ALLOWED_PRIVILEGES = NEEDED_PRIVILEGES | {
    "sslRenew",
    "autoApproveCertificates",
    "allowSslAutoApprove",
    "wsApiUseOnly",
}
PASSWORD_SOON = timedelta(days=21)
DCV_SOON = timedelta(days=30)


class Step(StrEnum):
    """A step of the procedure; the value is its number in the guide."""

    DEPARTMENT = "1"
    WEB_API = "2"
    ORG_ID = "3"
    DOMAINS = "4"
    ADMIN = "5"
    FIRST_LOGIN = "6"
    API_ONLY = "7"
    ACCESS_LIST = "8"


SCREENS = {
    Step.DEPARTMENT: "Settings → Organizations → Departments → Add",
    Step.WEB_API: "Settings → Organizations → Departments → Edit → SSL Certificate",
    Step.ORG_ID: "Settings → Organizations → Departments → Edit → General",
    Step.DOMAINS: "Settings → Organizations → Departments → Domains",
    Step.ADMIN: "Admins → Add",
    Step.FIRST_LOGIN: "SCM portal, first login of the new account",
    Step.API_ONLY: "Admins → Edit",
    Step.ACCESS_LIST: "Settings → Access Control → Organization ACL",
}


class Verdict(StrEnum):
    """`done`, `wrong` (nothing can be ordered, or more is permitted than agreed), `warning`, or `by-eye`."""

    DONE = "done"
    WRONG = "wrong"
    WARNING = "warning"
    BY_EYE = "by-eye"


@dataclass(frozen=True, slots=True)
class Remark:
    """One verdict on one step."""

    step: Step
    verdict: Verdict
    code: str
    """A stable name for the fault, e.g. `web-api-off`; `done` for what is right."""
    text: str
    actor: Actor = "rao"

    @property
    def screen(self) -> str:
        """Where in SCM."""
        return SCREENS[self.step]


def review(
    delegation: Delegation, certificates: Iterable[CertificateSpec], seen: Observation, now: datetime
) -> tuple[Remark, ...]:
    """Return every step's remarks in the order of the procedure; each step has at least one."""
    wanted = (
        tuple(dict.fromkeys(name for spec in certificates for name in spec.names))
        or delegation.delegated_names
    )
    remarks = [
        *_department(delegation, seen),
        *_web_api(seen),
        *_domains(delegation, wanted, seen, now),
        *_account(delegation, seen),
        *_password(seen, now),
        *_api_only(seen),
        _access_list(delegation),
    ]
    present = {remark.step for remark in remarks}
    remarks += [Remark(step, Verdict.DONE, "done", "in order") for step in Step if step not in present]
    return tuple(sorted(remarks, key=lambda remark: remark.step))


def unreachable(error: str) -> tuple[Remark, ...]:
    """Remarks when the one login was refused: every step that a 401 may point to, likeliest first."""
    causes = (
        (
            Step.FIRST_LOGIN,
            "the temporary password was not changed yet, or the stored one is wrong or has expired",
        ),
        (Step.ACCESS_LIST, "the access list has another address than the one we come from"),
        (
            Step.ADMIN,
            "the account is locked or suspended after failed attempts, or the login name is mistyped",
        ),
        (Step.API_ONLY, "the account may not use the API"),
    )
    return tuple(Remark(step, Verdict.WRONG, "login-refused", f"{error}: {text}") for step, text in causes)


def _department(delegation: Delegation, seen: Observation) -> list[Remark]:
    department = seen.department
    if department is None:
        text = f"SCM shows no department {delegation.department_id} to this account; compare the OrgID noted in step 3"
        return [Remark(Step.ORG_ID, Verdict.WRONG, "department-not-found", text)]
    if department.organisation_id is None and not department.organisation:
        text = f"{delegation.department_id} ('{department.name}') is an organisation, not a department of one"
        return [
            Remark(
                Step.DEPARTMENT, Verdict.WRONG, "no-department", f"{text}; make a department for this mandate"
            ),
        ]
    return []


def _web_api(seen: Observation) -> list[Remark]:
    department = seen.department
    if department is None:
        return []
    if not department.web_api:
        return [
            Remark(
                Step.WEB_API, Verdict.WRONG, "web-api-off", "'Web API' is not ticked: nothing can be ordered"
            )
        ]
    if department.certificate_types and "SSL" not in department.certificate_types:
        return [
            Remark(
                Step.WEB_API, Verdict.WRONG, "no-ssl-type", "the department has no SSL certificates enabled"
            )
        ]
    text = "'Web API' is ticked. Look by eye: the secret key must be hard to guess and at most 20 characters long"
    return [Remark(Step.WEB_API, Verdict.BY_EYE, "secret-key", text)]


def _domains(
    delegation: Delegation, wanted: tuple[str, ...], seen: Observation, now: datetime
) -> list[Remark]:
    if seen.department is None and not seen.delegated:
        return []
    missing = [remark for name in wanted for remark in _wanted_name(name, seen, now)]
    wider = [remark for entry in seen.delegated for remark in _too_wide(entry, delegation, wanted)]
    return missing + wider


def _wanted_name(name: str, seen: Observation, now: datetime) -> list[Remark]:
    entry = seen.entry_for(name)
    if entry is None:
        return [Remark(Step.DOMAINS, Verdict.WRONG, *_not_delegated(name, seen))]
    if not entry.active:
        text = f"{name}: the delegation of {entry.entry} waits for approval, or the domain is suspended"
        return [Remark(Step.DOMAINS, Verdict.WRONG, "delegation-not-active", text)]
    if "SSL" not in entry.certificate_types:
        text = f"{name}: {entry.entry} is delegated, but not for SSL"
        return [Remark(Step.DOMAINS, Verdict.WRONG, "not-for-ssl", text)]
    return _validation(name, entry, now)


def _not_delegated(name: str, seen: Observation) -> tuple[str, str]:
    base = name.removeprefix("*.")
    entries = {one.entry for one in seen.delegated}
    if is_wildcard(name) and base in entries:
        return (
            "star-not-delegated",
            f"{name} is not delegated: {base} permits exactly that name; delegate {name}",
        )
    if f"*.{base}" in entries:
        return (
            "base-not-delegated",
            f"{name} is not delegated: *.{base} permits what is below it; delegate {base} too",
        )
    if parent := next((one for one in entries if base.endswith(f".{one}")), ""):
        text = (
            f"{name} is not delegated: {parent} permits exactly that name, nothing below it; delegate {name}"
        )
        return "parent-only", text
    return "name-not-delegated", f"{name} is not delegated to the department"


def _validation(name: str, entry: DelegatedName, now: datetime) -> list[Remark]:
    if entry.dcv_status and entry.dcv_status != "VALIDATED":
        text = f"{name}: domain control validation of {entry.entry} is {entry.dcv_status.lower()}"
        return [Remark(Step.DOMAINS, Verdict.WRONG, "dcv-missing", text)]
    if entry.dcv_expires and entry.dcv_expires < now.date():
        text = f"{name}: domain control validation of {entry.entry} expired on {entry.dcv_expires}"
        return [Remark(Step.DOMAINS, Verdict.WRONG, "dcv-expired", text)]
    if entry.dcv_expires and entry.dcv_expires - now.date() <= DCV_SOON:
        text = f"{name}: domain control validation of {entry.entry} expires on {entry.dcv_expires}"
        return [Remark(Step.DOMAINS, Verdict.WARNING, "dcv-expiring", text)]
    return []


def _too_wide(entry: DelegatedName, delegation: Delegation, wanted: tuple[str, ...]) -> list[Remark]:
    """More than was agreed is a security finding: we could order what we should not be able to."""
    remarks = []
    if extra := entry.certificate_types - {"SSL"}:
        text = f"{entry.entry} is delegated for {', '.join(sorted(extra))} too; only SSL is needed"
        remarks.append(Remark(Step.DOMAINS, Verdict.WARNING, "more-than-ssl", text))
    if entry.entry not in delegation.delegated_names:
        used = any(permits(entry.entry, name) for name in wanted)
        text = f"{entry.entry} is delegated and not part of the mandate"
        code = "wider-than-wanted" if is_wildcard(entry.entry) and used else "extra-name"
        remarks.append(Remark(Step.DOMAINS, Verdict.WARNING, code, f"{text}; withdraw it"))
    return remarks


def _account(delegation: Delegation, seen: Observation) -> list[Remark]:
    account = seen.account
    if account is None:
        text = f"SCM does not show the account to itself. Look by eye: {ROLE} on department {delegation.department_id} only"
        return [Remark(Step.ADMIN, Verdict.BY_EYE, "account-not-shown", text)]
    remarks = []
    if not account.active:
        remarks.append(Remark(Step.ADMIN, Verdict.WRONG, "account-suspended", "the account is suspended"))
    remarks += _roles(delegation, account.roles)
    if missing := NEEDED_PRIVILEGES - account.privileges:
        text = f"the account lacks the privilege {', '.join(sorted(missing))}"
        remarks.append(Remark(Step.ADMIN, Verdict.WRONG, "privilege-missing", text))
    if extra := account.privileges - ALLOWED_PRIVILEGES:
        text = f"the account may do more than order: {', '.join(sorted(extra))}"
        remarks.append(Remark(Step.ADMIN, Verdict.WARNING, "privilege-extra", text))
    return remarks


def _roles(delegation: Delegation, roles: tuple[tuple[str, int], ...]) -> list[Remark]:
    wanted = (ROLE, delegation.department_id)
    remarks = []
    if wanted not in roles:
        has = ", ".join(f"{role} on {where}" for role, where in roles) or "no role"
        text = f"the account needs {ROLE} on department {delegation.department_id}; it has {has}"
        remarks.append(Remark(Step.ADMIN, Verdict.WRONG, "role-missing", text))
    if extra := [f"{role} on {where}" for role, where in roles if (role, where) != wanted]:
        text = f"the account has more roles than agreed: {', '.join(extra)}"
        remarks.append(Remark(Step.ADMIN, Verdict.WARNING, "role-extra", text))
    return remarks


def _password(seen: Observation, now: datetime) -> list[Remark]:
    password = seen.password
    if password is None:
        return []
    if password.state == "EXPIRED" or (password.expires and password.expires < now.date()):
        return [
            Remark(
                Step.FIRST_LOGIN,
                Verdict.WRONG,
                "password-expired",
                "the account's password has expired",
                "operator",
            )
        ]
    if password.expires and password.expires - now.date() <= PASSWORD_SOON:
        text = f"the account's password expires on {password.expires}"
        return [Remark(Step.FIRST_LOGIN, Verdict.WARNING, "password-expiring", text, "operator")]
    return []


def _api_only(seen: Observation) -> list[Remark]:
    account = seen.account
    if account is None:
        text = "SCM does not show the account to itself. Look by eye: 'Web API use only' is ticked"
        return [Remark(Step.API_ONLY, Verdict.BY_EYE, "type-not-shown", text)]
    if account.kind != "API":
        text = f"the account is of type {account.kind}: it can still use the portal; tick 'Web API use only'"
        return [Remark(Step.API_ONLY, Verdict.WARNING, "not-api-only", text)]
    return []


def _access_list(delegation: Delegation) -> Remark:
    address = delegation.address or "our registered /32"
    text = (
        f"from our address it works. SCM shows no access list over its API; look by eye that it has {address} and nothing "
        "wider, or try from elsewhere with: certmandate check --from-here"
    )
    return Remark(Step.ACCESS_LIST, Verdict.BY_EYE, "access-list", text)
