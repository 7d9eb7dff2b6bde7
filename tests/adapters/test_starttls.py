"""STARTTLS of servers that are not our own: nginx's mail proxy, OpenLDAP's slapd and Prosody, as Debian packages them.

The proxy speaks SMTP, IMAP and POP3 up to the login itself, with no mail server behind it. Postfix and Dovecot need
users and folders of the system, which no test makes.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from renewal.adapters.endpoints.prober import TlsProber
from renewal.deadline import Deadline
from renewal.domain.certificate.facts import Certificate
from renewal.domain.endpoint.declaration import Endpoint, StartTls
from renewal.domain.endpoint.observation import EndpointState
from renewal.domain.service.comparison import Expected, compare
from tests.adapters.test_endpoints import HOST, ServerCertificate, a_server_certificate
from tests.fetch.debian import ROOT, NotInstallable, Unpacked
from tests.throwaway_ca import pem, trusted_roots

Command = Sequence[str | Path]
Server = Callable[[Path, Path, int], Command]
"""Prepares a folder; returns the command that serves on a port, with what is unpacked below the first folder."""
_SECONDS = 20


@pytest.fixture(scope="module")
def debian() -> Unpacked:
    """Debian's packages, or a skip."""
    try:
        return Unpacked.once(ROOT / "build" / "starttls", ("slapd", "prosody", "nginx", "libnginx-mod-mail"))
    except NotInstallable as reason:
        pytest.skip(str(reason))


def slapd(root: Path, folder: Path, port: int) -> Command:
    """OpenLDAP with an empty directory."""
    (folder / "db").mkdir()
    (folder / "slapd.conf").write_text(
        f"include {root}/etc/ldap/schema/core.schema\nmodulepath {root}/usr/lib/ldap\nmoduleload back_mdb\n"
        f"TLSCertificateFile {folder}/cert.pem\nTLSCertificateKeyFile {folder}/key.pem\n"
        f"TLSCACertificateFile {folder}/chain.pem\ndatabase mdb\ndirectory {folder}/db\nsuffix dc=example\n"
    )
    return root / "usr/sbin/slapd", "-f", folder / "slapd.conf", "-h", f"ldap://127.0.0.1:{port}", "-d", "0"


def prosody(root: Path, folder: Path, port: int) -> Command:
    """Prosody for clients, without accounts."""
    program = (root / "usr/bin/prosody").read_text(encoding="utf-8")
    (folder / "prosody").write_text(program.replace("/usr/lib/prosody", f"{root}/usr/lib/prosody"))
    (folder / "certs").mkdir()
    (folder / "prosody.cfg.lua").write_text(
        f'pidfile = "{folder}/pid"; data_path = "{folder}"; run_as_root = true; interfaces = {{ "127.0.0.1" }}\n'
        f'c2s_ports = {{ {port} }}; modules_enabled = {{ "tls", "saslauth" }}; modules_disabled = {{ "s2s" }}\n'
        f'VirtualHost "{HOST}"\nssl = {{ key = "{folder}/key.pem", certificate = "{folder}/cert.pem" }}\n'
    )
    return root / "usr/bin/lua5.4", folder / "prosody", "--config", folder / "prosody.cfg.lua", "-F"


def mail_proxy(protocol: str) -> Server:
    """The proxy for one mail protocol; it would ask `auth_http` after a login, and none is made."""

    def nginx(root: Path, folder: Path, port: int) -> Command:
        (folder / "nginx.conf").write_text(
            f"load_module {root}/usr/lib/nginx/modules/ngx_mail_module.so;\n"
            f"pid {folder}/pid;\ndaemon off;\nevents {{ }}\n"
            f"mail {{\nserver {{\nlisten 127.0.0.1:{port};\nprotocol {protocol};\nserver_name {HOST};\n"
            f"auth_http 127.0.0.1:1;\nstarttls only;\n"
            f"ssl_certificate {folder}/cert.pem;\nssl_certificate_key {folder}/key.pem;\n}}\n}}\n"
        )
        return root / "usr/sbin/nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"

    return nginx


SERVERS = [
    (StartTls.SMTP, 587, mail_proxy("smtp")),
    (StartTls.IMAP, 143, mail_proxy("imap")),
    (StartTls.POP3, 110, mail_proxy("pop3")),
    (StartTls.LDAP, 389, slapd),
    (StartTls.XMPP, 5222, prosody),
]


@pytest.mark.parametrize(("protocol", "port", "server"), SERVERS, ids=list(StartTls))
def test_tls_begins_with(
    protocol: StartTls,
    port: int,
    server: Server,
    debian: Unpacked,
    tmp_path: Path,
) -> None:
    """A server of the test's own has the dialog that its author expected, right or wrong."""
    pair = a_server_certificate()
    with _started(server, debian, tmp_path, pair) as listening:
        prober = TlsProber(permits_private=True, resolve=lambda _host, _port: [("127.0.0.1", listening)])
        endpoint, now = Endpoint(HOST, port, protocol), datetime.now(UTC)
        deadline = Deadline(now + timedelta(seconds=_SECONDS), lambda: datetime.now(UTC))
        (contact,) = prober.contacts([endpoint], deadline)[endpoint]

    leaf = Certificate(pair.leaf)
    expected = Expected(leaf.serial, leaf.key_fingerprint, dict)
    assert compare(contact, HOST, expected, trusted_roots(), leaf.not_before)[:2] == (EndpointState.SERVED, "")


@contextmanager
def _started(server: Server, debian: Unpacked, folder: Path, pair: ServerCertificate) -> Iterator[int]:
    """Run a server with the *pair*; yield its port."""
    (folder / "key.pem").write_bytes(pair.key.pem())
    (folder / "cert.pem").write_text(pem(pair.leaf, *pair.issuers))
    (folder / "chain.pem").write_text(pem(*pair.issuers))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    (compiled,) = debian.root.glob("usr/lib/*/lua/5.4")
    lua = debian.root / "usr" / "share" / "lua" / "5.4"
    paths = {"LUA_PATH": f"{lua}/?.lua;{lua}/?/init.lua;;", "LUA_CPATH": f"{compiled}/?.so;;"}
    command = server(debian.root, folder, port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**debian.environment, **paths}, stdout=log, stderr=log)
    try:
        _await(port, process, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it accepts connections."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as attempt:
            if not attempt.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)
    pytest.fail(f"it does not listen: {log.read_text(errors='replace')[-1000:]}")
