"""Step four: collect an ordered certificate, check it, and store it with its key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from renewal.domain.certificate import Certificate, Chain, Expectation, check
from renewal.domain.delegation import S3
from renewal.domain.errors import (
    AddressRefused,
    CertificateMismatch,
    ChainBroken,
    CredentialRefused,
    KeyLost,
    NeedsAttention,
    OrderPending,
    OrderUnknown,
    PlanUnreadable,
    RenewalError,
    ScmUnavailable,
    StoreUnavailable,
    error_named,
)
from renewal.domain.keypair import requested_key
from renewal.domain.order import FinishedOrder, ManagedCertificate, Order, OrderDetails, OrderStatus, Served, ended
from renewal.ports import (
    Accounts,
    AcmStore,
    Announcer,
    CertificateAuthority,
    Clock,
    KeyOpener,
    ObjectStore,
    OrderReader,
    OrderTransitions,
    Pair,
)
from renewal.steps.payload import Progress
from renewal.steps.scm_login import ScmLogin

CONFIRM_EVERY = timedelta(minutes=10)
"""How often a pending order's details are requested at most: polls are cheap for SCM, details are not."""
LONGEST_HOLD_DAYS = 8


@dataclass(frozen=True, slots=True)
class Collect:
    """Collects one order and stores its certificate."""

    book: OrderReader
    transitions: OrderTransitions
    accounts: Accounts
    opener: KeyOpener
    acm: AcmStore
    objects: ObjectStore
    announcer: Announcer
    clock: Clock

    def __call__(self, progress: Progress) -> Progress:
        """Return the progress with status `stored`.

        Raises OrderPending while SCM has not issued; OrderDeclined, OrderRejected or OrderRevoked, which end the order;
        CertificateMismatch or ChainBroken, which keep it open so that nothing is ordered again before the operator has
        checked it; and what the stores refuse.
        """
        certificate = self.book.certificate(progress.delegation, progress.certificate)
        order = certificate.order
        if order is None or order.token != progress.token:
            return _require_stored(certificate, progress, self.book.history(progress.delegation, progress.certificate))
        record = self.book.delegation(progress.delegation)
        with ScmLogin(self.transitions, self.accounts).authority(record, progress.run_id) as authority:
            try:
                pem = order.chain if order.status is OrderStatus.ISSUED else self._collected(order, authority)
                order, chain, notes = self._issued(certificate, order, pem)
                served = self._store(order, chain, certificate)
            except (CertificateMismatch, ChainBroken, KeyLost) as error:
                self._note(order, type(error).__name__)
                raise
            except NeedsAttention as error:
                self._end(order, certificate, error)
                raise
            self._announce(order, served, certificate.served, authority)
        self.transitions.finish(order, served, certificate.served, notes)
        return replace(progress, ssl_id=served.ssl_id, status=OrderStatus.STORED)

    def _issued(self, certificate: ManagedCertificate, order: Order, pem: str) -> tuple[Order, Chain, str]:
        """The verified chain of *pem*, and notes about it."""
        chain = Chain.assemble(pem, requested_key(order.csr))
        notes = check(chain, _expected(order, certificate), self.clock())
        is_recorded = order.status is OrderStatus.ISSUED
        return (order if is_recorded else self.transitions.record_issued(order, chain)), chain, "; ".join(notes)

    def _collected(self, order: Order, authority: CertificateAuthority) -> str:
        if order.ssl_id is None:
            msg = f"order {order.token} of {order.path} has no SSL ID yet; enroll comes first"
            raise PlanUnreadable(msg)
        try:
            return authority.collect(order.ssl_id)
        except (OrderPending, OrderUnknown) as error:
            # SCM's answer for a declined order is that of a pending one, in some releases that of an unknown one: only
            # the details distinguish them (SCM reference §5.10).
            if isinstance(error, OrderUnknown) or not self._is_confirmed(order):
                self._confirm(order, authority.details(order.ssl_id))
            raise

    def _confirm(self, order: Order, details: OrderDetails) -> None:
        """Record that the order can still be issued. Raises the error that its status amounts to otherwise."""
        if error := ended(details.status):
            msg = f"SCM order {details.ssl_id} of {order.path} is {details.status.lower()}"
            raise error(msg)
        self.transitions.note(order, confirmed_at=self.clock())

    def _is_confirmed(self, order: Order) -> bool:
        """A time in the future does not count: a wrong clock recorded it."""
        now = self.clock()
        return order.confirmed_at is not None and order.confirmed_at <= now < order.confirmed_at + CONFIRM_EVERY

    def _note(self, order: Order, error: str) -> None:
        """Record it, so that the open order is not reported as pending at the CA."""
        if order.trouble != error:
            self.transitions.note(order, trouble=error)

    def _end(self, order: Order, certificate: ManagedCertificate, error: NeedsAttention) -> None:
        if not error.ends_order:
            return
        now = self.clock()
        hold = now + timedelta(days=min(2**certificate.failures, LONGEST_HOLD_DAYS))
        self.transitions.fail(order, type(error).__name__, str(error), now, hold_until=hold)

    def _store(self, order: Order, chain: Chain, certificate: ManagedCertificate) -> Served:
        spec, previous = certificate.spec, certificate.served
        pair = Pair(
            spec,
            chain,
            self.opener.open(
                order.sealed_key,
                delegation=order.delegation,
                certificate=order.certificate,
                token=order.token,
            ),
            replaces=previous.serial if previous else "",
        )
        for region in spec.acm_regions:
            if region not in order.arns:
                order = self._import(order, pair, region, certificate.arn_in(region, order.key_type))
        if S3 in spec.stores:
            self.objects.put(pair)
        if previous is not None and S3 in previous.stores and previous.serial != chain.leaf.serial:
            self.objects.erase_key(order.delegation, order.certificate, previous.serial)
        return _served(order, chain.leaf, certificate, self.clock())

    def _import(self, order: Order, pair: Pair, region: str, arn: str | None) -> Order:
        """Import into one region; a first import is claimed, since ACM would make a second ARN without an error."""
        if arn is not None:
            return self.transitions.record_import(order, region, self.acm.put(pair, region, arn, retried=False))
        retried = region in order.importing  # an earlier try may have imported without recording the ARN
        order = self.transitions.claim_import(order, region, self.clock())
        try:
            made = self.acm.put(pair, region, None, retried=retried)
        except RenewalError as error:
            # Without an answer the import may still be under way; then the claim keeps other runs off until it is over.
            if isinstance(error, NeedsAttention) or (isinstance(error, StoreUnavailable) and error.undone):
                self.transitions.release_import(order, region)
            raise
        return self.transitions.record_import(order, region, made)

    def _announce(self, order: Order, served: Served, previous: Served | None, authority: CertificateAuthority) -> None:
        self.announcer.renewed(order, served, previous)
        if previous is not None and previous.ssl_id and previous.ssl_id != served.ssl_id:
            try:
                authority.mark_renewed(previous.ssl_id, served.ssl_id)
            except (CredentialRefused, AddressRefused):
                raise
            except (NeedsAttention, ScmUnavailable):
                pass  # the mark only stops SCM's reminders: its failure must not fail a stored certificate


