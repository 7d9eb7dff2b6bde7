"""Answers of SCM: the simulator's, damaged or replaced on the way."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

import httpx

from campaign.fuzz import CORRUPTIONS
from renewal.adapters.egress import EchoedAddress
from renewal.adapters.http import new_http_client
from renewal.adapters.scm.accounts import ScmAccounts
from renewal.adapters.scm.client import ScmClient
from renewal.deadline import Deadline
from renewal.domain.credential import Credential
from renewal.domain.errors import RenewalError
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from renewal.domain.order import EnrollRequest
from renewal.domain.order_search import SearchedOrder
from scm_simulator import Simulator
from scm_simulator.in_process import InProcess

DEPARTMENT, NAMES = 2001, ("portal.example.edu", "a.service.example.edu")
_URL = "https://scm.test/api"
_LARGE = 1_900_000
_CREDENTIAL = {"login": "drao-example", "password": "Example-password-1", "customer_uri": "example"}


def play(dice: random.Random) -> str:
    """Let one reader of the client, or the query of the egress address, read hostile answers."""
    read = dice.choice(_READERS)
    with new_http_client(transport=_Hostile(dice)) as http:
        urls = {"base_url": _URL, "oauth_base_url": _URL, "token_url": f"{_URL}/token"}
        accounts = ScmAccounts(_Stored(), http, deadline=_deadline(), **urls)
        try:
            read(accounts.authority("univ"))
            EchoedAddress(http, "https://echo.test", _deadline())()
        except RenewalError as error:
            return type(error).__name__
    return "result"


def _deadline() -> Deadline:
    return Deadline(datetime.now(UTC) + timedelta(seconds=60), lambda: datetime.now(UTC))


class _Stored:
    """The credential of the simulator's example account."""

    def current(self, delegation: str) -> Credential:  # noqa: ARG002
        return Credential("1", _CREDENTIAL)

    latest = current

    def pending(self, delegation: str) -> None:
        """Nothing is being rotated."""


@cache
def _simulator() -> Simulator:
    simulator = Simulator()
    simulator.dials.issuance_polls = 0
    return simulator


@cache
def _order() -> EnrollRequest:
    csr = KeyPair.generate(KeyType.P_256).signing_request(NAMES)
    return EnrollRequest(DEPARTMENT, 3001, 90, NAMES, csr, "certmandate order t0ken for univ/portal")


def _collect(client: ScmClient) -> object:
    return client.collect(max((order.ssl_id for order in _simulator().orders), default=1))


_READERS: tuple[Callable[[ScmClient], object], ...] = (
    lambda client: client.enroll(_order()),
    lambda client: client.find(SearchedOrder("t0ken", NAMES, DEPARTMENT, datetime.now(UTC))),
    lambda client: client.details(1),
    _collect,
    lambda client: client.mark_renewed(1, 2),
    lambda client: client.profiles(DEPARTMENT),
    lambda client: client.custom_fields(),
    lambda client: client.password_state(),
    lambda client: client.account(),
    lambda client: client.department(DEPARTMENT),
    lambda client: client.domains(DEPARTMENT, NAMES),
    lambda client: client.validations(1001),
    lambda client: client.reported_certificates(DEPARTMENT),
)


# ---- What happens to an answer --------------------------------------------------------------------------------------


class _Hostile(httpx.BaseTransport):
    """Passes requests to the simulator, and makes every answer hostile, or none but one."""

    def __init__(self, dice: random.Random) -> None:
        self._inner, self._dice = InProcess(_simulator()), dice
        self._change, self._honest = dice.choice(_CHANGES), dice.choice((0, 0, 1, 2))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        answer.read()
        self._honest -= 1
        return answer if self._honest >= 0 else self._change(answer, self._dice)


def _with_body(answer: httpx.Response, body: bytes, **headers: str) -> httpx.Response:
    kept = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
    return httpx.Response(answer.status_code, headers={**kept, **headers}, stream=httpx.ByteStream(body))


def _damaged(answer: httpx.Response, dice: random.Random) -> httpx.Response:
    return _with_body(answer, dice.choice(CORRUPTIONS)(answer.content, dice))


def _other_status(answer: httpx.Response, dice: random.Random) -> httpx.Response:
    changed = _with_body(answer, answer.content)
    changed.status_code = dice.choice([100, 201, 204, 206, 301, 304, 400, 401, 403, 404, 409, 418, 429, 500, 503, 599])
    return changed


def _bomb(answer: httpx.Response, dice: random.Random) -> httpx.Response:
    name, packed = dice.choice(_bombs())
    return _with_body(answer, packed, **{"Content-Encoding": name})


@cache
def _bombs() -> list[tuple[str, bytes]]:
    zeros = bytes(20_000_000)
    packed = gzip.compress(zeros)
    return [("gzip", packed), ("deflate", zlib.compress(zeros)), ("gzip", packed[:-9]), ("br", packed), ("gzip", b"{}")]


def _deep(answer: httpx.Response, dice: random.Random) -> httpx.Response:
    return _with_body(answer, dice.choice([b"[", b'{"a":', b'[{"a":']) * dice.randint(500, 200_000))


def _wide(answer: httpx.Response, dice: random.Random) -> httpx.Response:
    item = dice.choice([b"[]", b"{}", b'{"id":1}', b'""', b"1e999", b"null", b'{"sslId":' + b"9" * 5_000 + b"}"])
    return _with_body(answer, b"[" + b",".join([item] * (_LARGE // (len(item) + 1))) + b"]")


def _too_large(answer: httpx.Response, _dice: random.Random) -> httpx.Response:
    return _with_body(answer, b'"' + b"x" * 4_000_000 + b'"')


def _pages_without_end(answer: httpx.Response, dice: random.Random) -> httpx.Response:
    """Full pages of new rows, each as large as a page can be."""
    filler, first = "x" * dice.choice([10, 9_000]), dice.randint(1, 2**40)
    rows = [{"id": first + row, "sslId": first + row, "domain": str(first + row), "name": filler} for row in range(200)]
    return _with_body(answer, json.dumps(rows).encode(), **{"X-Total-Count": dice.choice(["1000000000", "-1", "x"])})


def _same_page(answer: httpx.Response, _dice: random.Random) -> httpx.Response:
    rows = [{"id": row, "sslId": row, "domain": str(row)} for row in range(200)]
    return _with_body(answer, json.dumps(rows).encode(), **{"X-Total-Count": "1000000000"})


def _other_text(answer: httpx.Response, dice: random.Random) -> httpx.Response:
    body = dice.choice([b"", b"\0", b"\xff\xfe", "\ud800".encode(errors="surrogatepass"), b"\x1b]0;x\a", b"<html>"])
    charset = dice.choice(["utf-16", "utf-7", "idna", "base64", "rot13", "unknown", "\x7f"])
    return _with_body(answer, body * dice.randint(1, 1_000), **{"Content-Type": f"application/json; charset={charset}"})


_CHANGES: tuple[Callable[[httpx.Response, random.Random], httpx.Response], ...] = (
    _damaged, _damaged, _other_status, _bomb, _deep, _wide, _too_large, _pages_without_end, _same_page, _other_text,
)  # fmt: skip
