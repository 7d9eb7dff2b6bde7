"""ministack 1.5.33 with seven repairs: `python ministack_repaired.py`, by the Python of its own environment.

Exceptions: its Lambda runtime returns only the text of a Python exception, under one name for all. AWS returns the name
of the class, which every Retry and Catch of the state machine needs. The worker, a script in a string, is patched to
send the name before the text; both are separated where the answer leaves Lambda.

Alarms over several metrics: its CloudFormation refuses them. The first of the metrics represents the sum.

Dimensions: its alarms accept any metric of their namespace and name. CloudWatch distinguishes metrics by every
dimension, and an alarm with a wrong one is never raised.

TLS: the bucket denies requests without TLS, and loopback has none; the emulator is made to assume it.

Network: its CloudFormation has neither elastic addresses nor NAT gateways; its EC2 has both, and they are made there.

Conditions: it resolves no keys of KMS, DynamoDB, EventBridge and S3's conditional writes, so every request has the
values of one that is allowed; and aws:PrincipalArn is the role's, not the session's. What the conditions deny is
asserted on the policies (tests/template).

Results: its Distributed Map has no ResultWriter; what the children of a Map leave is written where AWS writes it.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from typing import Any

_BETWEEN = "\\x1f"  # the unit separator, as the worker's source writes it
_OF_AN_ALLOWED_REQUEST = {
    "kms:encryptioncontext:order": "order",
    "dynamodb:attributes": ["delegation", "item"],
    "dynamodb:leadingkeys": ["a delegation"],
    "events:source": "certmandate",
    "s3:if-none-match": "*",
}
_SENT = '"error": str(e), "trace"'


def repair_exceptions() -> None:
    """Make Lambda return the name of an exception. Raises RuntimeError when the worker of this version differs."""
    runtime: Any = import_module("ministack.core.lambda_runtime")
    service: Any = import_module("ministack.services.lambda_svc")
    script = runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001 - there is no other seam
    if script.count(_SENT) != 1:
        msg = "this version of ministack has another Lambda worker: check whether it still needs the repair"
        raise RuntimeError(msg)
    named = f'"error": type(e).__name__ + "{_BETWEEN}" + str(e), "trace"'
    runtime._PYTHON_WORKER_SCRIPT = script.replace(_SENT, named)  # noqa: SLF001
    execute = service._execute_function_warm  # noqa: SLF001

    def execute_named(*arguments: Any, **named: Any) -> Any:
        return _named(execute(*arguments, **named))

    service._execute_function_warm = execute_named  # noqa: SLF001


def _named(answer: Any) -> Any:
    body = answer.get("body") if isinstance(answer, dict) else None
    text = body.get("errorMessage") if isinstance(body, dict) else None
    if isinstance(body, dict) and isinstance(text, str) and "\x1f" in text:
        name, _, message = text.partition("\x1f")
        body.update(errorType=name, errorMessage=message)
    return answer


def repair_alarms() -> None:
    """Make an alarm over several metrics watch the first."""
    provisioners: Any = import_module("ministack.services.cloudformation.provisioners")
    record = provisioners._cw_metric_alarm_record  # noqa: SLF001 - there is no other seam

    def first_metric(name: str, properties: dict[str, Any]) -> Any:
        several = [query["MetricStat"] for query in properties.get("Metrics", ()) if "MetricStat" in query]
        if not several:
            return record(name, properties)
        single = {key: value for key, value in properties.items() if key != "Metrics"}
        single.update(several[0]["Metric"], Statistic=several[0]["Stat"], Period=several[0]["Period"])
        return record(name, single)

    provisioners._cw_metric_alarm_record = first_metric  # noqa: SLF001


def repair_dimensions() -> None:
    """Make an alarm watch only the metrics with its own dimensions."""
    service: Any = import_module("ministack.services.cloudwatch")
    evaluate = service._evaluate_alarm  # noqa: SLF001 - there is no other seam

    def evaluate_its_own(alarm: dict[str, Any]) -> None:
        every = service._metrics  # noqa: SLF001
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm.get("Dimensions") or ()}
        key = service._dims_key(dimensions)  # noqa: SLF001
        service._metrics = {name: points for name, points in every.items() if name[2] == key}  # noqa: SLF001
        try:
            evaluate(alarm)
        finally:
            service._metrics = every  # noqa: SLF001

    service._evaluate_alarm = evaluate_its_own  # noqa: SLF001


def assume_tls() -> None:
    """Treat every request as one over HTTPS."""
    evaluator: Any = import_module("ministack.core.iam_evaluator")
    pin = evaluator.pin_request_origin

    def pinned(source_ip: str, _secure: bool) -> None:  # noqa: FBT001 - the emulator's own signature
        pin(source_ip, True)

    evaluator.pin_request_origin = pinned


def repair_conditions() -> None:
    """Resolve the condition keys that it lacks or resolves differently from AWS."""
    evaluator: Any = import_module("ministack.core.iam_evaluator")
    resolve = evaluator._resolve_condition_key  # noqa: SLF001 - there is no other seam

    def resolved(key: str, context: Any) -> Any:
        if key.lower() == "events:detail-type":
            is_notify = "NotifyRole" in str(resolve("aws:PrincipalArn", context))
            return "RAO Notice" if is_notify else "Certificate Renewed"
        if key.lower() in _OF_AN_ALLOWED_REQUEST:
            return _OF_AN_ALLOWED_REQUEST[key.lower()]
        value = resolve(key, context)
        if key.lower() == "aws:principalarn" and ":assumed-role/" in str(value):
            head, _, session = value.partition(":assumed-role/")
            return f"{head.replace(':sts:', ':iam:')}:role/{session.split('/')[0]}"
        return value

    evaluator._resolve_condition_key = resolved  # noqa: SLF001


def repair_network() -> None:
    """Add AWS::EC2::EIP and AWS::EC2::NatGateway to CloudFormation. Raises RuntimeError when it has them already."""
    ec2: Any = import_module("ministack.services.ec2")
    provisioners: Any = import_module("ministack.services.cloudformation.provisioners")
    handlers, tag = provisioners._RESOURCE_HANDLERS, provisioners._ec2_apply_tags  # noqa: SLF001 - no other seam
    if {"AWS::EC2::EIP", "AWS::EC2::NatGateway"} & set(handlers):
        msg = (
            "this version of ministack makes addresses or NAT gateways itself: check whether it still needs the repair"
        )
        raise RuntimeError(msg)

    def make_address(_name: str, properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        answer = ec2._allocate_address({"Domain": [properties["Domain"]]})  # noqa: SLF001
        address, allocation = _element(answer, "publicIp"), _element(answer, "allocationId")
        tag(allocation, properties)
        return address, {"PublicIp": address, "AllocationId": allocation}

    def release_address(address: str, _properties: dict[str, Any]) -> None:
        for allocation in [key for key, held in ec2._addresses.items() if held["PublicIp"] == address]:  # noqa: SLF001
            ec2._release_address({"AllocationId": [allocation]})  # noqa: SLF001

    def make_gateway(_name: str, properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        allocation = properties["AllocationId"]
        asked = {"SubnetId": [properties["SubnetId"]], "AllocationId": [allocation]}
        gateway = _element(ec2._create_nat_gateway(asked), "natGatewayId")  # noqa: SLF001
        ec2._associate_address({"AllocationId": [allocation], "InstanceId": [""]})  # noqa: SLF001
        tag(gateway, properties)
        return gateway, {"NatGatewayId": gateway}

    def delete_gateway(gateway: str, _properties: dict[str, Any]) -> None:
        ec2._delete_nat_gateway({"NatGatewayId": [gateway]})  # noqa: SLF001

    handlers["AWS::EC2::EIP"] = {"create": make_address, "delete": release_address}
    handlers["AWS::EC2::NatGateway"] = {"create": make_gateway, "delete": delete_gateway}


def repair_results() -> None:
    """Write the results of a Distributed Map to S3 (AWS: step-functions/latest/dg/input-output-resultwriter.html)."""
    service: Any = import_module("ministack.services.stepfunctions")
    run_map = service._run_distributed_map  # noqa: SLF001 - there is no other seam

    def run_and_write(state: dict[str, Any], given: Any, effective: Any, iterator: Any, run: Any, context: Any) -> Any:
        before = set(service._map_runs)  # noqa: SLF001
        answer = run_map(state, given, effective, iterator, run, context)
        made = {arn: of["executionArn"] for arn, of in service._map_runs.items() if arn not in before}  # noqa: SLF001
        (map_run,) = (arn for arn, execution in made.items() if execution == run["executionArn"])
        where = service._resolve_params_obj(state["ResultWriter"]["Parameters"], effective, context)  # noqa: SLF001
        children = service._executions.values()  # noqa: SLF001
        _write_results(where, map_run, [child for child in children if child.get("mapRunArn") == map_run])
        return answer

    service._run_distributed_map = run_and_write  # noqa: SLF001


def _write_results(where: dict[str, str], map_run: str, children: list[dict[str, Any]]) -> None:
    put = import_module("ministack.services.s3")._put_object  # noqa: SLF001 - there is no other seam
    members = ("executionArn", "name", "status", "input", "output", "error", "cause")
    folder = f"{where['Prefix']}/{map_run.rpartition(':')[2]}"
    files: dict[str, list[dict[str, str]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for status, listed in files.items():
        own = [child for child in children if child["status"] == status]
        if own:
            entries = [{name[0].upper() + name[1:]: child.get(name) for name in members} for child in own]
            listed.append({"Key": f"{folder}/{status}_0.json"})
            put(where["Bucket"], listed[0]["Key"], json.dumps(entries).encode(), {})
    manifest = {"DestinationBucket": where["Bucket"], "MapRunArn": map_run, "ResultFiles": files}
    put(where["Bucket"], f"{folder}/manifest.json", json.dumps(manifest).encode(), {})


def _element(answer: tuple[int, Any, bytes | str], name: str) -> str:
    """Return the text of the one element of that name in an answer of EC2. Raises RuntimeError."""
    body = answer[2].decode() if isinstance(answer[2], bytes) else answer[2]
    match = re.search(f"<{name}>([^<]+)</{name}>", body)
    if match is None:
        msg = f"ministack's EC2 answers without {name}: {body}"
        raise RuntimeError(msg)
    return match[1]


if __name__ == "__main__":
    repair_exceptions()
    repair_alarms()
    repair_dimensions()
    assume_tls()
    repair_conditions()
    repair_network()
    repair_results()
    sys.argv = ["ministack"]
    import_module("ministack.app").main()
