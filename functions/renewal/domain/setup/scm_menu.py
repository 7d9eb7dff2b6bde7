"""Where in SCM each fault is fixed, as SCM's menu has it: for `check`, the RAO's mail and the page of a run."""

from __future__ import annotations

from types import MappingProxyType

DEPARTMENTS = "Settings → Organizations → Departments"
ACCOUNT = "Admins → Edit"
ACCESS_LIST = "Settings → Access Control → Organization ACL"
VALIDATIONS = "Settings → Organizations → Validations"
_SSL = f"{DEPARTMENTS} → Edit → SSL Certificate"
_ORG_ID = f"{DEPARTMENTS} → Edit → General"
_NAMES = f"{DEPARTMENTS} → Domains"
_DCV = "Domains → DCV"
_CUSTOM_FIELDS = "Settings → Custom Fields"
_ORDERS = "Certificates → SSL Certificates"
_PROFILES = "Enrollment → Certificate Profiles"

_CODES = {
    f"{DEPARTMENTS} → Add": ("NoDepartment",),
    _ORG_ID: ("DepartmentNotFound", "OrganisationNotDepartment"),
    _SSL: ("PermissionMissing", "SslOff", "WebApiOff"),
    VALIDATIONS: ("OrganisationNotValidated", "OrganisationValidationLapsing"),
    _NAMES: (
        "BaseNotDelegated", "DelegationNotActive", "NameExtra", "NameNotDelegated", "NotForSsl", "ParentOnly",
        "StarNotDelegated", "TypesExtra", "WiderThanWanted",
    ),
    _DCV: ("DcvLapsed", "DcvLapsing", "DcvMethodEnding", "DcvMissing", "PersistentRecordEnding",
        "PersistentRecordUnusable"),
    ACCOUNT: (
        "AccountSuspended", "ApprovalByHand", "CredentialExpired", "CredentialRefused", "NotApiOnly",
        "PasswordPolicyRefused", "PrivilegeExtra", "PrivilegeMissing", "ReportNotShown", "RoleExtra", "RoleMissing",
    ),
    f"{ACCOUNT}; {ACCESS_LIST}": ("LoginRefused",),
    ACCESS_LIST: ("AddressRefused",),
    _PROFILES: ("KeyRefused", "ProfileRefused", "TermRefused", "TermTooLong"),
    _CUSTOM_FIELDS: ("FieldRefused",),
    _ORDERS: (
        "AnswerLost", "CertificateMismatch", "CertificateUnusable", "NotRevoked", "OrderDeclined", "OrderNotOurs",
        "OrderNotRecorded", "OrderPending", "OrderRejected", "OrderRevoked", "OrderUnconfirmed", "OrderUndecided",
        "OrderUnknown", "ScmRefused", "SearchUnproven",
    ),
}  # fmt: skip
_MENUS = MappingProxyType({code: screen for screen, codes in _CODES.items() for code in codes})


def screen_of(code: str) -> str:
    """Return the screen on which the fault *code* is fixed; empty when it is not fixed in SCM."""
    return _MENUS.get(code, "")
