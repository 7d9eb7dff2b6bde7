"""Any answer of AWS, and none, ends in a result or in an error of ours (O9)."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError
from botocore.response import StreamingBody

from renewal.adapters.acm import Acm
from renewal.adapters.endpoints.host_reports import S3HostReports
from renewal.adapters.events import EventBridgeAnnouncer, SnsAlerts
from renewal.adapters.keys import KmsOpener, KmsSealer, KmsSigner
from renewal.adapters.mail import SesMailer
from renewal.adapters.objects import S3Certificates
from renewal.adapters.order_book.seals import S3Seals
from renewal.adapters.order_book.table import ConditionFailed, Table, updated
from renewal.adapters.runs import RunningExecutions, S3RunArchive
from renewal.adapters.secrets import ScheduledRotations, SecretsManagerCredentials, SecretsManagerVault
from renewal.domain.alerts.alert import Alert
from renewal.domain.audit.hash_chain import ChainHead
from renewal.domain.audit.seal import Seal, SealStatement
from renewal.domain.credential import Credential
from renewal.domain.errors import RenewalError
from renewal.domain.order import ManagedCertificate
from renewal.domain.run.plan import PlanFacts
from renewal.mail.mail import Mail
from renewal.records import Unreadable
from tests.adapters.aws.conftest import client
from tests.adapters.aws.records import NOW, a_pair, a_stored, an_order
from tests.adapters.aws.wire import hooked
from tests.stack.test_models import OPERATIONS

SECRETS = "secretsmanager"
ARN = "arn:aws:acm:eu-west-3:123456789012:certificate/1"
KEY = {"delegation": {"S": "univ"}, "item": {"S": "delegation"}}
CREDENTIAL = Credential("version-with-a-length-of-36-letters", {"login": "drao", "password": "secret"})
Answers = Mapping[str, Any]
"""By operation: what AWS answers when all is well."""

ACM: Answers = {
    "ListCertificates": {"CertificateSummaryList": [{"CertificateArn": ARN, "DomainName": "idp.univ.example"}]},
    "DescribeCertificate": {
        "Certificate": {
            "Serial": "ab:12",
            "Type": "IMPORTED",
            "SubjectAlternativeNames": ["idp.univ.example"],
            "KeyAlgorithm": "EC-prime256v1",
            "KeyUsages": [{"Name": "DIGITAL_SIGNATURE"}],
            "InUseBy": ["arn:aws:elasticloadbalancing:eu-west-3:123456789012:loadbalancer/app/a/1"],
            "NotAfter": NOW,
            "ExtendedKeyUsages": [{"Name": "TLS_WEB_SERVER_AUTHENTICATION", "OID": "1.3.6.1.5.5.7.3.1"}],
        }
    },
    "ListTagsForCertificate": {"Tags": [{"Key": "certmandate:delegation", "Value": "univ"}]},
    "ImportCertificate": {"CertificateArn": ARN},
}
POINTER = json.dumps(
    {"serial": "AB12", "not_before": "2026-01-01T00:00:00Z", "path": "certificates/univ/idp/AB12/"}
).encode()
FOLDER = "certificates/univ/idp"
VERSION = {"VersionId": "v", "ETag": '"1"', "IsLatest": True, "LastModified": NOW}
OBJECTS: Answers = {
    "GetObject": {"Body": POINTER, "ETag": '"1"', "LastModified": NOW},
    "PutObject": {"ETag": '"2"'},
    "ListObjectVersions": {
        "Versions": [{"Key": f"{FOLDER}/{name}", **VERSION} for name in ("current.json", "AB13/privkey.pem")],
        "DeleteMarkers": [],
    },
    "DeleteObject": {},
}
LISTED: Answers = {
    "ListObjectsV2": {
        "Contents": [{"Key": "runs/r/results/u/manifest.json", "LastModified": NOW}],
        "IsTruncated": False,
    },
    "GetObject": {"Body": json.dumps({"ResultFiles": {"FAILED": []}}).encode()},
}
DESCRIBED: Answers = {
    "DescribeSecret": {"Name": "sectigo/univ", "RotationEnabled": True, "NextRotationDate": NOW},
}
VALUE: Answers = {"GetSecretValue": {"VersionId": "v1", "SecretString": '{"login": "drao", "password": "secret"}'}}
EVENTS: Answers = {"PutEvents": {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}}
KMS: Answers = {
    "Encrypt": {"CiphertextBlob": b"sealed"},
    "Decrypt": {"Plaintext": b"no key"},
    "Sign": {"Signature": b"signature"},
    "GetPublicKey": {"PublicKey": b"key"},
}
LABELLED: Answers = {"UpdateSecretVersionStage": {}}
TABLE: Answers = {
    "BatchGetItem": {"Responses": {"orders": [KEY]}, "UnprocessedKeys": {"orders": {"Keys": []}}},
    "Query": {"Items": [KEY], "Count": 1},
    "Scan": {"Items": [KEY]},
    "UpdateItem": {"Attributes": KEY},
    "TransactWriteItems": {},
}
SEALS: Answers = {
    "ListObjectVersions": {
        "Versions": [{"Key": f"audit/univ/000000000001-{'ab' * 32}.json", "VersionId": "v"}],
        "CommonPrefixes": [{"Prefix": "audit/univ/"}],
    },
    "PutObject": {"ETag": '"2"'},
}
REPORT: Answers = {"GetObject": {"Body": b'{"host": "web1"}', "ETag": '"1"'}}
RUNNING: Answers = {
    "ListExecutions": {"executions": [{"name": "run-2", "startDate": datetime(2026, 1, 1, tzinfo=UTC)}]}
}


@cache
def pair() -> Any:
    """A key with its certificate: making one takes longer than a call."""
    return a_pair()


def acm(_region: str) -> Any:
    return client("acm")


def table() -> Table:
    return Table(client("dynamodb"), "orders")


def archive() -> S3RunArchive:
    return S3RunArchive(client("s3"), "store")


def objects() -> S3Certificates:
    return S3Certificates(client("s3"), "store")


def announcer() -> EventBridgeAnnouncer:
    return EventBridgeAnnouncer(client("events"), "default")


def vault() -> SecretsManagerVault:
    return SecretsManagerVault(client(SECRETS), "sectigo")


def seals() -> S3Seals:
    return S3Seals(client("s3"), "audit")


def mailer() -> SesMailer:
    return SesMailer(client("sesv2"), "certmandate@example.org", "Third party", "certmandate-rao")


def managed() -> ManagedCertificate:
    spec = replace(pair().spec, arns={"eu-west-3": ARN})
    return ManagedCertificate(spec)


STATEMENT = SealStatement("univ", ChainHead(1, "ab" * 32), ChainHead(0, ""), NOW)
CONTEXT = {"delegation": "univ", "certificate": "idp", "token": "token-1"}
UPDATE = updated(("univ", "delegation"), "SET #spec = :spec", {"spec": "x"})
CALLS: Mapping[str, tuple[str, Answers, Callable[[], object]]] = {
    "acm find": ("acm", ACM, lambda: Acm(acm).find(pair(), "eu-west-3")),
    "acm served": ("acm", ACM, lambda: Acm(acm).stored_serial("eu-west-3", ARN)),
    "acm import": ("acm", ACM, lambda: Acm(acm).put(pair(), "eu-west-3", None)),
    "acm use": ("acm", ACM, lambda: Acm(acm).use("eu-west-3", ARN)),
    "acm refusal": ("acm", ACM, lambda: Acm(acm).refusal(managed(), "eu-west-3")),
    "acm re-import": ("acm", ACM, lambda: Acm(acm).put(pair(), "eu-west-3", ARN)),
    "s3 put": ("s3", OBJECTS, lambda: objects().put(pair())),
    "s3 erase": ("s3", OBJECTS, lambda: objects().erase_replaced_keys("univ", "idp", "AB12")),
    "s3 served": ("s3", OBJECTS, lambda: objects().stored_serial("univ", "idp")),
    "run results": ("s3", LISTED, lambda: archive().read_results("r")),
    "run facts": ("s3", LISTED, lambda: archive().read_facts("r")),
    "run plan": ("s3", OBJECTS, lambda: archive().write_facts("r", PlanFacts(NOW))),
    "reported failures": ("s3", LISTED, lambda: archive().read_notified()),
    "kms seal": ("kms", KMS, lambda: KmsSealer(client("kms"), "key").seal(pair().key, **CONTEXT)),
    "kms open": ("kms", KMS, lambda: KmsOpener(client("kms"), "key").open(b"sealed", **CONTEXT)),
    "kms sign": ("kms", KMS, lambda: KmsSigner(client("kms"), "key").sign(b"statement")),
    "kms public key": ("kms", KMS, lambda: KmsSigner(client("kms"), "key").public_key()),
    "credential": (SECRETS, VALUE, lambda: SecretsManagerCredentials(client(SECRETS), "sectigo").latest("univ")),
    "vault name": (SECRETS, DESCRIBED, lambda: vault().delegation("arn")),
    "vault current": (SECRETS, VALUE, lambda: vault().current("arn")),
    "vault pending": (SECRETS, VALUE, lambda: vault().pending("arn")),
    "vault stage": (SECRETS, {"PutSecretValue": {}}, lambda: vault().stage("arn", CREDENTIAL)),
    "vault promote": (SECRETS, LABELLED, lambda: vault().promote("arn", CREDENTIAL, CREDENTIAL)),
    "vault withdraw": (SECRETS, LABELLED, lambda: vault().withdraw("arn", CREDENTIAL)),
    "next rotation": (SECRETS, DESCRIBED, lambda: ScheduledRotations(client(SECRETS), "sectigo")("univ")),
    "event": ("events", EVENTS, lambda: announcer().announce_renewal(an_order(), a_stored(), None)),
    "alert": ("sns", {"Publish": {"MessageId": "1"}}, lambda: SnsAlerts(client("sns"), "arn").publish(Alert("a", "b"))),
    "mail": ("sesv2", {"SendEmail": {"MessageId": "1"}}, lambda: mailer().send(Mail("rao@univ.example", "a", "b"), {})),
    "seals": ("s3", SEALS, lambda: [*seals().delegations()]),
    "last seal": ("s3", SEALS, lambda: seals().last("univ")),
    "seal": ("s3", SEALS, lambda: seals().put(Seal(STATEMENT, "key", "signature"), [])),
    "host report": ("s3", REPORT, lambda: S3HostReports(client("s3"), "store").report("univ", "web1")),
    "table read": ("dynamodb", TABLE, lambda: table().read([("univ", "delegation")])),
    "table query": ("dynamodb", TABLE, lambda: [*table().query("univ", "certificate#")]),
    "table index": ("dynamodb", TABLE, lambda: [*table().index("delegation")]),
    "table count": ("dynamodb", TABLE, lambda: table().count("delegation", 10)),
    "table partitions": ("dynamodb", TABLE, lambda: [*table().partitions()]),
    "table items": ("dynamodb", TABLE, lambda: [*table().items()]),
    "table update": ("dynamodb", TABLE, lambda: table().update(UPDATE)),
    "table transact": ("dynamodb", TABLE, lambda: table().transact(UPDATE)),
    "executions": ("stepfunctions", RUNNING, lambda: RunningExecutions(client("stepfunctions")).older("arn", "run-1")),
}  # fmt: skip

NO_ANSWER = (
    EndpointConnectionError(endpoint_url="https://aws.test"),
    ConnectionClosedError(endpoint_url="https://aws.test"),
    ReadTimeoutError(endpoint_url="https://aws.test"),
    IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ResponseStreamingError(error="reset"),
    ResponseParserError("no XML"),
    NoCredentialsError(),
    ParamValidationError(report="canary"),
)
CODES = ("AccessDenied", "ThrottlingException", "InternalError", "NobodyKnowsThisException")
ODD: tuple[Any, ...] = (None, 5, "text", [], [None], {})


def changed(answer: Any) -> Iterator[Any]:
    """Yield *answer* with each member, at any depth, removed and replaced."""
    yield from ODD
    members: Any = answer.items() if isinstance(answer, dict) else enumerate(answer) if isinstance(answer, list) else ()
    for name, value in members:
        for other in changed(value):
            copied = copy.copy(answer)
            copied[name] = other
            yield copied
        copied = copy.copy(answer)
        del copied[name]
        yield copied


def with_body(answer: Any) -> Any:
    """Give an answer of S3 a body that can be read, as botocore does."""
    if isinstance(answer, dict) and isinstance(answer.get("Body"), bytes):
        return {**answer, "Body": StreamingBody(io.BytesIO(answer["Body"]), len(answer["Body"]))}
    return answer


def operations_of(
    service: str, answers: Answers, call: Callable[[], object], operation: str = "", instead: Any = None
) -> set[str]:
    """Make *call*; return the operations that it made. *instead*: what *operation* gets, an answer or an exception."""
    made, called = client(service), set()

    def answer(model: Any, **_: Any) -> Any:
        called.add(model.name)
        given = instead if model.name == operation else answers[model.name]
        if isinstance(given, Exception):
            raise given
        status = given.get("ResponseMetadata", {}).get("HTTPStatusCode", 200) if isinstance(given, dict) else 200
        response: Any = AWSResponse
        return response("https://aws.test", status, {}, None), with_body(given)

    event = f"before-call.{made.meta.service_model.service_id.hyphenize()}"
    with hooked(made, event, answer), suppress(RenewalError, ConditionFailed, Unreadable):
        call()
    return called


def errors_of(service: str, operation: str) -> Iterator[Any]:
    """Yield an answer for each error that AWS documents for *operation*, and for those that every service has."""
    shapes = client(service).meta.service_model.operation_model(operation).error_shapes
    codes = [shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes]
    for code, status in [*((code, 400) for code in (*codes, *CODES)), ("Whatever", 500), ("NoSuchKey", 404)]:
        yield {"Error": {"Code": code, "Message": "text"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    yield {"ResponseMetadata": {"HTTPStatusCode": 400}}


def test_every_operation_of_the_functions_is_answered_here():
    """An adapter that is not here may let exceptions pass; the functions' layer has the models of these alone."""
    called = {
        f"{service}:{operation}"
        for service, answers, call in CALLS.values()
        for operation in operations_of(service, answers, call)
    }

    assert called == OPERATIONS


@pytest.mark.parametrize("what", CALLS)
def test_no_exception_of_a_library_crosses_an_adapter(what: str):
    """The state machine matches names: an exception of botocore would end the run without a section in the runbook."""
    service, answers, call = CALLS[what]
    operations = operations_of(service, answers, call)
    assert operations
    for operation in operations:
        for instead in (*NO_ANSWER, *errors_of(service, operation), *changed(answers[operation])):
            try:
                operations_of(service, answers, call, operation, instead)
            except Exception as error:  # noqa: BLE001  # any other one is what must not happen
                pytest.fail(f"{operation} answered {instead!r}: {type(error).__name__}: {error}")
