"""Notices as the operator gets them: CloudWatch's evaluation of the shipped alarms, beside histories in virtual time."""
