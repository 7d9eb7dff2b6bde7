"""AWS on this machine: the shipped template, state machine and functions, without an account.

`LocalAws` serves it over HTTP on loopback; `in_process.InProcessAws` keeps it inside this process, for tests.
Both are moto, repaired (`moto_repairs`) and held to ACM's rules (`strict_acm`).
"""

from local.aws import LocalAws

__all__ = ["LocalAws"]
