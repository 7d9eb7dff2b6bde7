"""One certificate: from the pointer in the store to what the server presents."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from certmandate_fetch import files
from certmandate_fetch.configuration import Declaration
from certmandate_fetch.endpoints import SERVED, Presented, presented_after_reload
from certmandate_fetch.errors import (
    CertificateMissing,
    FetchError,
    FileRefused,
    NotServed,
    OlderThanInstalled,
    PairInvalid,
    ReloadFailed,
    ServerTestFailed,
)
from certmandate_fetch.formats import built
from certmandate_fetch.installation import Installation, Version
from certmandate_fetch.pair import Leaf, require_pair
from certmandate_fetch.store import FILES, Pointer, Store

COMMAND_TIMEOUT_SECONDS = 120


@dataclass
class Result:
    """What became of one certificate; `error` is None when all is well."""

    name: str
    changed: bool = False
    error: FetchError | None = None
    installed: Leaf | None = None
    endpoints: list[Presented] = field(default_factory=list)


class Updater:
    """Brings the certificates of one delegation up to date.

    client: a TLS context with the trusted roots; allow_older: whether an older certificate may replace a newer one;
    patience_seconds: how long a server may take to reload in the background.
    """

    def __init__(self, store: Store, client: ssl.SSLContext, *, allow_older: bool, patience_seconds: float) -> None:
        self._store = store
        self._client = client
        self._allow_older = allow_older
        self._patience = patience_seconds

    def update(self, declared: Declaration) -> Result:
        """Install what the store has, unless it is installed; errors are in the result."""
        result, installation = Result(declared.name), Installation(declared)
        try:
            try:
                self._update(declared, installation, result)
            finally:
                installation.clean()
                result.installed = _shown(installation)
        except FetchError as error:
            result.error = error
        except OSError as error:
            result.error = FileRefused(f"{error.filename or declared.folder}: {error.strerror or error}")
        return result

    def _update(self, declared: Declaration, installation: Installation, result: Result) -> None:
        installation.clean()
        pointer, version = self._store.pointer(declared.name), installation.current()
        is_current = version and version.state.serial == pointer.serial and installation.is_as_declared(version)
        if version is None or not is_current or (version.state.confirmed and not installation.is_shown(version)):
            version = self._prepare(declared, installation, pointer, version)
        if not version.state.confirmed:
            self._activate(declared, installation, version)
            result.changed = True
        self._compare(declared, version, result)
        if not version.state.confirmed:
            installation.confirm(version)

    # ---- Download --------------------------------------------------------------------------------------

    def _prepare(
        self, declared: Declaration, installation: Installation, pointer: Pointer, before: Version | None
    ) -> Version:
        """Return a new version that a client would accept. Nothing that servers read has changed."""
        pointer, downloaded = self._download(declared.name, pointer)
        folder = installation.begin(pointer.serial)
        for name, content in downloaded.items():
            files.write(folder / name, content)
        leaf = Leaf.of_pem(downloaded["cert.pem"])
        if (leaf.serial, leaf.sha256) != (pointer.serial, pointer.sha256):
            msg = f"{pointer.path}cert.pem is not the certificate that current.json names"
            raise PairInvalid(msg)
        require_pair(folder, declared.names, self._client)
        self._require_not_older(leaf, before)
        return installation.complete(folder, built(declared, downloaded), leaf.serial, leaf.sha256)

    def _download(self, name: str, pointer: Pointer) -> tuple[Pointer, dict[str, bytes]]:
        try:
            return pointer, self._files(pointer)
        except CertificateMissing:  # replaced since, and its key is erased
            pointer = self._store.pointer(name)
            return pointer, self._files(pointer)

    def _files(self, pointer: Pointer) -> dict[str, bytes]:
        return {name: self._store.read(pointer.path + name) for name in FILES}

    def _require_not_older(self, leaf: Leaf, before: Version | None) -> None:
        if before is None or self._allow_older:
            return
        installed = _leaf(before)
        if leaf.not_before < installed.not_before:
            msg = (
                f"the store has {leaf.serial}, which begins on {leaf.not_before:%Y-%m-%d}, before the installed "
                f"{installed.serial}; if that is intended, run certmandate-fetch --allow-older once"
            )
            raise OlderThanInstalled(msg)

    # ---- Switch ----------------------------------------------------------------------------------------

    def _activate(self, declared: Declaration, installation: Installation, version: Version) -> None:
        """Switch and reload; when the server refuses, switch back and reload again."""
        variables = {
            "CERT_NAME": declared.name,
            "CERT_DIR": str(version.folder),
            "NEW_SERIAL": version.state.serial,
            "OLD_SERIAL": version.state.previous.partition("-")[0],
        }
        if declared.test and (failure := _run(declared.test, variables)):
            msg = f"before the switch, the test command {failure}; nothing was changed"
            raise ServerTestFailed(msg)
        try:
            installation.switch_to(version)
        except OSError:
            installation.switch_back(version)
            raise
        if declared.test and (failure := _run(declared.test, variables)):
            installation.switch_back(version)
            msg = f"with the new files, the test command {failure}; the former files are in place again"
            raise ServerTestFailed(msg)
        if declared.reload and (failure := _run(declared.reload, variables)):
            installation.switch_back(version)
            again = _run(declared.reload, variables)
            msg = (
                f"the reload command {failure}; the former files are in place again, and the second reload "
                f"{again or 'succeeded'}"
            )
            raise ReloadFailed(msg)

    # ---- Compare ---------------------------------------------------------------------------------------

    def _compare(self, declared: Declaration, version: Version, result: Result) -> None:
        patience = self._patience if result.changed else 0.0
        result.endpoints = presented_after_reload(
            declared.endpoints, version.state.sha256, version.state.former, self._client, patience
        )
        if wrong := [each for each in result.endpoints if each.state != SERVED]:
            states = ", ".join(f"{each.address} ({each.name}): {each.state}" for each in wrong)
            msg = f"{version.state.serial} is installed, but is not presented at {states}"
            raise NotServed(msg)


def _leaf(version: Version) -> Leaf:
    return Leaf.of_pem((version.folder / "cert.pem").read_bytes())


def _shown(installation: Installation) -> Leaf | None:
    try:
        version = installation.current()
        return _leaf(version) if version else None
    except (OSError, PairInvalid):
        return None


def _run(command: tuple[str, ...], variables: Mapping[str, str]) -> str:
    """Return why the command failed, or nothing. Its output goes to standard error, which systemd keeps."""
    try:
        done = subprocess.run(
            command, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=2,
            timeout=COMMAND_TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"did not end within {COMMAND_TIMEOUT_SECONDS} s"
    except OSError as error:
        return f"could not be started: {error.strerror}"
    return f"exited {done.returncode}" if done.returncode else ""
