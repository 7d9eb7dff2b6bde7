"""The past: brings an estate into the local AWS and the simulator as earlier runs would have left it.

It is written by the product's own steps and adapters, so that each state is one that they can reach.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from certmandate.files.credential_policy import credential_policy
from certmandate.files.spec_writer import EstateChange, SpecWriter
from certmandate.files.specification import Specification
from local.aws import LocalAws
from local.cloudformation.parameters import ACCOUNT
from local.estate import Estate
from local.in_process import InProcessAws
from renewal.adapters.acm import Acm
from renewal.adapters.keys import KmsOpener, KmsSealer
from renewal.adapters.objects import S3Certificates
from renewal.adapters.order_book.reader import DynamoDbOrderReader
from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions
from renewal.deadline import Deadline
from renewal.domain.certificate.chain import TrustedRoots
from renewal.domain.delegation import CertificatePath
from renewal.domain.due import Cause
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair, PrivateKey, key_type_of
from renewal.domain.order import COMMENT_PREFIX, Order, OrderStatus, StoredCertificate
from renewal.domain.order_search import SearchedOrder, SearchResult
from renewal.domain.run.payload import Progress
from renewal.domain.setup.inspection import Inspection
from renewal.ports.scm import Accounts
from renewal.ports.stores import CertificateWithKey
from renewal.steps.collect import Collect
from renewal.steps.stores.storing import Stores
from scm_simulator import Order as ScmOrder
from scm_simulator import Simulator
from scm_simulator.backend.order import OPEN

EARLIER_RUN = "earlier-run"
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Seed:
    """Plants estates into a local AWS, and into a simulator that was started with the estate's world."""

    aws: LocalAws | InProcessAws
    simulator: Simulator

    def plant(self, estate: Estate) -> None:
        """Store the credentials, repeat the past orders, and apply the delegation files as they are now."""
        with self._without_throttle():
            self._live(estate)
        self.aws.acm.throttled_regions = estate.throttled_regions

    @contextmanager
    def _without_throttle(self) -> Iterator[None]:
        """Import without ACM's limit of one a second and region: the past imports were months apart."""
        acm = self.aws.acm
        limit, acm.imports_per_second, acm.throttled_regions = acm.imports_per_second, None, ()
        yield
        acm.imports_per_second = limit

    def _live(self, estate: Estate) -> None:
        now = datetime.now(UTC)
        self._store_credentials(estate)
        writer = SpecWriter(self.aws.tables)
        writer.write(EstateChange.of(*map(_without_arns, estate.specifications)), now)
        statuses = {past.comments: past.status for past in estate.world.certificates if past.label}
        labelled = [order for order in self.simulator.orders if order.label]
        for order in sorted(labelled, key=lambda order: statuses[order.comments] in OPEN):
            self._relive(order, estate, is_open=statuses[order.comments] in OPEN)
        for specification in estate.specifications:
            self._remember_password(specification.delegation.name, estate, now)
        writer.write(EstateChange.of(*estate.specifications), now)

    def _store_credentials(self, estate: Estate) -> None:
        client, outputs = self.aws.client("secretsmanager"), self.aws.outputs
        policy = credential_policy(outputs["CredentialReaders"].split(","))
        for delegation in estate.accounts:
            name, document = f"{outputs['SecretPrefix']}/{delegation}", json.dumps(estate.credential(delegation))
            client.create_secret(Name=name, SecretString=document, KmsKeyId=outputs["CredentialKeyArn"])
            client.put_resource_policy(SecretId=name, ResourcePolicy=policy)

    def _remember_password(self, delegation: str, estate: Estate, now: datetime) -> None:
        """Store the last inspection: SCM returns when a password expires only until it has expired."""
        days = estate.accounts[delegation].password_expires_in_days
        expires = (now + timedelta(days=days)).date() if days is not None else None
        inspection = Inspection(EARLIER_RUN, now - _A_DAY, password_expires=expires)
        DynamoDbOrderTransitions(self.aws.tables).record_inspection(delegation, inspection)

    def _relive(self, past: ScmOrder, estate: Estate, *, is_open: bool) -> None:
        """Order as an earlier run did; collect and store too, unless that run left the order open."""
        book, transitions = DynamoDbOrderReader(self.aws.tables), DynamoDbOrderTransitions(self.aws.tables)
        order = self._order(past, Cause.AGE if is_open else Cause.NEW)
        transitions.open(order, book.certificate(*order.record_key).revision)
        transitions.record_ordered(order, past.ssl_id)
        if is_open or past.certificate is None or past.issued_at is None:
            return
        collected_at = past.issued_at
        stores = Stores(
            transitions,
            KmsOpener(self.aws.client("kms"), self.aws.outputs["OrderKeyArn"]),
            _PastAcm(Acm(lambda region: self.aws.client("acm", region)), estate),
            S3Certificates(self.aws.client("s3"), self.aws.outputs["StoreBucket"]),
            _Silence(),
            lambda: collected_at,
            Deadline(collected_at + timedelta(minutes=2), lambda: collected_at),
        )
        accounts = cast("Accounts", _PastAccounts(_PastAuthority(self._delivered(past.certificate), past.ssl_id)))
        roots = x509.load_pem_x509_certificates(self.simulator.root_pem.encode())
        Collect(book, transitions, accounts, stores, TrustedRoots(tuple(roots)), lambda: collected_at)(
            Progress(
                EARLIER_RUN,
                order.delegation,
                order.certificate,
                order.token,
                past.ssl_id,
                OrderStatus.ORDERED,
            )
        )

    def _order(self, past: ScmOrder, cause: Cause) -> Order:
        delegation, certificate = CertificatePath.parse(past.label)
        key = _key_of(past)
        token = past.comments.removeprefix(COMMENT_PREFIX).partition(" ")[0]
        sealer = KmsSealer(self.aws.client("kms"), self.aws.outputs["OrderKeyArn"])
        return Order(
            delegation=delegation,
            certificate=certificate,
            token=token,
            status=OrderStatus.INTENT,
            department_id=past.department_id,
            names=past.names,
            profile_id=past.profile_id,
            key_type=key.key_type,
            term_days=past.term_days,
            csr=key.signing_request(past.names),
            sealed_key=sealer.seal(key, delegation=delegation, certificate=certificate, token=token),
            causes=(cause,),
            run_id=EARLIER_RUN,
            opened_at=past.requested_at,
            posted_at=past.requested_at,
        )

    def _delivered(self, leaf: x509.Certificate) -> str:
        """Return what SCM delivered: the certificate and its issuers."""
        issuers = self.simulator._state.authority.issuers_of(leaf)
        return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in (leaf, *issuers))


