"""What the client installs, refuses and takes back."""

from __future__ import annotations

import errno
import grp
import json
import os
import re
import shutil
import ssl
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from certmandate_fetch import files
from certmandate_fetch.store import FILES
from tests.fetch.host import FOLDER, NAME, Host, TlsServer, a_new_pair

KEYSTORE = "keystore = {0}/key.p12", "password_file = {0}/password", "alias = idp"


def error_of(host: Host, **options: bool) -> str:
    """Run the client; return the name of the error."""
    return type(host.update(**options).error).__name__


def keystore_lines(host: Host) -> list[str]:
    return [line.format(host.folder) for line in KEYSTORE]


def failing_once(host: Host, name: str) -> str:
    """A command that fails the first time."""
    return host.logging(name, f"test -e {host.folder}/{name} || {{ touch {host.folder}/{name}; exit 1; }}")


def test_a_stored_certificate_is_installed_in_certbots_layout(host: Host):
    """Every server's manual describes these four names; the key is readable by its owner only."""
    serial = host.publish()

    result = host.update()

    assert (result.error, result.changed) == (None, True)
    assert host.served_now() == serial == (result.installed.serial if result.installed else "")
    for name in FILES:
        assert (host.live / name).read_bytes() == host.bucket.objects[f"{FOLDER}/{serial}/{name}"]
        assert stat.S_IMODE((host.live / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(host.live.stat().st_mode) == 0o755


def test_nothing_happens_when_the_installed_certificate_is_current(host: Host):
    """The timer runs several times a day: no key travels, and no server is reloaded without a reason."""
    host.declare(f"reload = {host.logging('reload')}")
    serial = host.publish()
    host.update()
    host.bucket.reads.clear()

    assert host.update().changed is False

    assert host.bucket.reads == [f"{FOLDER}/current.json"]
    assert host.commands() == [f"reload {serial}"]


def test_a_renewed_certificate_replaces_the_former_one(host: Host):
    """The replaced key is of no use on the server either, so it is deleted."""
    host.declare("mode = 0640", f"group = {grp.getgrgid(os.getgid()).gr_name}")
    host.publish(a_new_pair(begins_days_ago=2))
    host.update()

    serial = host.publish()
    assert host.update().error is None

    assert host.served_now() == serial
    assert [name.partition("-")[0] for name in host.versions()] == [serial]
    assert stat.S_IMODE((host.live / "privkey.pem").stat().st_mode) == 0o640
    assert stat.S_IMODE(host.live.stat().st_mode) == 0o755


def with_another_key(host: Host, path: str) -> None:
    host.bucket.objects[f"{path}privkey.pem"] = a_new_pair().key.pem()


def without_issuers(host: Host, path: str) -> None:
    host.bucket.objects[f"{path}fullchain.pem"] = host.bucket.objects[f"{path}cert.pem"]


def with_another_leaf(host: Host, path: str) -> None:
    host.bucket.objects[f"{path}cert.pem"] = a_new_pair().chain.leaf.pem().encode()


def with_another_pair(host: Host, path: str) -> None:
    other = a_new_pair()
    host.bucket.objects |= {
        f"{path}cert.pem": other.chain.leaf.pem().encode(),
        f"{path}fullchain.pem": other.chain.pem().encode(),
        f"{path}privkey.pem": other.key.pem(),
    }


def with_another_fullchain(host: Host, path: str) -> None:
    other = a_new_pair()
    host.bucket.objects[f"{path}fullchain.pem"] = other.chain.pem().encode()
    host.bucket.objects[f"{path}privkey.pem"] = other.key.pem()


def with_malformed_issuers(host: Host, path: str) -> None:
    host.bucket.objects[f"{path}chain.pem"] = b"garbage"


def with_fewer_issuers(host: Host, path: str) -> None:
    """For servers that read chain.pem and not fullchain.pem."""
    host.bucket.objects[f"{path}chain.pem"] = b""


def with_text_behind_the_issuers(host: Host, path: str) -> None:
    """In both files: OpenSSL ignores what follows a certificate."""
    for name in ("chain.pem", "fullchain.pem"):
        host.bucket.objects[f"{path}{name}"] += b"garbage"


def malformed(host: Host, path: str) -> None:
    host.bucket.objects[f"{path}cert.pem"] = b"no certificate"


def nothing(host: Host, path: str) -> None:
    """Only the store's content differs."""


@pytest.mark.parametrize(
    ("corrupt", "days", "lines"),
    [
        (with_another_key, 1.0, []),
        (without_issuers, 1.0, []),
        (with_another_leaf, 1.0, []),
        (with_another_pair, 1.0, []),
        (with_another_fullchain, 1.0, []),
        (with_malformed_issuers, 1.0, []),
        (with_fewer_issuers, 1.0, []),
        (with_text_behind_the_issuers, 1.0, []),
        (malformed, 1.0, []),
        (nothing, 200.0, []),
        (nothing, -1.0, []),
        (nothing, 1.0, ["names = other.univ.example"]),
    ],
    ids=[
        "key",
        "chain",
        "leaf",
        "pair",
        "fullchain",
        "issuers",
        "fewer issuers",
        "text",
        "malformed",
        "expired",
        "begins later",
        "names",
    ],
)
def test_a_pair_that_clients_would_refuse_is_not_installed(
    host: Host, corrupt: Callable[[Host, str], None], days: float, lines: list[str]
):
    """What is installed stays until the store has a pair that works."""
    serial = host.publish(a_new_pair(begins_days_ago=days))
    corrupt(host, f"{FOLDER}/{serial}/")
    if lines:
        text = host.configuration.read_text().replace(f"names = {NAME}", lines[0])
        host.configuration.write_text(text)

    assert error_of(host) == "PairInvalid"

    assert (host.served_now(), host.versions()) == ("", [])


def test_an_older_certificate_is_installed_only_with_the_option(host: Host):
    """Who can write to the store, but has no newer key, could bring back a certificate whose key was stolen."""
    serial = host.publish()
    host.update()
    host.bucket.objects.clear()
    older = host.publish(a_new_pair(begins_days_ago=5))

    assert error_of(host) == "OlderThanInstalled"
    assert host.served_now() == serial
    assert host.update(allow_older=True).error is None
    assert host.served_now() == older


@pytest.mark.parametrize("state", [b'{"of": "another client"}', b"", None])
def test_what_is_installed_is_known_without_its_state(host: Host, state: bytes | None):
    """After a return to an earlier client, or a lost file, an older certificate must be refused as before."""
    host.publish()
    host.update()
    path = host.live / "state.json"
    path.write_bytes(json.dumps(json.loads(path.read_bytes()) | {"newer": 1}).encode() if state is None else state)
    host.bucket.objects.clear()
    host.publish(a_new_pair(begins_days_ago=5))

    assert error_of(host) == "OlderThanInstalled"
    assert host.live.exists()


def test_a_state_of_a_newer_client_is_read(host: Host):
    """Nothing is downloaded and reloaded again only because the client was replaced by its former version."""
    host.publish()
    host.update()
    path = host.live / "state.json"
    path.write_bytes(json.dumps(json.loads(path.read_bytes()) | {"newer": 1}).encode())

    assert host.update().changed is False


def test_a_pointer_that_certmandate_does_not_write_is_refused(host: Host):
    """Its path decides which objects are read, and its serial the name of a folder on the server."""
    host.publish()
    pointer = json.loads(host.bucket.objects[f"{FOLDER}/current.json"])
    for change in ({"path": f"certificates/other/idp/{pointer['serial']}/"}, {"serial": "../00"}, {"sha256": None}):
        host.bucket.objects[f"{FOLDER}/current.json"] = json.dumps({**pointer, **change}).encode()
        assert error_of(host) in {"CertificateMissing", "PairInvalid"}
        assert not host.live.exists()
    assert {name.rpartition("/")[0] for name in host.bucket.reads} <= {FOLDER, f"{FOLDER}/{pointer['serial']}"}


def test_a_certificate_replaced_during_the_download_is_read_again(host: Host):
    """The keys of replaced certificates are erased, possibly between two reads."""
    host.publish(a_new_pair(begins_days_ago=2))
    pointer = host.bucket.objects[f"{FOLDER}/current.json"]
    serial = host.publish()
    newer = host.bucket.objects[f"{FOLDER}/current.json"]
    first = json.loads(pointer)["path"]
    del host.bucket.objects[f"{first}privkey.pem"]
    pointers = iter([pointer, newer])
    get_object = host.bucket.get_object

    def changing(*, Bucket: str, Key: str) -> dict[str, object]:  # noqa: N803  # boto3's names
        if Key.endswith("current.json"):
            host.bucket.objects[Key] = next(pointers)
        return get_object(Bucket=Bucket, Key=Key)

    host.bucket.get_object = changing  # type: ignore[method-assign]

    assert host.update().error is None
    assert host.served_now() == serial


def test_a_server_whose_configuration_is_broken_is_left_alone(host: Host):
    """Its reload would fail whatever the certificate, so nothing is switched; the test gets the new files' folder."""
    host.declare(f"test = {host.logging('test', 'test -s $CERT_DIR/privkey.pem && exit 1')}", "reload = false")
    host.publish()

    assert error_of(host) == "ServerTestFailed"

    assert host.commands() == ["test"]
    assert (host.served_now(), host.versions()) == ("", [])


def test_new_files_that_fail_the_servers_test_are_taken_back(host: Host):
    """`nginx -t` reads the files through the link, hence the second test; the server is not reloaded."""
    former = host.publish(a_new_pair(begins_days_ago=2))
    host.update()
    check = f"test $OLD_SERIAL-$(readlink {host.live} | cut -d- -f1) = {former}-{former}"
    host.declare(f"test = {host.logging('test', check)}", f"reload = {host.logging('reload')}")
    serial = host.publish()

    assert error_of(host) == "ServerTestFailed"

    assert host.commands() == [f"test {former}", f"test {serial}"]
    assert host.served_now() == former


def test_a_failed_reload_brings_back_the_former_files_and_reloads(host: Host):
    """A server that refuses the new pair must not be left to fail at its next restart."""
    former = host.publish(a_new_pair(begins_days_ago=2))
    host.update()
    host.declare(f"reload = {failing_once(host, 'reload')}", *keystore_lines(host))
    (host.folder / "key.p12").write_bytes(b"the former keystore")
    serial = host.publish()

    failed = host.update()

    assert (type(failed.error).__name__, host.served_now()) == ("ReloadFailed", former)
    assert failed.installed
    assert failed.installed.serial == former
    assert host.commands() == [f"reload {serial}", f"reload {former}"]
    assert (host.folder / "key.p12").read_bytes() == b"the former keystore"
    assert host.update().error is None, "the next run tries again"
    assert host.served_now() == serial


def test_a_pair_that_was_never_presented_is_not_brought_back(host: Host):
    """Only the one that the server has presented is known to work."""
    host.declare(*keystore_lines(host))
    former = host.publish(a_new_pair(begins_days_ago=3))
    host.update()
    keystore = (host.folder / "key.p12").read_bytes()
    host.declare("connect = 127.0.0.1:1", *keystore_lines(host))
    host.publish(a_new_pair(begins_days_ago=2))
    assert error_of(host) == "NotServed"
    host.declare("reload = false", *keystore_lines(host))
    host.publish()

    assert error_of(host) == "ReloadFailed"

    assert host.served_now() == former
    assert (host.folder / "key.p12").read_bytes() == keystore


def test_a_reload_that_fails_on_a_full_disk_is_reported(host: Host, monkeypatch: pytest.MonkeyPatch):
    """The former keystore cannot be written: the error names both, and the server is reloaded all the same."""
    host.publish(a_new_pair(begins_days_ago=2))
    host.declare(*keystore_lines(host))
    host.update()
    host.declare(f"reload = {failing_once(host, 'reload')}", *keystore_lines(host))
    serial, copied = host.publish(), []

    def full(source: Path, target: Path) -> None:
        copied.append(target)
        if len(copied) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(source, target)

    original = files.copy
    monkeypatch.setattr("certmandate_fetch.files.copy", full)

    failed = host.update()

    assert type(failed.error).__name__ == "ReloadFailed"
    assert "the former files could not be put in place again (No space left on device)" in str(failed.error)
    assert host.commands() == [f"reload {serial}", f"reload {serial}"]
    assert host.served_now() == serial, "one whole pair, which the next run activates again"


def test_the_first_certificate_is_taken_back_to_nothing(host: Host):
    """There are no former files to put in place."""
    host.declare("reload = false", *keystore_lines(host))
    host.publish()

    assert error_of(host) == "ReloadFailed"

    assert (host.served_now(), host.versions(), (host.folder / "key.p12").exists()) == ("", [], False)


def test_haproxy_gets_one_file_with_the_chain_and_the_key(host: Host):
    """HAProxy's `crt` names one file."""
    host.declare("haproxy = yes")
    host.publish()
    host.update()

    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(host.live / "haproxy.pem")


def test_a_keystore_is_replaced_in_place(host: Host):
    """Jetty up to version 11 does not notice a link that shows another file."""
    host.declare(*keystore_lines(host), "mode = 0640")
    host.publish(a_new_pair(begins_days_ago=2))
    host.update()
    pair = a_new_pair()
    host.publish(pair)
    assert host.update().error is None

    path = host.folder / "key.p12"
    found = pkcs12.load_pkcs12(path.read_bytes(), b"keystore password")
    assert found.cert
    assert found.cert.friendly_name == b"idp"
    assert found.key
    assert (
        found.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        == pair.key.pem()
    )
    assert [each.certificate for each in found.additional_certs] == [each.x509 for each in pair.chain.issuers]
    assert not path.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(not shutil.which("keytool"), reason="this system has no Java")
def test_java_reads_the_keystore(host: Host):
    """Jetty and Tomcat do: an algorithm that Java does not know would end their start."""
    host.declare(*keystore_lines(host))
    host.publish()
    assert host.update().error is None

    command = ["keytool", "-J-Duser.language=en", "-list", "-v", "-keystore", str(host.folder / "key.p12")]
    done = subprocess.run(
        [*command, "-storepass:file", str(host.folder / "password")], capture_output=True, text=True, check=False
    )

    assert not done.returncode, done.stdout + done.stderr
    assert re.search(r"Alias name: idp\n.*\nEntry type: PrivateKeyEntry\nCertificate chain length: 2\n", done.stdout)


@pytest.mark.parametrize("password", ["", "Schlüssel"])
def test_a_keystore_needs_a_password_that_java_accepts(host: Host, password: str):
    """Java's servers refuse a keystore without one, and cannot open one whose password is not ASCII."""
    host.declare(*keystore_lines(host))
    (host.folder / "password").write_text(f"{password}\n", encoding="utf-8")
    host.publish()

    assert error_of(host) == "KeystorePasswordMissing"


def test_a_changed_declaration_or_a_lost_file_builds_again(host: Host):
    """An operator who adds HAProxy, or deletes a file, need not wait for the next renewal."""
    serial = host.publish()
    host.update()
    for lines in (["haproxy = yes"], keystore_lines(host)):
        host.declare(*lines)
        assert host.update().changed
    (host.folder / "password").write_text("another password\n")
    os.utime(host.folder / "password", (0, 0))
    assert host.update().changed
    (host.live / "privkey.pem").unlink()
    assert host.update().changed
    (host.folder / "key.p12").write_bytes(b"changed by hand")
    assert host.update().changed
    assert host.update().changed is False
    assert host.served_now() == serial


@pytest.mark.parametrize("how", ["{0}/{1}", "./{1}", "{1}/", "../www/{1}"])
def test_a_link_that_was_made_by_hand_keeps_its_version(host: Host, how: str):
    """`ln -s` with a whole path is what an administrator types; without its version the server finds no key."""
    serial = host.publish()
    host.update()
    (version,) = host.versions()
    host.live.unlink()
    host.live.symlink_to(how.format(host.folder / "www", version))

    host.bucket.reads.clear()

    assert (host.update().changed, host.served_now(), len(host.bucket.reads)) == (False, serial, 1)

    renewed = host.publish()
    assert (host.update().error, host.served_now(), len(host.versions())) == (None, renewed, 1)


def test_a_link_to_another_folder_is_replaced(host: Host):
    """What it leads to is not the client's to remove."""
    other = host.folder / "elsewhere"
    other.mkdir()
    (host.folder / "www").mkdir()
    host.live.symlink_to(other)
    serial = host.publish()

    assert (host.update().error, host.served_now(), other.is_dir()) == (None, serial, True)


@pytest.mark.parametrize("name", ["privkey.pem", "key.p12"])
def test_a_changed_mode_is_set_again(host: Host, name: str):
    """After `chmod -R` on a server everyone reads the key until the next renewal."""
    host.declare(*keystore_lines(host))
    serial = host.publish()
    host.update()
    changed = host.folder / name if name == "key.p12" else host.live / name
    changed.chmod(0o644)

    assert host.update().changed

    file = host.folder / name if name == "key.p12" else host.live / name
    assert (file.stat().st_mode & 0o777, host.served_now()) == (0o600, serial)
    assert host.update().changed is False


def test_only_folders_of_the_client_are_removed(host: Host):
    """`folder` may name a folder that holds other things, too."""
    for name in ("sites-enabled", "AB-backup", "ssl"):
        (host.folder / "www" / name).mkdir(parents=True)
    host.publish()
    host.update()

    assert {"sites-enabled", "AB-backup", "ssl"} < set(os.listdir(host.folder / "www"))  # noqa: PTH208


def test_a_refused_file_operation_has_a_name_and_changes_nothing(host: Host):
    """A full or read-only disk is the operator's business, not a traceback in the journal."""
    (host.folder / "www").write_text("a file where the folder must be")
    host.publish()

    assert error_of(host) == "FileRefused"


def test_a_folder_in_place_of_the_link_is_left_and_named(host: Host):
    """Another program's `current` is not the client's to remove, and its own temporary name would explain nothing."""
    host.live.mkdir(parents=True)
    (host.live / "fullchain.pem").write_text("another program's")
    host.declare(f"reload = {host.logging('reload')}")
    host.publish()

    error = host.update().error

    assert str(error) == f"{host.live}: Is a directory"
    assert (host.live / "fullchain.pem").read_text() == "another program's"
    assert host.commands() == []


def test_a_switch_that_fails_half_way_is_taken_back(host: Host, monkeypatch: pytest.MonkeyPatch):
    """The disk of the keystore may be full when the link has been switched already."""
    former = host.publish(a_new_pair(begins_days_ago=2))
    host.update()
    host.declare(*keystore_lines(host))
    host.publish()

    def full(_source: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("certmandate_fetch.files.copy", full)

    assert error_of(host) == "FileRefused"
    assert host.served_now() == former


# ---- What the server presents --------------------------------------------------------------------------


def test_a_reloaded_server_presents_the_new_certificate(host: Host, server: TlsServer):
    """The only proof that users meet it is a connection; the server may take its time to reload."""
    host.declare(f"reload = touch {server.trigger}", f"connect = {server.address}")
    host.publish()

    result = host.update(patience_seconds=20)

    assert result.error is None
    assert [(each.state, each.name) for each in result.endpoints] == [("served", NAME)]


def test_a_server_that_was_not_reloaded_presents_the_old_one(host: Host, server: TlsServer):
    """The most frequent fault after a renewal; each run reloads again, and the former pair stays until then."""
    host.declare(f"reload = touch {server.trigger}", f"connect = {server.address}")
    host.publish(a_new_pair(begins_days_ago=2))
    host.update(patience_seconds=20)
    host.declare("reload = true", f"connect = {server.address}")
    host.publish()

    assert [host.update().endpoints[0].state for _ in range(2)] == ["old", "old"]
    assert len(host.versions()) == 2
    host.declare(f"reload = touch {server.trigger}", f"connect = {server.address}")
    assert host.update(patience_seconds=20).error is None
    assert len(host.versions()) == 1


def test_foreign_broken_and_unreachable_endpoints_differ(host: Host, server: TlsServer):
    """Each has another remedy: the virtual host, the chain that is sent, the port."""
    host.publish()
    host.declare("connect = 127.0.0.1:1")
    unreachable = host.update()
    host.declare(f"connect = {server.address}")
    states = [host.update().endpoints[0].state]
    (host.folder / "other").mkdir()
    other = Host(host.folder / "other")
    other.publish()
    other.update()
    server.load(other.live)
    states.append(host.update().endpoints[0].state)
    server.sends_chain = False
    server.load(host.live)
    states.append(host.update().endpoints[0].state)

    assert type(unreachable.error).__name__ == "NotServed"
    assert [unreachable.endpoints[0].state, *states] == ["unreachable", "broken", "foreign", "broken"]
