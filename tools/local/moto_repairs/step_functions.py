"""Step Functions' interpreter: JSONPath state machines are repaired, JSONata is not."""

from __future__ import annotations

import functools
import logging
import sys
import time
import types
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

from local.moto_repairs.repairs import Repairs, Replacements, interpreter

MOST_SECONDS_TO_BEGIN = 10.0  # of an execution; its definition has been parsed before


def state_machines_execute(_: Repairs) -> Replacements:
    """Choose moto's interpreter and silence its log.

    Input: StartExecution.
    moto: by default it stores the definition and runs nothing.
    AWS: it runs the definition (API reference, StartExecution).
    """
    from moto.core.config import default_user_config
    from moto.stepfunctions.parser.utils import TMP_THREADS

    TMP_THREADS.clear()  # it keeps every thread that ever ran
    yield patch.object(logging.getLogger("moto"), "level", logging.CRITICAL)  # the history has every failed task, too
    yield patch.dict(default_user_config, {"stepfunctions": {"execute_state_machine": True}})


def functions_run(repairs: Repairs) -> Replacements:
    """Run functions without Docker, which moto requires.

    Input: Invoke, of a function that raises.
    moto: it starts a Docker container.
    AWS: status 200 with `FunctionError: Unhandled` (API reference of Lambda, Invoke).
    """
    from moto.awslambda.models import LambdaFunction

    def invoke(function: Any, body: str | bytes, _: Mapping[str, str], response_headers: dict[str, str]) -> bytes:
        event = body.decode() if isinstance(body, bytes) else body
        payload, failed = repairs.invoke(function, event or "{}")
        if failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return payload

    yield patch.object(LambdaFunction, "invoke", invoke)


def one_client_for_each_service(repairs: Repairs) -> Replacements:
    """Call other services as Step Functions, with the clients of this process.

    Input: a Task state, or a Map that reads S3.
    moto: a new client for each task, with the credentials of the caller's environment.
    AWS: the calls come from the role of the state machine (Step Functions, "How Step Functions works with IAM").
    """
    made_by = interpreter("utils.boto_client").boto_client_for
    client = functools.cache(repairs.new_client)

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:  # noqa: ARG001
        return client(service, region)

    users = [module for module in list(sys.modules.values()) if getattr(module, "boto_client_for", None) is made_by]
    for module in users:
        yield patch.object(module, "boto_client_for", boto_client_for)


def definitions_are_parsed_once(_: Repairs) -> Replacements:
    """Keep parsed definitions, and give each parse a scope of its own.

    Input: CreateStateMachine with an invalid definition, then with a valid one.
    moto: refuses both: the scopes are kept on the class; and parses again at each StartExecution, about 1 s.
    AWS: accepts the second (API reference, CreateStateMachine).
    """
    scopes = interpreter("parse.preprocessor").Preprocessor
    yield patch.object(scopes, "__init__", lambda self: setattr(self, "_query_language_per_scope", []))
    yield patch.object(interpreter("parse.asl_parser").AmazonStateLanguageParser, "parse", _parse_once())


@functools.cache
def _parse_once() -> Callable[[str], Any]:
    """Return moto's parser with a memory, for the process's life: parsed definitions hold no state."""
    return functools.lru_cache(maxsize=32)(interpreter("parse.asl_parser").AmazonStateLanguageParser.parse)


def execution_context_is_json(_: Repairs) -> Replacements:
    """Give the context object's StartTime as text, and always a Name.

    Input: a state that passes `$$.Execution.StartTime`, or an execution without a name.
    moto: a datetime, which is not JSON; a Name of null.
    AWS: ISO 8601 text and a generated name (Step Functions, "Context object").
    """
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    original = ExecutionWorker._get_evaluation_environment

    def environment(worker: Any) -> Any:
        env = original(worker)
        execution = env.states.context_object.context_object_data["Execution"]
        if not isinstance(execution["StartTime"], str):
            started = execution["StartTime"].isoformat(timespec="milliseconds")
            execution["StartTime"] = started.replace("+00:00", "Z")
        execution["Name"] = execution["Name"] or execution["Id"].rsplit(":", 1)[-1]
        return env

    yield patch.object(ExecutionWorker, "_get_evaluation_environment", environment)


