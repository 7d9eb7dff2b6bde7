"""Records as the tests need them: one delegation, one certificate, one order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from certmandate.files.specification import Specification
from renewal.domain.certificate.chain import Chain
from renewal.domain.certificate.facts import Certificate
from renewal.domain.delegation import CertificatePath, CertificateSpec, Delegation
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from renewal.domain.order import Order, StoredCertificate
from renewal.ports.stores import CertificateWithKey
from tests.throwaway_ca import SERVER, hierarchy
from tests.unit import orders

NOW = datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
NAME = "idp.univ.example"
PATH = CertificatePath("univ", "idp")

DELEGATION = Delegation("univ", "Université d'Exemple", 1698, (NAME,))
SPEC = CertificateSpec("univ", "idp", (NAME,), 1018)


def a_specification(*specs: CertificateSpec, delegation: Delegation = DELEGATION) -> Specification:
    """The delegation with *specs*, or with its one certificate."""
    return Specification(delegation, specs or (SPEC,))


def an_order(**changes: Any) -> Order:
    """An intent."""
    stored = {"token": "token-1", "run_id": "run-1", "reason": "laptop stolen", "opened_at": NOW, "posted_at": NOW}
    return orders.an_order(**stored | changes)


def a_stored(**changes: Any) -> StoredCertificate:
    """What the stores hold after the order of `an_order`."""
    stored = StoredCertificate(
        ssl_id=77,
        serial="AB12",
        not_before=NOW,
        not_after=NOW + timedelta(days=199),
        names=(NAME,),
        profile_id=1018,
        key_type=KeyType.P_256,
        issuer="CN=Throw-Away EC CA",
        stores=("s3",),
        token="token-1",
        stored_at=NOW,
        arns={"eu-west-3": "arn:aws:acm:eu-west-3:123456789012:certificate/1"},
    )
    return replace(stored, **changes)


def a_pair(
    spec: CertificateSpec = SPEC,
    *,
    key: KeyPair | None = None,
    not_before: datetime | None = None,
    usages: Any = SERVER,
) -> CertificateWithKey:
    """A key with a certificate that is valid since yesterday, by the real clock, which moto uses."""
    key = key or KeyPair.generate(spec.key_type)
    issuer = hierarchy().issuer_for(key.private_key.public_key())
    begins = not_before or datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    leaf = issuer.issue(key.private_key.public_key(), spec.names, not_before=begins, days=199, usages=usages)
    return CertificateWithKey(spec, Chain(Certificate(leaf), (Certificate(issuer.certificate),)), key)
