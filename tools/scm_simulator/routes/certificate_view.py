"""The JSON of certificates and profiles, in details, lists and reports (SCM reference §5.2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from scm_simulator.backend.order import Order, format_serial
from scm_simulator.backend.state import State
from scm_simulator.dates import format_date
from scm_simulator.world.dials import Dials
from scm_simulator.world.world import Profile

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


def profile_json(profile: Profile) -> dict[str, Any]:
    """Return a certificate profile as in `/types` and in the details."""
    return {
        "id": profile.id,
        "name": profile.name,
        "description": profile.description,
        "terms": list(profile.terms),
        "keyTypes": {algorithm: list(sizes) for algorithm, sizes in profile.key_types.items()},
        "useSecondaryOrgName": False,
    }


def with_missing(members: dict[str, Any], dials: Dials) -> dict[str, Any]:
    """Return *members*; those without a value are left out, null or "" by the dial missing_values."""
    if dials.missing_values == "absent":
        return {name: value for name, value in members.items() if value is not None}
    nothing = _NO_VALUE[dials.missing_values]
    return {name: nothing if value is None else value for name, value in members.items()}


def common_name(order: Order, dials: Dials) -> str:
    """Return the common name as the dial common_name_form shows it."""
    name = order.common_name
    forms = {"u-label": lambda: name.encode().decode("idna"), "upper-case": name.upper}
    return forms.get(dials.common_name_form, lambda: name)()


def comments(order: Order, dials: Dials) -> str | None:
    """Return the comments; None by the dial hidden_comments."""
    return None if dials.hidden_comments else order.comments


def other_names(order: Order, dials: Dials) -> list[str]:
    """Return the names under subjectAlternativeNames; with the common name only by the dial cn_in_names."""
    return list(order.names if dials.cn_in_names else order.names[1:])


def certificate_json(state: State, order: Order, date_format: str | None = None) -> dict[str, Any]:
    """Return the details of *order*, dates in *date_format* (None: the dial's)."""
    dials = state.dials_for(order.names)
    members = _identity(state, order, dials)
    members |= _accounts(state, order, dials)
    members |= dates_json(order, date_format or dials.date_format, renewedDate=order.renewed_at)
    members |= _technical(order, dials)
    members |= _settings(order)
    return with_missing(members, dials)


def dates_json(order: Order, date_format: str, **more: datetime | None) -> dict[str, str | None]:
    """Return the dates of *order*, and *more*, by their names in SCM; None where there is none."""
    times = {
        "requested": order.requested_at,
        "approved": order.approved_at,
        "issued": order.issued_at,
        "declined": order.declined_at,
        "expires": order.expires_at,
        "replaced": order.replaced_at,
        "revoked": order.revoked_at,
    }
    return {name: format_date(time, date_format) if time else None for name, time in (times | more).items()}


def custom_fields_json(order: Order) -> list[dict[str, str]]:
    """Return the custom fields of *order*."""
    return [{"name": name, "value": value} for name, value in order.custom_fields]


def _identity(state: State, order: Order, dials: Dials) -> dict[str, Any]:
    profile = state.profile(order)
    return {
        "commonName": common_name(order, dials),
        "sslId": order.ssl_id,
        "id": order.ssl_id,
        "orgId": order.department_id,
        "status": dials.status_text or order.status,
        "orderNumber": order.order_number or 0,
        "backendCertId": str(order.order_number) if order.order_number else None,
        "vendor": VENDOR,
        "certType": profile_json(profile),
        "subType": "",
        "validationType": _VALIDATION[profile.validation_type],
        "term": order.term_days,
    }


def _accounts(state: State, order: Order, dials: Dials) -> dict[str, Any]:
    owner, requester = state.admins.get(order.approved_by), state.admins.get(order.requester)
    return {
        "owner": owner.login if owner else None,
        "ownerId": owner.id if owner else None,
        "requester": order.requester,
        "requesterId": requester.id if requester else None,
        "requestedVia": order.via,
        "externalRequester": order.external_requester or None,
        "comments": comments(order, dials),
    }


def _technical(order: Order, dials: Dials) -> dict[str, Any]:
    algorithm, _, parameter = order.csr.key_type.partition(" - ")
    certificate = order.certificate
    return {
        "serialNumber": format_serial(order.serial_number, dials.serial_format) or None,
        "signatureAlg": signature_algorithm(certificate) if certificate else None,
        "keyAlgorithm": algorithm,
        "keySize": int(parameter) if certificate and parameter.isdigit() else 0,
        "keyType": order.csr.key_type,
        "keyUsages": key_usages(certificate) if certificate else None,
        "extendedKeyUsages": extended_key_usages(certificate) if certificate else None,
        "subjectAlternativeNames": other_names(order, dials),
        "certificateDetails": _x509_details(order, certificate) if certificate else None,
    }


def _settings(order: Order) -> dict[str, Any]:
    return {
        "reasonCode": order.reason_code,
        "renewed": order.renewed,
        "customFields": custom_fields_json(order),
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
    """Return the names of the key usages."""
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    return [text for name, text in _KEY_USAGES.items() if getattr(usage, name)]


def extended_key_usages(certificate: x509.Certificate) -> list[str]:
    """Return the names of the extended key usages."""
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return [_EXTENDED_KEY_USAGES.get(usage.dotted_string, usage.dotted_string) for usage in usages]
