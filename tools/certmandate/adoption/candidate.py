"""The certificate that is to be adopted: of a file, or as its stores hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from certmandate.deployment import Deployment
from certmandate.exit import Refused
from certmandate.files.certificate_files import certificates_in
from certmandate.views import printing
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import RenewalError
from renewal.domain.names import without_added

if TYPE_CHECKING:
    from renewal.domain.certificate.facts import Certificate

_LONGEST_FILE = 1_000_000  # bytes


@dataclass(frozen=True)
class Candidate:
    """The certificate in use, and the stores that hold it."""

    leaf: Certificate
    stores: tuple[str, ...]
    arns: Mapping[str, str]
    is_of_file: bool = False


def candidate_from_file(path: Path, spec: CertificateSpec) -> Candidate:
    """Record the stores as if they held it, so that nothing is ordered before it is due; `_notes` prints that.

    No ARN is recorded: what ACM holds under those of the file has still to be compared, before the next import.
    """
    try:
        content = path.read_bytes()[: _LONGEST_FILE + 1]
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise Refused(msg) from None
    return Candidate(_leaf(content, str(path)), spec.stores, {}, is_of_file=True)


def _leaf(content: bytes, where: str) -> Certificate:
    """Return the first certificate with a DNS name. Raises Refused."""
    from renewal.domain.certificate.facts import Certificate

    try:
        certificates = certificates_in(content)
    except ValueError as error:
        msg = f"{where} {error}"
        raise Refused(msg) from None
    leaves = [certificate for certificate in map(Certificate, certificates) if _has_names(certificate)]
    if not leaves:
        msg = f"{where} has no server certificate: none of its {len(certificates)} certificates has a readable DNS name"
        raise Refused(msg)
    return leaves[0]


def _has_names(certificate: Certificate) -> bool:
    """Whether it has DNS names. Old roots that are no valid DER lie beside good certificates in one file."""
    try:
        return bool(certificate.names)
    except (ValueError, RenewalError):
        return False


def candidate_from_stores(deployment: Deployment, spec: CertificateSpec) -> Candidate:
    """Raises Refused when no store holds it, or when two hold different ones."""
    held = {store: certificate for store in spec.stores if (certificate := _held(deployment, spec, store))}
    if not held:
        msg = (
            f"no store of {spec.path} holds a certificate ({', '.join(spec.stores)}): write its ARN to `arns` in the "
            "delegation file, or pass the certificate with --pem"
        )
        raise Refused(msg)
    serials = {leaf.serial for leaf, _ in held.values()}
    if len(serials) > 1:
        listed = "; ".join(
            f"{store} serial {printed_serial(leaf.serial)}, until {printing.day(leaf.not_after)}"
            for store, (leaf, _) in held.items()
        )
        msg = f"the stores hold different certificates ({listed}): import one of them everywhere, or pass it with --pem"
        raise Refused(msg)
    arns = {store.removeprefix("acm:"): arn for store, (_, arn) in held.items() if arn}
    return Candidate(next(iter(held.values()))[0], tuple(held), arns)


def _held(deployment: Deployment, spec: CertificateSpec, store: str) -> tuple[Certificate, str] | None:
    if store == "s3":
        return _in_s3(deployment, spec)
    region = store.removeprefix("acm:")
    arn = spec.arns.get(region) or _arn_by_names(deployment, spec, region)
    if not arn:
        return None
    acm = deployment.client("acm", region)
    try:
        content = acm.get_certificate(CertificateArn=arn)["Certificate"]
    except acm.exceptions.ResourceNotFoundException:
        msg = f"{arn} does not exist in this account: correct the delegation file and apply it"
        raise Refused(msg) from None
    return _leaf(content.encode(), arn), arn


def _arn_by_names(deployment: Deployment, spec: CertificateSpec, region: str) -> str | None:
    """Return the only imported certificate with these names, besides what the CA added. Raises Refused for several."""
    from renewal.adapters.acm import EVERY_KEY_TYPE

    acm = deployment.client("acm", region)
    pages = acm.get_paginator("list_certificates").paginate(Includes={"keyTypes": list(EVERY_KEY_TYPE)})
    matching = []
    for summary in chain.from_iterable(page["CertificateSummaryList"] for page in pages):
        if summary.get("DomainName", "").lower() not in spec.names:
            continue
        described = acm.describe_certificate(CertificateArn=summary["CertificateArn"])["Certificate"]
        names = {name.lower() for name in described.get("SubjectAlternativeNames", [])}
        if described.get("Type") == "IMPORTED" and set(without_added(names, spec.names)) == set(spec.names):
            matching.append(summary["CertificateArn"])
    if len(matching) > 1:
        msg = f"ACM in {region} has several for these names; write one ARN to `arns`: {', '.join(sorted(matching))}"
        raise Refused(msg)
    return matching[0] if matching else None


def _in_s3(deployment: Deployment, spec: CertificateSpec) -> tuple[Certificate, str] | None:
    import json

    from renewal.adapters.objects import MOST_BYTES

    s3, bucket = deployment.client("s3"), deployment.fact("StoreBucket")
    folder = f"certificates/{spec.delegation}/{spec.name}"
    try:
        pointer = json.loads(s3.get_object(Bucket=bucket, Key=f"{folder}/current.json")["Body"].read(MOST_BYTES))
        key = f"{folder}/{pointer['serial']}/cert.pem"
        return _leaf(s3.get_object(Bucket=bucket, Key=key)["Body"].read(MOST_BYTES), f"s3://{bucket}/{key}"), ""
    except s3.exceptions.NoSuchKey:
        return None
    except (ValueError, TypeError, KeyError, RecursionError):
        msg = f"s3://{bucket}/{folder}/current.json is malformed; restore its previous version"
        raise Refused(msg) from None
