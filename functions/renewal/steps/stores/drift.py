"""Does each store have what the order book has? Compared by each inspection, because others can write there, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from renewal.deadline import Deadline
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.delegation import ACM, S3
from renewal.domain.errors import NeedsAttention, RenewalError, StoreUnavailable
from renewal.domain.order import ManagedCertificate, OrderStatus
from renewal.domain.setup.finding import Finding, Severity
from renewal.ports.environment import Clock
from renewal.ports.order_book import OrderReader
from renewal.ports.stores import StoredInAcm, StoredObjects

STORE_DRIFTED, NOT_COMPARED = STORE_CODES = "StoreDrifted", "StoresNotCompared"
SETTLED_AFTER = timedelta(hours=1)
"""After a certificate was stored; until then ACM may describe the one before."""
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

    def findings(self, certificates: Iterable[ManagedCertificate], before: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return what differs; of a certificate that could not be compared, what *before* has of it.

        Each day begins with another certificate, so that all are compared although one day's time may not suffice.
        """
        served = [certificate for certificate in certificates if certificate.served]
        first = self.clock().toordinal() % len(served) if served else 0
        deadline = self.deadline.at_most(LONGEST_SECONDS)
        found: list[Finding] = []
        left: dict[str, RenewalError | None] = {}
        is_down = False  # a store that does not answer is not waited for again: the requests to SCM need the time
        for certificate in (*served[first:], *served[:first]):
            try:
                if deadline.seconds() and not is_down:
                    found += self._compared(certificate)
                else:
                    left[certificate.spec.name] = None
            except RenewalError as error:
                left[certificate.spec.name] = error
                is_down = is_down or isinstance(error, StoreUnavailable)
        kept = (finding for finding in before if finding.code == STORE_DRIFTED and finding.certificate in left)
        return (*found, *kept, *_not_compared(left))

    def _compared(self, certificate: ManagedCertificate) -> Iterator[Finding]:
        if not any(self._differences(certificate)):
            return
        # The stores were read after the order book: another run may have stored its certificate in between.
        later = self.book.certificate(*certificate.spec.record_key)
        for store, text in self._differences(later):
            yield Finding(STORE_DRIFTED, "error", "operator", text, certificate.spec.name, about=store)

    def _differences(self, certificate: ManagedCertificate) -> Iterator[tuple[str, str]]:
        """The stores that have another certificate, each with what it has."""
        served = certificate.served
        if served is None or self.clock() < served.stored_at + SETTLED_AFTER:
            return
        expected = _serials(certificate)
        for store in certificate.spec.stores:
            if store not in served.stores or (observed := self._observed(certificate, store)) in expected:
                continue
            if observed or store != S3 or served.token:  # of a certificate adopted from a file, S3 has nothing yet
                text = (
                    f"{store} has {observed or 'no certificate'}, and certmandate stored serial "
                    f"{printed_serial(served.serial)} there: {self._cause(certificate, observed)}"
                )
                yield store, text

    def _cause(self, certificate: ManagedCertificate, observed: str) -> str:
        """After a restore of the order book the stores have what was stored later; the audit trail is not restored."""
        for row in self.book.history(*certificate.spec.record_key):
            if observed and row.serial == observed and row.status is OrderStatus.STORED:
                day = f"{row.ended_at:%Y-%m-%d %H:%M} UTC"
                return f"certmandate stored it on {day}, so the order book is of an earlier time (runbook: Restore)"
        return f"someone else has changed it (runbook: {STORE_DRIFTED})"

    def _observed(self, certificate: ManagedCertificate, store: str) -> str:
        served, region = certificate.served, store.removeprefix(ACM)
        if store == S3:
            return self.objects.stored_serial(*certificate.spec.record_key)
        return self.acm.stored_serial(region, served.arns.get(region, "")) if served else ""


def _serials(certificate: ManagedCertificate) -> set[str]:
    """What a store may have: what is stored, and the certificate of an open order that is being stored."""
    served, order = certificate.served, certificate.order
    serials = {served.serial} if served else set()
    if order is None or not order.chain:
        return serials
    from renewal.domain.certificate.chain import Chain  # noqa: PLC0415 - imports cryptography

    return serials | {Chain.parse(order.chain).leaf.serial}


def _not_compared(left: dict[str, RenewalError | None]) -> Iterator[Finding]:
    if not left:
        return
    error = next((error for error in left.values() if error), None)
    why = f": {type(error).__name__}: {error}" if error else " in time; each day begins with another one"
    text = f"what the stores have of {len(left)} certificates was not compared with the order book{why}"
    severity: Severity = "warning" if isinstance(error, NeedsAttention) else "info"
    yield Finding(NOT_COMPARED, severity, "operator", text)
