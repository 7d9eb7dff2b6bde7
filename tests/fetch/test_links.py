"""A service user who owns the folder of a keystore, and puts links there while the client works as root."""

from __future__ import annotations

import configparser
import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from certmandate_fetch import files
from certmandate_fetch.store import FILES
from tests.fetch.host import Host
from tests.fetch.test_configuration import faults
from tests.fetch.test_update import error_of, keystore_lines

UNIT = Path(files.__file__).parent / "systemd" / "certmandate-fetch.service"


def test_a_link_in_place_of_the_new_file_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Owner and mode of the keystore would otherwise be given to a file of root."""
    victim, source, target = (tmp_path / name for name in ("victim", "source", "target"))
    victim.write_text("of root")
    victim.chmod(0o600)
    source.write_bytes(b"keystore")
    source.chmod(0o640)

    def exchanged(_descriptor: int) -> None:
        name = files.temporary_for(target)
        name.unlink(missing_ok=True)
        name.symlink_to(victim)

    monkeypatch.setattr("os.fsync", exchanged)
    files.copy(source, target)

    assert stat.S_IMODE(victim.stat().st_mode) == 0o600
    assert victim.read_text() == "of root"


@pytest.mark.parametrize("make", [lambda path, of: path.symlink_to(of), lambda path, _of: os.mkfifo(path)])
def test_only_a_regular_file_is_copied(tmp_path: Path, make: Callable[[Path, Path], None]):
    """A link would show a file of root to the service user; a pipe would never end."""
    (tmp_path / "shadow").write_text("of root")
    make(tmp_path / "source", tmp_path / "shadow")

    with pytest.raises(OSError, match=r"symbolic links|no regular file"):
        files.copy(tmp_path / "source", tmp_path / "target")

    assert not (tmp_path / "target").exists()


def test_a_link_in_place_of_the_keystore_is_refused(host: Host):
    """What was there before is kept beside the new version, with the owner that it had."""
    (host.folder / "key.p12").symlink_to(host.folder / "password")
    host.declare(*keystore_lines(host))
    host.publish()

    assert error_of(host) == "FileRefused"
    assert (host.folder / "key.p12").is_symlink()


def test_the_owner_of_the_files_can_replace_none(host: Host):
    """The next run copies the keystore from there, as root."""
    if os.geteuid():
        pytest.skip("only root can give files to another user")
    user = pwd.getpwuid(65534)
    host.declare(*keystore_lines(host), f"owner = {user.pw_name}")
    host.publish()

    assert host.update().error is None

    folder = host.live.stat()
    assert (folder.st_uid, stat.S_IMODE(folder.st_mode)) == (0, 0o755)
    assert {(host.live / name).stat().st_uid for name in (*FILES, "keystore.p12")} == {user.pw_uid}
    assert (host.folder / "key.p12").stat().st_uid == user.pw_uid


@pytest.mark.parametrize(("mode", "is_fault"), [(0o755, False), (0o777, True), (0o1777, False)])
def test_a_folder_that_others_can_change_is_refused(host: Host, mode: int, is_fault: bool):
    """They could put a link in place of the folder of a version, while root writes keys there."""
    (host.folder / "app").mkdir()
    (host.folder / "app").chmod(mode)
    text = host.configuration.read_text().replace(f"{host.folder}/www", f"{host.folder}/app/www")
    host.configuration.write_text(text)

    if is_fault:
        assert faults(host) == [
            f"8: folder: others than root can change {host.folder}/app: choose a folder below those of root"
        ]
    else:
        assert host.declaration.folder == host.folder / "app" / "www"


def test_the_unit_can_write_where_certificates_are_by_default():
    """`ProtectSystem` closes /etc; the folder must exist before it is opened again."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNIT)
    service = unit["Service"]

    assert service["ProtectSystem"] == "full"
    assert service["ReadWritePaths"] == "/etc/certmandate-fetch" == f"/etc/{service['ConfigurationDirectory']}"
