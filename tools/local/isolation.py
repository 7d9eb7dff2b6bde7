"""Nothing that runs here can reach a real account: the environment is cleaned before anything else."""

from __future__ import annotations

import os

LOOPBACK = "127.0.0.1"
_NEVER_PROXIED = ("127.0.0.1", "localhost", "::1")


def isolate(region: str) -> None:
    """Remove every AWS setting of this process, permanently, and make `region` the default.

    Removes all `AWS_*` variables, points boto3 and the AWS CLI at empty configuration files (a profile in
    the home directory would otherwise be used), switches the instance metadata off and keeps loopback
    off any proxy.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(account_free(region))
    for variable in ("NO_PROXY", "no_proxy"):
        os.environ[variable] = _with_loopback(os.environ.get(variable, ""))


def account_free(region: str) -> dict[str, str]:
    """Return the settings under which no AWS library finds an account automatically."""
    return {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": region,
    }


def credentials(who: str) -> dict[str, str]:
    """Return fake credentials that name their holder, so that each call shows its caller (`calls`)."""
    return {"AWS_ACCESS_KEY_ID": who, "AWS_SECRET_ACCESS_KEY": "local"}


def _with_loopback(hosts: str) -> str:
    kept = [host for host in hosts.split(",") if host]
    return ",".join([*kept, *(host for host in _NEVER_PROXIED if host not in kept)])
