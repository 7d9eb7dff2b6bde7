"""The comparison of what an address presented with the certificate that is expected there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from cryptography import x509

from renewal.domain.certificate.chain import MOST_CERTIFICATES, Delivery, TrustedRoots
from renewal.domain.certificate.chain_form import ChainForm
from renewal.domain.certificate.facts import LIBRARY_ERRORS, Certificate
from renewal.domain.certificate.serial import MOST_DIGITS, normalised_serial, printed_serial
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import MOST_TEXT, EndpointState, HostReport, Observation
from renewal.domain.errors import ChainBroken, shortened
from renewal.domain.keypair import requested_key_fingerprint
from renewal.domain.names import is_for
from renewal.domain.order import ManagedCertificate, OrderStatus
from renewal.domain.service.state import expected_certificate

REPORT_COUNTS = timedelta(days=2)
"""A host reports at least once a day (docs/servers.md); after two days without a report it may present anything."""
_CLOCK_SKEW = timedelta(minutes=5)  # a report of later would count beyond two days, if it is of next year for ever
_MOST_SENT = MOST_CERTIFICATES + 1  # the leaf as well; clients ignore what is beyond a sound chain


class Compared(NamedTuple):
    """The state of an address, a text where it does not serve, and the serial that it presented."""

    state: EndpointState
    text: str = ""
    serial: str = ""
    """Empty also when it is longer than that of a certificate can be."""
    is_revoked: bool = False

    @classmethod
    def of(cls, state: EndpointState, text: str = "", serial: str = "", *, is_revoked: bool = False) -> Self:
        """Return what the order book can keep, however long what a server has sent is."""
        return cls(state, shortened(text, MOST_TEXT), serial if len(serial) <= MOST_DIGITS else "", is_revoked)

    def at(self, endpoint: Endpoint, now: datetime, address: str = "") -> Observation:
        """Return it as what *address* of *endpoint* presented."""
        return Observation(str(endpoint), self.state, now, address, self.text, self.serial, self.is_revoked)


@dataclass(frozen=True, slots=True)
class Contact:
    """One connection to one address."""

    address: str
    """Empty when the host has none."""
    chain: tuple[bytes, ...] = ()
    """DER certificates in the order in which they were sent, the leaf first; empty without a handshake."""
    failure: str = ""
    """Why there was no handshake."""
    is_connected: bool = False
    """Whether there was a connection, over which TLS then failed."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the endpoints of a certificate are to present."""

    serial: str
    key_fingerprint: str
    """Empty in records of earlier versions; then the serial is compared."""
    former: Callable[[], Mapping[str, bool]]
    """Returns the serials of former certificates, and which are revoked; called only for what is not expected."""
    issued_key_fingerprint: str = ""
    """Of the certificate of an issued order: a store may have it before the order book does; empty without one."""

    @classmethod
    def of(cls, certificate: ManagedCertificate, former: Callable[[], Mapping[str, bool]]) -> Self:
        """Return the expectation for what the stores have of *certificate*; without that, no endpoint fulfils it."""
        expected, order = expected_certificate(certificate), certificate.order
        is_issued = order is not None and order.status is OrderStatus.ISSUED
        key = requested_key_fingerprint(order.csr) if order and is_issued else ""
        return cls(expected.serial, expected.key_fingerprint, former, key) if expected else cls("", "", former, key)

    def is_met_by(self, serial: str, key_fingerprint: str) -> bool:
        """Compare by public key: it was made for one order only."""
        if key_fingerprint and key_fingerprint == self.issued_key_fingerprint:
            return True
        return key_fingerprint == self.key_fingerprint if self.key_fingerprint else serial == self.serial


