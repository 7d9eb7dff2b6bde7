"""What is done about each error or finding: one command, one page of SCM, or why there is neither.

What it means is in `docs/runbook.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from renewal.domain.errors import Actor

_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "certmandate credential {delegation}": (
        "CredentialMissing", "CredentialRefused", "PasswordExpiring", "PasswordPolicyRefused",
    ),
    "certmandate credential {delegation} --rotate": ("RotationOverdue", "RotationTooLate"),
    "certmandate apply delegations/": (
        "AcmCertificateMissing", "AcmWouldRefuse", "FieldRefused", "KeyRefused", "ProfileRefused",
        "RequestRefused", "StoreNotOurs", "TermRefused",
    ),
    "certmandate audit verify {delegation}": ("AuditTrailTampered",),
    "certmandate plan delegations/": ("TooManyDue",),
    "certmandate findings {delegation}": ("OrderNotOurs", "RaoMailUndelivered"),
    "certmandate close-order {path} --reason {code}": ("CertificateMismatch", "CertificateUnusable", "OrderUnknown"),
    "certmandate renew {path} --force --reason {code}": ("OrderRejected", "OrderRevoked"),
    "certmandate renew {path}": ("ChainBroken", "RenewalOverdue", "ServedNotListed", "ServedReplaced", "ServedRevoked"),
}  # fmt: skip
"""`delegations/` is where `certmandate onboard` writes the files, and where every document has them."""
_OF_A_DELEGATION = {"RecordUnreadable": "certmandate apply delegations/"}
"""Where the error of a certificate, or of an item of the estate, has another remedy."""
_BY_CODE = MappingProxyType({code: command for command, codes in _COMMANDS.items() for code in codes})

_WITHOUT: Mapping[str, tuple[str, ...]] = {
    "AWS: associate the new ARN where the old one is in use": ("ArnReplaced",),
    "not in SCM: extend the mandate in writing": ("MandateEnded", "MandateEnding"),
    "first resolve the findings that are listed": ("MoreFindings",),
    "no command repairs the item: docs/runbook.md, RecordUnreadable": ("RecordUnreadable",),
    "nothing to do": ("OrdersBefore", "PasswordRotation"),
}
WITHOUT_REMEDY = MappingProxyType({code: reason for reason, codes in _WITHOUT.items() for code in codes})
"""Why there is neither a command nor a page of SCM, by code."""
_ELSEWHERE = "not in SCM: the RAO replies to the operator"


def command_for(code: str, actor: Actor, delegation: str, certificate: str) -> str:
    """Return what the operator runs, as it is typed; empty when the RAO acts, and when no command helps.

    What has no command of its own begins with a view.
    """
    if actor == "operator" and delegation and not certificate and code in _OF_A_DELEGATION:
        return _OF_A_DELEGATION[code]
    if actor == "rao" or code in WITHOUT_REMEDY:
        return ""
    if not delegation:
        return "certmandate status"
    path = f"{delegation}/{certificate}" if certificate else ""
    template = _BY_CODE.get(code, "certmandate show {path}")
    if "{path}" in template and not path:
        template = "certmandate check {delegation}"
    return template.format(delegation=delegation, path=path, code=code)


def reason_without(code: str) -> str:
    """Return why there is neither a command nor a page of SCM for *code*."""
    return WITHOUT_REMEDY.get(code, _ELSEWHERE)
