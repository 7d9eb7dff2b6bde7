"""What the local AWS answers to operations that it does not have."""

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
