"""The permissions that a call of AWS's API needs (AWS: service-authorization/latest/reference, one page a service).

A call may need several permissions: S3 needs the bucket's key as well, and the list of the bucket when an object
is missing. An unknown call is an error: add it here with the permissions that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from stack.observed import Observed
from stack.policy import Request

_TRANSACTED = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}


class UnknownCall(Exception):
    """The permissions that this call needs are not listed here."""


@dataclass(frozen=True, slots=True)
class Place:
    """Account and region of the calls, and the key that encrypts the table and the bucket."""

    account: str
    region: str
    store_key: str


def asked(observed: Observed, place: Place) -> list[Request]:
    """Return every permission that a call needs. Raises UnknownCall."""
    name = f"{observed.call.service}:{observed.call.operation}"
    if name not in _ASKED:
        where = f"{observed.path} {dict(observed.query)} by {observed.call.who}, status {observed.call.status}"
        msg = f"the permissions of {name} are unknown ({where}): add them to stack/authorization.py"
        raise UnknownCall(msg)
    return list(_ASKED[name](observed, place))


def _key(place: Place, service: str, action: str) -> Request:
    return Request(action, place.store_key, {"kms:ViaService": f"{service}.{place.region}.amazonaws.com"})


# ---- DynamoDB: it decrypts with the table's key as the caller -------------------------------------------------


def _table(place: Place, name: str, index: str = "") -> str:
    table = f"arn:aws:dynamodb:{place.region}:{place.account}:table/{name}"
    return f"{table}/index/{index}" if index else table


def _query(observed: Observed, place: Place) -> Iterator[Request]:
    table = _table(place, observed.body["TableName"], observed.body.get("IndexName", ""))
    yield Request("dynamodb:Query", table)
    yield _key(place, "dynamodb", "kms:Decrypt")


def _batch(observed: Observed, place: Place) -> Iterator[Request]:
    for name in observed.body["RequestItems"]:
        yield Request("dynamodb:BatchGetItem", _table(place, name))
    yield _key(place, "dynamodb", "kms:Decrypt")


def _update(observed: Observed, place: Place) -> Iterator[Request]:
    yield Request("dynamodb:UpdateItem", _table(place, observed.body["TableName"]))
    yield _key(place, "dynamodb", "kms:Decrypt")


def _transaction(observed: Observed, place: Place) -> Iterator[Request]:
    for item in observed.body["TransactItems"]:
        for kind, write in item.items():
            yield Request(_TRANSACTED[kind], _table(place, write["TableName"]))
    yield _key(place, "dynamodb", "kms:Decrypt")


# ---- S3: path style, /bucket/key -----------------------------------------------------------------------------


def _object(observed: Observed) -> str:
    return f"arn:aws:s3:::{observed.path.lstrip('/')}"


def _bucket(observed: Observed) -> str:
    return f"arn:aws:s3:::{observed.path.strip('/').split('/')[0]}"


def _get_object(observed: Observed, place: Place) -> Iterator[Request]:
    yield Request("s3:GetObject", _object(observed))
    if observed.call.status == HTTPStatus.NOT_FOUND:
        yield Request("s3:ListBucket", _bucket(observed))  # else the answer would be 403
    else:
        yield _key(place, "s3", "kms:Decrypt")


def _put_object(observed: Observed, place: Place) -> Iterator[Request]:
    yield Request("s3:PutObject", _object(observed))
    yield _key(place, "s3", "kms:GenerateDataKey")
    if "if-match" in observed.headers:
        yield Request("s3:GetObject", _object(observed))


def _listed(action: str) -> Callable[[Observed, Place], Iterator[Request]]:
    def ask(observed: Observed, _place: Place) -> Iterator[Request]:
        prefix = {"s3:prefix": observed.query["prefix"]} if "prefix" in observed.query else {}
        yield Request(action, _bucket(observed), prefix)

    return ask


def _delete_object(observed: Observed, _place: Place) -> Iterator[Request]:
    versioned = "versionId" in observed.query
    yield Request("s3:DeleteObjectVersion" if versioned else "s3:DeleteObject", _object(observed))


# ---- The rest ------------------------------------------------------------------------------------------------


def _secret(observed: Observed, place: Place) -> Iterator[Request]:
    name = f"{observed.body['SecretId']}-AbCdEf"
    arn = f"arn:aws:secretsmanager:{place.region}:{place.account}:secret:{name}"
    yield Request(f"secretsmanager:{observed.call.operation}", arn)


def _sealed(action: str) -> Callable[[Observed, Place], Iterator[Request]]:
    def ask(observed: Observed, _place: Place) -> Iterator[Request]:
        context: Mapping[str, str] = observed.body.get("EncryptionContext", {})
        keys: dict[str, str | tuple[str, ...]] = {
            f"kms:EncryptionContext:{name}": value for name, value in context.items()
        }
        yield Request(action, observed.body["KeyId"], {**keys, "kms:EncryptionContextKeys": tuple(context)})

    return ask


def _certificate(observed: Observed, place: Place) -> str:
    anywhere = f"arn:aws:acm:{observed.call.region}:{place.account}:certificate/00000000"
    return str(observed.body.get("CertificateArn", anywhere))


def _import(observed: Observed, place: Place) -> Iterator[Request]:
    arn, tags = _certificate(observed, place), [tag["Key"] for tag in observed.body.get("Tags", ())]
    yield Request("acm:ImportCertificate", arn)
    if tags:
        yield Request("acm:AddTagsToCertificate", arn, {"aws:TagKeys": tuple(tags)})


def _described(observed: Observed, place: Place) -> Iterator[Request]:
    yield Request("acm:DescribeCertificate", _certificate(observed, place))


def _listed_certificates(_observed: Observed, _place: Place) -> Iterator[Request]:
    yield Request("acm:ListCertificates", "*")


def _events(observed: Observed, place: Place) -> Iterator[Request]:
    for entry in observed.body["Entries"]:
        bus = f"arn:aws:events:{place.region}:{place.account}:event-bus/{entry['EventBusName']}"
        yield Request("events:PutEvents", bus)


def _invoked(observed: Observed, place: Place) -> Iterator[Request]:
    name = observed.path.split("/")[3].rsplit(":", 1)[-1]  # /2015-03-31/functions/<name or ARN>/invocations
    yield Request("lambda:InvokeFunction", f"arn:aws:lambda:{place.region}:{place.account}:function:{name}")


_ASKED: Mapping[str, Callable[[Observed, Place], Iterator[Any]]] = {
    "acm:DescribeCertificate": _described,
    "acm:ImportCertificate": _import,
    "acm:ListCertificates": _listed_certificates,
    "dynamodb:BatchGetItem": _batch,
    "dynamodb:Query": _query,
    "dynamodb:TransactWriteItems": _transaction,
    "dynamodb:UpdateItem": _update,
    "events:PutEvents": _events,
    "kms:Decrypt": _sealed("kms:Decrypt"),
    "kms:Encrypt": _sealed("kms:Encrypt"),
    "lambda:Invoke": _invoked,
    "s3:DeleteObject": _delete_object,
    "s3:GetObject": _get_object,
    "s3:ListObjectVersions": _listed("s3:ListBucketVersions"),
    "s3:ListObjectsV2": _listed("s3:ListBucket"),
    "s3:PutObject": _put_object,
    "secretsmanager:DescribeSecret": _secret,
    "secretsmanager:GetSecretValue": _secret,
    "secretsmanager:PutSecretValue": _secret,
    "secretsmanager:UpdateSecretVersionStage": _secret,
}
