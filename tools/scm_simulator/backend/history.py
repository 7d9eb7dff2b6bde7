"""Certificates that were issued before the simulator started."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scm_simulator.backend import issuance
from scm_simulator.backend.order import DEAD, ISSUED, OPEN, REVOKED, Order
from scm_simulator.backend.state import State
from scm_simulator.ca.authority import LONGEST_COMMON_NAME, PrivateKey
from scm_simulator.ca.csr import SigningRequest, new_key, read_csr
from scm_simulator.dates import midnight
from scm_simulator.world.world import PastCertificate


def add_issued(
    state: State,
    department_id: int,
    csr_pem: str,
    names: Sequence[str],
    profile_id: int,
    term_days: int,
    issued_at: datetime,
) -> int:
    """Add a certificate issued at *issued_at* for the key of *csr_pem*; return its ssl_id."""
    order = _order(state, read_csr(csr_pem), names, (department_id, profile_id, term_days), issued_at)
    issuance.issue(state, order, issued_at=issued_at)
    return order.ssl_id


def add(state: State, past: PastCertificate) -> None:
    """Add a certificate of the world, with a key that the simulator makes."""
    time = midnight(past.issued_on) if past.issued_on else state.started - timedelta(days=past.issued_days_ago)
    key = new_key(past.key_type)
    terms = (past.department, past.profile, past.term_days)
    order = _order(state, _request_for(key, past.names[0]), past.names, terms, time)
    order.label, order.comments, order.via = past.label, past.comments, past.via
    order.private_key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if past.status not in (*OPEN, *DEAD):
        issuance.issue(state, order, issued_at=time)
    order.status = past.status or order.status
    if order.status == REVOKED:
        order.revoked_at, order.reason_code = state.started, 4
    issuance.advance(state, order)


def _order(
    state: State, csr: SigningRequest, names: Sequence[str], terms: tuple[int, int, int], time: datetime
) -> Order:
    ssl_id, renew_id = state.new_order_id()
    department_id, profile_id, term_days = terms
    state.orders[ssl_id] = Order(
        ssl_id=ssl_id,
        renew_id=renew_id,
        names=tuple(dict.fromkeys(name.lower() for name in names)),
        department_id=department_id,
        profile_id=profile_id,
        term_days=term_days,
        csr=csr,
        requester="",
        requested_at=time,
        approved_at=time,
        status=ISSUED,
    )
    return state.orders[ssl_id]


def _request_for(key: PrivateKey, name: str) -> SigningRequest:
    fits = len(name) <= LONGEST_COMMON_NAME
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if fits else [])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return read_csr(request.public_bytes(Encoding.PEM).decode())
