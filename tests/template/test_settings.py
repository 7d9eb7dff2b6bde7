"""What the template defines and the code expects: variables, time limits, inputs."""

from __future__ import annotations

import heapq
import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gate.asl.state_machine import State, every_state, scopes
from local.cloudformation.parameters import STACK_NAME
from renewal import wiring
from renewal.domain.order import IMPORT_LEASE
from renewal.domain.run.request import RunRequest
from renewal.domain.run.result import NO_ANSWER
from renewal.settings import Settings
from renewal.steps.collect import LONGEST_COLLECTING
from renewal.steps.rotate_password import KEEP_AWAKE
from stack.resolved import Resource, Stack
from tests.call_depth import CONTEXT

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
OF_POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOGGER_LOG_EVENT"}
OF_THE_RESOLVER = "RES_OPTIONS"
IN_VPC = {"InspectDelegationFunction", "EnrollFunction", "CollectFunction", "RotatePasswordFunction"}
BY_SECRETS_MANAGER = {"RotatePasswordFunction"}
BY_SCHEDULE = {"SealAuditFunction"}
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


def retry_of(state: State, error: str) -> dict[str, Any]:
    """The one Retry of *state* that names *error*."""
    (found,) = [retry for retry in state.body["Retry"] if error in retry["ErrorEquals"]]
    return dict(found)


def waits(state: State, error: str) -> list[float]:
    """The longest waits between the tries, in seconds."""
    retry = retry_of(state, error)
    growing = (retry["IntervalSeconds"] * retry["BackoffRate"] ** turn for turn in range(retry["MaxAttempts"]))
    return [min(wait, retry["MaxDelaySeconds"]) for wait in growing]


def test_every_variable_is_a_setting_and_every_setting_a_variable(stack: Stack) -> None:
    """A missing variable stops every function at its start; a superfluous variable has no effect."""
    wanted = {field.name.upper() for field in fields(Settings)} | OF_POWERTOOLS | {OF_THE_RESOLVER}
    for function in stack.resources("AWS::Lambda::Function"):
        assert set(function.properties["Environment"]["Variables"]) == wanted, function.logical_id


def test_the_resolution_of_a_name_ends_within_seconds(stack: Stack) -> None:
    """No other limit ends it, and the time that is kept for recording a result is 6 s longer than one call of AWS."""
    for function in stack.resources("AWS::Lambda::Function"):
        options = function.properties["Environment"]["Variables"][OF_THE_RESOLVER].split()
        seconds, attempts = (int(option.partition(":")[2]) for option in options)
        assert 2 * seconds * attempts < 6, function.logical_id  # twice: the name as it is, and with a search domain


def test_the_values_of_the_variables_are_valid_settings(stack: Stack) -> None:
    """A malformed parameter would only be found in Lambda."""
    variables = stack.resource("EnrollFunction").properties["Environment"]["Variables"]
    settings = Settings.from_environment({name: str(value) for name, value in variables.items()})
    assert settings.quiet_seconds > stack.resource("EnrollFunction").properties["Timeout"]


def test_the_quiet_period_is_longer_than_an_enroll_function_may_run(stack: Stack, source: dict[str, Any]) -> None:
    """Its order could be posted after the next function searched for it: two certificates for one."""
    least = source["Parameters"]["QuietSeconds"]["MinValue"]
    assert least > stack.resource("EnrollFunction").properties["Timeout"]


def test_the_document_states_the_longest_name_of_a_stack(stack: Stack) -> None:
    """CloudFormation accepts 128 characters, then fails at the first resource whose derived name is too long."""
    limits = {"ScheduleGroup": 64, "Renewal": 80, "MailConfiguration": 64}  # AWS's own, of each kind of name
    longest = min(limit - len(stack.name(logical_id)) + len(STACK_NAME) for logical_id, limit in limits.items())
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert f"at most {longest} characters" in text


@pytest.fixture
def cleared_wiring() -> Iterator[None]:
    """Clear what wiring caches for an execution environment, before and after the test."""
    kept: list[Any] = [cached for cached in vars(wiring).values() if hasattr(cached, "cache_clear")]
    for cached in kept:
        cached.cache_clear()
    yield
    for cached in kept:
        cached.cache_clear()


