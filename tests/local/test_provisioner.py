from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloudformation.intrinsics import UnknownIntrinsic
from local.cloudformation.parameters import ParameterRefused
from local.cloudformation.resources.properties import NotProvisioned
from local.cloudformation.template import TemplateProblem
from local.in_process import InProcessAws

from .conftest import TOY

ROOT = Path(__file__).parents[2]
HEAD = "Transform: AWS::Serverless-2016-10-31\n"

Up = Callable[..., InProcessAws]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Return a function that provisions a template's text."""
    made: list[InProcessAws] = []

    def provision(text: str, **parameters: str) -> InProcessAws:
        file = tmp_path / "template.yaml"
        file.write_text(HEAD + text)
        made.append(InProcessAws(file, {}, parameters=parameters))
        return made[-1]

    yield provision
    for aws in made:
        aws.close()


@pytest.fixture(scope="module")
def toy() -> Iterator[InProcessAws]:
    """Provision the toy application."""
    with InProcessAws(TOY, {}, parameters={"Alarmed": "yes"}) as aws:
        yield aws


def test_the_shipped_template_comes_up() -> None:
    """What is provisioned here is what is deployed."""
    with InProcessAws(ROOT / "template.yaml", {}) as aws:
        assert aws.outputs


def test_an_unknown_resource_type_is_an_error(up: Up) -> None:
    """Skipped silently, a run here would pass without it and fail on AWS."""
    with pytest.raises(NotProvisioned, match=r"Cluster: AWS::ECS::Cluster has no local provisioner"):
        up("Resources: {Cluster: {Type: AWS::ECS::Cluster}}")


def test_a_property_that_is_not_provisioned_is_an_error(up: Up) -> None:
    """The same, one level down."""
    with pytest.raises(NotProvisioned, match=r"Store \(AWS::S3::Bucket\): WebsiteConfiguration not provisioned"):
        up("Resources: {Store: {Type: AWS::S3::Bucket, Properties: {WebsiteConfiguration: {}}}}")


def test_a_misspelled_member_is_an_error_that_names_the_resource(up: Up) -> None:
    """Botocore's model has every member's name and type."""
    with pytest.raises(NotProvisioned, match=r"(?s)Store \(AWS::S3::Bucket\).*Statuss"):
        up("Resources: {Store: {Type: AWS::S3::Bucket, Properties: {VersioningConfiguration: {Statuss: Enabled}}}}")


def test_what_is_left_out_on_purpose_is_no_error(up: Up) -> None:
    """A network has no place here; each such property is in a list, with its reason."""
    up("Resources: {Log: {Type: AWS::Logs::LogGroup, Properties: {DataProtectionPolicy: {}}}}")


def test_a_reference_to_nothing_is_an_error(up: Up) -> None:
    """cfn-lint does not find it inside Globals."""
    with pytest.raises(UnknownIntrinsic, match="refers to Nothing"):
        up("Resources: {Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Nothing}}}")


def test_a_circle_of_references_is_an_error(up: Up) -> None:
    """CloudFormation refuses it too."""
    with pytest.raises(NotProvisioned, match="A -> B -> A"):
        up(
            "Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref B}}\n"
            "  B: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref A}}"
        )


def test_a_parameter_that_the_template_lacks_is_an_error(up: Up) -> None:
    """A typing error in a parameter would otherwise be a default in disguise."""
    with pytest.raises(TemplateProblem, match="no parameter Graeting; it has Greeting"):
        up("Parameters: {Greeting: {Type: String, Default: x}}\nResources: {T: {Type: AWS::SNS::Topic}}", Graeting="y")


def test_a_parameter_outside_its_limits_is_an_error(up: Up) -> None:
    """CloudFormation refuses it before it makes anything."""
    with pytest.raises(ParameterRefused, match="Days is 0, below its least value 1"):
        up(
            "Parameters: {Days: {Type: Number, Default: 3, MinValue: 1}}\nResources: {T: {Type: AWS::SNS::Topic}}",
            Days="0",
        )


