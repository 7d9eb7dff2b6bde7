"""An estate: delegation files, their SCM world, and what AWS does to them. `docs/estate.md` describes the format."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from certmandate.files.delegation_files import load_delegations
from certmandate.files.specification import Specification
from certmandate.files.yaml_document import FileFault, FilesInvalid, YamlDocument, read_yaml
from local.aws_file import load_aws
from local.web_servers import load_nodes
from renewal.domain.delegation import CertificateSpec
from renewal.domain.key_type import KeyType
from renewal.domain.order import COMMENT_PREFIX
from scm_simulator.backend.order import OPEN, REVOKED
from scm_simulator.world.world import Account, PastCertificate, World
from scm_simulator.world.world_file import WorldFileError, read_world

WORLD_FILE = "scm.yaml"
DELEGATIONS = "delegations"
_ISSUED = ("", REVOKED)
_KEY_TYPES = {f"{kind.algorithm} - {kind.size}": kind for kind in KeyType}

Loaded = Sequence[tuple[Specification, YamlDocument]]


@dataclass(frozen=True, slots=True)
class Estate:
    """The delegations, the state of SCM and the faults of AWS before a run."""

    folder: Path
    specifications: tuple[Specification, ...]
    world: World
    accounts: Mapping[str, Account] = field(repr=False)
    """The account that each delegation logs in with."""
    throttled_regions: tuple[str, ...] = ()
    """Where ACM refuses every import."""
    nodes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The servers of certificates with endpoints, where they are not one that is reloaded."""

    def credential(self, delegation: str) -> Mapping[str, str]:
        """What the operator stored for a delegation: its account's API key if there is one, else its login."""
        account = self.accounts[delegation]
        for client in self.world.oauth_clients:
            if client.login == account.login:
                return {"client_id": client.client_id, "client_secret": client.client_secret}
        return {"login": account.login, "password": account.password, "customer_uri": account.customer_uri}

    @property
    def certificates(self) -> Mapping[str, CertificateSpec]:
        """Every managed certificate by `delegation/certificate`."""
        return _by_path(self.specifications)


def load_estate(folder: Path, now: datetime) -> Estate:
    """Read `delegations/*.yaml`, `scm.yaml` and, if it is there, `aws.yaml`.

    Raises FilesInvalid with file, line and field: of every fault in a file, or else of all contradictions
    between them.
    """
    faults: list[FileFault] = []
    with _noted(faults):
        loaded: Loaded = load_delegations(folder / DELEGATIONS, now)
    with _noted(faults):
        written, world = read_yaml(folder / WORLD_FILE), _load_world(folder / WORLD_FILE)
    with _noted(faults):
        aws = load_aws(folder)
    nodes: Mapping[str, tuple[str, ...]] = {}
    if not faults:
        specs = _by_path([specification for specification, _ in loaded]).values()
        regions = sorted({region for spec in specs for region in spec.acm_regions})
        faults += _department_faults(loaded, world)
        faults += _label_faults(loaded, world, written, now)
        faults += aws.misfits(regions)
        with _noted(faults):
            nodes = load_nodes(folder, [spec.path for spec in specs if spec.served_at])
    if faults:
        raise FilesInvalid(faults)
    specifications = tuple(specification for specification, _ in loaded)
    accounts = {spec.delegation.name: _account(spec.delegation.department_id, world) for spec in specifications}
    known = {name: account for name, account in accounts.items() if account is not None}
    world = replace(world, certificates=tuple(map(_commented, world.certificates)))
    return Estate(folder, specifications, world, known, aws.throttled_regions, nodes)


@contextmanager
def _noted(faults: list[FileFault]) -> Iterator[None]:
    """Add the faults of one file to *faults*, so that the other files are checked too."""
    try:
        yield
    except FilesInvalid as invalid:
        faults += invalid.faults


def _load_world(path: Path) -> World:
    try:
        return read_world(path)
    except WorldFileError as error:
        raise FilesInvalid([FileFault(path, line, text) for line, text in error.errors]) from None


def _commented(past: PastCertificate) -> PastCertificate:
    """Give a certificate that has a label the comment by which its order was, or would have been, found again."""
    if not past.label:
        return past
    return replace(past, comments=f"{COMMENT_PREFIX}{secrets.token_hex(16)} for {past.label}")


def _account(department_id: int, world: World) -> Account | None:
    """The account of a delegation: the first one that has its department."""
    return next((account for account in world.accounts if department_id in account.departments), None)


# ---- Contradictions between the delegation files and scm.yaml --------------------------------------------------------


def _department_faults(loaded: Loaded, world: World) -> Iterator[FileFault]:
    for specification, document in loaded:
        department_id = specification.delegation.department_id
        if department_id not in world.departments:
            known = ", ".join(str(number) for number in sorted(world.departments)) or "none"
            yield document.fault(("department_id",), f"{WORLD_FILE} has no department {department_id}; it has {known}")
        elif _account(department_id, world) is None:
            text = f"no account in {WORLD_FILE} has department {department_id} among its departments"
            yield document.fault(("department_id",), text)


def _label_faults(loaded: Loaded, world: World, written: YamlDocument, now: datetime) -> Iterator[FileFault]:
    specifications = [specification for specification, _ in loaded]
    specs = _by_path(specifications)
    departments = {spec.delegation.name: spec.delegation.department_id for spec in specifications}
    labelled: set[tuple[str, bool]] = set()
    for index, past in enumerate(world.certificates):
        if not past.label:
            continue
        place = ("certificates", index)
        spec = specs.get(past.label)
        if spec is None:
            text = f"'{past.label}' is no certificate of the delegation files; known are {', '.join(sorted(specs))}"
            yield written.fault((*place, "label"), text)
            continue
        yield from (
            written.fault((*place, part), text)
            for part, text in _misfits(past, spec, departments[spec.delegation], now)
        )
        kind = (past.label, past.status in OPEN)
        if kind in labelled:
            text = (
                f"'{past.label}' has another certificate like this one; label the one that is stored, or the open order"
            )
            yield written.fault((*place, "label"), text)
        labelled.add(kind)


def _misfits(
    past: PastCertificate, spec: CertificateSpec, department_id: int, now: datetime
) -> Iterator[tuple[str, str]]:
    """Yield (field, text) for each contradiction between *past* and the certificate that *spec* manages."""
    if past.status not in (*_ISSUED, *OPEN):
        yield "status", "only an issued, revoked or open certificate can have a label"
    if past.department != department_id:
        yield "department", f"is not the department of {spec.delegation}, which is {department_id}"
    if past.key_type not in _KEY_TYPES:
        yield "key_type", f"must be one of {', '.join(_KEY_TYPES)}"
    issued_days_ago = (now.date() - past.issued_on).days if past.issued_on else past.issued_days_ago
    if spec.acm_regions and past.status in _ISSUED and issued_days_ago >= past.term_days:
        yield ("label", "has expired, and ACM takes no expired certificate: it cannot be in the store acm:<region>")


def _by_path(specifications: Sequence[Specification]) -> dict[str, CertificateSpec]:
    return {spec.path: spec for specification in specifications for spec in specification.certificates}
