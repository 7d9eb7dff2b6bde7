"""What the local AWS leaves out on purpose, and why. Anything else that is not provisioned is an error."""

from __future__ import annotations

from collections.abc import Mapping

IGNORED_PROPERTIES: Mapping[str, Mapping[str, str]] = {
    "AWS::Lambda::Function": {
        "VpcConfig": "there is no network here: functions reach the simulator over loopback",
        "LoggingConfig": "a function's output is kept as a file (`LocalAws.function_log`), not in CloudWatch",
        "Layers": "third-party packages come from the running interpreter's environment",
        "ReservedConcurrentExecutions": "a ceiling of the account, which moto does not count",
        "DeadLetterConfig": "nothing invokes a function asynchronously here",
        "RuntimeManagementConfig": "the runtime is the running interpreter",
        "SnapStart": "the runtime is the running interpreter",
        "RecursiveLoop": "the loop detector watches services that are not here",
    },
    "AWS::S3::Bucket": {
        "LoggingConfiguration": "there is no access log to write",
        "MetricsConfigurations": "there are no request metrics here",
    },
    "AWS::KMS::Key": {
        "PendingWindowInDays": "the key ends with the process",
    },
    "AWS::StepFunctions::StateMachine": {
        "LoggingConfiguration": "the history is read from Step Functions itself (`LocalAws.history`)",
        "TracingConfiguration": "there is no X-Ray here",
        "EncryptionConfiguration": "the history lives in this process's memory",
    },
    "AWS::Logs::LogGroup": {
        "LogGroupClass": "moto has one class of log groups",
        "FieldIndexPolicies": "queries of logs are not answered here",
        "DataProtectionPolicy": "nothing writes to the group here",
    },
    "AWS::SNS::Topic": {
        "ArchivePolicy": "messages are not replayed here",
    },
    "AWS::CloudWatch::Alarm": {
        "EvaluationWindow": "alarms are created, not evaluated: nothing here lasts a day",
        "WarmUpConfiguration": "alarms are created, not evaluated: nothing here lasts a day",
    },
}
