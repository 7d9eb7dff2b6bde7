"""Files: objects of the store bucket, and delegation files."""

from __future__ import annotations

import io
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from campaign.fuzz import CORRUPTIONS
from certmandate.files.delegation_files import load_delegations
from certmandate.files.yaml_document import FilesInvalid
from renewal.adapters.objects import S3Certificates
from renewal.adapters.runs import S3RunArchive
from renewal.domain.errors import RenewalError

_POINTER = {"serial": "AB", "not_before": "2026-11-23T08:00:00Z", "not_after": "2027-01-01T00:00:00Z", "names": ["a"]}
_MANIFEST = {"ResultFiles": {"SUCCEEDED": [{"Key": "runs/r/results/m/SUCCEEDED_0.json"}], "FAILED": []}}
_EXAMPLES = Path(__file__).parents[3] / "examples"
_BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n" % (after, after, *[before] * 9)
    for before, after in zip(b"abcdefgh", b"bcdefghi", strict=True)
)
_MANY_NAMES = (
    b"names: &n [" + b", ".join(b"a%d.univ.example" % n for n in range(3_000)) + b"]\ncertificates:\n"
    + b"".join(b"- {name: c%d, names: *n}\n" % n for n in range(300))
)  # fmt: skip


def play(dice: random.Random) -> str:
    """Read one hostile file as the function, or the operator's command, does that reads it."""
    try:
        dice.choice((_read_pointer, _read_results, _read_report, _read_delegation, _read_delegation))(dice)
    except (RenewalError, FilesInvalid) as error:
        return type(error).__name__
    return "result"


def _read_pointer(dice: random.Random) -> None:
    content = _hostile(json.dumps(_POINTER).encode(), dice)
    S3Certificates(cast("Any", _Bucket(content)), "bucket").stored_serial("univ", "idp")


def _read_results(dice: random.Random) -> None:
    content = _hostile(json.dumps(dice.choice([_MANIFEST, [{"Output": "{}", "Input": "{}"}]])).encode(), dice)
    results, faults = S3RunArchive(cast("Any", _Bucket(content)), "bucket").read_results("r")
    if faults:
        raise faults[0]
    json.dumps(results)


def _read_report(dice: random.Random) -> None:
    archive = S3RunArchive(cast("Any", _Bucket(_hostile(b'{"due": 1, "estate": 2}', dice))), "bucket")
    archive.read_facts("r")


def _read_delegation(dice: random.Random) -> None:
    written = dice.choice(sorted(_EXAMPLES.glob("*/delegations/*.yaml"))).read_bytes()
    many_names = written.split(b"certificates:")[0] + _MANY_NAMES
    content = dice.choice([_hostile(written, dice), _hostile(written, dice), written + _BOMB, many_names])
    with TemporaryDirectory() as folder:
        Path(folder, "univ.yaml").write_bytes(content)
        load_delegations(Path(folder), datetime(2026, 11, 23, tzinfo=UTC))


def _hostile(content: bytes, dice: random.Random) -> bytes:
    """Return *content* corrupted, or something else of up to 2 MB."""
    item = dice.choice([b"[", b'{"a":', b"[],", b"\xff", b"- ", b"? ", b"&a *a ", b"!!python/name:os ", b"9", b"'"])
    other = item * dice.choice([3, 900, 2_000_000 // len(item)])
    return dice.choice([dice.choice(CORRUPTIONS)(content, dice), b"[" + other, other, content + other])


class _Bucket:
    """S3 with one content under every key."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def get_object(self, **_request: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self._content), "ETag": "1", "LastModified": datetime(2026, 11, 23, tzinfo=UTC)}

    def list_objects_v2(self, **_request: str) -> dict[str, Any]:
        return {"Contents": [{"Key": "runs/r/results/m/manifest.json", "LastModified": 1}]}
