"""A TLS handshake: what the server sends as its certificates. No data is sent or read after it."""

from __future__ import annotations

import ssl
from functools import cache

from renewal.adapters.endpoints.connection import Connection, Unanswered


def certificates(connection: Connection, host: str) -> tuple[bytes, ...]:
    """Return the certificates (DER) that the server sent for *host*, in their order. Raises Unanswered, OSError.

    Each handshake is a full one: nothing of a session is kept that could resume it.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = _context().wrap_bio(incoming, outgoing, server_hostname=host)
    try:
        while not _is_complete(tls):
            connection.send(outgoing.read())
            incoming.write(connection.receive())
        connection.send(outgoing.read())
    except ssl.SSLError as error:
        failure = error.reason or type(error).__name__
    else:
        return _sent(tls)
    msg = f"the TLS handshake failed ({failure})"
    raise Unanswered(msg)


def _is_complete(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


@cache
def _context() -> ssl.SSLContext:
    """Accept any certificate: it is compared, and validated, by the domain (`renewal.domain.service.comparison`)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    return context


def _sent(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """The public method exists from Python 3.13 on, which Lambda runs; before, the same one of the C object does."""
    if hasattr(tls, "get_unverified_chain"):
        return tuple(tls.get_unverified_chain())
    chain = tls._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]  # noqa: SLF001  # see above
    return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain)