def _without_arns(specification: Specification) -> Specification:
    """Return the specification without ARNs, which are known only after the first import."""
    certificates = tuple(replace(spec, arns={}) for spec in specification.certificates)
    return replace(specification, certificates=certificates)


def _key_of(past: ScmOrder) -> KeyPair:
    key = load_pem_private_key(cast("bytes", past.private_key_pem), password=None)
    return KeyPair(cast("KeyType", key_type_of(key)), cast("PrivateKey", key))


# ---- What the past steps use instead of the network ----------------------------------------------------


@dataclass(frozen=True)
class _PastAuthority:
    """SCM at that time: only the certificate is collected from it."""

    pem: str
    ssl_id: int

    def find(self, order: SearchedOrder) -> SearchResult:
        return SearchResult(self.ssl_id, f"commonName={order.names[0]}")

    def collect(self, ssl_id: int) -> str:  # noqa: ARG002
        return self.pem


@dataclass(frozen=True)
class _PastAccounts:
    """The account at that time, even if its login is refused now."""

    then: _PastAuthority

    def authority(self, delegation: str) -> _PastAuthority:  # noqa: ARG002
        return self.then

    def credential_version(self, delegation: str) -> str:  # noqa: ARG002
        return "then"

    def refused_versions(self, delegation: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()


class _Silence:
    """No event is published now of a renewal in the past."""

    def announce_renewal(self, order: Order, stored: StoredCertificate, previous: StoredCertificate | None) -> None:
        """Publish nothing."""


@dataclass(frozen=True)
class _PastAcm:
    """ACM, where a certificate gets the ARN that its delegation file names, as since its first import."""

    acm: Acm
    estate: Estate

    def refusal(self, certificate: Any, region: str) -> None:
        """Refuse nothing: that import succeeded."""

    def find(self, pair: CertificateWithKey, region: str) -> str | None:
        """Find an earlier import."""
        return self.acm.find(pair, region)

    def put(self, pair: CertificateWithKey, region: str, arn: str | None) -> str:
        """Import, and move the certificate to the ARN of the delegation file."""
        made = self.acm.put(pair, region, arn)
        wanted = self.estate.certificates[pair.spec.path].arns.get(region)
        return _move(region, made, wanted) if wanted else made


def _move(region: str, made: str, wanted: str) -> str:
    from moto.acm.models import acm_backends

    held = acm_backends[ACCOUNT][region]._certificates
    held[wanted] = held.pop(made)
    held[wanted].arn = wanted
    return wanted
