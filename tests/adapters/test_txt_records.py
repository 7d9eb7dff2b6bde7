"""TXT records over UDP, from a DNS server on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from renewal.adapters.txt_records import DnsTxtRecords
from renewal.deadline import Deadline

NAME = "_validation-persist.idp.univ.example"
RECORD = "sectigo.com; accounturi=acct:1234567890@sectigo.com"

Answer = Callable[[dns.message.Message], None]


class Nameserver:
    """Answers every query on loopback as `answer` does; silent while it is None."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.answer: Answer | None = None
        self.asked: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def records(self) -> DnsTxtRecords:
        """Queries to this server alone."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.socket.getsockname()[1]
        resolver.search = [dns.name.from_text("search.test.")]
        return DnsTxtRecords(resolver)

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                query, peer = self.socket.recvfrom(4096)
                response = dns.message.make_response(dns.message.from_wire(query))
                self.asked.append(str(response.question[0].name))
                if self.answer is not None:
                    response.flags |= dns.flags.RA
                    self.answer(response)
                    self.socket.sendto(response.to_wire(), peer)


@pytest.fixture
def nameserver() -> Iterator[Nameserver]:
    """A server that is closed with the test."""
    server = Nameserver()
    yield server
    server.socket.close()


def deadline(seconds: float = 60) -> Deadline:
    """A deadline by the clock of the machine."""
    return Deadline(datetime.now(UTC) + timedelta(seconds=seconds), lambda: datetime.now(UTC))


def with_records(*lines: str) -> Answer:
    """An answer with resource records, in a zone file's syntax."""

    def answer(response: dns.message.Message) -> None:
        for line in lines:
            name, kind, text = line.split(" ", 2)
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, text))

    return answer


def with_rcode(rcode: dns.rcode.Rcode) -> Answer:
    """An answer with a code and no record."""
    return lambda response: response.set_rcode(rcode)


def test_every_txt_record_is_read(nameserver: Nameserver) -> None:
    """One for each CA; a long one is in several strings."""
    nameserver.answer = with_records(
        f'{NAME} TXT "{RECORD[:20]}" "{RECORD[20:]}"', f'{NAME} TXT "emsign.com; accounturi=https://acme.test/7"'
    )

    assert nameserver.records()(NAME, deadline()) == (RECORD, "emsign.com; accounturi=https://acme.test/7")
    assert nameserver.asked == [f"{NAME}."]


def test_an_alias_of_the_label_is_followed(nameserver: Nameserver) -> None:
    """As the CA may (BR §3.2.2.4.22)."""
    nameserver.answer = with_records(f"{NAME} CNAME target.test.", f'target.test TXT "{RECORD}"')

    assert nameserver.records()(NAME, deadline()) == (RECORD,)


@pytest.mark.parametrize("answer", [with_rcode(dns.rcode.NXDOMAIN), with_records()], ids=["no name", "no record"])
def test_a_name_without_records_has_none(nameserver: Nameserver, answer: Answer) -> None:
    """That is known; and the name is not searched in other domains."""
    nameserver.answer = answer

    assert nameserver.records()(NAME, deadline()) == ()
    assert nameserver.asked == [f"{NAME}."]


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_refused_query_is_not_known(nameserver: Nameserver, rcode: dns.rcode.Rcode) -> None:
    """SERVFAIL is also how a resolver reports an answer that DNSSEC does not validate."""
    nameserver.answer = with_rcode(rcode)

    assert nameserver.records()(NAME, deadline()) is None


@pytest.mark.parametrize("seconds", [0.2, 0])
def test_without_an_answer_before_the_deadline_nothing_is_known(nameserver: Nameserver, seconds: float) -> None:
    """The inspection goes on."""
    assert nameserver.records()(NAME, deadline(seconds)) is None


@pytest.mark.parametrize(
    "name", [f"_validation-persist.{'a' * 64}.example", f"{'a.' * 130}example", "..", "\udcff.test"]
)
def test_what_is_no_dns_name_is_not_known(nameserver: Nameserver, name: str) -> None:
    """SCM may show any text as a domain."""
    assert nameserver.records()(name, deadline()) is None
    assert not nameserver.asked
