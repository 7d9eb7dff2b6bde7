"""What must outlive the stack, what must be encrypted, and how the network stack keeps the address."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.policy import Request, allowed, statements
from stack.resolved import ACCOUNT, Stack

NETWORK = Path(__file__).resolve().parents[2] / "infra" / "network.yaml"
KEPT = {
    "AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket",
}  # fmt: skip
"""Types whose loss loses keys, certificates or the audit trail."""


def test_what_holds_data_outlives_the_stack(stack: Stack) -> None:
    """A stack deleted by mistake must not take private keys or the audit trail along."""
    for one in stack.resources():
        if one.type in KEPT:
            assert one.body.get("DeletionPolicy") == "Retain", one.logical_id
            assert one.body.get("UpdateReplacePolicy") == "Retain", one.logical_id


def test_the_table_is_encrypted_backed_up_and_protected(stack: Stack) -> None:
    """Sealed keys and the audit trail are in it."""
    table = stack.resource("OrdersTable").properties
    assert table["SSESpecification"]["KMSMasterKeyId"] == stack.arn("StoreKey")
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert table["DeletionProtectionEnabled"]


def test_the_bucket_is_encrypted_versioned_and_private(stack: Stack) -> None:
    """Private keys are in it."""
    bucket = stack.resource("StoreBucket").properties
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == stack.arn("StoreKey")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_logs_are_encrypted_end_some_day_and_mask_keys(stack: Stack) -> None:
    """A net under a rule: the functions write no key."""
    for group in stack.resources("AWS::Logs::LogGroup"):
        assert group.properties["KmsKeyId"] == stack.arn("WatchKey"), group.logical_id
        assert int(group.properties["RetentionInDays"]) <= 365, group.logical_id
        tell, mask = group.properties["DataProtectionPolicy"]["Statement"]
        assert tell["DataIdentifier"] == mask["DataIdentifier"], group.logical_id
        assert "arn:aws:dataprotection::aws:data-identifier/PkcsPrivateKey" in tell["DataIdentifier"]
        assert "Audit" in tell["Operation"]
        assert "Deidentify" in mask["Operation"]


def test_the_log_service_may_use_the_key_of_the_groups(stack: Stack) -> None:
    """Else the groups cannot be made, or nothing can be written to them."""
    policy = stack.resource("WatchKey").properties["KeyPolicy"]["Statement"]
    service = {"Service": "logs.eu-west-3.amazonaws.com"}
    mine = statements([{"Statement": [one for one in policy if one["Principal"] == service]}])
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
    """X-Ray costs, and a log of inputs is one more copy."""
    machine = stack.resource("Renewal").properties
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert not machine.get("TracingConfiguration", {}).get("Enabled", False)
    for function in stack.resources("AWS::Lambda::Function"):
        assert "TracingConfig" not in function.properties, function.logical_id


@pytest.mark.parametrize("logical_id", ["Address", "StandbyAddress"])
def test_an_address_outlives_its_stack(logical_id: str) -> None:
    """It stands in the access list of every organisation; nobody can get it back once it is released."""
    address = Stack(NETWORK, {"WithStandbyAddress": "true"}).resource(logical_id)
    assert address.body["DeletionPolicy"] == "RetainExceptOnCreate"
    assert address.body["UpdateReplacePolicy"] == "Retain"
    assert {"Key": "Purpose", "Value": "scm-access-list"} in address.properties["Tags"]


@pytest.mark.parametrize("key", ["OrderKey", "StoreKey", "WatchKey"])
def test_keys_are_rotated(stack: Stack, key: str) -> None:
    """AWS does it once a year, for nothing, and old ciphertext stays readable."""
    assert stack.resource(key).properties["EnableKeyRotation"] is True


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
def test_the_gateway_takes_the_address_that_is_meant(
    parameters: dict[str, str], addresses: set[str], allocation: str
) -> None:
    """A rebuilt stack that is given the old allocation must not make a new address."""
    network = Stack(NETWORK, parameters)
    assert {one.logical_id for one in network.resources("AWS::EC2::EIP")} == addresses
    (gateway,) = network.resources("AWS::EC2::NatGateway")
    assert gateway.properties["AllocationId"] == allocation
    assert gateway.properties["SubnetId"] == network.name("PublicSubnet")


def test_there_is_one_way_out_and_it_has_the_address(network: Stack) -> None:
    """A second way out has a second address, which no access list knows."""
    routes = {one.properties["RouteTableId"]: one.properties for one in network.resources("AWS::EC2::Route")}
    private = routes[network.name("PrivateRoutes")]
    assert private["NatGatewayId"] == network.name("Gateway")
    assert private["DestinationCidrBlock"] == "0.0.0.0/0"
    assert not [one for one in network.resources() if "EgressOnly" in one.type or "Ipv6" in str(one.properties)]
    tables = {one.properties["SubnetId"]: one.properties["RouteTableId"]
              for one in network.resources("AWS::EC2::SubnetRouteTableAssociation")}  # fmt: skip
    assert tables[network.name("PrivateSubnet")] == network.name("PrivateRoutes")
    assert tables[network.name("PublicSubnet")] == network.name("PublicRoutes")


def test_the_functions_reach_https_only_and_nothing_reaches_them(network: Stack) -> None:
    """SCM's addresses are not fixed, so the port is what can be narrowed."""
    (group,) = network.resources("AWS::EC2::SecurityGroup")
    out = [(one["IpProtocol"], one["FromPort"], one["ToPort"]) for one in group.properties["SecurityGroupEgress"]]
    assert out == [("tcp", 443, 443)]
    assert "SecurityGroupIngress" not in group.properties


def test_the_endpoints_lead_to_this_account_only(stack: Stack, network: Stack) -> None:
    """A function that was taken over must not carry keys to somebody else's bucket."""
    policies = {
        one.logical_id: statements([one.properties["PolicyDocument"]])
        for one in network.resources("AWS::EC2::VPCEndpoint")
    }
    ours, theirs = {"aws:ResourceAccount": ACCOUNT}, {"aws:ResourceAccount": "999999999999"}
    for name, action in (("StorageEndpoint", "s3:PutObject"), ("TableEndpoint", "dynamodb:UpdateItem")):
        assert allowed(policies[name], Request(action, "anything", ours))
        assert not allowed(policies[name], Request(action, "anything", theirs))


def test_the_endpoints_let_through_what_the_functions_in_the_vpc_may_do(stack: Stack, network: Stack) -> None:
    """Else a permission that a role has is refused on the way."""
    through = {
        action
        for one in network.resources("AWS::EC2::VPCEndpoint")
        for statement in statements([one.properties["PolicyDocument"]])
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
