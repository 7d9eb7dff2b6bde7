"""What the template gives and the code expects: variables, handlers, substitutions, time limits, inputs."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gate.asl.state_machine import State, every_state, scopes
from renewal import wiring
from renewal.domain.request import RunRequest
from renewal.settings import Settings
from renewal.steps.rotate_password import KEEP_AWAKE
from stack.resolved import STACK_NAME, Resource, Stack

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
OF_POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOGGER_LOG_EVENT"}
IN_VPC = {"InspectDelegationFunction", "EnrollFunction", "CollectFunction", "RotatePasswordFunction"}
BY_SECRETS_MANAGER = {"RotatePasswordFunction"}
"""Functions that no state of the workflow invokes."""
ENDS_OF_A_RUN = {"RunNeedsPerson"}
"""Errors that the state machine itself ends with."""


def task_of(machine: dict[str, Any], function: str) -> State:
    """The state that invokes a function."""
    (found,) = [
        state
        for state in every_state(machine)
        if state.body.get("Parameters", {}).get("FunctionName") == f"${{{function}}}"
    ]
    return found


def test_every_variable_is_a_setting_and_every_setting_a_variable(stack: Stack) -> None:
    """A missing one stops every function at its start; a superfluous one is a dial that does nothing."""
    wanted = {one.name.upper() for one in fields(Settings)} | OF_POWERTOOLS
    for function in stack.resources("AWS::Lambda::Function"):
        assert set(function.properties["Environment"]["Variables"]) == wanted, function.logical_id


def test_the_variables_values_can_be_read_as_settings(stack: Stack) -> None:
    """A parameter of the wrong form would be found in Lambda only."""
    variables = stack.resource("EnrollFunction").properties["Environment"]["Variables"]
    settings = Settings.from_environment({name: str(value) for name, value in variables.items()})
    assert settings.quiet_seconds > stack.resource("EnrollFunction").properties["Timeout"]


def test_no_quiet_period_can_be_asked_for_in_which_an_enroll_function_still_lives(
    stack: Stack, source: dict[str, Any]
) -> None:
    """Its order may be posted after the next one has looked for it: two certificates for one."""
    least = source["Parameters"]["QuietSeconds"]["MinValue"]
    assert least > stack.resource("EnrollFunction").properties["Timeout"]


def test_the_document_says_how_long_a_stacks_name_may_be(stack: Stack) -> None:
    """CloudFormation takes 128 characters, and fails in the middle when a resource that is called after it does not."""
    limits = {"ScheduleGroup": 64, "Renewal": 80}  # AWS's own, of a schedule group's name and a state machine's
    longest = min(limit - len(stack.name(one)) + len(STACK_NAME) for one, limit in limits.items())
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert f"at most {longest} characters" in text


@pytest.fixture
def forgetful() -> Iterator[None]:
    """What wiring keeps for an execution environment is of another test's."""
    kept: list[Any] = [one for one in vars(wiring).values() if hasattr(one, "cache_clear")]
    for one in kept:
        one.cache_clear()
    yield
    for one in kept:
        one.cache_clear()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize(
    ("given", "compared"),
    [("", ()), ("192.0.2.7/32", ("192.0.2.7/32",)), ("192.0.2.7/32,192.0.2.8/32", ("192.0.2.7/32", "192.0.2.8/32"))],
)
def test_the_registered_addresses_reach_the_inspection(
    monkeypatch: pytest.MonkeyPatch, given: str, compared: tuple[str, ...]
) -> None:
    """A parameter that nothing compares with says that the address is watched, and it is not."""
    stack = Stack(TEMPLATE, {"RegisteredAddresses": given})
    for name, value in stack.resource("InspectDelegationFunction").properties["Environment"]["Variables"].items():
        monkeypatch.setenv(name, str(value))
    assert wiring.inspect_delegation().registered == compared


