"""What the declared endpoints of a certificate presented, as `certmandate show` and `status` show it."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.text import Text

from certmandate.views import printing
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.endpoint.observation import Observation
from renewal.domain.order import ManagedCertificate
from renewal.domain.service.state import current_service, service_state


def part(certificate: ManagedCertificate) -> list[RenderableType]:
    """Return the part of a certificate's page; empty when it has no `served_at`."""
    if not certificate.spec.served_at:
        return []
    heading = printing.heading(f"Endpoints: {service_state(certificate)}")
    record = current_service(certificate)
    if record is None:
        endpoints = ", ".join(map(str, certificate.spec.served_at))
        return [heading, Text(f"  {endpoints}: not verified since this certificate was stored")]
    hours = "" if record.hours is None else f"{record.hours:.1f} hours after it was stored"
    pairs = [("verified", printing.minute(record.observed_at)), ("first served", hours)]
    return [heading, printing.facts(pairs), *printing.bullets("Addresses", map(_line, record.observations))]


def _line(observation: Observation) -> str:
    return f"{observation}, since {printing.minute(observation.since)}"


def presenting(certificate: ManagedCertificate, serial: str) -> tuple[str, ...]:
    """Return the endpoints that presented *serial* when they were last contacted."""
    observations = certificate.service.observations if certificate.service else ()
    return tuple(dict.fromkeys(each.endpoint for each in observations if each.serial == serial))


def document(certificate: ManagedCertificate) -> dict[str, Any]:
    """Return it as JSON has it."""
    record = current_service(certificate)
    return {
        "state": service_state(certificate),
        "declared": [str(endpoint) for endpoint in certificate.spec.served_at],
        "verified_at": record.observed_at if record else None,
        "hours_to_served": record.hours if record else None,
        "unserved_since": record.unserved_since if record else None,
        "observations": [_observation(each) for each in record.observations] if record else [],
    }


def _observation(observation: Observation) -> dict[str, Any]:
    return {
        "endpoint": observation.endpoint,
        "address": observation.address,
        "state": observation.state,
        "since": observation.since,
        "serial": printed_serial(observation.serial) if observation.serial else "",
        "text": observation.text,
    }
