"""Toy functions: each does what its certificate is named after."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import boto3


class OrderPending(Exception):
    """Not issued yet."""


class OrderDeclined(Exception):
    """A person said no."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do what the name states; return what this environment looks like."""
    name = event["name"]
    print(f"working on {name}")
    if name == "slow":
        time.sleep(5)
    if name == "sleepy":
        time.sleep(2)
    if name.startswith("pending"):
        _poll(name)
    if name == "declined":
        raise OrderDeclined("no")
    if name == "lost":
        raise ValueError("what no one catches")
    if name == "exit":
        sys.exit(3)
    if name == "unserialisable":
        return {"value": object()}
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=f"done/{name}", Body=b"done")
    return {
        "name": name,
        "outcome": "stored",
        "greeting": os.environ["GREETING"],
        "function": context.function_name,
    }


def _poll(name: str) -> None:
    """Be pending until the third poll; the count is in S3, because polls may meet different environments."""
    s3, key = boto3.client("s3"), f"polls/{name}"
    polls = s3.list_objects_v2(Bucket=os.environ["BUCKET"], Prefix=key).get("KeyCount", 0)
    s3.put_object(Bucket=os.environ["BUCKET"], Key=f"{key}/{polls}", Body=b"")
    if polls < 2 or name == "pending-for-ever":
        raise OrderPending(f"{polls} polls")


def environment(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return the environment's variables and what Powertools reads of the context."""
    return {
        "variables": dict(os.environ),
        "pid": os.getpid(),
        "remaining": context.get_remaining_time_in_millis(),
        "context": [
            context.function_version,
            context.memory_limit_in_mb,
            context.invoked_function_arn,
            context.aws_request_id,
        ],
    }


def slow(_event: dict[str, Any], _context: Any) -> None:
    """Take longer than the function may."""
    time.sleep(30)