def _expected(order: Order, certificate: ManagedCertificate) -> Expectation:
    return Expectation(order.names, order.key_type, order.term_days, for_acm=bool(certificate.spec.acm_regions))


def _served(order: Order, leaf: Certificate, certificate: ManagedCertificate, now: datetime) -> Served:
    return Served(
        ssl_id=order.ssl_id or 0,
        serial=leaf.serial,
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        names=order.names,
        profile_id=order.profile_id,
        key_type=order.key_type,
        issuer=leaf.issuer,
        stores=certificate.spec.stores,
        token=order.token,
        stored_at=now,
        arns=dict(order.arns),
        sealed_key=order.sealed_key,
    )


def _require_stored(certificate: ManagedCertificate, progress: Progress, rows: Iterable[FinishedOrder]) -> Progress:
    """The order has ended: by an earlier try of this step whose answer was lost, or by a run that recorded why."""
    served = certificate.served
    if served is not None and served.token == progress.token:
        return replace(progress, ssl_id=served.ssl_id, status=OrderStatus.STORED)
    row = next((row for row in rows if row.token == progress.token), None)
    if row is None or not row.error:
        msg = f"{certificate.spec.path}: order {progress.token} is not open and did not lead to what is served"
        raise PlanUnreadable(msg)
    raise error_named(row.error)(row.text)
