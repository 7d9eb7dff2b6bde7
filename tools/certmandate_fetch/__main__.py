"""`certmandate-fetch`: run by the systemd timer, or by hand."""

from __future__ import annotations

import argparse
import json
import os
import ssl
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from certmandate_fetch import __version__
from certmandate_fetch.configuration import Configuration, Declaration, read_configuration
from certmandate_fetch.errors import ConfigurationInvalid, FetchError
from certmandate_fetch.installation import Installation
from certmandate_fetch.pair import trusting
from certmandate_fetch.report import report, written
from certmandate_fetch.store import Store
from certmandate_fetch.update import Result, Updater

CONFIGURATION = "/etc/certmandate-fetch.conf"
_PATIENCE = "how long after a reload the server may present the former certificate; default: 30"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run once; return the exit code: 0, or that of the gravest error (`errors`, docs/servers.md)."""
    options = parser().parse_args(arguments)
    os.umask(0o022)  # servers must be able to enter the folders that are made; keys have modes of their own
    try:
        configuration = read_configuration(options.config)
        if options.check_config:
            return 0
        with _locked(configuration.certificates):
            return _run(configuration, options)
    except FetchError as error:
        _print_error(str(error))
        if options.json:
            _print({"error": type(error).__name__, "text": str(error), "exit_code": error.exit_code})
        return error.exit_code


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser("certmandate-fetch", description="Install the certificates of a delegation.")
    made.add_argument("--config", type=Path, default=Path(CONFIGURATION), help="default: %(default)s")
    made.add_argument("--check-config", action="store_true", help="check the configuration file, and do nothing else")
    made.add_argument("--allow-older", action="store_true", help="install a certificate that begins earlier")
    made.add_argument("--patience", type=float, default=30.0, metavar="SECONDS", help=_PATIENCE)
    made.add_argument("--json", action="store_true", help="print one JSON document")
    made.add_argument("--version", action="version", version=f"certmandate-fetch {__version__}")
    return made


@contextmanager
def _locked(certificates: Iterable[Declaration]) -> Iterator[None]:
    """Exclude runs that install any of *certificates*, whatever their configuration file is. Raises AlreadyRunning."""
    with ExitStack() as locks:
        for declared in certificates:
            with suppress(OSError):  # its update meets the same error, and reports it
                locks.enter_context(Installation(declared).locked())
        yield


def _run(configuration: Configuration, options: argparse.Namespace) -> int:
    settings = configuration.store
    store = Store(settings)
    updater = Updater(store, _roots(settings.roots), allow_older=options.allow_older, patience_seconds=options.patience)
    results = [updater.update(declared) for declared in configuration.certificates]
    document = report(settings, results, datetime.now(timezone.utc))
    unreported = _send(store, written(document))
    for result in results:
        _print_result(result, is_quiet=options.json)
    code = _gravest([*(result.error for result in results), unreported])
    if options.json:
        reported = f"{type(unreported).__name__}: {unreported}" if unreported else ""
        _print({**document, "report_error": reported, "exit_code": code})
    return code


def _roots(path: str) -> ssl.SSLContext:
    try:
        return trusting(path)
    except OSError as error:  # of which ssl.SSLError is a kind
        msg = f"{path}: holds no certificates in PEM ({getattr(error, 'reason', None) or error.strerror})"
        raise ConfigurationInvalid(msg) from None


def _send(store: Store, content: bytes) -> FetchError | None:
    try:
        store.write_report(content)
    except FetchError as error:
        _print_error(f"the report was not written: {type(error).__name__}: {error}")
        return error
    return None


def _gravest(errors: Iterable[FetchError | None]) -> int:
    codes = {error.exit_code for error in errors if error}
    return next((code for code in (1, 3, 75) if code in codes), 0)


def _print_result(result: Result, *, is_quiet: bool) -> None:
    if result.error:
        _print_error(f"{result.name}: {type(result.error).__name__}: {result.error}")
    elif result.changed and result.installed and not is_quiet:
        print(f"{result.name}: installed {result.installed.serial}, valid to {result.installed.not_after:%Y-%m-%d}")


def _print(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2))


def _print_error(text: str) -> None:
    r"""Print *text*, with characters that a terminal obeys as `\u001b`: the configuration file may have them."""
    print("".join(f"\\u{ord(c):04x}" if _is_control(c) else c for c in text), file=sys.stderr)


def _is_control(character: str) -> bool:
    return character != "\n" and not character.isprintable()


if __name__ == "__main__":
    sys.exit(main())
