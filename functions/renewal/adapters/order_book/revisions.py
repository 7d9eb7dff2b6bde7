"""Writes that rest on what was read of a certificate: its next action follows from spec and status together.

Spec and status have different writers and different attributes, so neither overwrites the other. But both
move `next_action_at`, and a status written over a spec that changed meanwhile would put the change to sleep
until the next renewal. Hence the number `revision`: each of these writes raises it, and holds only for the
one it read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from renewal.adapters.order_book.items import (
    CERTIFICATE,
    certificate_key,
    certificate_spec,
    stamp,
)
from renewal.adapters.order_book.status import StoredCertificate, served_map
from renewal.adapters.order_book.table import Request, updated
from renewal.domain.delegation import CertificateSpec
from renewal.domain.due import next_action
from renewal.domain.order import ManagedCertificate


def status_updated(before: StoredCertificate, after: ManagedCertificate, now: datetime) -> Request:
    """Write the status of *after*, provided that the record is still *before*."""
    spec = after.spec
    attributes = _status(after) | {
        "next_action_at": stamp(next_action(after, now)),
        "revision": before.revision + 1,
    }
    return _changed(spec, attributes, {"seen": before.revision}, "#revision = :seen")


def spec_updated(spec: CertificateSpec, before: StoredCertificate | None, now: datetime) -> Request:
    """Write *spec*, provided that the record is still *before* (None = there is none)."""
    after = replace(before.certificate, spec=spec) if before else ManagedCertificate(spec)
    attributes = {
        "spec": certificate_spec(spec),
        "action": CERTIFICATE,
        "next_action_at": stamp(next_action(after, now)),
        "revision": before.revision + 1 if before else 1,
    }
    if before is None:
        return _changed(spec, attributes, {}, "attribute_not_exists(#item)")
    return _changed(spec, attributes, {"seen": before.revision}, "#revision = :seen")


def asked_for(path: tuple[str, str], reason: str, now: datetime) -> Request:
    """Write an operator's wish, which makes the certificate due whatever else holds: it rests on nothing."""
    return updated(
        certificate_key(*path),
        "SET #asked = :reason, #next_action_at = :now ADD #revision :one",
        {"reason": reason, "now": stamp(now), "one": 1},
        condition="attribute_exists(#item)",
    )


def _status(certificate: ManagedCertificate) -> dict[str, Any]:
    return {
        "served": served_map(certificate.served) if certificate.served else None,
        "asked": certificate.asked or None,
        "hold_until": stamp(certificate.hold_until) if certificate.hold_until else None,
        "failures": certificate.failures,
        "last_error": certificate.last_error or None,
    }


def _changed(spec: CertificateSpec, attributes: Mapping[str, Any], seen: Mapping[str, Any], condition: str) -> Request:
    """Set the attributes that have a value and remove those that are None."""
    values = {name: value for name, value in attributes.items() if value is not None}
    change = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
    if absent := [f"#{name}" for name in attributes if name not in values]:
        change += f" REMOVE {', '.join(absent)}"
    return updated(certificate_key(spec.delegation, spec.name), change, {**values, **seen}, condition=condition)
