"""S3, DynamoDB and KMS: bucket policies, calls from several threads, and keys by their ARN."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from local.moto_repairs.repairs import Repairs, Replacements


def bucket_policies_have_conditions(_: Repairs) -> Replacements:
    """Ignore a bucket policy's statements with a Condition.

    Input: PutObject under a policy that denies requests without TLS.
    moto: AccessDenied: it ignores the Condition.
    AWS: accepts a request over TLS (S3, "Amazon S3 condition keys").
    """
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def permission(bucket: Any, action: str, resource: str) -> Any:
        policy = json.loads(bucket.policy) if bucket.policy else {"Statement": []}
        plain = [statement for statement in policy["Statement"] if "Condition" not in statement]
        if not plain:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps({**policy, "Statement": plain})).is_action_permitted(action, resource)

    yield patch.object(FakeBucket, "get_permission", permission)


def storage_takes_turns(_: Repairs) -> Replacements:
    """Handle one DynamoDB call, and one S3 call, at a time.

    Input: TransactWriteItems and PutItem from several threads.
    moto: status 500: it copies and lists what other threads write.
    AWS: both succeed (DynamoDB, "Transactions: how it works").
    """
    from moto.dynamodb.responses import DynamoHandler
    from moto.s3.responses import S3Response

    for handler, names in ((DynamoHandler, ["call_action"]), (S3Response, ["bucket_response", "key_response"])):
        turn = threading.RLock()
        for name in names:
            yield patch.object(handler, name, _in_turn(getattr(handler, name), turn))


def keys_are_found_by_arn(_: Repairs) -> Replacements:
    """Take a key's ARN for the key.

    Input: EnableKey, DisableKey, ScheduleKeyDeletion or CancelKeyDeletion with the ARN of a key.
    moto: status 500, and a traceback.
    AWS: accepts the ID or the ARN (KMS, "EnableKey", KeyId).
    """
    from moto.kms.models import KmsBackend

    def by_arn(method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda backend, key_id, *more: method(backend, backend.any_id_to_key_id(key_id), *more)

    for name in ("enable_key", "disable_key", "schedule_key_deletion", "cancel_key_deletion"):
        yield patch.object(KmsBackend, name, by_arn(getattr(KmsBackend, name)))


def _in_turn(method: Callable[..., Any], turn: threading.RLock) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        with turn:
            return method(*arguments, **named)

    return call
