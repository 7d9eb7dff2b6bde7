"""What must outlive the stack, what must be encrypted, and how the network stack keeps the address."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.cloudformation.parameters import ACCOUNT
from stack.policy import Request, allowed, statements
from stack.resolved import Stack

NETWORK = Path(__file__).resolve().parents[2] / "infra" / "network.yaml"
REMOVED_BY_A_ROLLBACK = {
    "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::S3::BucketPolicy",
}  # fmt: skip
"""What outlives the stack, because its loss loses keys, certificates or the audit trail, or lets others read them. Only
the deployment that creates it removes it, when it fails."""


def test_what_holds_data_outlives_the_stack(stack: Stack) -> None:
    """Deleting the stack by mistake must not delete private keys or the audit trail, nor what denies reading them."""
    for resource in stack.resources():
        if resource.type in REMOVED_BY_A_ROLLBACK | {"AWS::DynamoDB::Table"}:
            assert resource.body.get("DeletionPolicy", "").startswith("Retain"), resource.logical_id
            assert resource.body.get("UpdateReplacePolicy") == "Retain", resource.logical_id


def test_a_failed_first_deployment_leaves_only_the_tables(stack: Stack) -> None:
    """Five keys cost five dollars a month for nothing. A table's deletion protection would make the rollback fail."""
    for resource in stack.resources():
        if resource.type in REMOVED_BY_A_ROLLBACK:
            assert resource.body.get("DeletionPolicy") == "RetainExceptOnCreate", resource.logical_id
        if resource.type == "AWS::DynamoDB::Table":
            assert resource.body.get("DeletionPolicy") == "Retain", resource.logical_id