@pytest.mark.parametrize("given", ["192.0.2.7/32, 192.0.2.8/32", "192.0.2.0/24", "192.0.2.7,", "example.org"])
def test_what_is_no_list_of_addresses_is_refused_before_it_is_deployed(source: dict[str, Any], given: str) -> None:
    """It would never be equal to what the outside sees, and page somebody every hour."""
    assert not re.fullmatch(source["Parameters"]["RegisteredAddresses"]["AllowedPattern"], given)


def test_every_handler_exists(stack: Stack) -> None:
    """Lambda looks for it only when it is called."""
    for function in stack.resources("AWS::Lambda::Function"):
        module, name = function.properties["Handler"].rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), name)), function.logical_id


def test_the_state_machine_gets_every_function_it_names_and_no_other(
    source: dict[str, Any], machine: dict[str, Any]
) -> None:
    """A substitution that is missing leaves its placeholder in the definition, and that deploys."""
    given = source["Resources"]["Renewal"]["Properties"]["DefinitionSubstitutions"]
    assert set(given) == set(re.findall(r"\$\{(\w+)\}", json.dumps(machine)))
    assert all(value == {"Fn::GetAtt": [name, "Arn"]} for name, value in given.items())


def test_the_states_that_have_a_function_wait_longer_than_it_lives(stack: Stack, machine: dict[str, Any]) -> None:
    """The other way round the state machine starts a second one beside the first."""
    for function in stack.resources("AWS::Lambda::Function"):
        if function.logical_id in BY_SECRETS_MANAGER:
            continue
        state = task_of(machine, function.logical_id)
        assert state.body["TimeoutSeconds"] > function.properties["Timeout"], state.path


def test_a_lookup_after_a_lost_answer_comes_after_the_quiet_period(stack: Stack, machine: dict[str, Any]) -> None:
    """Else the retries end before anything may be posted again, and each such order costs a day."""
    retry = next(one for one in task_of(machine, "EnrollFunction").body["Retry"] if "AnswerLost" in one["ErrorEquals"])
    waits = [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** turn, retry["MaxDelaySeconds"])
        for turn in range(retry["MaxAttempts"])
    ]
    quiet = int(stack.resource("EnrollFunction").properties["Environment"]["Variables"]["QUIET_SECONDS"])
    assert sum(waits[:-1]) > quiet


def test_a_function_that_was_idle_for_a_fortnight_is_waited_for(machine: dict[str, Any]) -> None:
    """Lambda has taken its network interface away by then and needs a minute or two for a new one."""
    for function in IN_VPC - BY_SECRETS_MANAGER:
        retries = task_of(machine, function).body["Retry"]
        (patient,) = [one for one in retries if "Lambda.ResourceNotReadyException" in one["ErrorEquals"]]
        assert patient["MaxAttempts"] >= 5, function
        assert patient["IntervalSeconds"] >= 20, function


def test_only_functions_that_talk_to_scm_are_in_the_vpc(stack: Stack) -> None:
    """Deciding and reporting must work when the way out does not."""
    inside = {one.logical_id for one in stack.resources("AWS::Lambda::Function") if "VpcConfig" in one.properties}
    assert inside == IN_VPC
    assert len({json.dumps(stack.resource(one).properties["VpcConfig"]) for one in inside}) == 1


def test_without_subnets_no_function_is_in_a_vpc() -> None:
    """The local run and a trial need no network."""
    bare = Stack(TEMPLATE)
    assert not [one for one in bare.resources("AWS::Lambda::Function") if "VpcConfig" in one.properties]


def test_functions_that_leave_the_vpc_can_give_their_interfaces_back(stack: Stack) -> None:
    """Lambda does it with the role, minutes later: without the right they stay, and the network can't be deleted."""
    for one in (stack, Stack(TEMPLATE)):
        attached = {role.logical_id for role in one.resources("AWS::IAM::Role")
                    if role.properties.get("ManagedPolicyArns") == [one.arn("NetworkInterfaces")]}  # fmt: skip
        assert attached == {name.replace("Function", "Role") for name in IN_VPC}


