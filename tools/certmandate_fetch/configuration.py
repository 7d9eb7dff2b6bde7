"""The configuration file: docs/servers.md describes every key."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shlex
import shutil
import socket
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from certmandate_fetch.sections import Faults, Section, read_sections

_NAME = r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"
"""Of delegations, certificates and hosts: as in delegation files."""
_TITLES = {"store": "[store]", f"certificate {_NAME}": "[certificate NAME]"}
_DNS_NAME = r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}"
_ENDPOINT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/]+):([0-9]{1,5})(?:/([A-Za-z0-9.-]+))?")


@dataclass(frozen=True)
class StoreSettings:
    """Where the certificates are, and as which host this server reports; what may be empty is boto3's default."""

    bucket: str
    delegation: str
    host: str
    region: str
    profile: str
    endpoint: str
    """The URL of S3, where it is not AWS's public one."""
    roots: str
    """File with the trusted roots in PEM; empty: those of the system."""


@dataclass(frozen=True)
class Keystore:
    """A PKCS#12 file, which is replaced in place."""

    path: Path
    alias: str
    password_file: Path


@dataclass(frozen=True)
class Endpoint:
    """An address of this server, and the name for SNI."""

    address: str
    port: int
    name: str


@dataclass(frozen=True)
class Declaration:
    """One certificate of the delegation, as this server needs it. Ids are -1 where the owner does not change."""

    name: str
    names: tuple[str, ...]
    folder: Path
    uid: int
    gid: int
    mode: int
    haproxy: bool
    keystore: Keystore | None
    test: tuple[str, ...]
    reload: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True)
class Configuration:
    """The whole file."""

    store: StoreSettings
    certificates: tuple[Declaration, ...]


def read_configuration(path: Path) -> Configuration:
    """Read and check the file. Raises ConfigurationInvalid with every fault, each as `file:line: text`."""
    faults = Faults(path)
    sections = list(read_sections(path, _TITLES, faults))
    stores = [_store(each) for each in sections if each.title == "store"]
    certificates = [_certificate(each) for each in sections if each.title.startswith("certificate ")]
    if len(stores) != 1 or not certificates:
        faults.add(1, "one section [store] and at least one section [certificate NAME] are needed")
    _require_separate(sections, certificates, faults)
    faults.require_none()
    return Configuration(stores[0], tuple(certificates))


def _store(section: Section) -> StoreSettings:
    section.require_known(("bucket", "delegation", "host", "region", "profile", "endpoint", "roots"))
    return StoreSettings(
        bucket=section.text("bucket"),
        delegation=section.text("delegation", pattern=_NAME, what="a delegation's name"),
        host=section.text("host", _host_name(), _NAME, "a name as for reported_by"),
        region=section.text("region", ""),
        profile=section.text("profile", ""),
        endpoint=section.text("endpoint", ""),
        roots=str(section.path("roots", is_file=True)) if "roots" in section else "",
    )


def _host_name() -> str | None:
    """Without its domain; None when no report can have that name."""
    name = socket.gethostname().partition(".")[0].lower()
    return name if re.fullmatch(_NAME, name) else None


def _certificate(section: Section) -> Declaration:
    section.require_known((
        "names", "folder", "owner", "group", "mode", "haproxy", "keystore", "alias", "password_file", "test", "reload",
        "connect",
    ))  # fmt: skip
    name = section.title.partition(" ")[2]
    names = tuple(section.text("names").lower().split())
    for each in names:
        if not re.fullmatch(_DNS_NAME, each):
            section.fault("names", f"'{each}' is not a DNS name; an internationalised one is written as xn--...")
    return Declaration(
        name=name,
        names=names,
        folder=_folder(section, f"/etc/certmandate-fetch/{name}"),
        uid=_id(section, "owner"),
        gid=_id(section, "group"),
        mode=int(section.text("mode", "0600", "0?(400|440|600|640)", "0400, 0440, 0600 or 0640: it holds a key"), 8),
        haproxy=section.text("haproxy", "no", "yes|no", "yes or no") == "yes",
        keystore=_keystore(section),
        test=_command(section, "test"),
        reload=_command(section, "reload"),
        endpoints=tuple(_endpoints(section, names)),
    )


def _folder(section: Section, default: str) -> Path:
    """Keys are written there by root: no one else may put a link in place of a folder on the way."""
    folder = section.path("folder", default)
    target = Path(os.path.realpath(folder))  # Path.resolve has an error of its own for a loop, before Python 3.13
    with section.examined("folder"):
        for each in sorted({folder, *folder.parents, target, *target.parents}):
            if _is_changed_by_others(each):
                section.fault("folder", f"others than root can change {each}: choose a folder below those of root")
                break
    return folder


def _is_changed_by_others(folder: Path) -> bool:
    try:
        status = folder.stat()
    except FileNotFoundError:  # the client makes it
        return False
    is_foreign = status.st_uid not in {0, os.geteuid()}
    is_of_group = bool(status.st_mode & stat.S_IWGRP) and status.st_gid not in {0, os.getegid()}
    is_shared = bool(status.st_mode & stat.S_IWOTH) or is_of_group
    return is_foreign or (is_shared and not status.st_mode & stat.S_ISVTX)


def _id(section: Section, key: str) -> int:
    name = section.text(key, "")
    try:
        if name:
            return pwd.getpwnam(name).pw_uid if key == "owner" else grp.getgrnam(name).gr_gid
    except KeyError:
        section.fault(key, f"this system has no {key} {name}")
    return -1


def _keystore(section: Section) -> Keystore | None:
    if "keystore" not in section:
        return None
    path = section.path("keystore")
    with section.examined("keystore"):
        if not path.parent.is_dir():
            section.fault("keystore", f"there is no folder {path.parent}")
    return Keystore(path, section.text("alias", "certmandate"), section.path("password_file", is_file=True))


def _command(section: Section, key: str) -> tuple[str, ...]:
    """A program with arguments, quoted as in a shell; no shell runs it."""
    try:
        found = shlex.split(section.text(key, ""))
    except ValueError as error:
        section.fault(key, str(error))
        return ()
    if found and not shutil.which(found[0]):
        section.fault(key, f"there is no program {found[0]}")
    return tuple(found)


def _endpoints(section: Section, names: tuple[str, ...]) -> Iterator[Endpoint]:
    """`ADDRESS:PORT`, with the first name for SNI, or `ADDRESS:PORT/NAME`."""
    for text in section.text("connect", "").split():
        match = _ENDPOINT.fullmatch(text)
        if match is None or not 0 < int(match[2]) < 65_536:
            section.fault("connect", f"'{text}' is not ADDRESS:PORT or ADDRESS:PORT/NAME")
        elif names:
            yield Endpoint(match[1].strip("[]"), int(match[2]), match[3] or names[0].replace("*", "any"))


def _require_separate(sections: Sequence[Section], certificates: Sequence[Declaration], faults: Faults) -> None:
    """Two certificates in one place would replace each other in every run."""
    taken: dict[str, int] = {}
    titled = [each for each in sections if each.title.startswith("certificate ")]
    for section, declared in zip(titled, certificates):  # `strict` is of Python 3.10
        keystore = (declared.keystore.path,) if declared.keystore else ()
        for place in (section.title, *(os.path.realpath(path) for path in (declared.folder, *keystore))):
            if place in taken:
                faults.add(section.line, f"{place}: as in the section of line {taken[place]}")
            taken.setdefault(place, section.line)