@pytest.mark.usefixtures("cleared_wiring")
@pytest.mark.parametrize(
    ("given", "compared"),
    [("", ()), ("192.0.2.7/32", ("192.0.2.7/32",)), ("192.0.2.7/32,192.0.2.8/32", ("192.0.2.7/32", "192.0.2.8/32"))],
)
def test_the_registered_addresses_reach_the_inspection(
    monkeypatch: pytest.MonkeyPatch, given: str, compared: tuple[str, ...]
) -> None:
    """A parameter without effect would suggest that the address is compared."""
    stack = Stack(TEMPLATE, {"RegisteredAddresses": given})
    for name, value in stack.resource("InspectDelegationFunction").properties["Environment"]["Variables"].items():
        monkeypatch.setenv(name, str(value))
    assert wiring.inspect_delegation(CONTEXT).registered == compared


@pytest.mark.usefixtures("cleared_wiring")
def test_a_private_root_reaches_the_verification_of_chains(
    monkeypatch: pytest.MonkeyPatch, source: dict[str, Any]
) -> None:
    """Fingerprints are pasted as openssl prints them, or as browsers do."""
    pasted = f"{':'.join(['a1'] * 32)},{'B2' * 32}"
    assert re.fullmatch(source["Parameters"]["PrivateRoots"]["AllowedPattern"], pasted)
    for given, trusted in (("", set()), (pasted, {"A1" * 32, "B2" * 32})):
        stack = Stack(TEMPLATE, {"PrivateRoots": given})
        for name, value in stack.resource("CollectFunction").properties["Environment"]["Variables"].items():
            monkeypatch.setenv(name, str(value))
        wiring.settings.cache_clear()
        wiring._roots.cache_clear()
        roots = wiring.collect(CONTEXT).roots
        assert roots.private == trusted
        assert roots.public


@pytest.mark.parametrize("given", ["192.0.2.7/32, 192.0.2.8/32", "192.0.2.0/24", "192.0.2.7,", "example.org"])
def test_a_malformed_list_of_addresses_is_refused_at_deployment(source: dict[str, Any], given: str) -> None:
    """It would never equal the observed address, and raise an alarm every hour."""
    assert not re.fullmatch(source["Parameters"]["RegisteredAddresses"]["AllowedPattern"], given)


def test_a_state_waits_longer_than_its_function_may_run(stack: Stack, machine: dict[str, Any]) -> None:
    """Otherwise the state machine starts a second function while the first runs."""
    for function in stack.resources("AWS::Lambda::Function"):
        if function.logical_id in BY_SECRETS_MANAGER | BY_SCHEDULE:
            continue
        state = task_of(machine, function.logical_id)
        assert state.body["TimeoutSeconds"] > function.properties["Timeout"], state.path


def test_the_last_search_for_an_unconfirmed_order_is_late_enough(stack: Stack, machine: dict[str, Any]) -> None:
    """Retries that end within the quiet period never post again: each such order takes another day."""
    quiet = int(stack.resource("EnrollFunction").properties["Environment"]["Variables"]["QUIET_SECONDS"])
    assert sum(waits(task_of(machine, "EnrollFunction"), "AnswerLost")[:-1]) > quiet


def test_a_claimed_import_is_waited_for_until_its_lease_is_over(stack: Stack, machine: dict[str, Any]) -> None:
    """A killed import keeps its claim; tries that end before its lease would leave the certificate to the next day."""
    patience = sum(waits(task_of(machine, "CollectFunction"), "OrderConflict"))
    assert stack.resource("CollectFunction").properties["Timeout"] < IMPORT_LEASE.total_seconds() < patience


def test_a_poll_leaves_an_outage_of_scm_to_the_next_poll(machine: dict[str, Any]) -> None:
    """150 orders that each waited nine minutes for one account kept all hourly runs from their work."""
    collect = task_of(machine, "CollectFunction")
    for error in ("ScmUnavailable", "AnswerLost", "States.Timeout", "Sandbox.Timedout"):
        assert sum(waits(collect, error)) <= 60, error
        assert error in NO_ANSWER, "it would not be polled again"


def test_what_a_collection_leaves_is_its_certificates_only(machine: dict[str, Any]) -> None:
    """The orders beside 150 failed certificates are more than an output of 256 KiB, and all results are lost."""
    (collected,) = [state.body for state in every_state(machine) if state.path.endswith("CollectEach")]
    assert (collected["ResultSelector"], collected.get("ResultPath", "$")) == ({"certificates.$": "$"}, "$")


