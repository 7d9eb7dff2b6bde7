"""Why a certificate is not installed or not served; docs/servers.md has what to do for each.

No text has a key, a password or the output of a command.
"""

from __future__ import annotations


class FetchError(Exception):
    """Something needs attention. `exit_code`: as of the operator's command."""

    exit_code = 1


class ConfigurationInvalid(FetchError):
    """A line with `file:line` for each fault. Nothing was changed."""

    exit_code = 2


class StoreRefused(FetchError):
    """AWS refused the role, or there are no credentials."""

    exit_code = 3


class StoreUnavailable(FetchError):
    """AWS was not reached, or is busy."""

    exit_code = 75  # EX_TEMPFAIL of BSD's sysexits


class AlreadyRunning(FetchError):
    """Another run has the lock."""

    exit_code = 75


class CertificateMissing(FetchError):
    """The store has no such object, or one that certmandate has not written."""


class PairInvalid(FetchError):
    """A client would refuse the downloaded pair: key, names, chain or dates."""


class OlderThanInstalled(FetchError):
    """The certificate in the store begins before the installed one."""


class KeystorePasswordMissing(FetchError):
    """The password file is empty or cannot be read."""


class FileRefused(FetchError):
    """The operating system refused an operation on a file."""


class ServerTestFailed(FetchError):
    """The test command failed, before or after the switch. The server was not reloaded."""


class ReloadFailed(FetchError):
    """The reload command failed. The former files are in place again, and the server was reloaded with them."""


class NotServed(FetchError):
    """An endpoint of this server does not present the installed certificate."""
