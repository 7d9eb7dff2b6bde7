"""Step four: fetch an ordered certificate, check it, and bring it with its key into the stores."""

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
    NeedsPerson,
    OrderPending,
    OrderUnknown,
    PlanUnreadable,
    RenewalError,
    ScmUnavailable,
    StoreUnavailable,
    error_named,
)
from renewal.domain.keypair import requested_key
from renewal.domain.order import FinishedOrder, ManagedCertificate, Order, OrderStatus, Served
from renewal.domain.status import ended
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
"""A pending order's details are asked for at most so often: polls are cheap for SCM, details are not."""
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
        CertificateMismatch or ChainBroken, which keep it open so that nothing is ordered again before a person looked;
        and what the stores refuse.
        """
        certificate = self.book.certificate(progress.delegation, progress.certificate)
        order = certificate.order
        if order is None or order.token != progress.token:
            return _require_stored(certificate, progress, self.book.history(progress.delegation, progress.certificate))
        record = self.book.delegation(progress.delegation)
        with ScmLogin(self.transitions, self.accounts).login(record, progress.run_id) as authority:
            try:
                order, chain, remarks = self._issued(certificate, order, authority)
                served = self._store(order, chain, certificate)
            except (CertificateMismatch, ChainBroken, KeyLost) as error:
                self._note(order, type(error).__name__)
                raise
            except NeedsPerson as error:
                self._end(order, certificate, error)
                raise
            self._tell(order, served, certificate.served, authority)
        self.transitions.finish(order, served, certificate.served, remarks)
        return replace(progress, ssl_id=served.ssl_id, status=OrderStatus.STORED)

    def _issued(
        self, certificate: ManagedCertificate, order: Order, authority: CertificateAuthority
    ) -> tuple[Order, Chain, str]:
        """The verified chain, from SCM or from the book when an earlier try got that far, and what to say of it."""
        is_known = order.status is OrderStatus.ISSUED
        pem = order.chain if is_known else self._collected(order, authority)
        chain = Chain.assemble(pem, requested_key(order.csr))
        remarks = check(chain, _expected(order, certificate), self.clock())
        return (order if is_known else self.transitions.record_issued(order, chain)), chain, "; ".join(remarks)

    def _collected(self, order: Order, authority: CertificateAuthority) -> str:
        if order.ssl_id is None:
            msg = f"order {order.token} of {order.path} has no SSL ID yet; enroll comes first"
            raise PlanUnreadable(msg)
        try:
            return authority.collect(order.ssl_id)
        except OrderPending:
            if not self._is_confirmed(order):
                self._require_alive(order, order.ssl_id, authority)
            raise
        except OrderUnknown:  # some releases answer so for a declined order; the details know better
            self._require_alive(order, order.ssl_id, authority)
            raise

    def _require_alive(self, order: Order, ssl_id: int, authority: CertificateAuthority) -> None:
        """A declined order answers like a pending one: the details tell them apart (SCM reference §5.10)."""
        details = authority.details(ssl_id)
        if error := ended(details.status):
            msg = f"SCM order {ssl_id} of {order.path} is {details.status.lower()}"
            raise error(msg)
        self.transitions.note(order, confirmed_at=self.clock())

    def _is_confirmed(self, order: Order) -> bool:
        """Not by a moment that is still to come: a wrong clock noted that."""
        now = self.clock()
        return order.confirmed_at is not None and order.confirmed_at <= now < order.confirmed_at + CONFIRM_EVERY

    def _note(self, order: Order, error: str) -> None:
        """It stays open: whoever reads of it must not believe that the CA is still at work."""
        if order.trouble != error:
            self.transitions.note(order, trouble=error)

    def _end(self, order: Order, certificate: ManagedCertificate, error: NeedsPerson) -> None:
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
        """Import into one region; a first import is claimed, since ACM would make a second ARN without a word."""
        if arn is not None:
            return self.transitions.record_import(order, region, self.acm.put(pair, region, arn, retried=False))
        retried = region in order.importing  # an earlier try may have imported without living to record the ARN
        order = self.transitions.claim_import(order, region, self.clock())
        try:
            made = self.acm.put(pair, region, None, retried=retried)
        except RenewalError as error:
            # Without an answer the import may be under way still; then the claim keeps everybody off until it is over.
            if isinstance(error, NeedsPerson) or (isinstance(error, StoreUnavailable) and error.undone):
                self.transitions.release_import(order, region)
            raise
        return self.transitions.record_import(order, region, made)

    def _tell(self, order: Order, served: Served, previous: Served | None, authority: CertificateAuthority) -> None:
        self.announcer.renewed(order, served, previous)
        if previous is not None and previous.ssl_id and previous.ssl_id != served.ssl_id:
            try:
                authority.mark_renewed(previous.ssl_id, served.ssl_id)
            except (CredentialRefused, AddressRefused):
                raise
            except (NeedsPerson, ScmUnavailable):
                pass  # the mark only stops SCM's reminders; a certificate that is stored is not worth failing for it


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
    """The order is over: by an earlier try of this step (its answer was lost) or by another run, which said why."""
    served = certificate.served
    if served is not None and served.token == progress.token:
        return replace(progress, ssl_id=served.ssl_id, status=OrderStatus.STORED)
    row = next((one for one in rows if one.token == progress.token), None)
    if row is None or not row.error:
        msg = f"{certificate.spec.path}: order {progress.token} is not open and did not lead to what is served"
        raise PlanUnreadable(msg)
    raise error_named(row.error)(row.text)
