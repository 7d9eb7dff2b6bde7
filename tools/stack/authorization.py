"""The permissions that a call of AWS's API needs (AWS: service-authorization/latest/reference, one page a service).

A call may need several permissions: S3 needs the bucket's key as well, and the list of the bucket when an object
is missing. An unknown call is an error: add it here with the permissions that it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from http import HTTPStatus
from typing import Any

from local.calls import AwsCall
from stack.policy import Request

_KEY_OF_SECRET = {"GetSecretValue": "kms:Decrypt", "PutSecretValue": "kms:GenerateDataKey"}
_LISTING = {"ListObjectVersions": "s3:ListBucketVersions", "ListObjectsV2": "s3:ListBucket"}
_TRANSACTED = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
_PARTITION = "delegation"
"""Partition key of both tables."""
_TOP_LEVEL = re.compile(r"(?<![.\w])#\w+")
"""Placeholder of an attribute in an expression, and not of a member inside of it."""


class UnknownCall(Exception):
    """The permissions that this call needs are not listed here."""


@dataclass(frozen=True, slots=True)
class Place:
    """Account and region of the calls, and the keys of the table and the bucket, of credentials and of notices."""

    account: str
    region: str
    store_key: str
    credential_key: str
    audit_bucket: str
    """Its name; it is encrypted by S3's own key."""
    notices_key: str


def asked(call: AwsCall, place: Place) -> list[Request]:
    """Return every permission that a call needs. Raises UnknownCall."""
    name = f"{call.service}:{call.operation}"
    if name not in _ASKED:
        where = f"{call.path} {dict(call.query)} by {call.who}, status {call.status}"
        msg = f"the permissions of {name} are unknown ({where}): add them to stack/authorization.py"
        raise UnknownCall(msg)
    return list(_ASKED[name](call, place))


def _key(place: Place, service: str, action: str) -> Request:
    return Request(action, place.store_key, {"kms:ViaService": f"{service}.{place.region}.amazonaws.com"})


# ---- DynamoDB: it decrypts with the table's key as the caller -------------------------------------------------


def _table(place: Place, name: str, index: str = "") -> str:
    table = f"arn:aws:dynamodb:{place.region}:{place.account}:table/{name}"
    return f"{table}/index/{index}" if index else table


def _query(call: AwsCall, place: Place) -> Iterator[Request]:
    table = _table(place, call.body["TableName"], call.body.get("IndexName", ""))
    yield Request("dynamodb:Query", table)
    yield _key(place, "dynamodb", "kms:Decrypt")


def _scan(call: AwsCall, place: Place) -> Iterator[Request]:
    yield Request("dynamodb:Scan", _table(place, call.body["TableName"]))
    yield _key(place, "dynamodb", "kms:Decrypt")


def _batch(call: AwsCall, place: Place) -> Iterator[Request]:
    for name in call.body["RequestItems"]:
        yield Request("dynamodb:BatchGetItem", _table(place, name))
    yield _key(place, "dynamodb", "kms:Decrypt")


def _written(place: Place, action: str, write: Mapping[str, Any]) -> Request:
    """One write, alone or of a transaction.

    IAM gets the names of all attributes of its key, its item and its expressions, those of conditions included, and the
    partition (AWS: amazondynamodb/latest/developerguide/specifying-conditions.html).
    """
    keyed = write.get("Key") or write["Item"]
    names = write.get("ExpressionAttributeNames", {})
    expressions = " ".join(str(write.get(name, "")) for name in ("UpdateExpression", "ConditionExpression"))
    used = {names[placeholder] for placeholder in _TOP_LEVEL.findall(expressions)}
    return Request(
        action,
        _table(place, write["TableName"]),
        {
            "dynamodb:Attributes": tuple(sorted(used | keyed.keys())),
            "dynamodb:LeadingKeys": (keyed[_PARTITION]["S"],),
        },
    )


def _update(call: AwsCall, place: Place) -> Iterator[Request]:
    yield _written(place, "dynamodb:UpdateItem", call.body)
    yield _key(place, "dynamodb", "kms:Decrypt")


def _transaction(call: AwsCall, place: Place) -> Iterator[Request]:
    for item in call.body["TransactItems"]:
        for kind, write in item.items():
            yield _written(place, _TRANSACTED[kind], write)
    yield _key(place, "dynamodb", "kms:Decrypt")


# ---- S3: path style, /bucket/key -----------------------------------------------------------------------------


def _object(call: AwsCall) -> str:
    return f"arn:aws:s3:::{call.path.lstrip('/')}"


def _bucket(call: AwsCall) -> str:
    return f"arn:aws:s3:::{call.path.strip('/').split('/')[0]}"


def _get_object(call: AwsCall, place: Place) -> Iterator[Request]:
    yield Request("s3:GetObject", _object(call))
    if call.status == HTTPStatus.NOT_FOUND:
        yield Request("s3:ListBucket", _bucket(call))  # else the answer would be 403
    else:
        yield _key(place, "s3", "kms:Decrypt")


def _put_object(call: AwsCall, place: Place) -> Iterator[Request]:
    condition = {"s3:if-none-match": call.headers["if-none-match"]} if "if-none-match" in call.headers else {}
    yield Request("s3:PutObject", _object(call), condition)
    if _bucket(call) != f"arn:aws:s3:::{place.audit_bucket}":
        yield _key(place, "s3", "kms:GenerateDataKey")
    if "if-match" in call.headers:
        yield Request("s3:GetObject", _object(call))


