"""The state that a history left: read from the services themselves, not through our adapters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from campaign.harness import Harness, Run
from campaign.interception.scm import Refusal
from local.cloudformation.parameters import ACCOUNT
from scm_simulator import Order

Item = Mapping[str, Any]
_COMMENT = "certmandate order "


@dataclass(frozen=True, slots=True)
class Imported:
    """A certificate in ACM."""

    region: str
    arn: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: bytes
    """Public half of the private key, as SubjectPublicKeyInfo DER."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The whole state after a history."""

    now: datetime
    scm: tuple[Order, ...]
    items: tuple[Item, ...]
    objects: Mapping[str, bytes]
    acm: tuple[Imported, ...]
    sealed: Mapping[str, bytes | None]
    """Public half of the sealed key by order token, for every order of the book; None: it cannot be decrypted."""
    events: tuple[Item, ...]
    refusals: tuple[Refusal, ...]
    """Refused logins, without those whose reader was killed: it could not record them."""
    runs: tuple[Run, ...]

    def of_kind(self, kind: str) -> Iterator[Item]:
        """Items whose sort key begins with *kind*: `certificate`, `order`, `finished`."""
        return (item for item in self.items if item["item"].startswith(f"{kind}#"))

    def ours(self) -> Iterator[tuple[str, Order]]:
        """(token, order) of every order at SCM that is ours."""
        for order in self.scm:
            if order.comments.startswith(_COMMENT):
                yield order.comments.removeprefix(_COMMENT).split(" ", 1)[0], order

    def pointers(self) -> Iterator[tuple[str, Item]]:
        """(folder, content) of every `current.json`."""
        for key, content in self.objects.items():
            if key.endswith("/current.json"):
                yield key.removesuffix("/current.json"), json.loads(content)

    def folders(self) -> Iterator[tuple[str, Mapping[str, bytes]]]:
        """(folder, files by name) of everything stored under a serial."""
        found: dict[str, dict[str, bytes]] = {}
        for key, content in self.objects.items():
            folder, _, name = key.rpartition("/")
            if key.startswith("certificates/") and name.endswith(".pem"):
                found.setdefault(folder, {})[name] = content
        return iter(found.items())


def gather(harness: Harness) -> Evidence:
    """Read everything."""
    items = tuple(_items(harness))
    return Evidence(
        now=harness.time(),
        scm=harness.played.simulator.orders,
        items=items,
        objects=dict(_objects(harness)),
        acm=tuple(_imported()),
        sealed=dict(_sealed(harness, items)),
        events=tuple(harness.played.events),
        refusals=tuple(refusal for refusal, reader in harness.played.refusals if not reader.is_dead),
        runs=tuple(harness.played.runs),
    )


def _items(harness: Harness) -> Iterator[Item]:
    read = TypeDeserializer().deserialize
    answer = harness.aws.client("dynamodb").scan(TableName=harness.aws.outputs["OrdersTable"], ConsistentRead=True)
    for item in answer["Items"]:
        yield {name: read(value) for name, value in item.items()}


def _objects(harness: Harness) -> Iterator[tuple[str, bytes]]:
    from moto.backends import get_backend  # noqa: PLC0415 - moto may be imported only after the isolation

    bucket = get_backend("s3")[ACCOUNT]["aws"].buckets[harness.aws.outputs["StoreBucket"]]
    for key in bucket.keys.values():  # too many documents of earlier runs for a call each
        yield key.name, key.value


def _imported() -> Iterator[Imported]:
    from moto.backends import get_backend  # noqa: PLC0415 - moto may be imported only after the isolation

    for region, backend in get_backend("acm")[ACCOUNT].items():
        for arn, bundle in backend._certificates.items():  # noqa: SLF001 - the API does not return its key
            chain = x509.load_pem_x509_certificates(bundle.chain) if bundle.chain else []
            leaf = x509.load_pem_x509_certificate(bundle.cert)
            yield Imported(region, arn, leaf, tuple(chain), public_half(bundle.key))


def _sealed(harness: Harness, items: tuple[Item, ...]) -> Iterator[tuple[str, bytes | None]]:
    for item in items:
        kind, _, name = item["item"].partition("#")
        holder = item if kind == "order" else item.get("served", {}) if kind == "certificate" else {}
        if "sealed_key" in holder:
            token = holder["token"]
            context = {"delegation": item["delegation"], "certificate": name, "order": token}
            yield token, _opened(harness, bytes(holder["sealed_key"]), context)


def _opened(harness: Harness, sealed: bytes, context: Mapping[str, str]) -> bytes | None:
    kms = harness.aws.client("kms")
    try:
        answer = kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)
    except kms.exceptions.ClientError:
        return None
    return _spki(load_der_private_key(answer["Plaintext"], password=None).public_key())


def public_half(key_pem: bytes) -> bytes:
    """Return the public half of a private key in PEM, as SubjectPublicKeyInfo DER."""
    return _spki(load_pem_private_key(key_pem, password=None).public_key())


def public_key(certificate: x509.Certificate) -> bytes:
    """Return a certificate's public key, as SubjectPublicKeyInfo DER."""
    return _spki(certificate.public_key())


def _spki(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
