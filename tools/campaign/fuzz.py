"""Good answers of SCM, spoilt in random ways: the outcome is a named error or the right result."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from campaign.evidence import gather
from campaign.invariants import ALWAYS, violations, what_failed_was_not_issued
from campaign.scenarios import Scenario
from campaign.stage import Stage
from campaign.virtual_time import START
from campaign.wire import Boundary, Crossing

UNDETECTABLE = {what_failed_was_not_issued}
"""An answer that is well formed and says that an order was refused cannot be told from the truth."""
_PEM_END = b"-----END CERTIFICATE-----\n"


@dataclass(slots=True)
class Garble:
    """Spoils the answer of one call to SCM in one run."""

    run_id: str
    boundary: Boundary
    dice: random.Random
    what: str = ""

    def is_due(self, crossing: Crossing) -> bool:
        """Return whether this is the call."""
        return crossing.boundary == self.boundary and crossing.invocation.run_id == self.run_id and not self.what

    def hit(self, crossing: Crossing) -> Any:
        """Make the call, and spoil what comes back."""
        answer: httpx.Response = crossing.effect()
        spoil = self.dice.choice(_SPOILS)
        self.what = f"{spoil.__name__} at {crossing.boundary}"
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        return httpx.Response(answer.status_code, headers=headers, content=spoil(answer.content, self.dice))


def play(stage: Stage, scenario: Scenario, seed: int, boundaries: Sequence[Boundary]) -> tuple[str, list[str]]:
    """Play one run with one spoilt answer; return (what was spoilt, what was violated).

    boundaries: those of a healthy run of the scenario.
    """
    dice = random.Random(seed)  # noqa: S311
    scenario.prepare(stage)
    run_id = stage.next_run_id()
    garble = Garble(run_id, drawn(boundaries, dice), dice)
    stage.wire.strike = garble
    stage.run(run_id)
    stage.wire.strike = None
    stage.daily_run()
    found = violations(gather(stage), [one for one in ALWAYS if one not in UNDETECTABLE])
    return garble.what, found if garble.what else [f"nothing was spoilt: {garble.boundary} was not reached", *found]


def drawn(boundaries: Sequence[Boundary], dice: random.Random) -> Boundary:
    """Draw a call to SCM; half of the draws are of an order or of a certificate."""
    answers = [one for one in boundaries if one.service == "scm"]
    orders = [one for one in answers if any(word in one.operation for word in ("enroll", "collect"))]
    return dice.choice(dice.choice([answers, orders]))


# ---- Ways of spoiling ----------------------------------------------------------------------------------------------


def flip_bytes(body: bytes, dice: random.Random) -> bytes:
    """Some bytes become others."""
    spoilt = bytearray(body)
    for _ in range(min(len(spoilt), dice.randint(1, 4))):
        spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
    return bytes(spoilt)


def cut_off(body: bytes, dice: random.Random) -> bytes:
    """The rest is missing."""
    return body[: dice.randint(0, max(len(body) - 1, 0))]


def drop_member(body: bytes, dice: random.Random) -> bytes:
    """A member of a JSON object is missing."""
    return _in_json(body, lambda members, name: members.pop(name), dice)


def retype_member(body: bytes, dice: random.Random) -> bytes:
    """A member of a JSON object is of another type."""
    other: Any = dice.choice([None, [], {}, True, "", "text", -1, 1e300, [[1]], {"a": {}}])
    return _in_json(body, lambda members, name: members.update({name: other}), dice)


def swap_certificate(body: bytes, dice: random.Random) -> bytes:
    """A certificate of somebody else stands in the place of one of the chain."""
    parts = body.replace(b"\r\n", b"\n").split(_PEM_END)
    if len(parts) < 2:
        return flip_bytes(body, dice)
    parts[dice.randrange(len(parts) - 1)] = _stranger().removesuffix(_PEM_END)
    return _PEM_END.join(parts)


def shuffle_chain(body: bytes, dice: random.Random) -> bytes:
    """The certificates come in another order, one of them perhaps twice: no error at all."""
    parts = [part + _PEM_END for part in body.replace(b"\r\n", b"\n").split(_PEM_END) if part.strip()]
    if len(parts) < 2:
        return body
    parts.append(dice.choice(parts))
    dice.shuffle(parts)
    return b"".join(parts)


_SPOILS = (flip_bytes, cut_off, drop_member, retype_member, swap_certificate, shuffle_chain)


def _in_json(body: bytes, change: Callable[[dict[str, Any], str], Any], dice: random.Random) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return flip_bytes(body, dice)
    objects = [one for one in _objects(document) if one]
    if not objects:
        return json.dumps(dice.choice([None, 1, "text", [1], {"a": 1}])).encode()
    members = dice.choice(objects)
    change(members, dice.choice(list(members)))
    return json.dumps(document).encode()


def _objects(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, list):
        return [one for item in document for one in _objects(item)]
    if isinstance(document, dict):
        return [document, *(one for item in document.values() for one in _objects(item))]
    return []


def _stranger() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stranger.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(START.replace(year=2020)).not_valid_after(START.replace(year=2040))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
