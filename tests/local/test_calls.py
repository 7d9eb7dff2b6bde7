"""Operations that moto lacks, or answers otherwise than AWS."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from local import LocalAws


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("service-quotas", "list_service_quotas", {"ServiceCode": "acm"}),
        ("cloudtrail", "lookup_events", {}),
        ("cloudformation", "describe_stacks", {}),
        ("rolesanywhere", "list_trust_anchors", {}),
    ],
)
def test_an_operation_that_is_not_implemented_is_answered(
    aws: LocalAws, service: str, operation: str, arguments: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """`make rehearse` passed, and printed tracebacks of moto."""
    with pytest.raises(ClientError) as refused:
        getattr(aws.client(service), operation)(**arguments)

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_disabled_key_is_enabled_by_its_arn(aws: LocalAws) -> None:
    """The runbook's commands have the ARN of the stack's output, which KMS accepts and moto did not."""
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)

    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
