"""Each check of the template finds its fault, and finds none in a sound template."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.template import faults, main

SOUND = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  ScheduleExpression:
    Type: String
    Default: cron(30 4 ? * MON-FRI *)
Globals:
  Function:
    Runtime: python3.13
    CodeUri: functions/
    Environment:
      Variables:
        TABLE: !Ref Table
Resources:
  SortFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: gate_sample.handler
      Policies:
        - Statement:
            - Effect: Allow
              Action: dynamodb:GetItem
              Resource: !GetAtt Table.Arn
      Events:
        Daily:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: !Ref ScheduleExpression
            ScheduleExpressionTimezone: Europe/Paris
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: name, AttributeType: S}]
      KeySchema: [{AttributeName: name, KeyType: HASH}]
"""

FAULTS = {  # sound, fault, finding; all planted at once, because cfn-lint takes seconds
    "a property that does not exist": ("BillingMode:", "BilingMode:", "BilingMode"),
    "a Ref in Globals to nothing": ("TABLE: !Ref Table", "TABLE: !Ref Tabel", "'Tabel' is not one of"),
    "an attribute that does not exist": ("!GetAtt Table.Arn", "!GetAtt Table.Name", "'Name' is not one of"),
    "an IAM action that does not exist": ("dynamodb:GetItem", "dynamodb:GetItems", "W3037 'getitems'"),
    "a missing handler": ("gate_sample.handler", "gate_simple.handler", "no gate_simple.py"),
    "a schedule that never fires": ("cron(30 4", "cron(30 24", "Invalid hour value '24'"),
}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Return a sound template beside its functions."""
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "gate_sample.py").write_text("def handler(event, context): ...\n")
    (tmp_path / "template.yaml").write_text(SOUND)
    return tmp_path / "template.yaml"


def test_a_sound_template_has_no_finding(template: Path):
    """A lint with false findings is switched off."""
    assert list(faults(template)) == []


def test_every_fault_is_found(template: Path):
    """CloudFormation, Lambda or EventBridge would report each of these later, or never."""
    text = SOUND
    for sound, fault, _ in FAULTS.values():
        assert sound in text
        text = text.replace(sound, fault)
    template.write_text(text)

    found = "\n".join(faults(template))

    assert [name for name, (_, _, finding) in FAULTS.items() if finding not in found] == []


def test_what_sam_refuses_is_found(template: Path):
    """SAM's macro would fail during a deployment."""
    template.write_text(SOUND.replace("- Statement:\n", "- NoSuchPolicy: {}\n        - Statement:\n"))

    assert "SAM refuses the template" in "\n".join(faults(template))


def test_a_finding_fails_the_gate(template: Path, capsys: pytest.CaptureFixture[str]):
    """`make check` reads only the exit code."""
    template.write_text(SOUND.replace("BillingMode:", "BilingMode:"))

    assert main([str(template)]) == 1
    assert "BilingMode" in capsys.readouterr().err
