"""Forks Lambda's execution environments from one preloaded process; runs as a program of its own, under `python -I`.

Protocol. The parent sends one byte with two file descriptors on the control socket: the new environment's
channel and its log. On the channel one JSON document a line: first the function, answered with `{"ready":
…}` or `{"error": …}`; then an event each, answered with `{"result": …}` or `{"error": …}`. An end of file on
either socket ends its process. Nothing of this package is imported here, so that a function finds only its
own code and the installed packages.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import socket
import sys
import time
import traceback
from typing import Any

_PRELOADED = (
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "botocore.auth",
    "botocore.client",
    "botocore.httpsession",
    "botocore.session",
    "certifi",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.hazmat.primitives.serialization",
    "cryptography.x509.verification",
    "httpcore",
    "httpx",
)
"""What the functions of template.yaml import, and nothing of their own."""
_PR_SET_PDEATHSIG = 1
LOCAL_HOSTS = "LOCAL_HOSTS"
"""Variable with the addresses of `resolve_locally` as JSON."""


class LambdaContext:
    """The second argument of a handler, as the managed runtime makes it."""

    identity = None
    client_context = None
    tenant_id = None

    def __init__(self, values: dict[str, Any]) -> None:
        self.function_name = values["function_name"]
        self.function_version = "$LATEST"
        self.invoked_function_arn = values["function_arn"]
        self.memory_limit_in_mb = values["memory_mb"]
        self.aws_request_id = values["request_id"]
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = "local"
        self._deadline = time.monotonic() + values["timeout_seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function is timed out."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def main() -> None:
    """Fork an environment for each request until the parent has ended."""
    die_with_parent()
    preload()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no process waits for the environments
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if not data:
            return
        if os.fork() == 0:
            control.close()
            run_environment(*descriptors)
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends; on other systems it ends at the end of file."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def preload() -> None:
    """Import what the functions share, once for all environments."""
    for name in _PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def run_environment(channel_descriptor: int, log_descriptor: int) -> None:
    """Be one execution environment: initialise the function, then answer its events."""
    die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(log_descriptor, 1)
    os.dup2(log_descriptor, 2)
    os.close(log_descriptor)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    channel = socket.socket(fileno=channel_descriptor).makefile("rwb")
    handler = None
    for line in channel:
        message = json.loads(line)
        if handler is None:
            handler, reply = initialise(message)
        else:
            reply = answer(handler, message)
        channel.write(reply.encode() + b"\n")
        channel.flush()


def initialise(function: dict[str, Any]) -> tuple[Any, str]:
    """Set the environment up and import the handler; return it with the reply."""
    os.environ.clear()
    os.environ.update(function["environment"])
    resolve_locally(json.loads(os.environ.get(LOCAL_HOSTS, "{}")))
    time.tzset()
    sys.path.insert(0, function["folder"])
    os.chdir(function["folder"])
    module, _, name = function["handler"].rpartition(".")
    try:
        imported = importlib.import_module(module.replace("/", "."))
        handler = getattr(imported, name)
    except BaseException as failure:  # noqa: BLE001 - Lambda reports every exception
        print_trace(failure)
        return None, json.dumps({"error": init_error(failure, module), "pid": os.getpid()})
    return handler, json.dumps({"ready": True, "pid": os.getpid()})


def resolve_locally(hosts: dict[str, list[tuple[str, int]]]) -> None:
    """Let `host:port` lead to these addresses and ports on loopback: the DNS of the estate, for this process."""
    real: Any = socket.getaddrinfo

    def found(host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        addresses = hosts.get(f"{host}:{port}")
        if addresses is None:
            return real(host, port, *arguments, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", tuple(address)) for address in addresses]

    if hosts:
        socket.getaddrinfo = found


def init_error(failure: BaseException, module: str) -> dict[str, Any]:
    """Return Lambda's document of a failed initialisation."""
    document = error_document(failure, _INIT_NAMES)
    if isinstance(failure, ImportError):
        document |= {"errorMessage": f"Unable to import module '{module}': {failure}", "stackTrace": []}
    return document


_INIT_NAMES: dict[type[BaseException], str] = {
    ImportError: "Runtime.ImportModuleError",
    AttributeError: "Runtime.HandlerNotFound",
    SyntaxError: "Runtime.UserCodeSyntaxError",
    SystemExit: "Runtime.ExitError",
}


def answer(handler: Any, message: dict[str, Any]) -> str:
    """Call the handler; return the reply."""
    try:
        result = handler(message["event"], LambdaContext(message["context"]))
    except SystemExit as failure:
        return json.dumps({"error": error_document(failure, {SystemExit: "Runtime.ExitError"})})
    except BaseException as failure:  # noqa: BLE001 - Lambda reports every exception
        print_trace(failure)
        return json.dumps({"error": error_document(failure, {})})
    try:
        return json.dumps({"result": result})
    except TypeError as failure:
        return json.dumps({"error": error_document(failure, {TypeError: "Runtime.MarshalError"})})


def error_document(failure: BaseException, names: dict[type[BaseException], str]) -> dict[str, Any]:
    """Return Lambda's document of an exception; its class's name is what the state machine matches."""
    name = next((name for kind, name in names.items() if isinstance(failure, kind)), type(failure).__name__)
    trace = traceback.format_tb(failure.__traceback__)[1:]
    return {"errorMessage": str(failure), "errorType": name, "stackTrace": trace}


def print_trace(failure: BaseException) -> None:
    """Write to the log what the managed runtime writes of an exception that the handler did not catch."""
    text = "".join(traceback.format_tb(failure.__traceback__)[1:])
    print(f"[ERROR] {type(failure).__name__}: {failure}\nTraceback (most recent call last):\n{text}", flush=True)


if __name__ == "__main__":
    main()
