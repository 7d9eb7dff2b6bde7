"""What one invocation of verify_served takes: `python -m stack.measure.verification [ENDPOINTS]`, by default 1,000.

They are of one delegation. The shipped handler runs in a fresh process, with its imports and clients. In another
process on loopback AWS is answered, and a server with a full TLS handshake for each endpoint. Networks of the internet
are slower: there a contact takes up to three round trips, 64 at a time.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from local.functions.fork_server import resolve_locally
from local.run import fingerprints
from local.tls_server import TlsServer
from renewal.domain.certificate.facts import Certificate
from renewal.domain.delegation import CertificatePath
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import EndpointState
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from renewal.domain.order import ManagedCertificate
from renewal.domain.run.payload import VerificationTask
from renewal.settings import ON
from scm_simulator.ca.authority import CertificateAuthority, LeafPlan
from stack.measure.daily_run.__main__ import environment
from stack.measure.daily_run.answers import Service
from stack.measure.daily_run.large_estate import RUN, LargeEstate, Size
from stack.measure.invocation import InvocationCost, in_own_process, invoke


@dataclass(frozen=True)
class ServedEstate(LargeEstate):
    """Each certificate is declared at one endpoint, which presents it."""

    leaves: dict[CertificatePath, Certificate] = field(default_factory=dict)

    def certificate(self, path: CertificatePath) -> ManagedCertificate:
        """The record, with the certificate that the endpoint presents."""
        made, leaf = super().certificate(path), self.leaves[path]
        stored = made.stored and replace(made.stored, serial=leaf.serial, key_fingerprint=leaf.key_fingerprint)
        return replace(made, spec=replace(made.spec, served_at=(Endpoint(_host(path)),)), stored=stored)


class VerificationService(Service):
    """Answers the requests of verify_served; `served` counts what was recorded as that."""

    served = 0

    def answer(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request of DynamoDB or EventBridge."""
        if action == "UpdateItem":
            (observation,) = request["ExpressionAttributeValues"][":value"]["M"]["observations"]["L"]
            self.served += observation["M"]["state"]["S"] == EndpointState.SERVED
            return {"Attributes": request["Key"]}
        if action == "PutEvents":
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in request["Entries"]]}
        return super().answer(action, request)


@dataclass(frozen=True, slots=True)
class Verification:
    """What one invocation took."""

    endpoints: int
    served: int
    """Endpoints that were recorded as served."""
    took: InvocationCost


def measure(endpoints: int) -> Verification:
    """Verify as many endpoints as there are certificates, in a process of its own."""
    now = datetime.now(UTC)
    size = Size(endpoints, 1, 0)
    authority = CertificateAuthority(now, Random(1))  # noqa: S311 - for serial numbers
    estate = ServedEstate(size, now)
    contexts = {_host(path): _issued(path, estate, authority) for path in estate.paths}
    with TlsServer("") as server, VerificationService(estate) as service:
        server.context.sni_callback = lambda tls, name, _context: setattr(tls, "context", contexts[str(name)])
        threading.Thread(target=service.serve_forever, daemon=True).start()
        given = environment(service.url) | {
            "PRIVATE_ENDPOINTS": ON,
            "PRIVATE_ROOTS": ",".join(fingerprints(authority.root_pem)),
        }
        addresses = {f"{host}:443": [server.address] for host in contexts}
        task = VerificationTask(RUN, estate.paths[0].delegation, tuple(path.certificate for path in estate.paths), True)
        asked = json.dumps({"addresses": addresses, "event": task.payload()})
        took = in_own_process("stack.measure.verification", environment=given, given=asked)
        service.shutdown()
        return Verification(len(contexts), service.served, took)


def _host(path: CertificatePath) -> str:
    return f"{path.certificate}.{path.delegation}.example"


def _issued(path: CertificatePath, estate: ServedEstate, authority: CertificateAuthority) -> ssl.SSLContext:
    """Issue a certificate and note it in *estate*; return what a server presents it with."""
    key, begins = KeyPair.generate(KeyType.P_256), estate.now - timedelta(days=1)
    plan = LeafPlan(key.private_key.public_key(), (_host(path),), begins, begins + timedelta(days=90), "Example")
    leaf = authority.issue(plan)
    estate.leaves[path] = Certificate(leaf)
    chain = (leaf, *authority.issuers_of(leaf))
    pem = key.pem().decode() + "".join(each.public_bytes(Encoding.PEM).decode() for each in chain)
    with TlsServer(pem) as server:
        return server.context


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what it took, or with `--invoke` that as JSON."""
    parser = argparse.ArgumentParser(prog="python -m stack.measure.verification", description=__doc__)
    parser.add_argument("--invoke", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("endpoints", nargs="?", type=int, default=1000, help="how many; each of another certificate")
    asked = parser.parse_args(arguments)
    if asked.invoke:
        given = json.load(sys.stdin)
        resolve_locally(given["addresses"])
        invoke("verify_served", given["event"])
        return
    found = measure(asked.endpoints)
    took = f"{found.took.seconds:.1f} s, {found.took.megabytes:.0f} MiB"
    print(f"{found.endpoints:,} endpoints, {found.served:,} served: {took}")


if __name__ == "__main__":
    main()
