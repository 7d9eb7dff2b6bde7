"""What the local AWS leaves out on purpose, and why. Anything else that is not provisioned is an error."""

from __future__ import annotations

from collections.abc import Mapping

IGNORED_PROPERTIES: Mapping[str, Mapping[str, str]] = {
    "AWS::Lambda::Function": {
        "VpcConfig": "there is no network here: functions reach the simulator over loopback",
        "LoggingConfig": "a function's output goes to a file, which is deleted with the local AWS",
        "Layers": "third-party packages come from the running interpreter's environment",
        "ReservedConcurrentExecutions": "a ceiling of the account, which moto does not count",
    },
    "AWS::StepFunctions::StateMachine": {
        "LoggingConfiguration": "the history is read from Step Functions itself (`LocalAws.history`)",
    },
    "AWS::Logs::LogGroup": {
        "DataProtectionPolicy": "nothing writes to the group here",
    },
    "AWS::SES::ConfigurationSetEventDestination": {
        "EventDestination": "no mail leaves this machine, so none bounces",
    },
    "AWS::CloudWatch::Alarm": {
        "EvaluationWindow": "alarms are created, not evaluated: nothing here lasts a day",
        "WarmUpConfiguration": "alarms are created, not evaluated: nothing here lasts a day",
    },
}