def executions_can_be_asked_at_once(_: Repairs) -> Replacements:
    """Let StartExecution return when the execution exists.

    Input: ListMapRuns or StopExecution immediately after StartExecution.
    moto: an internal error until its thread has begun.
    AWS: answers (API reference, StartExecution).
    """
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    original: Callable[[Any], None] = ExecutionWorker.start

    def start(worker: Any) -> None:
        original(worker)
        deadline = time.monotonic() + MOST_SECONDS_TO_BEGIN
        while worker.env is None:
            if time.monotonic() > deadline:
                message = f"an execution has not begun after {MOST_SECONDS_TO_BEGIN} s: its thread may have printed why"
                raise TimeoutError(message)
            time.sleep(0.001)

    yield patch.object(ExecutionWorker, "start", start)


def reserved_errors_are_passed_on(_: Repairs) -> Replacements:
    """Let a Fail state and an iteration end with an error of Step Functions' own.

    Input: a Fail state whose ErrorPath selects States.Timeout.
    moto: States.Runtime: it takes the name for one that the state machine has defined.
    AWS: States.Timeout (Step Functions, "Handling errors").
    """
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName

    def error_name(error_name: str) -> Any:
        reserved = error_name.startswith("States.")
        return StatesErrorName.from_name(error_name) if reserved else CustomErrorName(error_name)

    for module in ("component.state.fail.state_fail", "component.state.exec.state_map.iteration.iteration_worker"):
        yield patch.object(interpreter(module), "CustomErrorName", error_name)


def wildcards_do_not_match_fatal_errors(_: Repairs) -> Replacements:
    """Restrict what States.ALL matches.

    Input: Retry or Catch with States.ALL; the error is States.Runtime or States.DataLimitExceeded.
    moto: States.ALL matches both.
    AWS: States.ALL matches neither; States.Runtime is never caught (Step Functions, "Handling errors").
    """
    declaration = interpreter("component.common.error_name.error_equals_decl").ErrorEqualsDecl
    original = declaration._eval_body

    def evaluate(declared: Any, env: Any) -> None:
        error = env.stack[-1].error_name if env.stack[-1] else None
        named = [name.error_name for name in declared.error_names]
        original(declared, env)
        if error == "States.Runtime" or (error == "States.DataLimitExceeded" and error not in named):
            env.stack[-1] = False

    yield patch.object(declaration, "_eval_body", evaluate)


def waits_are_scaled(repairs: Repairs) -> Replacements:
    """Multiply every Wait and Retry interval by the wait factor.

    Input: a Wait of 50 s with the factor 0.01.
    moto: has no factor, and counts whole seconds only.
    AWS: waits 50 s, as with the factor 1 (Amazon States Language, "Wait state").
    """

    def wait(_: Any, env: Any, wait_seconds: float) -> None:
        end = time.monotonic() + wait_seconds * repairs.wait_factor
        while env.is_running() and (left := end - time.monotonic()) > 0:
            env.program_state_event.wait(left)

    clock = types.SimpleNamespace(sleep=lambda seconds: time.sleep(seconds * repairs.wait_factor))
    states = interpreter("component.state.wait.wait_function.wait_function").WaitFunction
    yield patch.object(states, "_wait_interval", wait)
    yield patch.object(interpreter("component.common.retry.retrier_decl"), "time", clock)


STEP_FUNCTIONS = (
    state_machines_execute,
    functions_run,
    one_client_for_each_service,
    definitions_are_parsed_once,
    execution_context_is_json,
    executions_can_be_asked_at_once,
    reserved_errors_are_passed_on,
    wildcards_do_not_match_fatal_errors,
    waits_are_scaled,
)
