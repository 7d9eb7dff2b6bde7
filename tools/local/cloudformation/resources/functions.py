"""Lambda functions and what belongs to them."""

from __future__ import annotations

from typing import Any

from local.cloudformation.resources.properties import Properties
from local.cloudformation.resources.resource import Made, Maker, Stack


def function(properties: Properties, stack: Stack) -> Made:
    """Make a function from its packaged code."""
    name = properties.name("FunctionName")
    request = properties.some("Role", "Handler", "Runtime", "Timeout", "MemorySize", "Description", "Architectures")
    variables = properties.take("Environment", {}).get("Variables", {})
    request["Environment"] = {"Variables": {key: str(value) for key, value in variables.items()}}
    request["Tags"] = {tag["Key"]: tag["Value"] for tag in properties.take("Tags", [])}
    made = stack.client("lambda").create_function(
        FunctionName=name, Code=_code(properties.need("Code"), stack), **request
    )
    return Made(name, {"Arn": made["FunctionArn"]})


def layer(properties: Properties, stack: Stack) -> Made:
    """Publish a layer; functions run without it (see `ignored`)."""
    request = properties.some("LayerName", "Description", "CompatibleRuntimes", "CompatibleArchitectures")
    made = stack.client("lambda").publish_layer_version(Content=_code(properties.need("Content"), stack), **request)
    return Made(made["LayerVersionArn"])


def permission(properties: Properties, stack: Stack) -> Made:
    """Let a service invoke a function (kept, not enforced)."""
    request = properties.some("FunctionName", "Action", "Principal", "SourceArn", "SourceAccount")
    stack.client("lambda").add_permission(StatementId=properties.logical_id, **request)
    return Made(properties.logical_id)


def _code(location: dict[str, Any], stack: Stack) -> dict[str, Any]:
    """Return the code itself in place of the S3 location that packaging wrote."""
    return {"ZipFile": stack.artifacts[location["S3Key"]]} if "S3Key" in location else location


MAKERS: dict[str, Maker] = {
    "AWS::Lambda::Function": function,
    "AWS::Lambda::LayerVersion": layer,
    "AWS::Lambda::Permission": permission,
}
