"""Play a history: certificates are renewed or not, servers are reloaded or not, and each run verifies them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from campaign.auditor.clients import Claim, disagreements, latest_keys
from campaign.evidence import Evidence, gather
from campaign.harness import DAY, Harness
from campaign.scenarios import DELEGATION, DEPARTMENT, PARIS, PROFILE, credential, specification
from campaign.scenarios import world as scm
from campaign.served.servers import CONDITIONS, Node, listening
from renewal.domain.delegation import ACM, S3, CertificateSpec
from renewal.domain.endpoint.declaration import Endpoint, StartTls
from scm_simulator import Dials

_HOSTS = {"idp": "idp.univ.example", "www": "www.idp.univ.example", "mx": "mx.idp.univ.example"}
_STORES = {"idp": (S3,), "www": (PARIS,), "mx": (S3, PARIS)}
_ENDPOINTS: Mapping[str, Mapping[Endpoint, Sequence[str]]] = {
    "idp": {Endpoint(_HOSTS["idp"]): ("127.0.0.2", "127.0.0.3")},
    "www": {Endpoint(_HOSTS["www"]): ("127.0.0.4",), Endpoint(_HOSTS["www"], 8443): ("127.0.0.4", "127.0.0.5")},
    "mx": {
        Endpoint(_HOSTS["mx"], 587, StartTls.SMTP): ("127.0.0.6", "127.0.0.7"),
        Endpoint(_HOSTS["mx"], 143, StartTls.IMAP): ("127.0.0.6",),
    },
}
"""By certificate: the endpoints that its delegation file declares, with the addresses of each."""
_OF_ACM = {"127.0.0.4", "127.0.0.5", "127.0.0.7"}
"""Addresses whose servers have their certificate from ACM, and not from S3."""
_NEVER = 10_000 * DAY


@dataclass
class Agreement:
    """What came of a history."""

    states: Counter[str] = field(default_factory=Counter)
    """Addresses that were compared, by the state that the product recorded."""
    violations: list[str] = field(default_factory=list)


def play(harness: Harness, seed: int, runs: int) -> Agreement:
    """Play *runs* runs with servers in random conditions; after each, the auditor connects to every address."""
    random, played = Random(seed), Agreement()  # noqa: S311 - no secret
    nodes = [
        Node(harness, f"{DELEGATION}/{name}", endpoint, ip, "acm" if ip in _OF_ACM else "s3")
        for name, endpoints in _ENDPOINTS.items()
        for endpoint, ips in endpoints.items()
        for ip in ips
    ]
    _begin(harness)
    for number in range(1, runs + 1):
        _change(harness, nodes, random)
        with listening(nodes):
            began, is_daily = harness.time(), random.random() < 0.7
            _run(harness, is_daily=is_daily)
            world = gather(harness, runs=1)
            claims = list(_claims(world, nodes, began))
            disagreeing = [*disagreements(world, claims, harness.played.simulator.root_pem)]
            disagreeing += _left_out(world, nodes, claims) if is_daily else ()
        played.violations += [f"seed {seed}, run {number}: {text}" for text in disagreeing]
        played.states.update(claim.state for claim in claims)
    return played


def _begin(harness: Harness) -> None:
    specs = tuple(
        CertificateSpec(DELEGATION, name, (host,), PROFILE, stores=_STORES[name], served_at=tuple(_ENDPOINTS[name]))
        for name, host in _HOSTS.items()
    )
    estate = replace(specification((S3,)), certificates=specs)
    harness.begin(scm(), [estate], {DELEGATION: credential()}, Dials(issuance_polls=0))
    harness.prove_search(DELEGATION, DEPARTMENT)


def _change(harness: Harness, nodes: Iterable[Node], random: Random) -> None:
    """Let time pass, certificates become due, the CA issue or not, ACM refuse, and servers be reloaded or break."""
    harness.time.pass_seconds(random.choice((0, 1, 40, 120)) * DAY)
    harness.played.simulator.dials.issuance_seconds = _NEVER if random.random() < 0.3 else 0.0
    harness.aws.acm.throttled_regions = (PARIS.removeprefix(ACM),) if random.random() < 0.4 else ()
    for name in _HOSTS:
        if random.random() < 0.3:
            harness.editor.ask(DELEGATION, name, "history")
    for node in nodes:
        node.condition = random.choice(("reloaded", "reloaded", "not reloaded", random.choice(CONDITIONS)))


def _run(harness: Harness, *, is_daily: bool) -> None:
    """The daily run, or the hourly one, which verifies what was not served."""
    if is_daily:
        harness.daily_run()
    else:
        harness.time.pass_seconds(3600)
        harness.run(open_orders_only=True, scheduled_at="hourly")


def _claims(world: Evidence, nodes: Iterable[Node], began: datetime) -> Iterator[Claim]:
    """What the order book has about each address that was verified since *began*."""
    known = {(node.path, str(node.endpoint), node.ip): node for node in nodes}
    for item in world.of_kind("certificate"):
        record, path = item.get("service"), f"{item['delegation']}/{item['item'].partition('#')[2]}"
        at = datetime.fromisoformat(record["observed_at"]) if record else began
        for each in record["observations"] if record and at > began else ():
            node = known[path, each["endpoint"], each["address"]]
            protocol = node.endpoint.starttls or ""
            yield Claim(path, node.endpoint.host, str(protocol), node.address, at, each["state"])


def _left_out(world: Evidence, nodes: Iterable[Node], claims: Iterable[Claim]) -> Iterator[str]:
    """Yield the declared addresses of stored certificates about which a daily run has recorded nothing."""
    claimed, stored = {claim.address for claim in claims}, latest_keys(world)
    for node in nodes:
        if node.path in stored and node.address not in claimed:
            yield f"{node.path} was not verified at {node.endpoint} ({node.ip})"
