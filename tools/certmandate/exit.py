"""How a command ends: exit codes, and the errors that become an exit code and a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from certmandate.files.atomic_files import NotWritten
from certmandate.files.yaml_document import FilesInvalid
from certmandate.views.printing import print_error
from renewal.domain.errors import InvalidDelegation, InvalidRequest, RenewalError, UnknownDelegation

NEEDS_ATTENTION = 1
WRONG_USAGE = 2
INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended


class DeploymentMissing(Exception):
    """The stack was not found or lacks an output; the text has what to do."""


class Refused(Exception):
    """The command does not do what was requested; the text has the reason and the remedy. Nothing was changed."""


class Stopped(Exception):
    """The command stopped before its end and nothing is lost; the text has what was done and how to continue."""


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print an error as text and end with its exit code: 1 needs attention, 2 wrong usage or bad input."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except FilesInvalid as invalid:
        print_error(f"{invalid}\nNothing was changed.")
        raise typer.Exit(WRONG_USAGE) from None
    except NotWritten as error:
        print_error(f"{error}. Nothing was written.")
        raise typer.Exit(WRONG_USAGE) from None
    except (DeploymentMissing, Refused) as error:
        print_error(str(error))
        raise typer.Exit(WRONG_USAGE) from None
    except Stopped as stop:
        print_error(str(stop))
        raise typer.Exit(NEEDS_ATTENTION) from None
    except RenewalError as error:
        print_error(f"{type(error).__name__}: {error}")
        bad_input = isinstance(error, InvalidDelegation | InvalidRequest | UnknownDelegation)
        raise typer.Exit(WRONG_USAGE if bad_input else NEEDS_ATTENTION) from None
    except (BotoCoreError, ClientError) as error:
        print_error(aws_sentence(error))
        raise typer.Exit(NEEDS_ATTENTION) from None


def aws_sentence(error: Exception) -> str:
    """Return the error of AWS, or of the library that calls it, in one line without anything in the form of a key."""
    from botocore.exceptions import ClientError

    from renewal.adapters.aws import error_code
    from renewal.adapters.redaction import redacted_of_aws

    if isinstance(error, ClientError):
        text = redacted_of_aws(error.response.get("Error", {}).get("Message", ""))
        return f"AWS refused {error.operation_name} ({error_code(error)}): {text}"
    return f"AWS was not reached ({type(error).__name__}): {redacted_of_aws(str(error))}"
