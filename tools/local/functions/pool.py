"""Lambda's execution environments: child processes, started on demand, reused when idle."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from local.isolation import account_free, credentials

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_INIT_SECONDS = 60.0  # importing a handler on a busy machine
_END_SECONDS = 1.0  # between the end of a process's sockets and its exit code
FORK_SERVER = Path(__file__).with_name("fork_server.py")


@dataclass(frozen=True)
class Function:
    """A deployed function."""

    name: str
    arn: str
    handler: str
    timeout_seconds: float
    memory_mb: int
    variables: Mapping[str, str] = field(repr=False)
    code: bytes = field(repr=False)
    code_sha256: str

    @classmethod
    def of(cls, function: Any) -> Self:
        """Return moto's function in this form."""
        return cls(
            name=function.function_name,
            arn=function.function_arn,
            handler=function.handler,
            timeout_seconds=float(function.timeout),
            memory_mb=int(function.memory_size),
            variables=function.environment_vars,
            code=function.code_bytes,
            code_sha256=base64.b64decode(function.code_sha_256).hex(),
        )

    def context(self, request_id: str) -> dict[str, Any]:
        """Return the values of a LambdaContext, for JSON."""
        return {
            "function_name": self.name,
            "function_arn": self.arn,
            "memory_mb": self.memory_mb,
            "timeout_seconds": self.timeout_seconds,
            "request_id": request_id,
        }


class EnvironmentEnded(Exception):
    """The environment's process ended unexpectedly."""


