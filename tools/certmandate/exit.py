"""How a command ends: exit codes, and the errors that become an exit code and a message."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from typer._click.globals import get_current_context  # typer does not export it

from certmandate.files.atomic_files import NotWritten
from certmandate.files.yaml_document import FilesInvalid
from certmandate.views.printing import print_error, print_json
from renewal.adapters.redaction import redacted_of_aws
from renewal.domain.errors import (
    InvalidRequest,
    RenewalError,
    Retryable,
    StoreRefused,
    StoreUnavailable,
    UnknownDelegation,
)

NEEDS_ATTENTION = 1
WRONG_USAGE = 2
UNREACHABLE = 3
TRY_LATER = 75  # EX_TEMPFAIL of BSD's sysexits
_CONFIGURES = re.compile(r"AWS_.*|.*_PROXY|SSL_CERT_.*|SSLKEYLOGFILE", re.IGNORECASE)
INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended


class DeploymentMissing(Exception):
    """The stack was not found or lacks an output; the text has what to do."""


class AwsUnreachable(Exception):
    """AWS was not reached or refused the operator; the text has what to do. `code` is the exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Refused(Exception):
    """The command does not do what was requested; the text has the reason and the remedy. Nothing was changed."""


class Stopped(Exception):
    """The command stopped before its end and nothing is lost; the text has what was done and how to continue."""


class NotInspected(Exception):
    """The delegation has no inspection, or that of this command failed; the text has why."""


class EnvironmentUnusable(DeploymentMissing):
    """An environment variable or the AWS configuration is malformed; the text has which variables to check."""


@contextmanager
def usable_environment() -> Iterator[None]:
    """Name what libraries raise while they read their environment. Values are left out: a proxy's has a password."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        names = sorted(name for name in os.environ if _CONFIGURES.fullmatch(name))
        msg = (
            f"no client of AWS or SCM can be made ({type(error).__name__}): one of these environment variables, or "
            f"the AWS configuration, is malformed or names a file that is missing: {', '.join(names) or 'none is set'}"
        )
        raise EnvironmentUnusable(msg) from None


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print an error and end with its exit code (docs/operator.md); where --json was given, print a document too."""
    try:
        yield
    except (
        FilesInvalid, NotWritten, DeploymentMissing, AwsUnreachable, Refused, Stopped, NotInspected, RenewalError,
    ) as error:  # fmt: skip
        end = error
    except aws_errors() as error:
        end = aws_unreachable(error)
    else:
        return
    code, name, text = _ending(end)
    print_error(text)
    context = get_current_context(silent=True)
    if context is not None and context.params.get("as_json"):
        print_json({"error": name, "text": text, "exit_code": code})
    raise typer.Exit(code)


def _ending(error: Exception) -> tuple[int, str, str]:
    """Return the exit code, the error's name and its text."""
    name, text = type(error).__name__, str(error)
    match error:
        case AwsUnreachable():
            return error.code, name, text
        case FilesInvalid():
            return WRONG_USAGE, name, f"{text}\nNothing was changed."
        case NotWritten():
            return WRONG_USAGE, name, f"{text}. Nothing was written."
        case DeploymentMissing() | Refused():
            return WRONG_USAGE, name, text
        case InvalidRequest() | UnknownDelegation():
            return WRONG_USAGE, name, f"{name}: {text}"
        case StoreRefused() | Retryable():  # AWS refused the operator's own call, or is busy
            code = UNREACHABLE if isinstance(error, StoreRefused) else TRY_LATER
            return code, name, f"{name}: {text}"
        case RenewalError():
            return NEEDS_ATTENTION, name, f"{name}: {text}"
        case _:
            return NEEDS_ATTENTION, name, text


def aws_errors() -> tuple[type[Exception], ...]:
    """Return what boto3 raises; imported here, because it takes most of a command's start."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError  # a proxy's page in place of AWS's answer

    return BotoCoreError, ClientError, ResponseParserError, Boto3Error


def aws_unreachable(error: Exception, advice: str = "") -> AwsUnreachable:
    """Return boto3's error under our name, with *advice* after its sentence."""
    from renewal.adapters.aws import LOG_IN_AGAIN, has_session_expired, meaning

    if has_session_expired(error):
        advice = f"{LOG_IN_AGAIN[0].upper()}{LOG_IN_AGAIN[1:]}."
    code = TRY_LATER if isinstance(meaning(error, "", {}), StoreUnavailable) else UNREACHABLE
    return AwsUnreachable(f"{aws_sentence(error)} {advice}".rstrip(), code)


def aws_sentence(error: Exception) -> str:
    """Return the error of AWS, or of the library that calls it, in one line without anything in the form of a key."""
    from botocore.exceptions import ClientError

    from renewal.adapters.aws import error_code

    if isinstance(error, ClientError):
        text = redacted_of_aws(error.response.get("Error", {}).get("Message", ""))
        return _ended_sentence(f"AWS refused {error.operation_name} ({error_code(error)}): {text}")
    return _ended_sentence(f"AWS was not reached ({type(error).__name__}): {redacted_of_aws(str(error))}")


def _ended_sentence(text: str) -> str:
    """Return *text* with a full stop, so that another sentence can follow it."""
    return f"{text.rstrip(' .:')}."
