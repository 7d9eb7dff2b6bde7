"""The serial of a certificate, as text."""

from __future__ import annotations

MOST_DIGITS = 40
"""Of a serial: 20 octets (RFC 5280 §4.1.2.2). A server can present a certificate with a longer one."""


def normalised_serial(text: str) -> str:
    """Return a serial as upper-case hexadecimal without separators or leading zeros (SCM reference §3.6)."""
    return text.replace(":", "").replace(" ", "").upper().lstrip("0") or "0"


def printed_serial(serial: str) -> str:
    """Return a normalised serial in whole bytes, as OpenSSL, ACM and browsers print it: `0A77` for `A77`."""
    return serial.zfill(len(serial) + len(serial) % 2)
