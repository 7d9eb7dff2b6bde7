"""Servers in Java that read the keystore, as Debian packages them; no command reloads Jetty."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fetch.debian import ROOT, NotInstallable, Unpacked
from tests.fetch.host import Host, a_new_pair

SECONDS = 60
PASSWORD = "keystore password"  # of the throw-away keystore (Host)
JETTY = """<?xml version="1.0"?>
<!DOCTYPE Configure PUBLIC "-//Jetty//Configure//EN" "http://www.eclipse.org/jetty/configure.dtd">
<Configure id="Server" class="org.eclipse.jetty.server.Server">
  <New id="tls" class="org.eclipse.jetty.util.ssl.SslContextFactory$Server">
    <Set name="keyStorePath">{keystore}</Set>
    <Set name="keyStoreType">PKCS12</Set>
    <Set name="keyStorePassword">{password}</Set>
    <Set name="certAlias">certmandate</Set>
  </New>
  <Call name="addConnector"><Arg>
    <New class="org.eclipse.jetty.server.ServerConnector">
      <Arg name="server"><Ref refid="Server"/></Arg>
      <Arg name="sslContextFactory"><Ref refid="tls"/></Arg>
      <Set name="host">127.0.0.1</Set>
      <Set name="port">{port}</Set>
    </New>
  </Arg></Call>
  <Call name="addBean"><Arg>
    <New class="org.eclipse.jetty.util.ssl.KeyStoreScanner">
      <Arg><Ref refid="tls"/></Arg>
      <Set name="scanInterval">1</Set>
    </New>
  </Arg></Call>
</Configure>
"""
"""What the modules `ssl` and `ssl-reload` configure."""


@pytest.fixture(scope="module")
def debian() -> Unpacked:
    """Debian's packages, or a skip."""
    if not shutil.which("java"):
        pytest.skip("this system has no java")
    try:
        return Unpacked.once(ROOT / "build" / "java", ("libjetty9-java",))
    except NotInstallable as reason:
        pytest.skip(str(reason))


def test_jetty_presents_a_keystore_that_was_replaced_in_place(debian: Unpacked, tmp_path: Path) -> None:
    """Its scanner follows the name of the file, which is why the client renames, and needs no reload."""
    host, port = Host(tmp_path), _free_port()
    declared = (f"keystore = {tmp_path}/idp.p12", f"password_file = {tmp_path}/password")
    host.declare(*declared)
    host.publish(a_new_pair(begins_days_ago=2))
    assert host.update().error is None
    configuration = tmp_path / "jetty.xml"
    configuration.write_text(JETTY.format(keystore=tmp_path / "idp.p12", password=PASSWORD, port=port))
    jars = ":".join(map(str, sorted((debian.root / "usr" / "share" / "java").glob("*.jar"))))
    command: list[str | Path] = ["java", "-cp", jars, "org.eclipse.jetty.xml.XmlConfiguration", configuration]
    with _started(command, tmp_path / "log", "Server:main: Started"):
        renewed = host.publish()
        host.declare(*declared, f"connect = 127.0.0.1:{port}")

        result = host.update(patience_seconds=SECONDS)

    assert (result.error, [each.state for each in result.endpoints]) == (None, ["served"])
    assert result.installed is not None
    assert result.installed.serial == renewed


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _started(command: list[str | Path], log: Path, ready: str) -> Iterator[None]:
    """Run a server until the end of the block; its log has *ready* when it serves."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    end = time.monotonic() + SECONDS
    try:
        while ready not in (text := log.read_text(errors="replace")):
            assert process.poll() is None, text[-2000:]
            assert time.monotonic() < end, text[-2000:]
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()
