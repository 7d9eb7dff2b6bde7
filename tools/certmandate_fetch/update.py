"""One certificate: from the pointer in the store to what the server presents."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

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
                with suppress(OSError):
                    result.installed = _leaf(installation)
        except FetchError as error:
            result.error = error
        except OSError as error:
            place = error.filename2 or error.filename or declared.folder  # of a rename, the target
            result.error = FileRefused(f"{place}: {error.strerror or error}")
        return result

    def _update(self, declared: Declaration, installation: Installation, result: Result) -> None:
        installation.clean()
        pointer, version = self._store.pointer(declared.name), installation.current()
        is_current = version and version.state.serial == pointer.serial and installation.is_as_declared(version)
        if version is None or not is_current or (version.state.confirmed and not installation.is_shown(version)):
            version = self._prepare(declared, installation, pointer)
        if not version.state.confirmed:
            self._activate(declared, installation, version)
            result.changed = True
        self._compare(declared, version, result)
        if not version.state.confirmed:
            installation.confirm(version)

    # ---- Download --------------------------------------------------------------------------------------

    def _prepare(self, declared: Declaration, installation: Installation, pointer: Pointer) -> Version:
        """Return a new version that a client would accept. Nothing that servers read has changed."""
        pointer, downloaded = self._download(declared.name, pointer)
        folder = installation.begin(pointer.serial)
        installation.write(folder, downloaded)
        leaf = Leaf.of_pem(downloaded["cert.pem"])
        if (leaf.serial, leaf.sha256) != (pointer.serial, pointer.sha256):
            msg = f"{pointer.path}cert.pem is not the certificate that current.json names"
            raise PairInvalid(msg)
        require_pair(folder, declared.names, self._client)
        self._require_not_older(leaf, installation)
        return installation.complete(folder, built(declared, downloaded), leaf.serial, leaf.sha256)

    def _download(self, name: str, pointer: Pointer) -> tuple[Pointer, dict[str, bytes]]:
        try:
            return pointer, self._files(pointer)
        except CertificateMissing:  # replaced since, and its key is erased
            pointer = self._store.pointer(name)
            return pointer, self._files(pointer)

    def _files(self, pointer: Pointer) -> dict[str, bytes]:
        return {name: self._store.read(pointer.path + name) for name in FILES}

    def _require_not_older(self, leaf: Leaf, installation: Installation) -> None:
        """Compare with what servers read: the state of a version may be of another client, or lost."""
        installed = None if self._allow_older else _leaf(installation)
        if installed and leaf.not_before < installed.not_before:
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
            _switched_back(installation, version)
            raise
        if declared.test and (failure := _run(declared.test, variables)):
            msg = f"with the new files, the test command {failure}; {_switched_back(installation, version)}"
            raise ServerTestFailed(msg)
        if declared.reload and (failure := _run(declared.reload, variables)):
            former = _switched_back(installation, version)
            again = _run(declared.reload, variables)
            msg = f"the reload command {failure}; {former}, and the second reload {again or 'succeeded'}"
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


def _switched_back(installation: Installation, version: Version) -> str:
    """Switch back; return what became of it. The next run tries again what *version* is left of."""
    try:
        installation.switch_back(version)
    except OSError as error:
        return f"the former files could not be put in place again ({error.strerror or error})"
    return "the former files are in place again"


def _leaf(installation: Installation) -> Leaf | None:
    """The certificate that servers read; None when there is none that can be."""
    try:
        pem = installation.certificate()
        return Leaf.of_pem(pem) if pem else None
    except PairInvalid:
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