def longest(machine: dict[str, Any], orders: int) -> float:
    """The seconds of one delegation in which each of *orders* is unconfirmed to the end."""
    lost = sum(waits(task_of(machine, "EnrollFunction"), "OrderUnconfirmed"))
    login = sum(waits(task_of(machine, "InspectDelegationFunction"), "ScmUnavailable"))
    return math.ceil(orders / concurrency(machine, "EnrollEach")) * lost + login


def last_poll(machine: dict[str, Any]) -> float:
    """The longest that a poll waits between its tries, in seconds, when it is not for AWS."""
    collect = task_of(machine, "CollectFunction")
    return max(sum(waits(collect, error)) for error in ("ScmUnavailable", "States.Timeout", "OrderConflict"))


def polling(machine: dict[str, Any]) -> float:
    """The seconds between the first and the last poll of a run."""
    states = {state.path: state.body for state in every_state(machine)}
    (polls,) = [
        rule["NumericGreaterThan"] for rule in states["IsAnythingOpen"]["Choices"] if "NumericGreaterThan" in rule
    ]
    return float((polls - 1) * states["WaitForIssuance"]["Seconds"])


def concurrency(machine: dict[str, Any], name: str) -> int:
    """How many items a Map works on at a time."""
    (found,) = [state.body["MaxConcurrency"] for state in every_state(machine) if state.path.endswith(name)]
    return int(found)


@pytest.mark.parametrize(("delegations", "orders"), [(100, 15), (500, 1), (20, 30)])
def test_the_longest_run_fits_the_time_of_the_state_machine(
    source: dict[str, Any], machine: dict[str, Any], delegations: int, orders: int
) -> None:
    """The time is that of the whole Map, which works on a few delegations at a time, and of the wait before it."""
    rounds = math.ceil(delegations / concurrency(machine, "OrderCertificates"))
    waited = sum(waits(task_of(machine, "CheckExpiryFunction"), "RunInProgress"))

    assert orders <= source["Parameters"]["OrdersPerDelegation"]["MaxValue"]
    collects = LONGEST_COLLECTING.total_seconds()  # since the start, so it is no addend
    works = max(rounds * longest(machine, orders), collects) + last_poll(machine) + polling(machine)
    assert works < waited, "it outlasts the older run"
    assert works + waited < machine["TimeoutSeconds"]


def test_the_time_budget_of_the_header_is_the_one_of_the_states(
    source: dict[str, Any], machine: dict[str, Any]
) -> None:
    """The header's sum is what TimeoutSeconds rests on; both must follow when a number changes."""
    most = source["Parameters"]["OrdersPerDelegation"]["Default"]
    rounds = math.ceil(100 / concurrency(machine, "OrderCertificates"))
    text = (ROOT / "infra" / "renewal.asl.yaml").read_text(encoding="utf-8")
    header = text[: text.index("Comment:")].replace(",", "")

    waited = sum(waits(task_of(machine, "CheckExpiryFunction"), "RunInProgress"))
    totals = (longest(machine, most), rounds * longest(machine, 15), polling(machine), machine["TimeoutSeconds"])
    collects = (LONGEST_COLLECTING.total_seconds(), last_poll(machine))
    for number in (*totals, *collects, waited, math.ceil(most / concurrency(machine, "EnrollEach"))):
        assert f"{number:.0f}" in header


@pytest.mark.parametrize("function", sorted(IN_VPC - BY_SECRETS_MANAGER))
def test_throttling_by_reserved_concurrency_is_waited_out(stack: Stack, machine: dict[str, Any], function: str) -> None:
    """With five environments all others are throttled until one is free; a lost race must not fail a delegation."""
    state, seconds = task_of(machine, function), stack.resource(function).properties["Timeout"]
    at_a_time = concurrency(machine, "OrderCertificates")
    if function != "InspectDelegationFunction":
        at_a_time *= concurrency(machine, "EnrollEach")

    retry = retry_of(state, "Lambda.TooManyRequestsException")
    others_first = (math.ceil(at_a_time / 5) - 1) * seconds

    assert retry["ErrorEquals"] == ["Lambda.TooManyRequestsException"], "its tries must not be used up by other errors"
    assert retry["JitterStrategy"] == "FULL"
    assert sum(waits(state, "Lambda.TooManyRequestsException")) / 2 > others_first  # with full jitter, half on average


