"""Servers in Java that read the keystore, as Debian packages them."""

from __future__ import annotations

import re
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
TOMCAT = """<Server port="-1">
  <GlobalNamingResources>
    <Resource name="Users" auth="Container" type="org.apache.catalina.UserDatabase" pathname="conf/tomcat-users.xml"
              factory="org.apache.catalina.users.MemoryUserDatabaseFactory"/>
  </GlobalNamingResources>
  <Service name="Catalina">
    <Connector port="{manager}" address="127.0.0.1"/>
    {connector}
    <Engine name="Catalina" defaultHost="localhost">
      <Realm className="org.apache.catalina.realm.UserDatabaseRealm" resourceName="Users"/>
      <Host name="localhost" appBase="webapps"/>
    </Engine>
  </Service>
</Server>
"""
"""Debian's `server.xml` in short."""


@pytest.fixture(scope="module")
def debian() -> Unpacked:
    """Debian's packages, or a skip."""
    for program in ("java", "curl"):
        if not shutil.which(program):
            pytest.skip(f"this system has no {program}")
    try:
        return Unpacked.once(ROOT / "build" / "java", ("libjetty9-java", "tomcat10", "tomcat10-admin"))
    except NotInstallable as reason:
        pytest.skip(str(reason))


class KeystoreHost:
    """A host whose client writes the keystore that a server reads."""

    def __init__(self, folder: Path) -> None:
        self.host, self.keystore, self.port = Host(folder), folder / "idp.p12", _free_port()
        self.declare()
        self.host.publish(a_new_pair(begins_days_ago=2))
        assert self.host.update().error is None

    def declare(self, *lines: str) -> None:
        """Write the client's configuration file."""
        self.host.declare(f"keystore = {self.keystore}", f"password_file = {self.host.folder}/password", *lines)

    def require_renewed(self, *lines: str) -> None:
        """Renew, and let the client compare what the server presents."""
        renewed = self.host.publish()
        self.declare(f"connect = 127.0.0.1:{self.port}", *lines)
        result = self.host.update(patience_seconds=SECONDS)
        assert (result.error, [each.state for each in result.endpoints]) == (None, ["served"])
        assert result.installed is not None
        assert result.installed.serial == renewed


def test_jetty_presents_a_keystore_that_was_replaced_in_place(debian: Unpacked, tmp_path: Path) -> None:
    """Its scanner follows the name of the file, which is why the client renames, and needs no reload."""
    server = KeystoreHost(tmp_path)
    configuration = tmp_path / "jetty.xml"
    configuration.write_text(JETTY.format(keystore=server.keystore, password=PASSWORD, port=server.port))
    command = ["java", "-cp", _jars(debian), "org.eclipse.jetty.xml.XmlConfiguration", str(configuration)]

    with _started(command, tmp_path / "log", "Server:main: Started"):
        server.require_renewed()


def test_tomcat_presents_it_after_the_reload_by_its_manager(debian: Unpacked, tmp_path: Path) -> None:
    """The connector and the command are those of the document."""
    server, manager = KeystoreHost(tmp_path), _free_port()
    text = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")
    (connector,) = re.findall(r"<Connector port.*?</Connector>", text, re.DOTALL)
    for documented, here in (
        ('"443"', f'"{server.port}" address="127.0.0.1"'),
        ("/etc/certmandate-fetch/idp.p12", str(server.keystore)),
        ("first line of password_file", PASSWORD),
    ):
        assert documented in connector
        connector = connector.replace(documented, here)
    (command,) = re.findall(r"`(curl .*/sslReload)`", text)
    reload = command.replace("FILE", f"{tmp_path}/netrc").replace("localhost:8080", f"127.0.0.1:{manager}")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login renewal password reload\n")
    base = _tomcat(debian, tmp_path / "tomcat", connector, manager)
    start = ["java", "-cp", _jars(debian), f"-Dcatalina.home={base}", "org.apache.catalina.startup.Bootstrap"]

    with _started(start, tmp_path / "log", "Server startup in"):
        server.require_renewed(f"reload = {reload}")


def _tomcat(debian: Unpacked, base: Path, connector: str, manager: int) -> Path:
    """A folder of Tomcat with its manager."""
    share = debian.root / "usr" / "share"
    shutil.copytree(share / "tomcat10-admin" / "manager", base / "webapps" / "manager")
    (base / "conf").mkdir()
    (base / "temp").mkdir()
    shutil.copy(share / "tomcat10" / "etc" / "web.xml", base / "conf")
    (base / "conf" / "server.xml").write_text(TOMCAT.format(manager=manager, connector=connector))
    (base / "conf" / "tomcat-users.xml").write_text(
        '<tomcat-users><user username="renewal" password="reload" roles="manager-script"/></tomcat-users>'
    )
    return base


def _jars(debian: Unpacked) -> str:
    """The class path."""
    share = debian.root / "usr" / "share"
    return ":".join(
        sorted({str(jar.resolve()) for folder in ("java", "tomcat10/bin") for jar in (share / folder).glob("*.jar")})
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _started(command: list[str], log: Path, ready: str) -> Iterator[None]:
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
