"""TXT records from DNS, over the resolvers of /etc/resolv.conf: on Lambda those of the VPC."""

from __future__ import annotations

import dns.exception
import dns.resolver

from renewal.deadline import Deadline

LONGEST_SECONDS = 2.0
"""Of one query, however many resolvers are asked: one name must not use the time of all."""


class DnsTxtRecords:
    """Implements `TxtRecords`. *resolver*: None = the system's."""

    def __init__(self, resolver: dns.resolver.Resolver | None = None) -> None:
        self._resolver = resolver

    def __call__(self, name: str, deadline: Deadline) -> tuple[str, ...] | None:
        """Follow CNAMEs, as the CA may (BR §3.2.2.4.22). An answer that is not validated (SERVFAIL) is none."""
        seconds = deadline.at_most(LONGEST_SECONDS).seconds_left()
        try:
            self._resolver = self._resolver or dns.resolver.Resolver()
            answer = self._resolver.resolve(f"{name}.", "TXT", lifetime=seconds, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.exception.DNSException, OSError, UnicodeError):
            return None
        return tuple(b"".join(record.strings).decode("ascii", "replace") for record in answer)