def test_a_hundred_inspections_pass_five_environments(machine: dict[str, Any]) -> None:
    """Retries at random times, played for each of ten runs: no inspection is throttled until its tries are used up."""
    wait = waits(task_of(machine, "InspectDelegationFunction"), "Lambda.TooManyRequestsException")
    for seed in range(10):
        chance = random.Random(seed)  # noqa: S311  # the same runs in every test
        waiting = [(0.0, 0)] * concurrency(machine, "OrderCertificates")  # when each tries next, and its tries so far
        left, busy = 100 - len(waiting), [0.0] * 5
        heapq.heapify(waiting)
        while waiting:
            now, tries = heapq.heappop(waiting)
            if min(busy) <= now:
                ends = now + 60
                heapq.heapreplace(busy, ends)
                if left:
                    left -= 1
                    heapq.heappush(waiting, (ends, 0))
            else:
                assert tries < len(wait), f"run {seed}: throttled {tries} times"
                heapq.heappush(waiting, (now + chance.uniform(0, wait[tries]), tries + 1))


def test_no_retry_names_all_errors(machine: dict[str, Any]) -> None:
    """It would show a refused password again, which locks the account."""
    retried = {
        error
        for state in every_state(machine)
        for retry in state.body.get("Retry", ())
        for error in retry["ErrorEquals"]
    }
    assert not retried & {"States.ALL", "States.TaskFailed"}


def test_a_function_that_was_idle_for_14_days_is_retried(machine: dict[str, Any]) -> None:
    """Lambda has released its network interface and needs a minute or two for another."""
    for function in IN_VPC - BY_SECRETS_MANAGER:
        patient = retry_of(task_of(machine, function), "Lambda.ResourceNotReadyException")
        assert patient["MaxAttempts"] >= 5, function
        assert patient["IntervalSeconds"] >= 20, function


def test_only_functions_that_talk_to_scm_are_in_the_vpc(stack: Stack) -> None:
    """Deciding and reporting must work when the egress path does not."""
    inside = {
        function.logical_id
        for function in stack.resources("AWS::Lambda::Function")
        if "VpcConfig" in function.properties
    }
    assert inside == IN_VPC
    assert len({json.dumps(stack.resource(name).properties["VpcConfig"]) for name in inside}) == 1


def test_functions_that_leave_the_vpc_can_release_their_interfaces(stack: Stack) -> None:
    """Lambda releases them with the role, minutes later; otherwise the network cannot be deleted."""
    for template in (stack, Stack(TEMPLATE)):
        attached = {role.logical_id for role in template.resources("AWS::IAM::Role")
                    if template.arn("NetworkInterfaces") in role.properties.get("ManagedPolicyArns", ())}  # fmt: skip
        assert attached == {name.replace("Function", "Role") for name in IN_VPC}


def test_no_run_is_scheduled_while_the_network_is_rebuilt(stack: Stack) -> None:
    """It would log in from an address that no organisation has registered."""
    for given, template in (("ENABLED", stack), ("DISABLED", Stack(TEMPLATE, {"ScheduleState": "DISABLED"}))):
        states = {schedule.logical_id: schedule.properties["State"] for schedule in starting_runs(template)}
        assert states == {"DailyRun": given, "FollowUp": given}


def test_concurrency_is_reserved_for_functions_that_talk_to_scm_only() -> None:
    """None is reserved by default: a new account may not reserve any."""
    reserved = {
        function.logical_id: function.properties.get("ReservedConcurrentExecutions")
        for function in Stack(TEMPLATE, {"ReservedConcurrency": "3"}).resources("AWS::Lambda::Function")
    }
    assert {name for name, value in reserved.items() if value == "3"} == IN_VPC
    default = Stack(TEMPLATE).resources("AWS::Lambda::Function")
    assert not [function for function in default if "ReservedConcurrentExecutions" in function.properties]


def starting_runs(stack: Stack) -> list[Resource]:
    """The schedules that start the state machine."""
    machine = stack.arn("Renewal")
    found = [
        schedule
        for schedule in stack.resources("AWS::Scheduler::Schedule")
        if schedule.properties["Target"]["Arn"] == machine
    ]
    assert len(found) == 2
    return found


