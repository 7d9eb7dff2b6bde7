"""Brings an issued certificate into its stores: each is tried, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from renewal.deadline import Deadline
from renewal.domain.certificate.chain import Chain
from renewal.domain.delegation import ACM, S3
from renewal.domain.due import due_by_age_at
from renewal.domain.errors import NeedsAttention, OrderConflict, RenewalError, StoreUnavailable, error_of
from renewal.domain.order import ManagedCertificate, Order, StoredCertificate
from renewal.domain.run.turns import in_turn
from renewal.domain.stored_certificate import stored_certificate
from renewal.ports.environment import Clock
from renewal.ports.keys import KeyOpener
from renewal.ports.order_book import OrderTransitions
from renewal.ports.stores import AcmStore, Announcer, CertificateWithKey, ObjectStore

Failures = dict[str, RenewalError]
"""By store, or by what else failed."""
LEAST_SECONDS = 75.0
"""Before a store is begun: three calls of ACM take 66 s at most, and what is to be recorded then takes seconds."""


@dataclass(frozen=True, slots=True)
class Stores:
    """S3, ACM of each region, and the event that announces what they hold."""

    transitions: OrderTransitions
    opener: KeyOpener
    acm: AcmStore
    objects: ObjectStore
    announcer: Announcer
    clock: Clock
    deadline: Deadline
    """When Lambda kills the function."""

    def store(self, order: Order, chain: Chain, certificate: ManagedCertificate, notes: str) -> StoredCertificate:
        """Bring the certificate of the issued *order* into every store that lacks it, publish the event, end the order.

        After a failure the order stays open, with its key, and the other stores have the certificate meanwhile; they
        are announced too, unless another run has changed the order.
        Raises KeyLost before anything is stored, or `error_of` the failures after everything was tried.
        """
        failures: Failures = {}
        order, pointer = self._put_missing(order, chain, certificate, failures)
        # Another run goes on with the order, and may have announced more than this one knows. S3's is of its pointer.
        if any(isinstance(error, OrderConflict) and store != S3 for store, error in failures.items()):
            raise error_of(failures)
        held = [store for store in certificate.spec.stores if store not in failures]
        stored, previous = stored_certificate(order, certificate, held, self.clock()), certificate.stored
        if set(held) - set(order.stores):
            with _failure_noted(failures, "event"):
                self.announcer.announce_renewal(order, stored, previous)
        if S3 in held:
            with _failure_noted(failures, "replaced keys in s3"):
                self.objects.erase_replaced_keys(order.delegation, order.certificate, stored.serial, pointer)
        if failures:
            self._keep_open(order, stored, certificate, failures)
        self.transitions.finish(order, stored, previous, notes, last_read=certificate)
        return stored

    def _put_missing(
        self, order: Order, chain: Chain, certificate: ManagedCertificate, failures: Failures
    ) -> tuple[Order, str]:
        """Return the order, and the ETag of S3's pointer when it was written."""
        missing, pointer = set(certificate.spec.stores) - set(order.stores), ""
        if not missing:
            return order, pointer
        key = self.opener.open(
            order.sealed_key, delegation=order.delegation, certificate=order.certificate, token=order.token
        )
        pair = CertificateWithKey(
            certificate.spec, chain, key, replaces=certificate.stored.serial if certificate.stored else ""
        )
        for store in (*(missing & {S3}), *in_turn(missing - {S3}, self._turn())):
            region = store.removeprefix(ACM)
            with _failure_noted(failures, store):
                self._require_time()
                if store == S3:
                    pointer = self.objects.put(pair)
                elif region not in order.arns:
                    order = self._import(order, pair, region, certificate.arn_in(region, order.key_type))
        return order, pointer

    def _turn(self) -> int:
        """Another one each minute, for the retries of a run, and each hour, for runs at the same minute of it."""
        minutes = int(self.clock().timestamp() // 60)
        return minutes // 60 + minutes % 60

    def _require_time(self) -> None:
        """Other regions have taken the time. A killed function would announce nothing of what the stores have."""
        if self.deadline.seconds_left() < LEAST_SECONDS:
            msg = "no time was left for it; each attempt begins with another region"
            raise StoreUnavailable(msg, had_no_effect=True)

    def _import(self, order: Order, pair: CertificateWithKey, region: str, arn: str | None) -> Order:
        """Import into one region; a first import is claimed, since ACM would make a second ARN without an error."""
        if arn is not None:
            return self.transitions.record_import(order, region, self.acm.put(pair, region, arn))
        # An earlier attempt may have imported without recording the ARN. ACM may list it late: the claim of that
        # attempt excludes another import for `IMPORT_LEASE`, while each attempt searches again.
        if region in order.import_claims and (imported := self.acm.find(pair, region)):
            return self.transitions.record_import(order, region, imported)
        order = self.transitions.claim_import(order, region, self.clock())
        try:
            made = self.acm.put(pair, region, None)
        except RenewalError as error:
            # Without an answer the import may still be under way; then the claim keeps other runs off until it is over.
            if isinstance(error, NeedsAttention) or (isinstance(error, StoreUnavailable) and error.had_no_effect):
                self.transitions.release_import(order, region)
            raise
        return self.transitions.record_import(order, region, made)

    def _keep_open(
        self, order: Order, stored: StoredCertificate, certificate: ManagedCertificate, failures: Failures
    ) -> None:
        """Record which stores hold the certificate, and raise the error.

        A certificate that is due by age ends its order without the store that fails: otherwise the others would never
        get the next one.
        """
        error = error_of(failures, stored.stores)
        if stored.stores and stored.stored_at >= due_by_age_at(certificate.spec, stored):
            self.transitions.finish(order, stored, certificate.stored, str(error), last_read=certificate)
            raise error
        if "event" not in failures and set(stored.stores) != set(order.stores):
            order = self.transitions.record_stores(order, stored.stores)
        if isinstance(error, NeedsAttention) and order.storing_error != type(error).__name__:
            self.transitions.note(order, storing_error=type(error).__name__)
        raise error


@contextmanager
def _failure_noted(failures: Failures, where: str) -> Iterator[None]:
    try:
        yield
    except RenewalError as error:
        failures[where] = error
