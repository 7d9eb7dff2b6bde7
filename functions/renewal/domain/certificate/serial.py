"""The serial of a certificate, as text."""

from __future__ import annotations


def normalised_serial(text: str) -> str:
    """Return a serial as upper-case hexadecimal without separators or leading zeros (SCM reference §3.6)."""
    return text.replace(":", "").replace(" ", "").upper().lstrip("0") or "0"


def printed_serial(serial: str) -> str:
    """Return a normalised serial in whole bytes, as OpenSSL, ACM and browsers print it: `0A77` for `A77`."""
    return serial.zfill(len(serial) + len(serial) % 2)