def test_no_run_starts_by_itself_while_the_network_is_rebuilt(stack: Stack) -> None:
    """It would log in from an address that no organisation has registered."""
    for given, one in (("ENABLED", stack), ("DISABLED", Stack(TEMPLATE, {"ScheduleState": "DISABLED"}))):
        states = {schedule.logical_id: schedule.properties["State"] for schedule in starting_runs(one)}
        assert states == {"DailyRun": given, "FollowUp": given}


def test_reserved_concurrency_concerns_the_functions_that_talk_to_scm() -> None:
    """And is unset by default: a new account may not reserve any."""
    reserved = {
        one.logical_id: one.properties.get("ReservedConcurrentExecutions")
        for one in Stack(TEMPLATE, {"ReservedConcurrency": "3"}).resources("AWS::Lambda::Function")
    }
    assert {name for name, value in reserved.items() if value == "3"} == IN_VPC
    default = Stack(TEMPLATE).resources("AWS::Lambda::Function")
    assert not [one for one in default if "ReservedConcurrentExecutions" in one.properties]


def starting_runs(stack: Stack) -> list[Resource]:
    """The schedules that start the state machine."""
    machine = stack.arn("Renewal")
    found = [one for one in stack.resources("AWS::Scheduler::Schedule") if one.properties["Target"]["Arn"] == machine]
    assert len(found) == 2
    return found


def test_a_function_that_no_run_calls_is_kept_awake(stack: Stack) -> None:
    """Secrets Manager calls it every 60 days, Lambda takes its network interface after 14, and that call would fail."""
    kept = {
        one.properties["Target"]["Arn"]: one.properties
        for one in stack.resources("AWS::Scheduler::Schedule")
        if one not in starting_runs(stack)
    }
    assert set(kept) == {stack.arn(name) for name in BY_SECRETS_MANAGER}
    for schedule in kept.values():
        every = re.fullmatch(r"rate\((\d+) days\)", schedule["ScheduleExpression"])
        assert every
        assert int(every[1]) * 2 <= 14  # one may get lost
        assert schedule.get("State", "ENABLED") == "ENABLED"
        event = json.loads(schedule["Target"]["Input"])
        assert event == {"SecretId": "", "ClientRequestToken": "", "Step": KEEP_AWAKE}


def test_what_the_schedules_send_is_a_request(stack: Stack) -> None:
    """An input that check_expiry refuses would fail every night."""
    inputs = {
        one.logical_id: RunRequest.parse(json.loads(one.properties["Target"]["Input"])) for one in starting_runs(stack)
    }
    assert not inputs["DailyRun"].open_orders_only
    assert inputs["FollowUp"].open_orders_only
    assert all(one.scheduled_at == "<aws.scheduler.scheduled-time>" for one in inputs.values())


def test_the_daily_run_is_daily_and_open_orders_are_looked_at_every_hour(stack: Stack) -> None:
    """What an organisation approves in the morning must not wait for the night."""
    expressions = {one.logical_id: one.properties["ScheduleExpression"] for one in starting_runs(stack)}
    assert expressions == {"DailyRun": "cron(30 4 * * ? *)", "FollowUp": "cron(0 * * * ? *)"}


def test_a_start_that_cannot_be_delivered_is_kept(stack: Stack) -> None:
    """And the schedules run by UTC, which has every hour every day."""
    for one in stack.resources("AWS::Scheduler::Schedule"):
        target = one.properties["Target"]
        assert target["DeadLetterConfig"]["Arn"] == stack.arn("ScheduleDeadLetters"), one.logical_id
        assert target["RoleArn"] == stack.arn("ScheduleRole"), one.logical_id
        assert one.properties["GroupName"] == stack.name("ScheduleGroup"), one.logical_id
    assert {one.properties["ScheduleExpressionTimezone"] for one in starting_runs(stack)} == {"UTC"}


def test_the_error_that_ends_a_run_stands_in_the_runbook(machine: dict[str, Any]) -> None:
    """It is the first thing that somebody sees."""
    named = {
        state.body["Error"] for scope in scopes(machine) for state in scope.states.values() if "Error" in state.body
    }
    assert named == ENDS_OF_A_RUN
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in named)
