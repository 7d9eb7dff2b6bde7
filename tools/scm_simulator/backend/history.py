"""Certificates that were issued before the simulator started."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scm_simulator.backend import issuance
from scm_simulator.backend.order import DEAD, OPEN, REVOKED, Order
from scm_simulator.backend.state import State
from scm_simulator.ca.authority import LONGEST_COMMON_NAME, PrivateKey
from scm_simulator.ca.csr import SigningRequest, new_key, read_csr
from scm_simulator.dates import midnight
from scm_simulator.world.world import PastCertificate


def add(state: State, past: PastCertificate, csr_pem: str = "") -> int:
    """Add a certificate for the key of *csr_pem*, or for a key that the simulator makes; return its ssl_id."""
    time = midnight(past.issued_on) if past.issued_on else state.started - timedelta(days=past.issued_days_ago)
    key = None if csr_pem else new_key(past.key_type)
    ssl_id, renew_id = state.new_order_id()
    order = state.orders[ssl_id] = Order(
        ssl_id=ssl_id,
        renew_id=renew_id,
        names=tuple(dict.fromkeys(name.lower() for name in past.names)),
        department_id=past.department,
        profile_id=past.profile,
        term_days=past.term_days,
        csr=_request_for(key, past.names[0]) if key else read_csr(csr_pem),
        requester="",
        requested_at=time,
        approved_at=time,
        label=past.label,
        comments=past.comments,
        via=past.via,
        private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if key else None,
    )
    if past.status not in (*OPEN, *DEAD):
        issuance.issue(state, order, issued_at=time)
    order.status = past.status or order.status
    if order.status == REVOKED:
        order.revoked_at, order.reason_code = state.started, 4
    issuance.advance(state, order)
    return ssl_id


def _request_for(key: PrivateKey, name: str) -> SigningRequest:
    fits = len(name) <= LONGEST_COMMON_NAME
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if fits else [])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return read_csr(request.public_bytes(Encoding.PEM).decode())
