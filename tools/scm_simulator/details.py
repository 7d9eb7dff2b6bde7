"""What SCM tells of one certificate (SCM reference §5.2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from .dates import written
from .dials import Dials
from .order import Order, written_serial
from .state import State
from .world import Profile

VENDOR = "Sectigo Limited"
_VALIDATION = {
    "DV": "Domain Validation (DV)",
    "OV": "Organization Validation (OV)",
    "EV": "Extended Validation (EV)",
}
_KEY_USAGES = {
    "digital_signature": "Digital Signature",
    "key_encipherment": "Key Encipherment",
}
_EXTENDED_KEY_USAGES = {
    "1.3.6.1.5.5.7.3.1": "Server Authentication",
    "1.3.6.1.5.5.7.3.2": "Client Authentication",
}
_NO_VALUE: dict[str, Any] = {"null": None, "empty": ""}


def profile_shown(profile: Profile) -> dict[str, Any]:
    """Return a certificate profile as `/types` and the details show it."""
    return {
        "id": profile.id,
        "name": profile.name,
        "description": profile.description,
        "terms": list(profile.terms),
        "keyTypes": {algorithm: list(sizes) for algorithm, sizes in profile.key_types.items()},
        "useSecondaryOrgName": False,
    }


def with_missing(members: dict[str, Any], dials: Dials) -> dict[str, Any]:
    """Return *members*, those without a value left out, null or "" as the dial missing_values says."""
    if dials.missing_values == "absent":
        return {name: value for name, value in members.items() if value is not None}
    nothing = _NO_VALUE[dials.missing_values]
    return {name: nothing if value is None else value for name, value in members.items()}


def names_shown(order: Order, dials: Dials) -> list[str]:
    """Return the names that go under subjectAlternativeNames; the common name only if the dial says so."""
    return list(order.names if dials.cn_in_names else order.names[1:])


def status_shown(order: Order, dials: Dials) -> str:
    """Return the order's status, or what the dial status_text puts in its place."""
    return dials.status_text or order.status


def certificate_shown(state: State, order: Order, form: str | None) -> dict[str, Any]:
    """Return the details of *order*, dates in the format *form* (the dial's when None)."""
    dials = state.dials_for(order.names)
    members = _identity(state, order, dials)
    members |= _people(state, order)
    members |= _dates(order, form or dials.date_format)
    members |= _technical(order, dials)
    members |= _settings(order)
    return with_missing(members, dials)


def _identity(state: State, order: Order, dials: Dials) -> dict[str, Any]:
    profile = state.profile(order)
    accepted = order.certificate is not None
    return {
        "commonName": order.common_name,
        "sslId": order.ssl_id,
        "id": order.ssl_id,
        "orgId": order.department_id,
        "status": status_shown(order, dials),
        "orderNumber": order.ssl_id + 7_000_000 if accepted else 0,
        "backendCertId": str(order.ssl_id + 7_000_000) if accepted else None,
        "vendor": VENDOR,
        "certType": profile_shown(profile),
        "subType": "",
        "validationType": _VALIDATION[profile.validation_type],
        "term": order.term_days,
    }


def _people(state: State, order: Order) -> dict[str, Any]:
    owner, requester = state.admins.get(order.approved_by), state.admins.get(order.requester)
    return {
        "owner": owner.login if owner else None,
        "ownerId": owner.id if owner else None,
        "requester": order.requester,
        "requesterId": requester.id if requester else None,
        "requestedVia": order.via,
        "externalRequester": order.external_requester or None,
        "comments": order.comments,
    }


def _dates(order: Order, form: str) -> dict[str, Any]:
    moments: dict[str, datetime | None] = {
        "requested": order.requested_at,
        "approved": order.approved_at,
        "issued": order.issued_at,
        "declined": order.declined_at,
        "expires": order.expires_at,
        "replaced": order.replaced_at,
        "revoked": order.revoked_at,
        "renewedDate": order.renewed_at,
    }
    shown: dict[str, Any] = {name: written(at, form) if at else None for name, at in moments.items()}
    return shown | {"reasonCode": order.reason_code, "renewed": order.renewed}


def _technical(order: Order, dials: Dials) -> dict[str, Any]:
    algorithm, _, parameter = order.csr.key_type.partition(" - ")
    certificate = order.certificate
    return {
        "serialNumber": written_serial(order.serial_number, dials.serial_format) or None,
        "signatureAlg": signature_algorithm(certificate) if certificate else None,
        "keyAlgorithm": algorithm,
        "keySize": int(parameter) if certificate and parameter.isdigit() else 0,
        "keyType": order.csr.key_type,
        "keyUsages": key_usages(certificate) if certificate else None,
        "extendedKeyUsages": extended_key_usages(certificate) if certificate else None,
        "subjectAlternativeNames": names_shown(order, dials),
        "certificateDetails": _x509_details(order, certificate) if certificate else None,
    }


def _settings(order: Order) -> dict[str, Any]:
    return {
        "customFields": [{"name": name, "value": value} for name, value in order.custom_fields],
        "autoInstallDetails": {"state": "Not configured"},
        "autoRenewDetails": dict(order.auto_renew),
        "suspendNotifications": order.suspend_notifications,
    }


def _x509_details(order: Order, certificate: x509.Certificate) -> dict[str, str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {
        "issuer": certificate.issuer.rfc4514_string(),
        "subject": certificate.subject.rfc4514_string(),
        "subjectAltNames": ", ".join(f"dNSName={name}" for name in names.get_values_for_type(x509.DNSName)),
        "md5Hash": order.fingerprint(hashes.MD5()),  # noqa: S303  # SCM shows it
        "sha1Hash": order.fingerprint(hashes.SHA1()),  # noqa: S303  # SCM shows it
    }


def signature_algorithm(certificate: x509.Certificate) -> str:
    """Return the algorithm as SCM writes it: SHA256WITHRSA, SHA384WITHECDSA."""
    digest = certificate.signature_hash_algorithm
    kind = "RSA" if isinstance(certificate.signature_algorithm_parameters, padding.PKCS1v15) else "ECDSA"
    return f"{digest.name.upper() if digest else ''}WITH{kind}"


def key_usages(certificate: x509.Certificate) -> list[str]:
    """Return the key usages in words."""
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    return [words for name, words in _KEY_USAGES.items() if getattr(usage, name)]


def extended_key_usages(certificate: x509.Certificate) -> list[str]:
    """Return the extended key usages in words."""
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return [_EXTENDED_KEY_USAGES.get(usage.dotted_string, usage.dotted_string) for usage in usages]
