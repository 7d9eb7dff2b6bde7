"""What is scheduled in the years of a history: disturbances, by a seed, each with what ends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from campaign.fault_injection import Mode
from campaign.histories.backup import Written
from campaign.interception.dns import DnsState
from campaign.scenarios import PROFILE

Step = tuple[str, Mapping[str, Any]]
"""A step of `History`, and its arguments."""

DAYS_BETWEEN = 55
"""On average, between the beginnings of two disturbances."""
_MODES = [mode.value for mode in Mode if mode is not Mode.REFUSED]
_CALLS = 90
"""Of a run with two orders."""

_STATES = DnsState.STALE, DnsState.SILENT, DnsState.CURRENT


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Steps on one day, and the steps that end what they did, some days later."""

    begins: tuple[Step, ...]
    ends: tuple[Step, ...] = ()
    longest: int = 0
    """Days until it ends, at most; it lasts for one at least."""
    obstructs_neighbour: bool = False
    """Whether it keeps both delegations from being renewed while it lasts; otherwise the first one only."""


def drawn(random: Random, days: int, *, is_persistent: bool) -> Iterator[tuple[int, int, Disturbance]]:
    """Yield (first day, last day, disturbance) within *days*, the first days first.

    is_persistent: whether the first delegation's domains are validated by a record in DNS.
    """
    day = 0.0
    while (day := day + random.expovariate(1 / DAYS_BETWEEN)) < days:
        of_dns = _of_dns(random) if is_persistent else ()
        disturbance = random.choice([*_possible(random), *of_dns])
        yield int(day), int(day) + random.randint(1, max(disturbance.longest, 1)), disturbance


def _possible(random: Random) -> Iterator[Disturbance]:
    store: tuple[Step, ...] = (("store_password", {}),)
    yield Disturbance((("change_password", {}),), store, 15)
    yield Disturbance((("lock", {}),), store, 15)
    yield Disturbance((("replace_login", {}),))
    rotation = {"mode": random.choice([Mode.KILLED_BEFORE, Mode.KILLED_AFTER]).value, "nth": random.randint(1, 20)}
    yield Disturbance((("rotate", rotation),), (("rotate", {**rotation, "nth": 99}),), 20)
    yield Disturbance((("end_mandate", {"days": random.choice([-1, 0, 10])}),), (("extend_mandate", {}),), 40)
    yield Disturbance((("roll_back", {"written": random.choice(list(Written)).value}),), (("upgrade", {}),), 10)
    yield Disturbance((("back_up", {}),), (("restore", {}),), 34)
    yield Disturbance((("change_issuers", {}),))
    yield Disturbance((("scm_becomes", {"chain": "cross-signed"}),), (("scm_becomes", {"chain": "own"}),), 120)
    yield from _of_orders(random)
    certificate = random.choice(["idp", "ent"])
    yield Disturbance(((random.choice(["ask", "force", "revoke"]), {"certificate": certificate}),))
    file = {"names": random.randint(0, 1), "stores": random.randint(0, 3), "profile": PROFILE}
    yield Disturbance((("respecify", {"certificate": certificate, **file, "key": random.choice(["P-256", "P-384"])}),))
    yield Disturbance((("run_with_fault", {"mode": random.choice(_MODES), "nth": random.randint(1, _CALLS)}),))


def _of_orders(random: Random) -> Iterator[Disturbance]:
    """SCM is slow, refuses orders, or waits for an approval."""
    becomes = "scm_becomes"
    slow = {"issuance_seconds": random.choice([7_200.0, 72_000.0])}
    yield Disturbance(((becomes, slow),), ((becomes, {"issuance_seconds": 0.0}),), 60, obstructs_neighbour=True)
    refuses = {"outcome": random.choice(["declined", "rejected", "invalid", "revoked"])}
    yield Disturbance(((becomes, refuses),), ((becomes, {"outcome": "issued"}),), 15, obstructs_neighbour=True)
    approved = ((becomes, {"auto_approve": True}), ("decide_orders", {"approve": True}))
    yield Disturbance(((becomes, {"auto_approve": False}),), approved, 15, obstructs_neighbour=True)


def _of_dns(random: Random) -> Iterator[Disturbance]:
    """The record of a persistent validation vanishes, or DNS does not answer, or what it answers is of yesterday."""
    removed: tuple[Step, ...] = (("remove_record", {}),)
    published: tuple[Step, ...] = (("publish_record", {}),)
    stale, silent, current = (("dns_becomes", {"state": state.value}) for state in _STATES)
    yield Disturbance(removed, published, 15)
    yield Disturbance((*removed, stale), (current, *published), 2)
    yield Disturbance((silent, *random.choice([(), removed])), (current, *published), 15)