def test_what_is_kept_for_a_time_ends_as_the_pages_state(stack: Stack) -> None:
    """docs/privacy.md promises it to those whose addresses are in a report, or in an alert that was not delivered."""
    rules = stack.resource("StoreBucket").properties["LifecycleConfiguration"]["Rules"]
    (runs,) = [rule for rule in rules if rule.get("Prefix") == "runs/"]
    assert (runs["Status"], runs["ExpirationInDays"]) == ("Enabled", 365)
    assert runs["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    for queue in stack.resources("AWS::SQS::Queue"):
        assert queue.properties["MessageRetentionPeriod"] == 14 * 86_400, queue.logical_id


@pytest.mark.parametrize("name", ["OrdersTable", "AuditTable"])
def test_a_table_is_encrypted_backed_up_and_protected(stack: Stack, name: str) -> None:
    """One holds encrypted keys, the other the audit trail."""
    table = stack.resource(name).properties
    assert table["SSESpecification"]["KMSMasterKeyId"] == stack.arn("StoreKey")
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert table["DeletionProtectionEnabled"]


def test_the_bucket_is_encrypted_versioned_and_private(stack: Stack) -> None:
    """The bucket holds private keys."""
    bucket = stack.resource("StoreBucket").properties
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == stack.arn("StoreKey")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_logs_are_encrypted_expire_and_mask_keys(stack: Stack) -> None:
    """The functions write no key; the mask covers a fault in that rule."""
    for group in stack.resources("AWS::Logs::LogGroup"):
        assert group.properties["KmsKeyId"] == stack.arn("WatchKey"), group.logical_id
        assert int(group.properties["RetentionInDays"]) <= 365, group.logical_id
        audit, mask = group.properties["DataProtectionPolicy"]["Statement"]
        assert audit["DataIdentifier"] == mask["DataIdentifier"], group.logical_id
        assert "arn:aws:dataprotection::aws:data-identifier/PkcsPrivateKey" in audit["DataIdentifier"]
        assert "Audit" in audit["Operation"]
        assert "Deidentify" in mask["Operation"]


def test_the_log_service_may_use_the_key_of_the_groups(stack: Stack) -> None:
    """Otherwise the log groups cannot be created or written."""
    policy = stack.resource("WatchKey").properties["KeyPolicy"]["Statement"]
    service = {"Service": "logs.eu-west-3.amazonaws.com"}
    mine = statements([{"Statement": [statement for statement in policy if statement["Principal"] == service]}])
    for group in stack.resources("AWS::Logs::LogGroup"):
        context = {"kms:EncryptionContext:aws:logs:arn": stack.arn(group.logical_id).removesuffix(":*")}
        assert allowed(mine, Request("kms:GenerateDataKey", "*", context)), group.logical_id


def test_functions_log_at_a_level_that_keeps_metrics_and_keys_safe(stack: Stack) -> None:
    """At DEBUG botocore prints request bodies; above INFO Lambda drops the lines that are metrics."""
    for function in stack.resources("AWS::Lambda::Function"):
        logging = function.properties["LoggingConfig"]
        assert logging["LogGroup"] == stack.name("FunctionLogs"), function.logical_id
        assert logging["ApplicationLogLevel"] == "INFO", function.logical_id


def test_the_state_machine_logs_without_what_it_carries_and_is_not_traced(stack: Stack) -> None:
    """X-Ray costs money, and a log of inputs is another copy of them."""
    machine = stack.resource("Renewal").properties
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert not machine.get("TracingConfiguration", {}).get("Enabled", False)
    for function in stack.resources("AWS::Lambda::Function"):
        assert "TracingConfig" not in function.properties, function.logical_id


@pytest.mark.parametrize("logical_id", ["Address", "StandbyAddress"])
def test_an_address_outlives_its_stack(logical_id: str) -> None:
    """It is in the access list of every organisation, and a released address cannot be recovered."""
    address = Stack(NETWORK, {"WithStandbyAddress": "true"}).resource(logical_id)
    assert address.body["DeletionPolicy"] == "RetainExceptOnCreate"
    assert address.body["UpdateReplacePolicy"] == "Retain"
    assert {"Key": "Purpose", "Value": "scm-access-list"} in address.properties["Tags"]


@pytest.mark.parametrize(
    ("parameters", "addresses", "allocation"),
    [
        ({}, {"Address"}, "Address.AllocationId"),
        ({"WithStandbyAddress": "true"}, {"Address", "StandbyAddress"}, "Address.AllocationId"),
        (
            {"ExistingAllocationId": "eipalloc-0123456789abcdef0", "ExistingAddress": "192.0.2.7"},
            set(),
            "eipalloc-0123456789abcdef0",
        ),
    ],
)
def test_the_gateway_uses_the_address_that_the_parameters_name(
    parameters: dict[str, str], addresses: set[str], allocation: str
) -> None:
    """A rebuilt stack with the old allocation must not create another address."""
    network = Stack(NETWORK, parameters)
    assert {address.logical_id for address in network.resources("AWS::EC2::EIP")} == addresses
    (gateway,) = network.resources("AWS::EC2::NatGateway")
    assert gateway.properties["AllocationId"] == allocation
    assert gateway.properties["SubnetId"] == network.name("PublicSubnet")


def test_the_only_egress_path_has_the_address(network: Stack) -> None:
    """A second egress path has a second address, which is in no access list."""
    routes = {route.properties["RouteTableId"]: route.properties for route in network.resources("AWS::EC2::Route")}
    private = routes[network.name("PrivateRoutes")]
    assert private["NatGatewayId"] == network.name("Gateway")
    assert private["DestinationCidrBlock"] == "0.0.0.0/0"
    assert not [
        resource
        for resource in network.resources()
        if "EgressOnly" in resource.type or "Ipv6" in str(resource.properties)
    ]
    tables = {association.properties["SubnetId"]: association.properties["RouteTableId"]
              for association in network.resources("AWS::EC2::SubnetRouteTableAssociation")}  # fmt: skip
    assert tables[network.name("PrivateSubnet")] == network.name("PrivateRoutes")
    assert tables[network.name("PublicSubnet")] == network.name("PublicRoutes")


def test_the_functions_reach_https_only_and_nothing_reaches_them(network: Stack) -> None:
    """SCM's addresses are not fixed, so the port is what can be narrowed."""
    (group,) = network.resources("AWS::EC2::SecurityGroup")
    out = [(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in group.properties["SecurityGroupEgress"]]
    assert out == [("tcp", 443, 443)]
    assert "SecurityGroupIngress" not in group.properties


def test_the_endpoints_lead_to_this_account_only(stack: Stack, network: Stack) -> None:
    """A compromised function must not copy keys to another account's bucket."""
    policies = {
        endpoint.logical_id: statements([endpoint.properties["PolicyDocument"]])
        for endpoint in network.resources("AWS::EC2::VPCEndpoint")
    }
    ours, theirs = {"aws:ResourceAccount": ACCOUNT}, {"aws:ResourceAccount": "999999999999"}
    for name, action in (("StorageEndpoint", "s3:PutObject"), ("TableEndpoint", "dynamodb:UpdateItem")):
        assert allowed(policies[name], Request(action, "anything", ours))
        assert not allowed(policies[name], Request(action, "anything", theirs))


def test_the_endpoints_allow_what_the_functions_in_the_vpc_may_do(stack: Stack, network: Stack) -> None:
    """Otherwise the endpoint denies what the role allows."""
    through = {
        action
        for endpoint in network.resources("AWS::EC2::VPCEndpoint")
        for statement in statements([endpoint.properties["PolicyDocument"]])
        for action in statement.actions
    }
    roles = ("InspectDelegationRole", "EnrollRole", "CollectRole")
    wanted = {
        action
        for role in roles
        for policy in stack.resource(role).properties["Policies"]
        for statement in statements([policy["PolicyDocument"]])
        for action in statement.actions
        if action.startswith(("s3:", "dynamodb:"))
    }
    assert wanted == through
