"""The command by which the operator acts on each error or finding; what it means is in `docs/runbook.md`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from renewal.domain.errors import Actor

_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "certmandate credential {delegation}": (
        "CredentialMissing", "CredentialRefused", "PasswordExpiring", "PasswordPolicyRefused",
    ),
    "certmandate credential {delegation} --rotate": ("RotationOverdue", "RotationTooLate"),
    "certmandate plan DIR, then certmandate apply DIR": (
        "AcmCertificateMissing", "AcmWouldRefuse", "FieldRefused", "InvalidDelegation", "KeyRefused", "ProfileRefused",
        "RequestRefused", "StoreNotOurs", "TermRefused",
    ),
    'certmandate close-order {path} --reason "…"': ("CertificateMismatch", "CertificateUnusable", "OrderUnknown"),
    'certmandate renew {path} --force --reason "…"': ("OrderRejected", "OrderRevoked"),
    'certmandate renew {path} --order-again --reason "…"': ("OrderNotRecorded", "OrderUnconfirmed"),
    "certmandate renew {path}": ("RenewalOverdue", "ServedNotListed", "ServedReplaced", "ServedRevoked"),
    'certmandate acknowledge {delegation} SSL_ID --reason "…"': ("OrderNotOurs",),
}  # fmt: skip
_BY_CODE = MappingProxyType({code: command for command, codes in _COMMANDS.items() for code in codes})


def command_for(code: str, actor: Actor, delegation: str, certificate: str) -> str:
    """Return what the operator runs; empty when the RAO acts. What has no command of its own begins with a view."""
    if actor == "rao" or not delegation:
        return ""
    path = f"{delegation}/{certificate}" if certificate else ""
    default = "certmandate show {path}" if certificate else "certmandate check {delegation}"
    template = _BY_CODE.get(code, default)
    if "{path}" in template and not path:
        template = "certmandate check {delegation}"
    return template.format(delegation=delegation, path=path)
