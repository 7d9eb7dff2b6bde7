"""The files in `build/run/` after a run: report, history, SCM's root, mails, certificates as in the S3 store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from local.mails import FOLDER as MAILS
from local.mails import write_mails
from local.run import Finished, LocalSystem

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_FILES = ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")
_OURS = ("report.json", "history.json", "scm-root.pem")
CERTIFICATES = "certificates"


def write_artifacts(system: LocalSystem, finished: Finished, folder: Path) -> None:
    """Write the files; those of an earlier run are removed first, and nothing else.

    A run that ended before it could report leaves no `report.json`. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in _OURS:
        (folder / name).unlink(missing_ok=True)
    for name in (CERTIFICATES, MAILS):
        shutil.rmtree(folder / name, ignore_errors=True)
    if finished.report is not None:
        (folder / "report.json").write_text(_json(finished.report.document()), encoding="utf-8")
    (folder / "history.json").write_text(_json(finished.history), encoding="utf-8")
    (folder / "scm-root.pem").write_text(system.simulator.root_pem, encoding="ascii")
    _write_certificates(system, folder / CERTIFICATES)
    write_mails(folder / MAILS)


def _write_certificates(system: LocalSystem, folder: Path) -> None:
    stored = system.aws.stored(f"{CERTIFICATES}/")
    for pointer in (key for key in stored if key.endswith("/current.json")):
        _, delegation, certificate, _ = pointer.split("/")
        path = json.loads(stored[pointer])["path"]
        for name in _FILES:
            _write_private(folder / delegation / certificate / name, stored[path + name])


def _write_private(path: Path, content: bytes) -> None:
    for folder in (path.parent.parent.parent, path.parent.parent, path.parent):
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    path.touch(mode=PRIVATE_FILE)  # before there is anything in it to read
    path.write_bytes(content)


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