def _listed(call: AwsCall, _place: Place) -> Iterator[Request]:
    prefix = {"s3:prefix": call.query["prefix"]} if "prefix" in call.query else {}
    yield Request(_LISTING[call.operation], _bucket(call), prefix)


def _delete_object(call: AwsCall, _place: Place) -> Iterator[Request]:
    versioned = "versionId" in call.query
    yield Request("s3:DeleteObjectVersion" if versioned else "s3:DeleteObject", _object(call))


# ---- The rest ------------------------------------------------------------------------------------------------


def _secret(call: AwsCall, place: Place) -> Iterator[Request]:
    name = f"{call.body['SecretId']}-AbCdEf"
    arn = f"arn:aws:secretsmanager:{place.region}:{place.account}:secret:{name}"
    yield Request(f"secretsmanager:{call.operation}", arn)
    if action := _KEY_OF_SECRET.get(call.operation):
        yield Request(action, place.credential_key, {"kms:ViaService": f"secretsmanager.{place.region}.amazonaws.com"})


def _sealed(call: AwsCall, _place: Place) -> Iterator[Request]:
    context: Mapping[str, str] = call.body.get("EncryptionContext", {})
    keys: dict[str, str | tuple[str, ...]] = {f"kms:EncryptionContext:{name}": context[name] for name in context}
    yield Request(f"kms:{call.operation}", call.body["KeyId"], {**keys, "kms:EncryptionContextKeys": tuple(context)})


def _signing_key(call: AwsCall, _place: Place) -> Iterator[Request]:
    algorithm = {"kms:SigningAlgorithm": call.body["SigningAlgorithm"]} if "SigningAlgorithm" in call.body else {}
    yield Request(f"kms:{call.operation}", call.body["KeyId"], algorithm)


def _certificate(call: AwsCall, place: Place) -> str:
    anywhere = f"arn:aws:acm:{call.region}:{place.account}:certificate/00000000"
    return str(call.body.get("CertificateArn", anywhere))


def _import(call: AwsCall, place: Place) -> Iterator[Request]:
    arn, tags = _certificate(call, place), [tag["Key"] for tag in call.body.get("Tags", ())]
    yield Request("acm:ImportCertificate", arn)
    if tags:
        yield Request("acm:AddTagsToCertificate", arn, {"aws:TagKeys": tuple(tags)})


def _of_certificate(call: AwsCall, place: Place) -> Iterator[Request]:
    yield Request(f"acm:{call.operation}", _certificate(call, place))


def _listed_certificates(_call: AwsCall, _place: Place) -> Iterator[Request]:
    yield Request("acm:ListCertificates", "*")


def _events(call: AwsCall, place: Place) -> Iterator[Request]:
    for entry in call.body["Entries"]:
        bus = f"arn:aws:events:{place.region}:{place.account}:event-bus/{entry['EventBusName']}"
        yield Request(
            "events:PutEvents", bus, {"events:source": entry["Source"], "events:detail-type": entry["DetailType"]}
        )


def _mail(call: AwsCall, place: Place) -> Iterator[Request]:
    """SES checks the identity that it sends by, and the configuration set."""
    _, address = parseaddr(call.body["FromEmailAddress"])
    arn, context = f"arn:aws:ses:{place.region}:{place.account}", {"ses:FromAddress": address}
    yield Request("ses:SendEmail", f"{arn}:identity/{address}", context)
    yield Request("ses:SendEmail", f"{arn}:configuration-set/{call.body['ConfigurationSetName']}", context)


def _published(call: AwsCall, place: Place) -> Iterator[Request]:
    yield Request("sns:Publish", call.body["TopicArn"])
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        yield Request(action, place.notices_key, {"kms:ViaService": f"sns.{place.region}.amazonaws.com"})


def _invoked(call: AwsCall, place: Place) -> Iterator[Request]:
    name = call.path.split("/")[3].rsplit(":", 1)[-1]  # /2015-03-31/functions/<name or ARN>/invocations
    yield Request("lambda:InvokeFunction", f"arn:aws:lambda:{place.region}:{place.account}:function:{name}")


def _executions(call: AwsCall, _place: Place) -> Iterator[Request]:
    yield Request("states:ListExecutions", call.body["stateMachineArn"])


_ASKED: Mapping[str, Callable[[AwsCall, Place], Iterator[Any]]] = {
    "acm:DescribeCertificate": _of_certificate,
    "acm:ImportCertificate": _import,
    "acm:ListCertificates": _listed_certificates,
    "acm:ListTagsForCertificate": _of_certificate,
    "dynamodb:BatchGetItem": _batch,
    "dynamodb:Query": _query,
    "dynamodb:Scan": _scan,
    "dynamodb:TransactWriteItems": _transaction,
    "dynamodb:UpdateItem": _update,
    "events:PutEvents": _events,
    "kms:Decrypt": _sealed,
    "kms:Encrypt": _sealed,
    "kms:GetPublicKey": _signing_key,
    "kms:Sign": _signing_key,
    "lambda:Invoke": _invoked,
    "s3:DeleteObject": _delete_object,
    "s3:GetObject": _get_object,
    "s3:ListObjectVersions": _listed,
    "s3:ListObjectsV2": _listed,
    "s3:PutObject": _put_object,
    "secretsmanager:DescribeSecret": _secret,
    "secretsmanager:GetSecretValue": _secret,
    "secretsmanager:PutSecretValue": _secret,
    "secretsmanager:UpdateSecretVersionStage": _secret,
    "sesv2:SendEmail": _mail,
    "sns:Publish": _published,
    "stepfunctions:ListExecutions": _executions,
}
