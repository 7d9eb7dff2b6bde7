"""The dialogs by which a server is asked to begin TLS, each no longer than the standard requires."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from renewal.adapters.endpoints.connection import Connection, Unanswered
from renewal.domain.endpoint.declaration import StartTls
from renewal.domain.errors import shortened

_LINE = b"\r\n"
_LDAP_REQUEST = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"
"""An ExtendedRequest with message ID 1 (RFC 4511 §4.14)."""
_LDAP_RESPONSE = re.compile(rb"\x30.{1,5}?\x02\x01\x01\x78.{1,5}?\x0a\x01(.)", re.DOTALL)
"""The beginning of an ExtendedResponse: lengths of one to five bytes, message ID 1, result code."""
_LDAP_LONGEST = 32
_XMPP_TLS = b"urn:ietf:params:xml:ns:xmpp-tls"


def begin_tls(connection: Connection, protocol: StartTls, host: str) -> None:
    """Ask the server for TLS. Raises Unanswered when it refuses, or does not have the protocol."""
    _DIALOGS[protocol](connection, host)
    connection.forget()


def _smtp(connection: Connection, _host: str) -> None:
    """RFC 3207."""
    _smtp_reply(connection, b"220")
    connection.send(b"EHLO certmandate.invalid\r\n")
    _smtp_reply(connection, b"250")
    connection.send(b"STARTTLS\r\n")
    _smtp_reply(connection, b"220")


def _smtp_reply(connection: Connection, code: bytes) -> None:
    """Read a reply to its last line, which has a blank after the code (RFC 5321 §4.2.1)."""
    line = connection.until(_LINE)
    while line[3:4] == b"-":
        line = connection.until(_LINE)
    _require(line.startswith(code), line)


def _imap(connection: Connection, _host: str) -> None:
    """RFC 3501 §6.2.1."""
    greeting = connection.until(_LINE)
    _require(greeting.startswith(b"* OK"), greeting)
    connection.send(b"a1 STARTTLS\r\n")
    line = connection.until(_LINE)
    while line.startswith(b"* "):
        line = connection.until(_LINE)
    _require(line.startswith(b"a1 OK"), line)


def _pop3(connection: Connection, _host: str) -> None:
    """RFC 2595 §4."""
    greeting = connection.until(_LINE)
    _require(greeting.startswith(b"+OK"), greeting)
    connection.send(b"STLS\r\n")
    reply = connection.until(_LINE)
    _require(reply.startswith(b"+OK"), reply)


def _ldap(connection: Connection, _host: str) -> None:
    """RFC 4511 §4.14."""
    connection.send(_LDAP_REQUEST)
    answer = connection.receive()
    while not (response := _LDAP_RESPONSE.match(answer)):
        _require(len(answer) < _LDAP_LONGEST, b"no LDAP response")
        answer += connection.receive()
    _require(response[1] == b"\0", f"LDAP result code {response[1][0]}".encode())


def _xmpp(connection: Connection, host: str) -> None:
    """RFC 6120 §5.4."""
    stream = (
        f"<?xml version='1.0'?><stream:stream to='{host}' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    connection.send(stream.encode())
    features = connection.until(b"</stream:features>")
    _require(_XMPP_TLS in features, b"no STARTTLS among the stream's features")
    connection.send(b"<starttls xmlns='" + _XMPP_TLS + b"'/>")
    reply = connection.until(b">")
    _require(b"<proceed" in reply, reply)


def _require(is_right: bool, answer: bytes) -> None:  # noqa: FBT001  # a condition
    if not is_right:
        msg = f"STARTTLS was refused: {shortened(answer.decode('ascii', 'replace'), 100)}"
        raise Unanswered(msg)


_DIALOGS: Mapping[StartTls, Callable[[Connection, str], None]] = {
    StartTls.SMTP: _smtp,
    StartTls.IMAP: _imap,
    StartTls.POP3: _pop3,
    StartTls.LDAP: _ldap,
    StartTls.XMPP: _xmpp,
}
