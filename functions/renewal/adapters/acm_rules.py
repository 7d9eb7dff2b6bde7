"""What must not be imported under an ARN: what ACM refuses, and what would overwrite another's certificate.

Source: AWS, acm/latest/userguide, import-certificate-prerequisites and import-reimport.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import AcmWouldRefuse, StoreNotOurs
from renewal.domain.key_type import KeyType

if TYPE_CHECKING:
    from renewal.domain.certificate.chain import Chain

IMPORTED = "IMPORTED"
DELEGATION_TAG, CERTIFICATE_TAG = "certmandate:delegation", "certmandate:certificate"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"

ACM_KEY_ALGORITHMS = {
    KeyType.RSA_2048: "RSA_2048",
    KeyType.RSA_3072: "RSA_3072",
    KeyType.RSA_4096: "RSA_4096",
    KeyType.P_256: "EC_prime256v1",
    KeyType.P_384: "EC_secp384r1",
}
"""Our key types as ACM names them (AWS: `KeyAlgorithm`)."""


@dataclass(frozen=True, slots=True)
class HeldCertificate:
    """What ACM holds under an ARN, from DescribeCertificate."""

    arn: str
    region: str
    serial: str
    key_algorithm: str
    kind: str = IMPORTED
    """ACM's `Type`."""
    in_use_by: tuple[str, ...] = ()
    """ARNs of load balancers, distributions …"""
    expires: date | None = None
    names: frozenset[str] = frozenset()
    extended_key_usages: frozenset[str] = frozenset()
    """Dotted object identifiers."""
    key_usages: frozenset[str] = frozenset()
    """ACM's names: `DIGITAL_SIGNATURE`, `KEY_ENCIPHERMENT`, …"""


def is_same_key_type(held_algorithm: str, key_type: KeyType) -> bool:
    """Return whether ACM's *held_algorithm* is *key_type*; ACM writes both `RSA_2048` and `RSA-2048`."""
    return held_algorithm.replace("-", "_") == ACM_KEY_ALGORITHMS[key_type]


def require_ours(held: HeldCertificate, tags: Mapping[str, str], spec: CertificateSpec, stored: str) -> None:
    """Raise StoreNotOurs when a certificate of *spec* must not replace what the ARN holds.

    The tag of a first import names the owner. A certificate without the tag, which is adopted, must be the one that the
    order book has as *stored* (a serial), or be for one of the names.
    """
    owner = tags.get(DELEGATION_TAG, "")
    if held.kind != IMPORTED:
        reason = f"is of type {held.kind}, and nothing can be imported into it"
    elif owner not in {"", spec.delegation}:
        reason = f"belongs to {owner}/{tags.get(CERTIFICATE_TAG, '')}, by its tag {DELEGATION_TAG}"
    elif owner or held.serial == stored or held.names & set(spec.names):
        return
    else:
        reason = f"is for {', '.join(sorted(held.names)) or 'no names'}, and has no tag {DELEGATION_TAG}"
    msg = f"{held.arn} {reason}: it is not overwritten for {spec.path}. Correct `arns` in the delegation file"
    raise StoreNotOurs(msg)


def require_algorithm_of_issuer(chain: Chain) -> None:
    """Raise AcmWouldRefuse when the keys of the leaf and of its issuer have different algorithms."""
    leaf, issuer = chain.leaf.x509.public_key(), chain.issuers[0].x509.public_key()
    if type(leaf) is not type(issuer):
        msg = (
            f"the certificate with serial {chain.leaf.serial} is issued, but its key and its issuer's key have "
            "different algorithms, which ACM does not accept: store it in S3 only; or end its order (certmandate "
            "close-order) and choose the key type of the issuers"
        )
        raise AcmWouldRefuse(msg)


def require_same_key_type(held: HeldCertificate, key_type: KeyType) -> None:
    """Raise AcmWouldRefuse when *key_type* cannot be imported into the ARN; known before anything is ordered."""
    if not is_same_key_type(held.key_algorithm, key_type):
        msg = (
            f"{held.arn} holds a key of type {held.key_algorithm}, and ACM never changes the key type of an ARN. "
            f"For a key of type {key_type}, remove the ARN from the delegation file: the import then makes a new one"
        )
        raise AcmWouldRefuse(msg)


def require_usages_kept(
    held: HeldCertificate, key_type: KeyType, *, extended: frozenset[str], key_usages: frozenset[str]
) -> None:
    """Raise AcmWouldRefuse when the new certificate drops a usage that the one under the ARN has.

    *extended*, *key_usages*: those of the new certificate. Two may be dropped: clientAuth, and keyEncipherment of ECDSA
    certificates. A held certificate without a list of usages restricts nothing.
    """
    droppable = {CLIENT_AUTH} | ({"KEY_ENCIPHERMENT"} if key_type.algorithm == "EC" else set())
    dropped = (held.extended_key_usages - extended) | (held.key_usages - key_usages)
    if lost := sorted(dropped - droppable):
        msg = (
            f"the new certificate lacks key usages that {held.arn} has ({', '.join(lost)}); "
            "ACM refuses to drop them on the same ARN"
        )
        raise AcmWouldRefuse(msg)