class ExecutionEnvironment:
    """One process that holds one initialised function."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._lines = channel.makefile("rb")
        self._pid: int | None = None

    def exchange(self, message: Mapping[str, Any], timeout_seconds: float) -> dict[str, Any]:
        """Send a document, return the reply; raises TimeoutError and EnvironmentEnded."""
        self._channel.settimeout(timeout_seconds)
        try:
            self._channel.sendall(json.dumps(message).encode() + b"\n")
            line = self._lines.readline()
        except (BrokenPipeError, ConnectionResetError) as ended:
            raise EnvironmentEnded from ended
        if not line:
            raise EnvironmentEnded
        reply: dict[str, Any] = json.loads(line)
        self._pid = reply.pop("pid", self._pid)
        return reply

    def end(self) -> None:
        """Kill the process and close the channel."""
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._lines.close()
        self._channel.close()


class FunctionPool:
    """Runs functions; each gets its own variables, the usual Lambda ones and credentials that name it."""

    def __init__(self, endpoint: str, region: str, extra: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._region = region
        self._extra = dict(extra)
        self._root = Path(tempfile.mkdtemp(prefix="certmandate-functions-"))
        self._idle: dict[str, list[ExecutionEnvironment]] = defaultdict(list)
        self._all: list[ExecutionEnvironment] = []
        self._lock = threading.Lock()
        self._closed = False
        self._fork_server_log = self._root / "fork-server.log"
        self._control, self._fork_server = _start_fork_server(self._fork_server_log)

    def invoke(self, function: Function, event: str) -> tuple[bytes, bool]:
        """Run a function on an event (JSON); return its payload and whether it is an error document."""
        request_id = str(uuid.uuid4())
        environment, refusal = self._environment(function)
        if environment is None:
            return _payload({**refusal, "requestId": request_id}), True
        message = {"event": json.loads(event), "context": function.context(request_id)}
        try:
            reply = environment.exchange(message, function.timeout_seconds)
        except TimeoutError:
            environment.end()
            text = f"RequestId: {request_id} Error: Task timed out after {function.timeout_seconds:.2f} seconds"
            return _payload({"errorType": "Sandbox.Timedout", "errorMessage": text}), True
        except EnvironmentEnded:
            environment.end()
            text = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
            return _payload({"errorType": "Runtime.ExitError", "errorMessage": text}), True
        with self._lock:
            self._idle[_key(function)].append(environment)
        if "error" in reply:
            return _payload({**reply["error"], "requestId": request_id}), True
        return _payload(reply["result"]), False

    def prewarm(self, functions: Iterable[Function]) -> threading.Thread:
        """Start one environment for each function in the background."""
        thread = threading.Thread(target=self._prewarm, args=(list(functions),), daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """End every process and remove the unpacked code and the logs."""
        with self._lock:
            self._closed = True
            environments, self._all = self._all, []
        for environment in environments:
            environment.end()
        self._control.close()
        try:
            self._fork_server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._fork_server.kill()
            self._fork_server.wait()
        shutil.rmtree(self._root, ignore_errors=True)

    def _prewarm(self, functions: list[Function]) -> None:
        for function in functions:
            with suppress(OSError, EnvironmentEnded):  # closed meanwhile
                environment, _ = self._environment(function)
                if environment is not None:
                    with self._lock:
                        self._idle[_key(function)].append(environment)

    def _environment(self, function: Function) -> tuple[ExecutionEnvironment | None, dict[str, Any]]:
        """Return an idle environment or a new one; or none and the error document of its initialisation."""
        with self._lock:
            if self._idle[_key(function)]:
                return self._idle[_key(function)].pop(), {}
        environment = self._start(function)
        try:
            reply = environment.exchange(self._initialisation(function), _INIT_SECONDS)
        except TimeoutError:
            environment.end()
            return None, {"errorType": "Sandbox.Timedout", "errorMessage": "The initialisation timed out"}
        except EnvironmentEnded:
            environment.end()
            message = self._fork_server_failure() or "The initialisation ended the process"
            return None, {"errorType": "Runtime.ExitError", "errorMessage": message}
        if "error" in reply:
            environment.end()
            return None, reply["error"]
        return environment, {}

    def _start(self, function: Function) -> ExecutionEnvironment:
        ours, theirs = socket.socketpair()
        environment = ExecutionEnvironment(ours)
        with (self._root / f"{function.name}.log").open("ab") as log, theirs, self._lock:
            if self._closed:
                ours.close()
                raise EnvironmentEnded
            self._all.append(environment)
            with suppress(BrokenPipeError):  # the fork server has ended: the first exchange fails
                socket.send_fds(self._control, [b"+"], [theirs.fileno(), log.fileno()])
        return environment

    def _fork_server_failure(self) -> str:
        """Return why no environment can be started any more; "" while the fork server runs."""
        try:
            exit_code = self._fork_server.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return ""
        printed = self._fork_server_log.read_text(encoding="utf-8", errors="replace").strip()
        return f"The fork server of the functions ended with exit code {exit_code}: {printed}"

    def _initialisation(self, function: Function) -> dict[str, Any]:
        folder = self._unpacked(function)
        return {"handler": function.handler, "folder": folder, "environment": self._variables(function, folder)}

    def _unpacked(self, function: Function) -> str:
        folder = self._root / "code" / function.code_sha256.replace("/", "_")
        with self._lock:
            if not folder.exists():
                with zipfile.ZipFile(io.BytesIO(function.code)) as archive:
                    archive.extractall(folder)
        return str(folder)

    def _variables(self, function: Function, folder: str) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            **account_free(self._region),
            **credentials(function.name),
            "AWS_SESSION_TOKEN": "local",
            "AWS_REGION": self._region,
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "LAMBDA_TASK_ROOT": folder,
            "NO_PROXY": "127.0.0.1,localhost,::1",
            "TZ": "UTC",
            "_HANDLER": function.handler,
            **function.variables,
            **self._extra,
        }


def fork_server_command() -> list[str]:
    """Return the command that runs the fork server; the number of its socket is appended."""
    return [sys.executable, "-I", str(FORK_SERVER)]


def _start_fork_server(log_file: Path) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    with theirs, log_file.open("ab") as log:
        process = subprocess.Popen(
            [*fork_server_command(), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # the parent handles an interrupt from the keyboard
        )
    return ours, process


def _key(function: Function) -> str:
    return f"{function.arn} {function.code_sha256}"


def _payload(document: Any) -> bytes:
    return json.dumps(document).encode()
