"""An estate: delegation files, and the SCM world that they live in. `docs/estate.md` describes the format."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from certmandate.delegation_files import load_delegations
from certmandate.yaml_document import FileFault, FilesInvalid, YamlDocument, read_yaml
from renewal.domain.delegation import Delegation
from renewal.domain.order import COMMENT_PREFIX
from renewal.domain.specification import Specification
from scm_simulator.order import ISSUED, OPEN, REVOKED
from scm_simulator.world import Account, PastCertificate, World, WorldError

WORLD_FILE = "scm.yaml"
DELEGATIONS = "delegations"
_SERVED = ("", ISSUED, REVOKED)


@dataclass(frozen=True, slots=True)
class Estate:
    """What an organisation's people and their operator have arranged before the first run."""

    folder: Path
    specifications: tuple[Specification, ...]
    world: World
    tokens: Mapping[str, str]
    """Token of the past order of each label that has an open one or an issued one: `(label, status)` by comment."""
    credentials: Mapping[str, Mapping[str, str]] = field(repr=False)
    """What is stored in Secrets Manager, by delegation."""


def load_estate(folder: Path, now: datetime) -> Estate:
    """Read `delegations/*.yaml` and `scm.yaml`. Raises FilesInvalid with file, line and field of every fault found."""
    if not folder.is_dir():
        raise FilesInvalid([FileFault(folder, 1, f"is not a folder; it is to hold {DELEGATIONS}/ and {WORLD_FILE}")])
    loaded = load_delegations(folder / DELEGATIONS, now)
    world, written = _load_world(folder / WORLD_FILE)
    specifications = tuple(specification for specification, _ in loaded)
    faults = [*_department_faults(loaded, world), *_label_faults(specifications, world, written)]
    if faults:
        raise FilesInvalid(faults)
    return Estate(
        folder=folder,
        specifications=specifications,
        world=_with_comments(world),
        tokens={},
        credentials={one.delegation.name: _credential(one.delegation, world) for one in specifications},
    )
