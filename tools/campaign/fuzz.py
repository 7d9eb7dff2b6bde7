"""Valid answers of SCM, corrupted at random: the outcome is a named error or the right result."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from campaign.auditor.invariants import one_unfinished_order_at_a_time
from campaign.evidence import gather
from campaign.harness import Harness
from campaign.interception.calls import Boundary, Call
from campaign.order_book_invariants import ALWAYS, violations
from campaign.scenarios import Scenario
from campaign.virtual_time import START

UNDETECTABLE = {one_unfinished_order_at_a_time}
"""No client detects a well-formed answer that wrongly reports an order as refused. Two POSTs have one token."""
_PEM_END = b"-----END CERTIFICATE-----\n"


@dataclass(slots=True)
class CorruptedAnswer:
    """Corrupts the answer of one call to SCM in one run."""

    boundary: Boundary
    dice: random.Random
    run_id: str = ""
    what: str = ""
    """How, and at which call; empty when the call was not made."""

    def is_due(self, call: Call) -> bool:
        """Return whether this is the call."""
        return call.boundary == self.boundary and call.invocation.run_id == self.run_id and not self.what

    def apply(self, call: Call) -> Any:
        """Make the call, and corrupt the answer."""
        answer: httpx.Response = call.answers.effect()
        corrupt = self.dice.choice(CORRUPTIONS)
        self.what = f"{corrupt.__name__} at {call.boundary}"
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        return httpx.Response(answer.status_code, headers=headers, content=corrupt(answer.content, self.dice))


def play(harness: Harness, scenario: Scenario, seed: int, boundaries: Sequence[Boundary]) -> tuple[str, list[str]]:
    """Play one run with one corrupted answer; return (what was corrupted, what was violated).

    boundaries: those of a healthy run of the scenario.
    """
    dice = random.Random(seed)  # noqa: S311
    scenario.prepare(harness)
    corruption = CorruptedAnswer(drawn(boundaries, dice), dice)
    harness.run_with(corruption)
    harness.daily_run()
    violated = violations(gather(harness), [invariant for invariant in ALWAYS if invariant not in UNDETECTABLE])
    if not corruption.what:
        violated.insert(0, f"nothing was corrupted: {corruption.boundary} was not reached")
    return corruption.what, violated


def drawn(boundaries: Sequence[Boundary], dice: random.Random) -> Boundary:
    """Draw a call to SCM; half of the draws are of an order or of a certificate."""
    answers = [boundary for boundary in boundaries if boundary.service == "scm"]
    orders = [boundary for boundary in answers if re.search("enroll|collect", boundary.operation)]
    return dice.choice(dice.choice([answers, orders]))


# ---- Corruptions ----------------------------------------------------------------------------------------------


def flip_bytes(body: bytes, dice: random.Random) -> bytes:
    """Change some bytes."""
    corrupted = bytearray(body)
    for _ in range(min(len(corrupted), dice.randint(1, 4))):
        corrupted[dice.randrange(len(corrupted))] = dice.randrange(256)
    return bytes(corrupted)


def cut_off(body: bytes, dice: random.Random) -> bytes:
    """Cut the body off."""
    return body[: dice.randint(0, max(len(body) - 1, 0))]


def drop_member(body: bytes, dice: random.Random) -> bytes:
    """Remove a member of a JSON object."""
    return _in_json(body, lambda members, name: members.pop(name), dice)


def retype_member(body: bytes, dice: random.Random) -> bytes:
    """Give a member of a JSON object another type."""
    other: Any = dice.choice([None, [], {}, True, "", "text", -1, 1e300, [[1]], {"a": {}}])
    return _in_json(body, lambda members, name: members.update({name: other}), dice)


def swap_certificate(body: bytes, dice: random.Random) -> bytes:
    """Replace a certificate of the chain by an unrelated certificate."""
    parts = body.replace(b"\r\n", b"\n").split(_PEM_END)
    if len(parts) < 2:
        return flip_bytes(body, dice)
    parts[dice.randrange(len(parts) - 1)] = _unrelated_certificate().removesuffix(_PEM_END)
    return _PEM_END.join(parts)


def shuffle_chain(body: bytes, dice: random.Random) -> bytes:
    """Shuffle the certificates, and repeat one: valid."""
    parts = [part + _PEM_END for part in body.replace(b"\r\n", b"\n").split(_PEM_END) if part.strip()]
    if len(parts) < 2:
        return body
    parts.append(dice.choice(parts))
    dice.shuffle(parts)
    return b"".join(parts)


CORRUPTIONS = (flip_bytes, cut_off, drop_member, retype_member, swap_certificate, shuffle_chain)


def _in_json(body: bytes, change: Callable[[dict[str, Any], str], Any], dice: random.Random) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return flip_bytes(body, dice)
    objects = [members for members in _objects(document) if members]
    if not objects:
        return json.dumps(dice.choice([None, 1, "text", [1], {"a": 1}])).encode()
    members = dice.choice(objects)
    change(members, dice.choice(list(members)))
    return json.dumps(document).encode()


def _objects(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, list):
        return [members for item in document for members in _objects(item)]
    if isinstance(document, dict):
        return [document, *(members for item in document.values() for members in _objects(item))]
    return []


def _unrelated_certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unrelated.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(START.replace(year=2020)).not_valid_after(START.replace(year=2040))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
