"""The world after a history: what SCM, the stores and the ledger of calls hold, and what the runs published."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from campaign.auditor.budget import Budget
from campaign.auditor.reports import EndedRun
from campaign.interception.calls import LedgerEntry
from campaign.interception.scm import RefusedLogin
from scm_simulator import Order

_COMMENT = "certmandate order "
_OPEN = {"Requested", "Approved", "Applied"}


@dataclass(frozen=True, slots=True)
class Imported:
    """A certificate in ACM."""

    region: str
    arn: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: bytes
    """Public half of the private key, as SubjectPublicKeyInfo DER."""
    owner: str
    """`delegation/certificate` of its tags; empty without them."""


@dataclass(frozen=True, slots=True)
class World:
    """What is shown to an auditor."""

    now: datetime
    scm: tuple[Order, ...]
    objects: Mapping[str, bytes]
    acm: tuple[Imported, ...]
    events: tuple[Mapping[str, Any], ...]
    alerts: tuple[str, ...]
    """Their texts."""
    refusals: tuple[RefusedLogin, ...]
    """Refused logins, without those whose reader was killed: it could not record them."""
    ledger: tuple[LedgerEntry, ...]
    """Every call of a function, those of a run in the order of their ends."""
    runs: tuple[EndedRun, ...]
    judged_before: int
    """How many of `runs`, the first ones, were judged when they were the last: the causes of their failures may lie in
    runs that are no more among `runs`."""
    sealed: tuple[str, ...]
    """Sort keys of the order book's items that have binary data: only sealed keys are binary."""
    budget: Budget
    runs_overlap: bool
    """Whether the campaign has runs overlap that the product would not: then each run is limited by itself."""

    @property
    def judged(self) -> tuple[EndedRun, ...]:
        """The runs that are judged now."""
        return self.runs[self.judged_before :]

    def ours(self) -> Iterator[tuple[str, Order]]:
        """(token, order) of every order at SCM that is ours."""
        return ours(self.scm)

    def open_orders(self) -> Iterator[Order]:
        """Our orders that SCM has not decided yet."""
        return (order for _, order in self.ours() if order.status in _OPEN)

    def ended_at_scm(self) -> set[str]:
        """`delegation/certificate` of every order that SCM refused, revoked, or let expire."""
        expired = (order for _, order in self.ours() if order.expires_at is not None and order.expires_at <= self.now)
        ended = (order for _, order in self.ours() if order.status not in {*_OPEN, "Issued"})
        return {path_of(order) for order in (*ended, *expired)}

    def announced(self) -> Mapping[str, Mapping[str, Any]]:
        """The latest event of each `delegation/certificate`: what is stored."""
        return {f"{event['delegation']}/{event['certificate']}": event for event in self.events}

    def by_arn(self) -> Mapping[str, Imported]:
        """What ACM holds, by ARN."""
        return {imported.arn: imported for imported in self.acm}

    def pointers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(folder, content) of every `current.json`."""
        for key, content in self.objects.items():
            if key.endswith("/current.json"):
                yield key.removesuffix("/current.json"), json.loads(content)

    def folders(self) -> Iterator[tuple[str, Mapping[str, bytes]]]:
        """(folder, files by name) of everything stored under a serial."""
        by_folder: dict[str, dict[str, bytes]] = {}
        for key, content in self.objects.items():
            folder, _, name = key.rpartition("/")
            if key.startswith("certificates/") and name.endswith(".pem"):
                by_folder.setdefault(folder, {})[name] = content
        return iter(by_folder.items())


def ours(orders: Iterable[Order]) -> Iterator[tuple[str, Order]]:
    """Yield (token, order) of each of *orders* that is ours."""
    for order in orders:
        if order.comments.startswith(_COMMENT):
            yield order.comments.removeprefix(_COMMENT).split(" ", 1)[0], order


def path_of(order: Order) -> str:
    """Return the `delegation/certificate` in the comment of an order of ours."""
    return order.comments.rsplit(" for ", 1)[-1]


@functools.lru_cache(maxsize=64)
def public_half(key_pem: bytes) -> bytes:
    """Return the public half of a private key in PEM, as SubjectPublicKeyInfo DER."""
    return _spki(load_pem_private_key(key_pem, password=None).public_key())


def public_key(certificate: x509.Certificate) -> bytes:
    """Return a certificate's public key, as SubjectPublicKeyInfo DER."""
    return _spki(certificate.public_key())


def _spki(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
