"""ministack as a process of its own, on loopback, with IAM enforced."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen

import boto3

REGION = "eu-west-3"
_START_SECONDS = 30.0


class Emulator:
    """A context manager; everything that ministack wrote is deleted at the end.

    python: of ministack's environment, and of the functions' runtime, because ministack runs them itself.
    ca_file: what the functions trust, for SCM on loopback.
    """

    def __init__(self, python: str, ca_file: Path) -> None:
        """Start ministack and wait until it answers. Raises RuntimeError with the end of its log."""
        self._folder = tempfile.TemporaryDirectory(prefix="certmandate-ministack-")
        self.folder = Path(self._folder.name)
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        own = {
            "AUTH": "true",  # a call that no policy allows is denied
            "BIND_HOST": "127.0.0.1",  # its own default is every address
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",  # its own default listens on every address, too
            "MINISTACK_REGION": REGION,
            "SFN_WAIT_SCALE": "0",
            "SSL_CERT_FILE": str(ca_file),
            "STATE_DIR": str(self.folder / "state"),
            "S3_DATA_DIR": str(self.folder / "s3"),
            "TMPDIR": str(self.folder),
            "HOME": str(self.folder),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.log = self.folder / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(Path(python).absolute()), str(Path(__file__).with_name("ministack_repaired.py"))],
                env=own,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop ministack, and delete what it wrote."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5.0)
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a program that uses this emulator as AWS, as the owner of the account."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "HOME": str(self.folder),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
        }

    def client(self, service: str) -> Any:
        """Return a client of boto3, as the owner of the account."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError), urlopen(f"{self.url}/_ministack/health", timeout=1):  # noqa: S310 - loopback
                return
            time.sleep(0.05)
        msg = f"ministack did not start: {self.log.read_text(errors='replace')[-1_000:]}"
        raise RuntimeError(msg)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
