"""A server with its configuration file, and the S3 store that certmandate's own adapter has filled."""

from __future__ import annotations

import io
import json
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from certmandate_fetch.configuration import Declaration, read_configuration
from certmandate_fetch.pair import trusting
from certmandate_fetch.store import FILES, Store
from certmandate_fetch.update import Result, Updater
from renewal.adapters.objects import S3Certificates
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from renewal.ports.stores import CertificateWithKey
from tests.adapters.aws.records import SPEC, a_pair
from tests.throwaway_ca import hierarchy, pem

NAME = SPEC.names[0]
FOLDER = f"certificates/{SPEC.delegation}/{SPEC.name}"


class Bucket:
    """The two calls of boto3's S3 client that stores and clients make; objects by key."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.reads: list[str] = []

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: ARG002, N803  # boto3's names
        self.reads.append(Key)
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": "1", "LastModified": datetime.now(UTC)}

    def put_object(self, *, Key: str, Body: bytes, **_rest: str) -> dict[str, Any]:  # noqa: N803
        self.objects[Key] = Body
        return {"ETag": "1"}


def a_new_pair(*, begins_days_ago: float = 1.0) -> CertificateWithKey:
    """A pair for the names of SPEC."""
    begins = datetime.now(UTC).replace(microsecond=0) - timedelta(days=begins_days_ago)
    return a_pair(SPEC, key=KeyPair.generate(KeyType.P_256), not_before=begins)


class Host:
    """One server with one certificate. `roots.pem` and `password` are beside its configuration file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bucket = Bucket()
        self.log = folder / "commands.log"
        (folder / "roots.pem").write_text(pem(hierarchy().root.certificate), encoding="ascii")
        (folder / "password").write_text("keystore password\n", encoding="utf-8")
        self.declare()

    @property
    def live(self) -> Path:
        return self.folder / "www" / "current"

    @property
    def configuration(self) -> Path:
        return self.folder / "fetch.conf"

    def declare(self, *lines: str) -> None:
        """Write the configuration file, with *lines* in the section of the certificate."""
        lines = (
            "[store]", "bucket = store", f"delegation = {SPEC.delegation}", f"roots = {self.folder}/roots.pem",
            "host = web-1", f"[certificate {SPEC.name}]", f"names = {NAME}", f"folder = {self.folder}/www", *lines,
        )  # fmt: skip
        self.configuration.write_text("\n".join(lines), encoding="utf-8")

    @property
    def declaration(self) -> Declaration:
        return read_configuration(self.configuration).certificates[0]

    def logging(self, name: str, then: str = "true") -> str:
        """A command that logs its name and the serial that the link shows."""
        return f"sh -c 'echo {name} $(readlink {self.live} | cut -d- -f1) >> {self.log}; {then}'"

    def commands(self) -> list[str]:
        """What the commands have logged."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def publish(self, pair: CertificateWithKey | None = None) -> str:
        """Store a pair as certmandate does; return its serial."""
        pair = pair or a_new_pair()
        store: Any = self.bucket
        S3Certificates(store, "store").put(pair)
        return pair.chain.leaf.serial

    def update(self, *, allow_older: bool = False, patience_seconds: float = 0.0) -> Result:
        """Run the client once."""
        settings = read_configuration(self.configuration).store
        updater = Updater(
            Store(settings, self.bucket), trusting(settings.roots), allow_older=allow_older,
            patience_seconds=patience_seconds,
        )  # fmt: skip
        return updater.update(self.declaration)

    def versions(self) -> list[str]:
        """The folders of versions."""
        return sorted(entry.name for entry in (self.folder / "www").glob("*-*"))

    def served_now(self) -> str:
        """The serial in the link's files, which must be a whole pair; nothing when there is no link."""
        if not self.live.exists():
            return ""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.live / "fullchain.pem", self.live / "privkey.pem")
        assert all((self.live / name).stat().st_size for name in FILES)
        return str(json.loads((self.live / "state.json").read_bytes())["serial"])


class TlsServer:
    """Presents what the link shows when the file *trigger* appears: a server that is reloaded."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.trigger = host.folder / "reload"
        self.sends_chain = True
        self._context: ssl.SSLContext | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def load(self, folder: Path) -> None:
        """Present the certificate in *folder*."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(
            folder / f"{'fullchain' if self.sends_chain else 'cert'}.pem", folder / "privkey.pem"
        )

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self.trigger.exists():
                self.trigger.unlink()
                self.load(self._host.live)
            with connection, suppress(OSError):
                if self._context:
                    with self._context.wrap_socket(connection, server_side=True) as secured:
                        secured.recv(1)