def test_a_function_that_no_run_calls_is_invoked_regularly(stack: Stack) -> None:
    """Secrets Manager calls it every 60 days; after 14, Lambda releases its interface, and that call would fail."""
    kept = {
        schedule.properties["Target"]["Arn"]: schedule.properties
        for schedule in stack.resources("AWS::Scheduler::Schedule")
        if schedule not in starting_runs(stack)
    }
    assert set(kept) == {stack.arn(name) for name in BY_SECRETS_MANAGER | BY_SCHEDULE}
    for schedule in (kept[stack.arn(name)] for name in BY_SECRETS_MANAGER):
        assert schedule["ScheduleExpression"] == "rate(1 day)"  # the alarm KeepAwakeMissing counts days
        assert schedule.get("State", "ENABLED") == "ENABLED"
        event = json.loads(schedule["Target"]["Input"])
        assert event == {"SecretId": "", "ClientRequestToken": "", "Step": KEEP_AWAKE}


def test_the_input_of_each_schedule_is_a_valid_request(stack: Stack) -> None:
    """An input that check_expiry refuses would fail every run."""
    inputs = {
        schedule.logical_id: RunRequest.parse(json.loads(schedule.properties["Target"]["Input"]))
        for schedule in starting_runs(stack)
    }
    assert not inputs["DailyRun"].open_orders_only
    assert inputs["FollowUp"].open_orders_only
    assert all(request.scheduled_at == "<aws.scheduler.scheduled-time>" for request in inputs.values())


def test_runs_are_daily_and_open_orders_are_collected_hourly(stack: Stack) -> None:
    """What an organisation approves in the morning must not wait for the night."""
    expressions = {schedule.logical_id: schedule.properties["ScheduleExpression"] for schedule in starting_runs(stack)}
    assert expressions == {"DailyRun": "cron(30 4 * * ? *)", "FollowUp": "cron(0 * * * ? *)"}


def test_a_start_that_cannot_be_delivered_is_kept_in_a_queue(stack: Stack) -> None:
    """The schedules use UTC, which has every hour on every day."""
    for schedule in stack.resources("AWS::Scheduler::Schedule"):
        target = schedule.properties["Target"]
        assert target["DeadLetterConfig"]["Arn"] == stack.arn("ScheduleDeadLetters"), schedule.logical_id
        assert target["RoleArn"] == stack.arn("ScheduleRole"), schedule.logical_id
        assert schedule.properties["GroupName"] == stack.name("ScheduleGroup"), schedule.logical_id
    assert {schedule.properties["ScheduleExpressionTimezone"] for schedule in starting_runs(stack)} == {"UTC"}


def test_the_error_that_ends_a_run_is_in_the_runbook(machine: dict[str, Any]) -> None:
    """It is the first thing that the operator reads."""
    named = {
        state.body["Error"] for scope in scopes(machine) for state in scope.states.values() if "Error" in state.body
    }
    assert named == ENDS_OF_A_RUN
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in named)


@pytest.mark.parametrize(
    ("parameter", "url"),
    [
        ("ScmUrl", "https://cert-manager.com.example/api"),
        ("ScmOauthUrl", "https://admin.enterprise.sectigo.com.example/api"),
        ("ScmTokenUrl", "https://auth.example/token"),
    ],
)
def test_credentials_go_to_sectigo_unless_another_parameter_permits(
    source: dict[str, Any], parameter: str, url: str
) -> None:
    """Fault S9: one parameter with a typing error would send the password of every account to another host."""
    defaults = {name: body.get("Default", "") for name, body in source["Parameters"].items()}
    assert refused_by_rules(source, defaults) == []
    (text,) = refused_by_rules(source, {**defaults, parameter: url})
    assert parameter in text
    assert refused_by_rules(source, {**defaults, parameter: url, "OtherScmHosts": "yes"}) == []


def refused_by_rules(source: dict[str, Any], parameters: dict[str, Any]) -> list[str]:
    """Return the texts of the assertions that fail; CloudFormation then refuses the parameters."""

    def value(node: Any) -> Any:
        (name, arguments), *more = node.items() if isinstance(node, dict) else [("", node)]
        assert not more
        match name:
            case "Ref":
                return parameters[arguments].split(",") if arguments.endswith("Ids") else parameters[arguments]
            case "Fn::Not":
                return not value(arguments[0])
            case "Fn::Equals":
                return value(arguments[0]) == value(arguments[1])
            case "Fn::Contains":
                return value(arguments[1]) in value(arguments[0])
            case _:
                return arguments

    return [
        assertion["AssertDescription"]
        for rule in source["Rules"].values()
        if value(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not value(assertion["Assert"])
    ]
