"""An endpoint: where a delegation file declares that clients meet a certificate (`served_at`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StartTls(StrEnum):
    """The protocol in which a server is asked to begin TLS; without one, TLS begins with the connection."""

    SMTP = "smtp"
    IMAP = "imap"
    POP3 = "pop3"
    LDAP = "ldap"
    XMPP = "xmpp"


PORTS = frozenset(
    {110, 143, 389, 443, 465, 563, 587, 636, 853, 990, 993, 995, 2525, 3269, 4190, 4443}
    | {5061, 5222, 5223, 5269, 5270, 5671, 6514, 6697, 8443, 8883, 9443}
)
"""The only ports to which connections are made: those of TLS and STARTTLS (IANA's service names), and usual others.

Without 25: AWS blocks it for functions outside a VPC (AWS Lambda FAQs).
"""
GRACE_HOURS = 24
"""How long after a renewal an endpoint may still present the former certificate, unless the file has `grace_hours`."""

_RELOADS = {
    StartTls.SMTP: "postfix reload",
    StartTls.IMAP: "doveadm reload",
    StartTls.POP3: "doveadm reload",
    StartTls.LDAP: "systemctl restart slapd",
    StartTls.XMPP: "prosodyctl reload",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: a host with its port, or the name under which a server that is not reachable reports."""

    host: str = ""
    """A name of the certificate: it is resolved, and sent as the server name (SNI)."""
    port: int = 443
    starttls: StartTls | None = None
    address: str = ""
    """Contact this address only; empty = every IPv4 and IPv6 address of the host."""
    reported_by: str = ""
    """The server that reports what it presents; it is not contacted."""

    def __str__(self) -> str:
        """`idp.univ.example:443`, `mx.univ.example:587 (smtp)`, `… at 203.0.113.7`, or `reported by campus-lb-2`."""
        if self.reported_by:
            return f"reported by {self.reported_by}"
        protocol = f" ({self.starttls})" if self.starttls else ""
        return f"{self.host}:{self.port}{protocol}{f' at {self.address}' if self.address else ''}"

    @property
    def reload(self) -> str:
        """The command that makes the usual server of this kind present its new certificate."""
        if self.reported_by:
            return "systemctl start certmandate-fetch"
        return _RELOADS[self.starttls] if self.starttls else "nginx -t && systemctl reload nginx"
