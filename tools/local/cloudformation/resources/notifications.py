"""SNS topics, SQS queues, log groups, alarms and dashboards."""

from __future__ import annotations

import json

from local.cloudformation.parameters import ACCOUNT, REGION
from local.cloudformation.resources.properties import Properties
from local.cloudformation.resources.resource import Made, Maker, Stack


def topic(properties: Properties, stack: Stack) -> Made:
    """Make a topic."""
    name, attributes = properties.name("TopicName"), properties.some("DisplayName", "KmsMasterKeyId")
    made = stack.client("sns").create_topic(Name=name, Attributes=attributes)
    return Made(made["TopicArn"], {"TopicName": name})


def topic_policy(properties: Properties, stack: Stack) -> Made:
    """Attach a policy to topics."""
    policy = json.dumps(properties.need("PolicyDocument"))
    for arn in properties.need("Topics"):
        stack.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return Made(properties.logical_id)


def subscription(properties: Properties, stack: Stack) -> Made:
    """Subscribe an endpoint to a topic."""
    request = properties.some("TopicArn", "Protocol", "Endpoint")
    redrive = properties.take("RedrivePolicy")
    attributes = {"RedrivePolicy": json.dumps(redrive)} if redrive else {}
    made = stack.client("sns").subscribe(ReturnSubscriptionArn=True, Attributes=attributes, **request)
    return Made(made["SubscriptionArn"])


def queue(properties: Properties, stack: Stack) -> Made:
    """Make a queue."""
    client, name = stack.client("sqs"), properties.name("QueueName")
    attributes = properties.some("MessageRetentionPeriod", "SqsManagedSseEnabled")
    texts = {attribute: str(value).lower() for attribute, value in attributes.items()}
    url = client.create_queue(QueueName=name, Attributes=texts)["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return Made(url, {"Arn": arn, "QueueName": name})


def queue_policy(properties: Properties, stack: Stack) -> Made:
    """Attach a policy to queues."""
    policy = json.dumps(properties.need("PolicyDocument"))
    for url in properties.need("Queues"):
        stack.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return Made(properties.logical_id)


def log_group(properties: Properties, stack: Stack) -> Made:
    """Make a log group."""
    client, name, key = stack.client("logs"), properties.name("LogGroupName"), properties.take("KmsKeyId")
    client.create_log_group(logGroupName=name, **({"kmsKeyId": key} if key else {}))
    if days := properties.take("RetentionInDays"):
        client.put_retention_policy(logGroupName=name, retentionInDays=int(days))
    return Made(name, {"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"})


def alarm(properties: Properties, stack: Stack) -> Made:
    """Make an alarm (moto keeps it and does not evaluate it)."""
    name = properties.name("AlarmName")
    request = properties.some(
        "AlarmActions", "AlarmDescription", "ComparisonOperator", "DatapointsToAlarm", "Dimensions",
        "EvaluationPeriods", "MetricName", "Metrics", "Namespace", "OKActions", "Period", "Statistic", "Threshold",
        "TreatMissingData",
    )  # fmt: skip
    if "Threshold" in request:
        request["Threshold"] = float(request["Threshold"])  # a text when it is a parameter of the template
    stack.client("cloudwatch").put_metric_alarm(AlarmName=name, **request)
    return Made(name, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"})


def dashboard(properties: Properties, stack: Stack) -> Made:
    """Make a dashboard."""
    stack.client("cloudwatch").put_dashboard(**properties.some("DashboardName", "DashboardBody"))
    return Made(properties.logical_id)


MAKERS: dict[str, Maker] = {
    "AWS::SNS::Topic": topic,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SNS::Subscription": subscription,
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
    "AWS::Logs::LogGroup": log_group,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
}
