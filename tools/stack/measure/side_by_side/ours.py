"""certmandate's side: the shipped steps and the shipped adapter of SCM renew some delegations.

    python -m stack.measure.side_by_side.ours URL ROOTS FIRST LAST CERTIFICATES

A round inspects each delegation and orders its certificates, and then collects them: all delegations at a time, of each
two certificates at a time, as the state machine does. A thread stands for an execution environment of Lambda, with an
HTTP client of its own. AWS is in memory: the order book, the stores and KMS are the fakes of the tests.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from threading import local
from typing import Any

import httpx
from cryptography import x509

from renewal.adapters.egress import unknown_address
from renewal.adapters.http import new_http_client
from renewal.adapters.scm.accounts import ScmAccounts
from renewal.deadline import Deadline
from renewal.domain.certificate.chain import TrustedRoots
from renewal.domain.certificate.facts import Certificate
from renewal.domain.credential import Credential
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.run.payload import DelegationTask, Progress, Task
from renewal.domain.run.result import ResultStatus
from renewal.steps.collect import Collect
from renewal.steps.enroll import Enroll
from renewal.steps.inspect_delegation import InspectDelegation
from renewal.steps.stores.storing import Stores
from renewal.wiring import new_token, utc_now
from stack.measure.side_by_side.rounds import RoundFailed, serve_rounds
from stack.measure.side_by_side.scm import AT_A_TIME, CUSTOMER, LOGIN, PASSWORD, PROFILE
from tests.fakes import FakeAcm, FakeAnnouncer, FakeObjects, FakeOrderBook, FakeSeal, UnchangedStores

_INVOCATION = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Credentials:
    """One login for every delegation; a rotation is not pending."""

    def current(self, delegation: str) -> Credential:  # noqa: ARG002
        """Return the login."""
        return Credential("1", {"login": LOGIN, "password": PASSWORD, "customer_uri": CUSTOMER})

    latest = current

    def pending(self, delegation: str) -> None:
        """Return that there is none."""


class Environments(local):
    """What each thread keeps from one invocation to the next."""

    @cached_property
    def http(self) -> httpx.Client:
        """The shipped client, which keeps no connection."""
        return new_http_client()


@dataclass(frozen=True, slots=True)
class Services:
    """SCM at its address, the roots of its certificates, and what the threads keep."""

    url: str
    roots: TrustedRoots
    environments: Environments = field(default_factory=Environments)

    def accounts(self, deadline: Deadline) -> ScmAccounts:
        """Those of one invocation."""
        return ScmAccounts(
            Credentials(),
            self.environments.http,
            base_url=self.url,
            oauth_base_url=self.url,
            token_url=self.url,
            deadline=deadline,
        )


class RenewedDelegation:
    """A delegation with its certificates, and with an order book and a key of its own; each certificate has a bucket.

    So no two threads change one collection of the fakes while a third reads it.
    """

    def __init__(self, number: int, certificates: int, services: Services) -> None:
        self._services, self._book, self._seal = services, FakeOrderBook(), FakeSeal()
        self._name, self._run = f"d{number}", 0
        self._specs = [
            CertificateSpec(self._name, f"c{index}", (f"c{index}.d{number}.example",), PROFILE)
            for index in range(certificates)
        ]
        self._objects = {spec.name: FakeObjects() for spec in self._specs}
        delegation = Delegation(self._name, "Example", number, (f"*.d{number}.example",))
        self._book.apply(delegation, *self._specs, now=utc_now())

    def order(self, pool: ThreadPoolExecutor) -> list[Progress]:
        """Inspect it, and order each certificate, as an operator has requested."""
        self._run += 1
        run, now = f"run-{self._run}", utc_now()
        for spec in self._specs:
            self._book.ask(spec.record_key, "a round of the comparison", now)
        tasks = tuple(Task(run, now, self._name, spec.name, ("asked",)) for spec in self._specs)
        self._inspect(DelegationTask(run, now, self._name, dry_run=False, may_add=True, certificates=tasks))
        return list(pool.map(self._enroll, tasks))

    def collect(self, progress: Progress) -> bool:
        """Collect one order; return whether its certificate is stored."""
        book, deadline = self._book, _deadline()
        objects = self._objects[progress.certificate]
        stores = Stores(book, self._seal, FakeAcm(), objects, FakeAnnouncer(), utc_now, deadline)
        step = Collect(book, book, self._services.accounts(deadline), stores, self._services.roots, utc_now)
        return step(progress).status == ResultStatus.STORED

    def _inspect(self, task: DelegationTask) -> None:
        deadline = _deadline()
        InspectDelegation(
            self._book,
            self._book,
            self._services.accounts(deadline),
            unknown_address,
            lambda _delegation: None,
            lambda _run, _delegation: nullcontext(),
            lambda _run, _delegation, _listed: None,
            len(self._specs),
            utc_now,
            deadline,
            lambda _name, _deadline: (),
            UnchangedStores(),  # type: ignore[arg-type]  # it only answers
            ActingTimes(),
        )(task)

    def _enroll(self, task: Task) -> Progress:
        book, deadline = self._book, _deadline()
        accounts, quiet, most = self._services.accounts(deadline), _INVOCATION, len(self._specs)
        return Enroll(book, book, accounts, self._seal, FakeAcm(), utc_now, new_token, quiet, deadline, most)(task)


class Round:
    """Renews all delegations, again and again."""

    def __init__(self, delegations: Iterable[RenewedDelegation]) -> None:
        self._delegations = {each: ThreadPoolExecutor(AT_A_TIME) for each in delegations}
        self._map = ThreadPoolExecutor(len(self._delegations))

    def __call__(self) -> Mapping[str, Any]:
        """Return the processor time. Raises RoundFailed when a certificate is not stored."""
        before = time.process_time()
        ordered = list(self._each(lambda delegation, pool: delegation.order(pool)))
        collected = self._each(lambda delegation, pool, orders: list(pool.map(delegation.collect, orders)), ordered)
        if not all(stored for each in collected for stored in each):
            raise RoundFailed
        return {"cpu": time.process_time() - before}

    def _each(self, work: Callable[..., list[Any]], *more: Iterable[Any]) -> Iterator[list[Any]]:
        return self._map.map(work, self._delegations.keys(), self._delegations.values(), *more)


def _deadline() -> Deadline:
    return Deadline(utc_now() + _INVOCATION, utc_now)


def main(url: str, roots: str, first: int, last: int, certificates: int) -> None:
    """Renew until the input ends; the first round has no certificate to replace."""
    parsed = tuple(x509.load_pem_x509_certificates(Path(roots).read_bytes()))
    services = Services(url, TrustedRoots(parsed, frozenset(Certificate(root).fingerprint() for root in parsed)))
    renewal = Round([RenewedDelegation(number, certificates, services) for number in range(first, last + 1)])
    serve_rounds({}, renewal)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