def test_a_folder_that_is_missing_is_an_error(up: Up) -> None:
    """Neither cfn-lint nor sam validate checks it."""
    with pytest.raises(TemplateProblem, match=r"F: .*nowhere is not a folder"):
        up(
            "Resources: {F: {Type: AWS::Serverless::Function,"
            " Properties: {CodeUri: nowhere, Handler: a.b, Runtime: python3.13}}}"
        )


def test_a_substitution_that_is_not_given_is_an_error(up: Up, tmp_path: Path) -> None:
    """On AWS the state machine would call a function named ${Enroll}."""
    (tmp_path / "machine.yaml").write_text('{StartAt: A, States: {A: {Type: Pass, Result: "${Enroll}", End: true}}}')
    with pytest.raises(TemplateProblem, match=r"Machine: the definition uses \$\{Enroll\}"):
        up("Resources: {Machine: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: machine.yaml}}}")


def test_only_one_at_a_time(toy: InProcessAws) -> None:
    """Moto's state is the process's."""
    with pytest.raises(RuntimeError, match="close it first"):
        InProcessAws(TOY, {})


@pytest.mark.parametrize(
    ("service", "operation", "request_", "path", "expected"),
    [
        ("s3", "get_bucket_versioning", {"Bucket": "certmandate-bucket"}, ["Status"], "Enabled"),
        ("s3", "get_public_access_block", {"Bucket": "certmandate-bucket"},
         ["PublicAccessBlockConfiguration", "RestrictPublicBuckets"], True),
        ("s3", "get_bucket_ownership_controls", {"Bucket": "certmandate-bucket"},
         ["OwnershipControls", "Rules", 0, "ObjectOwnership"], "BucketOwnerEnforced"),
        ("s3", "get_bucket_lifecycle_configuration", {"Bucket": "certmandate-bucket"},
         ["Rules", 0, "ID"], "runs"),
        ("dynamodb", "describe_table", {"TableName": "certmandate-Table"},
         ["Table", "GlobalSecondaryIndexes", 0, "IndexName"], "by-due"),
        ("dynamodb", "describe_table", {"TableName": "certmandate-Table"},
         ["Table", "SSEDescription", "SSEType"], "KMS"),
        ("dynamodb", "describe_continuous_backups", {"TableName": "certmandate-Table"},
         ["ContinuousBackupsDescription", "PointInTimeRecoveryDescription", "PointInTimeRecoveryStatus"],
         "ENABLED"),
        ("scheduler", "get_schedule_group", {"Name": "certmandate-Schedules"}, ["State"], "ACTIVE"),
        ("logs", "describe_log_groups", {}, ["logGroups", 0, "retentionInDays"], 30),
        ("cloudwatch", "describe_alarms", {}, ["MetricAlarms", 0, "MetricName"], "ExecutionsFailed"),
    ],
)  # fmt: skip
def test_resources_have_the_properties_of_the_template(
    toy: InProcessAws, service: str, operation: str, request_: dict[str, Any], path: list[Any], expected: Any
) -> None:
    """A property lost on the way is a difference between here and AWS."""
    answer = getattr(toy.client(service), operation)(**request_)
    for step in path:
        answer = answer[step]
    assert answer == expected


def test_a_schedule_starts_the_state_machine(toy: InProcessAws) -> None:
    """Moto never starts its target."""
    (schedule,) = toy.client("scheduler").list_schedules(GroupName="certmandate-Schedules")["Schedules"]
    described = toy.client("scheduler").get_schedule(Name=schedule["Name"], GroupName="certmandate-Schedules")

    assert described["Target"]["Arn"] == toy.outputs["MachineArn"]
    assert described["ScheduleExpression"] == "cron(30 4 * * ? *)"


def test_objects_may_be_written_under_a_policy_with_conditions(toy: InProcessAws) -> None:
    """`Deny without TLS` is no `Deny`."""
    toy.client("s3").put_object(Bucket=toy.outputs["BucketName"], Key="k", Body=b"")
