"""Does each store have what the order book has? Compared by each inspection, because others can write there, too."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from renewal.deadline import Deadline
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.delegation import ACM, S3
from renewal.domain.errors import NeedsAttention, RenewalError, StoreUnavailable
from renewal.domain.order import ManagedCertificate, OrderStatus
from renewal.domain.run.turns import in_turn
from renewal.domain.setup.domain_checks import some
from renewal.domain.setup.finding import ARN_REPLACED, Finding, Severity
from renewal.ports.environment import Clock
from renewal.ports.order_book import OrderReader
from renewal.ports.stores import StoredInAcm, StoredObjects

STORE_DRIFTED, NOT_COMPARED = "StoreDrifted", "StoresNotCompared"
STORE_CODES = STORE_DRIFTED, NOT_COMPARED, ARN_REPLACED
SETTLED_AFTER = timedelta(hours=1)
"""After a certificate was stored; until then ACM may describe the one before."""
_Left = dict[tuple[str, str], RenewalError | None]
"""By store and certificate, why it was not compared; None = no time."""
LONGEST_SECONDS = 20.0
"""In which comparisons of one inspection begin: the requests to SCM come after them."""


@dataclass(frozen=True, slots=True)
class StoreComparison:
    """Reads the serial that each store has. Needs no login at SCM, and reads no key."""

    book: OrderReader
    acm: StoredInAcm
    objects: StoredObjects
    clock: Clock
    deadline: Deadline

    def findings(self, certificates: Collection[ManagedCertificate], before: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return what differs; of what could not be compared, what *before* has of it.

        Each day begins with another store, and with another certificate in it, so that all are compared although one
        day's time may not suffice. A store that does not answer is not waited for again on that day.
        """
        deadline = self.deadline.at_most(LONGEST_SECONDS)
        differing: list[Finding] = []
        imported = _imported(certificates)
        left: _Left = {}
        silent: dict[str, RenewalError] = {}
        for store, certificate in self._in_turn([certificate for certificate in certificates if certificate.stored]):
            place = store, certificate.spec.name
            if store in silent or not deadline.seconds_left():
                left[place] = silent.get(store)
                continue
            try:
                differing += [*self._replaced(certificate, store, imported), *self._compared(certificate, store)]
            except RenewalError as error:
                left[place] = error
                if isinstance(error, StoreUnavailable):
                    silent[store] = error
        own = (each for each in before if each.code in {STORE_DRIFTED, ARN_REPLACED})
        kept = (each for each in own if (_store_of(each.about), each.certificate) in left)
        return (*differing, *kept, *_not_compared(left))

    def _in_turn(self, stored: Iterable[ManagedCertificate]) -> Iterator[tuple[str, ManagedCertificate]]:
        """Yield each certificate with each of its stores; in as many days as there are stores, each is the first."""
        named = {certificate.spec.name: certificate for certificate in stored}
        places = {name: _places(certificate) for name, certificate in named.items()}
        stores = {store for each in places.values() for store in each}
        day = self.clock().toordinal()
        for store in in_turn(stores, day):
            for name in in_turn(named, day // len(stores)):
                if store in places[name]:
                    yield store, named[name]

    def _replaced(
        self, certificate: ManagedCertificate, store: str, imported: frozenset[str | None]
    ) -> Iterator[Finding]:
        """What uses an ARN that no renewal imports into any more."""
        stored = certificate.stored
        for arn in (arn for arn in sorted(_former(certificate).difference(imported)) if _store_of(arn) == store):
            region = store.removeprefix(ACM)
            if stored and (use := self.acm.use(region, arn)):
                new = {**stored.arns, **_made(certificate)}.get(region, "another certificate")
                text = (
                    f"{arn}: no renewal is imported into it any more; associate {new} in its place where it is in use: "
                    f"{some(use.by)}"
                )
                yield Finding(ARN_REPLACED, "warning", "operator", text, certificate.spec.name, use.expires, about=arn)

    def _compared(self, certificate: ManagedCertificate, store: str) -> Iterator[Finding]:
        if not self._difference(certificate, store):
            return
        # The store was read after the order book: another run may have stored its certificate in between.
        later = self.book.certificate(*certificate.spec.record_key)
        if observed := self._difference(later, store):
            serial = printed_serial(later.stored.serial) if later.stored else ""
            why = self._cause(later, observed)
            text = f"{store} has {observed}, and certmandate stored serial {serial} there: {why}"
            # With what was observed: a second change is another problem, which is alerted.
            about = f"{store} {observed}"
            yield Finding(STORE_DRIFTED, "error", "operator", text, certificate.spec.name, about=about)

    def _difference(self, certificate: ManagedCertificate, store: str) -> str:
        """What *store* has instead of the stored certificate; empty when it has that one."""
        stored = certificate.stored
        if stored is None or self.clock() < stored.stored_at + SETTLED_AFTER:
            return ""
        is_written = store in stored.stores and store in certificate.spec.stores
        if not is_written or (observed := self._observed(certificate, store)) in _serials(certificate):
            return ""
        if store == S3 and not observed and not stored.token:  # adopted from a file: it is not in S3 yet
            return ""
        return observed or "no certificate"

    def _cause(self, certificate: ManagedCertificate, observed: str) -> str:
        """After a restore of the order book the stores have what was stored later; the audit trail is not restored."""
        for row in self.book.history(*certificate.spec.record_key):
            if row.serial == observed and row.status is OrderStatus.STORED:
                day = f"{row.ended_at:%Y-%m-%d %H:%M}Z"
                return f"certmandate stored it on {day}, so the order book is of an earlier time (runbook: Restore)"
        return f"someone else has changed it (runbook: {STORE_DRIFTED})"

    def _observed(self, certificate: ManagedCertificate, store: str) -> str:
        stored, region = certificate.stored, store.removeprefix(ACM)
        if store == S3:
            return self.objects.stored_serial(*certificate.spec.record_key)
        return self.acm.stored_serial(region, stored.arns.get(region, "")) if stored else ""


def _store_of(about: str) -> str:
    """The store of a finding: it is about the store, and what it has, or about an ARN."""
    return f"{ACM}{about.split(':')[3]}" if about.startswith("arn:") else about.partition(" ")[0]


def _places(certificate: ManagedCertificate) -> frozenset[str]:
    """The stores to compare: those of the file, and those in which an earlier import may still be in use."""
    return frozenset((*certificate.spec.stores, *map(_store_of, _former(certificate))))


def _former(certificate: ManagedCertificate) -> frozenset[str]:
    """The ARNs that no renewal imports into any more; also those that the open order, stored in part, has replaced."""
    stored, made = certificate.stored, _made(certificate)
    if stored is None:
        return frozenset()
    replaced = (arn for region, arn in stored.arns.items() if made.get(region, arn) != arn)
    return frozenset((*stored.former_arns, *replaced))


def _imported(certificates: Iterable[ManagedCertificate]) -> frozenset[str | None]:
    """The ARNs into which renewals import."""
    return frozenset(
        each.arn_in(region, each.spec.key_type) for each in certificates for region in each.spec.acm_regions
    )


def _made(certificate: ManagedCertificate) -> Mapping[str, str]:
    """By region: the ARNs into which the open order has been imported."""
    return certificate.order.arns if certificate.order else {}


def _serials(certificate: ManagedCertificate) -> set[str]:
    """What a store may have: what is stored, and the certificate of an open order that is being stored."""
    stored, order = certificate.stored, certificate.order
    serials = {stored.serial} if stored else set()
    if order is None or not order.chain:
        return serials
    from renewal.domain.certificate.chain import Chain  # noqa: PLC0415 - imports cryptography

    return serials | {Chain.parse(order.chain).leaf.serial}


def _not_compared(left: _Left) -> Iterator[Finding]:
    if not left:
        return
    error = next((error for error in left.values() if error), None)
    why = f": {type(error).__name__}: {error}" if error else " in time; each day begins with another store"
    stores, names = {store for store, _ in left}, {name for _, name in left}
    text = (
        f"what {', '.join(sorted(stores))} have of {len(names)} certificates was not compared with the order book{why}"
    )
    severity: Severity = "warning" if isinstance(error, NeedsAttention) else "info"
    yield Finding(NOT_COMPARED, severity, "operator", text)
