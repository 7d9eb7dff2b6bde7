"""DynamoDB tables and S3 buckets."""

from __future__ import annotations

import json
from typing import Any

from local.cloudformation.parameters import REGION
from local.cloudformation.resources.properties import Properties
from local.cloudformation.resources.resource import Made, Maker, Stack


def table(properties: Properties, stack: Stack) -> Made:
    """Make a table with its indexes, encryption, recovery and deletion protection."""
    client, name = stack.client("dynamodb"), properties.name("TableName")
    request = properties.some(
        "KeySchema", "AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "DeletionProtectionEnabled"
    )
    if encryption := properties.take("SSESpecification"):
        request["SSESpecification"] = {"Enabled": encryption.pop("SSEEnabled"), **encryption}
    arn = client.create_table(TableName=name, **request)["TableDescription"]["TableArn"]
    if recovery := properties.take("PointInTimeRecoverySpecification"):
        client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    return Made(name, {"Arn": arn})


def bucket(properties: Properties, stack: Stack) -> Made:
    """Make a bucket with its settings, such as versioning, encryption and life cycle."""
    client, name = stack.client("s3"), properties.name("BucketName").lower()
    client.create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": REGION},
        ObjectLockEnabledForBucket=properties.take("ObjectLockEnabled", default=False),
    )
    for property_name, put, argument, translated in _BUCKET_SETTINGS:
        value = properties.take(property_name)
        if value is not None:
            getattr(client, put)(Bucket=name, **{argument: translated(value)})
    return Made(name, {"Arn": f"arn:aws:s3:::{name}"})


def bucket_policy(properties: Properties, stack: Stack) -> Made:
    """Attach a policy to a bucket (moto keeps it and does not evaluate it)."""
    name = properties.need("Bucket")
    stack.client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(properties.need("PolicyDocument")))
    return Made(name)


def _encryption(value: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation and S3 name the same thing differently."""
    return {
        "Rules": [
            {
                "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
                "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
            }
            for rule in value["ServerSideEncryptionConfiguration"]
        ]
    }


def _life_cycle(value: dict[str, Any]) -> dict[str, Any]:
    return {"Rules": [_life_cycle_rule(dict(rule)) for rule in value["Rules"]]}


def _life_cycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """S3 has ID, Filter and Expiration where CloudFormation has Id, Prefix and ExpirationInDays."""
    renamed: dict[str, Any] = {"ID": rule.pop("Id"), "Filter": {"Prefix": rule.pop("Prefix", "")}}
    if "ExpirationInDays" in rule:
        renamed["Expiration"] = {"Days": rule.pop("ExpirationInDays")}
    return {**renamed, **rule}


def _object_lock(value: dict[str, Any]) -> dict[str, Any]:
    """A parameter of CloudFormation is text, also where S3 expects a number."""
    retention = value["Rule"]["DefaultRetention"]
    return {**value, "Rule": {"DefaultRetention": {**retention, "Days": int(retention["Days"])}}}


def _same(value: Any) -> Any:
    return value


_BUCKET_SETTINGS = (
    ("VersioningConfiguration", "put_bucket_versioning", "VersioningConfiguration", _same),
    ("ObjectLockConfiguration", "put_object_lock_configuration", "ObjectLockConfiguration", _object_lock),
    ("BucketEncryption", "put_bucket_encryption", "ServerSideEncryptionConfiguration", _encryption),
    ("PublicAccessBlockConfiguration", "put_public_access_block", "PublicAccessBlockConfiguration", _same),
    ("OwnershipControls", "put_bucket_ownership_controls", "OwnershipControls", _same),
    ("LifecycleConfiguration", "put_bucket_lifecycle_configuration", "LifecycleConfiguration", _life_cycle),
)  # fmt: skip

MAKERS: dict[str, Maker] = {
    "AWS::DynamoDB::Table": table,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
}
