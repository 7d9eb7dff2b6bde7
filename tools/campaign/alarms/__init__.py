"""Alerts as the operator gets them: the shipped alarms as CloudWatch evaluates them, in virtual time."""