def compare(contact: Contact, host: str, expected: Expected, roots: TrustedRoots, now: datetime) -> Compared:
    """Return the state of the address that *contact* was with.

    A certificate is first identified and then validated, so that a former one that has expired is `old`, and a
    stranger's with a sound chain is `foreign`. Only what passes everything is `served`.
    """
    if not contact.chain:
        state = EndpointState.BROKEN if contact.is_connected else EndpointState.UNREACHABLE
        return Compared.of(state, contact.failure)
    try:
        leaf, *others = [Certificate(x509.load_der_x509_certificate(der)) for der in contact.chain[:_MOST_SENT]]
        if not expected.is_met_by(leaf.serial, leaf.key_fingerprint):
            return _another(leaf, expected)
        fault = _fault(leaf, host, now) or _chain_fault(leaf, others, roots, now)
    except LIBRARY_ERRORS as error:
        return Compared.of(EndpointState.BROKEN, f"its certificate cannot be read: {error}")
    return Compared.of(EndpointState.BROKEN if fault else EndpointState.SERVED, fault, leaf.serial)


def compare_reported(report: HostReport | None, certificate: str, expected: Expected, now: datetime) -> Compared:
    """Return the state that a host reports of *certificate*: only a report of the last two days is a proof."""
    installed = report.of(certificate) if report else None
    if report is None or installed is None:
        return Compared.of(EndpointState.UNREPORTED, "it has not reported about this certificate")
    at = f"{report.at:%Y-%m-%d %H:%M}Z"
    if now - report.at > REPORT_COUNTS:
        return Compared.of(EndpointState.UNREPORTED, f"its last report is of {at}")
    if report.at - now > _CLOCK_SKEW:
        return Compared.of(EndpointState.UNREPORTED, f"its last report is of {at}, later than now: set its clock")
    serial, key = normalised_serial(installed.serial), installed.public_key_sha256.upper()
    if not expected.is_met_by(serial, key):
        former = expected.former()
        state = EndpointState.OLD if serial in former else EndpointState.FOREIGN
        kind = "the revoked serial" if (is_revoked := former.get(serial, False)) else "serial"
        text = f"it has {kind} {printed_serial(serial)}: {installed.text}"
        return Compared.of(state, text, serial, is_revoked=is_revoked)
    if installed.state == EndpointState.SERVED.value:
        return Compared.of(EndpointState.SERVED, serial=serial)
    text = f"it is {installed.state} there: {installed.text or 'the client has no endpoint to connect to'}"
    return Compared.of(EndpointState.BROKEN, text, serial)


def _another(leaf: Certificate, expected: Expected) -> Compared:
    which = f"serial {printed_serial(leaf.serial)}, valid until {leaf.not_after:%Y-%m-%d}"
    former = expected.former()
    if leaf.serial not in former:
        text = f"it presents another certificate ({which}, for {_names(leaf)}, {leaf.issuer})"
        return Compared.of(EndpointState.FOREIGN, text, leaf.serial)
    is_revoked = former[leaf.serial]
    text = f"it presents a {'revoked' if is_revoked else 'former'} certificate ({which})"
    return Compared.of(EndpointState.OLD, text, leaf.serial, is_revoked=is_revoked)


def _fault(leaf: Certificate, host: str, now: datetime) -> str:
    if not is_for(leaf.names, host):
        return f"the certificate is not for {host}, only for {_names(leaf)}"
    if not leaf.is_for_servers:
        return "the certificate is not for servers (extended key usage)"
    if now > leaf.not_after:
        return f"the certificate expired on {leaf.not_after:%Y-%m-%d}"
    return f"the certificate begins on {leaf.not_before:%Y-%m-%d %H:%M}Z" if now < leaf.not_before else ""


def _chain_fault(leaf: Certificate, others: Sequence[Certificate], roots: TrustedRoots, now: datetime) -> str:
    """Build the path from what was sent only: clients do not fetch what is missing."""
    sent = tuple(other for other in others if other != leaf)
    try:
        Delivery(leaf, sent).chain(ChainForm.SHORT, roots, now)
    except ChainBroken:
        return f"clients refuse its chain: {len(sent)} issuers were sent, and none of them leads to a trusted root"
    return ""


def _names(leaf: Certificate) -> str:
    return ", ".join(leaf.names[:3]) or "no name"
