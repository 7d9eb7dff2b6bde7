"""Every change made to moto, and to botocore beneath it, each with its reason; all are undone when the context ends.

The seams are private ones of moto 5.2.5, so its version is checked first. Execution of JSONPath state
machines is repaired; JSONata is not. What only saves time stands at the end, and in `dynamodb_values`.
"""

from __future__ import annotations

import functools
import importlib
import io
import json
import logging
import sys
import threading
import time
import types
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import botocore.session
import moto
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.hooks import EVENT_ALIASES, EventAliaser
from botocore.useragent import UserAgentString

from local.clients import DESCRIPTIONS
from local.moto_repairs.strict_acm import StrictAcm

PINNED = "5.2.5"
STATES = "states"  # who calls when Step Functions does
MOST_SECONDS_TO_BEGIN = 10.0  # of an execution; its definition has been parsed before
MOST_ITERATIONS_AT_ONCE = 40  # AWS's ceiling of an inline Map; a Distributed Map's 10,000 would be 30,000 threads
_ASL = "moto.stepfunctions.parser.asl."

Invoke = Callable[[Any, str], tuple[bytes, bool]]  # (moto's function, event) -> (payload, it failed)


class WrongMoto(Exception):
    """The repairs are for another version of moto."""


@dataclass(frozen=True)
class Repairs:
    """What the repairs need to know of the local AWS that uses them."""

    wait_factor: float
    new_client: Callable[[str, str], Any]  # (service, region) -> the interpreter's client
    invoke: Invoke
    acm: StrictAcm


@contextmanager
def repaired(repairs: Repairs) -> Iterator[None]:
    """Repair moto for as long as the context lasts."""
    with ExitStack() as stack:
        stack.enter_context(answers_kept())
        # All of the interpreter, because some repairs exchange a name wherever it was imported.
        importlib.import_module("moto.stepfunctions.parser.models")
        for repair in _REPAIRS:
            stack.enter_context(repair(repairs))
        yield


@contextmanager
def _state_machines_execute(_: Repairs) -> Iterator[None]:
    """Choose moto's interpreter (its default keeps definitions and runs none) and silence its log."""
    from moto.core.config import default_user_config
    from moto.stepfunctions.parser.utils import TMP_THREADS

    log = logging.getLogger("moto")
    level, log.level = (
        log.level,
        logging.CRITICAL,
    )  # it logs every failed task, which the history tells better
    with patch.dict(default_user_config, {"stepfunctions": {"execute_state_machine": True}}):
        yield
    log.level = level
    TMP_THREADS.clear()  # it keeps every thread that ever ran


@contextmanager
def _functions_run(repairs: Repairs) -> Iterator[None]:
    """Run functions by ours: moto has Docker containers only. A failed one is `Unhandled`, as on AWS."""
    from moto.awslambda.models import LambdaFunction

    def invoke(function: Any, body: str | bytes, _: Mapping[str, str], response_headers: dict[str, str]) -> bytes:
        event = body.decode() if isinstance(body, bytes) else body
        payload, failed = repairs.invoke(function, event or "{}")
        if failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return payload

    with patch.object(LambdaFunction, "invoke", invoke):
        yield


@contextmanager
def _one_client_for_each_service(repairs: Repairs) -> Iterator[None]:
    """Keep the interpreter's clients: it makes a new one, tens of milliseconds of work, for every task."""
    made_by = _module("utils.boto_client").boto_client_for
    client = functools.cache(repairs.new_client)

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:  # noqa: ARG001
        return client(service, region)

    users = [module for module in list(sys.modules.values()) if getattr(module, "boto_client_for", None) is made_by]
    with ExitStack() as stack:
        for module in users:
            stack.enter_context(patch.object(module, "boto_client_for", boto_client_for))
        yield


@contextmanager
def _definitions_are_parsed_once(_: Repairs) -> Iterator[None]:
    """Keep parsed definitions: parsing a long one takes a second, and each StartExecution does it again.

    Also gives each parse a scope of its own: moto keeps the scopes on the class, so that one refused
    definition spoils every later parse of the process.
    """
    parse = _parse_once()
    own_scope = patch.object(
        _module("parse.preprocessor").Preprocessor,
        "__init__",
        lambda self: setattr(self, "_query_language_per_scope", []),
    )
    with own_scope, patch.object(_module("parse.asl_parser").AmazonStateLanguageParser, "parse", parse):
        yield


@functools.cache
def _parse_once() -> Callable[[str], Any]:
    """Return moto's parser with a memory, for the process's life: parsed definitions hold no state."""
    return functools.lru_cache(maxsize=32)(_module("parse.asl_parser").AmazonStateLanguageParser.parse)


@contextmanager
def _execution_context_is_json(_: Repairs) -> Iterator[None]:
    """Give `$$.Execution.StartTime` as text (moto's datetime cannot be passed on) and always a Name."""
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

    with patch.object(ExecutionWorker, "_get_evaluation_environment", environment):
        yield


@contextmanager
def _executions_can_be_asked_at_once(_: Repairs) -> Iterator[None]:
    """Let StartExecution answer when the execution is there: ListMapRuns and StopExecution fail before that."""
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    original: Callable[[Any], None] = ExecutionWorker.start

    def start(worker: Any) -> None:
        original(worker)
        deadline = time.monotonic() + MOST_SECONDS_TO_BEGIN
        while worker.env is None:
            if time.monotonic() > deadline:
                message = f"an execution has not begun after {MOST_SECONDS_TO_BEGIN} s: see what its thread has printed"
                raise TimeoutError(message)
            time.sleep(0.001)

    with patch.object(ExecutionWorker, "start", start):
        yield


@contextmanager
def _choice_without_match_has_its_name(_: Repairs) -> Iterator[None]:
    """Fail a Choice that matches nothing with States.NoChoiceMatched; moto says States.Runtime."""
    from local.moto_repairs.failure import state_failure

    choice = _module("component.state.choice.state_choice").StateChoice
    original = choice._eval_state

    def evaluate(state: Any, env: Any) -> None:
        try:
            original(state, env)
        except RuntimeError as unmatched:
            if "No branching option" not in str(unmatched.args[0]):
                raise
            raise state_failure(env, "States.NoChoiceMatched", "No choice rule matched") from unmatched

    with patch.object(choice, "_eval_state", evaluate):
        yield


@contextmanager
def _reserved_errors_are_passed_on(_: Repairs) -> Iterator[None]:
    """Let a Fail state and an iteration end with an error of Step Functions' own, such as States.Timeout.

    moto takes the name for one that a state machine has made up, refuses it and fails with States.Runtime
    instead.
    """
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName

    def error_name(error_name: str) -> Any:
        reserved = error_name.startswith("States.")
        return StatesErrorName.from_name(error_name) if reserved else CustomErrorName(error_name)

    with (
        patch.object(_module("component.state.fail.state_fail"), "CustomErrorName", error_name),
        patch.object(
            _module("component.state.exec.state_map.iteration.iteration_worker"),
            "CustomErrorName",
            error_name,
        ),
    ):
        yield


@contextmanager
def _wildcards_do_not_match_fatal_errors(_: Repairs) -> Iterator[None]:
    """Let no Retry and no Catch match States.Runtime, and States.ALL not match States.DataLimitExceeded.

    So it is on AWS ("Handling errors in Step Functions workflows"); moto lets States.ALL match both, which
    makes a test green where AWS fails.
    """
    declaration = _module("component.common.error_name.error_equals_decl").ErrorEqualsDecl
    original = declaration._eval_body

    def evaluate(declared: Any, env: Any) -> None:
        error = env.stack[-1].error_name if env.stack[-1] else None
        named = [name.error_name for name in declared.error_names]
        original(declared, env)
        if error == "States.Runtime" or (error == "States.DataLimitExceeded" and error not in named):
            env.stack[-1] = False

    with patch.object(declaration, "_eval_body", evaluate):
        yield


@contextmanager
def _waits_are_scaled(repairs: Repairs) -> Iterator[None]:
    """Multiply every Wait and Retry interval by the one factor; moto's Wait counts whole seconds only."""

    def wait(_: Any, env: Any, wait_seconds: float) -> None:
        end = time.monotonic() + wait_seconds * repairs.wait_factor
        while env.is_running() and (left := end - time.monotonic()) > 0:
            env.program_state_event.wait(left)

    clock = types.SimpleNamespace(sleep=lambda seconds: time.sleep(seconds * repairs.wait_factor))
    waiting = patch.object(
        _module("component.state.wait.wait_function.wait_function").WaitFunction, "_wait_interval", wait
    )
    with waiting, patch.object(_module("component.common.retry.retrier_decl"), "time", clock):
        yield


@contextmanager
def _maps_have_aws_ceiling(_: Repairs) -> Iterator[None]:
    """Run at most 40 iterations of a Map at once: without MaxConcurrency moto starts a thread an item."""
    component = _module("component.state.exec.state_map.iteration.inline_iteration_component").InlineIterationComponent
    original = component._launch_worker

    def launch(iteration: Any, env: Any, eval_input: Any, job_pool: Any) -> Any:
        job_pool.workers = getattr(job_pool, "workers", 0) + 1
        if job_pool.workers <= MOST_ITERATIONS_AT_ONCE:
            return original(iteration, env=env, eval_input=eval_input, job_pool=job_pool)
        return None

    with patch.object(component, "_launch_worker", launch):
        yield


@contextmanager
def _iterations_are_a_loop(_: Repairs) -> Iterator[None]:
    """Take a Map's items one after the other: moto's workers call themselves, some hundreds overflow."""
    worker = _module("component.state.exec.state_map.iteration.iteration_worker").IterationWorker
    with patch.object(worker, "eval", _take_items):
        yield


def _take_items(worker: Any) -> None:
    frame, pool = worker._env.open_frame(), worker._job_pool
    job = pool.next_job()
    while job is not None:
        job_frame = frame.open_inner_frame()
        worker._eval_job(env=job_frame, job=job)
        frame.close_frame(job_frame)
        ends = isinstance(job.job_output, Exception) or worker.stopped()
        next_job = None if ends else pool.next_job()
        if next_job is None:  # the frame is closed before the job: the Map waits for the jobs only
            if not ends:
                history = job_frame.event_history_context
                frame.event_history_context.source_event_id = history.last_published_event_id
            worker._env.close_frame(frame)
        pool.close_job(job)
        job = next_job
    worker._env.close_frame(frame)


@contextmanager
def _distributed_maps_start_executions(_: Repairs) -> Iterator[None]:
    """Give each item of a Distributed Map its own execution, honour its tolerance (`distributed_map`)."""
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend as Backend
    from moto.stepfunctions.responses import StepFunctionResponse as Response

    from local.moto_repairs import distributed_map

    worker = _module(
        "component.state.exec.state_map.iteration.itemprocessor.distributed_item_processor_worker"
    ).DistributedItemProcessorWorker
    describe_execution, described, listed = (
        Backend.describe_execution,
        Response.describe_execution,
        Response.list_executions,
    )

    def describe(backend: Any, execution_arn: str) -> Any:
        return distributed_map.find_child(backend, execution_arn) or describe_execution(backend, execution_arn)

    def answer(response: Any) -> Any:
        result: Any = described(response)
        told = result.result
        child = distributed_map.find_child(response.stepfunction_backend, told["executionArn"])
        if child:
            told["mapRunArn"] = child.map_run_arn
        return result

    def list_executions(response: Any) -> Any:
        map_run = response._get_param("mapRunArn")
        return _children_of(response, map_run) if map_run else listed(response)

    with (
        patch.object(worker, "eval", distributed_map.run_items),
        patch.object(Backend, "describe_execution", describe),
        patch.object(Response, "describe_execution", answer),
        patch.object(Response, "list_executions", list_executions),
    ):
        yield


def _children_of(response: Any, map_run_arn: str) -> Any:
    """Answer ListExecutions for a Map Run; moto knows the executions of a state machine only."""
    from moto.core.responses import ActionResult

    from local.moto_repairs import distributed_map

    records = distributed_map.map_runs(response.stepfunction_backend)
    record = next((record for record in records if record.map_run_arn == map_run_arn), None)
    members = distributed_map.children(record).values() if record else ()
    return ActionResult(
        {"executions": [{**child.to_execution_list_item(), "mapRunArn": map_run_arn} for child in members]}
    )


@contextmanager
def _input_that_is_no_json_has_its_error(_: Repairs) -> Iterator[None]:
    """Refuse an execution's input as AWS does, InvalidExecutionInput; moto raises an error without a name."""
    from moto.stepfunctions.exceptions import InvalidExecutionInput
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend as Backend

    start: Callable[..., Any] = Backend.start_execution

    def start_execution(backend: Any, arn: str, name: Any = None, execution_input: Any = None, **more: Any) -> Any:
        try:
            json.loads(execution_input or "{}")
        except (ValueError, RecursionError) as error:
            message = f"Invalid State Machine Execution Input: '{error}'"
            raise InvalidExecutionInput(message) from None
        return start(backend, arn, name, execution_input, **more)

    with patch.object(Backend, "start_execution", start_execution):
        yield


@contextmanager
def _result_writer_writes_results(_: Repairs) -> Iterator[None]:
    """Write the result files of a Distributed Map: moto writes a manifest that names none.

    Also evaluates the writer's Parameters on the state's input, as AWS does; moto does it on the children's
    outputs.
    """
    from local.moto_repairs import distributed_map

    base = "component.state.exec.state_map.result_writer."
    target = _module(base + "resource_eval.resource_eval_s3").ResourceEvalS3

    def evaluate(writer: Any, env: Any) -> None:
        env.stack[-1] = env.states.get_input()  # not the children's outputs: the manifest replaces them
        writer.parargs.eval(env=env)
        writer.resource_eval.eval_resource(env=env)

    def put_object(env: Any, runtime: Any, state_credentials: Any) -> None:
        parameters = env.stack.pop()
        env.stack.pop()
        record = env.map_run_record_pool_manager.get_all()[-1]
        s3 = target._get_s3_client(resource_runtime_part=runtime, state_credentials=state_credentials)
        env.stack.append(distributed_map.write_results(s3, record, parameters["Bucket"], parameters.get("Prefix", "")))

    with (
        patch.object(_module(base + "result_writer_decl").ResultWriter, "_eval_body", evaluate),
        patch.object(target, "_handle_put_object", staticmethod(put_object)),
    ):
        yield


@contextmanager
def _bucket_policies_have_conditions(_: Repairs) -> Iterator[None]:
    """Leave a bucket policy's statements with a Condition out: moto ignores it, and so denies everybody."""
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def permission(bucket: Any, action: str, resource: str) -> Any:
        policy = json.loads(bucket.policy) if bucket.policy else {"Statement": []}
        plain = [statement for statement in policy["Statement"] if "Condition" not in statement]
        if not plain:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps({**policy, "Statement": plain})).is_action_permitted(action, resource)

    with patch.object(FakeBucket, "get_permission", permission):
        yield


@contextmanager
def _storage_takes_turns(_: Repairs) -> Iterator[None]:
    """One DynamoDB call, and one S3 call, at a time: moto copies and lists what other threads are writing."""
    from moto.dynamodb.responses import DynamoHandler
    from moto.s3.responses import S3Response

    with ExitStack() as stack:
        for handler, names in ((DynamoHandler, ["call_action"]), (S3Response, ["bucket_response", "key_response"])):
            turn = threading.RLock()
            for name in names:
                stack.enter_context(patch.object(handler, name, _in_turn(getattr(handler, name), turn)))
        yield


def _in_turn(method: Callable[..., Any], turn: threading.RLock) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        with turn:
            return method(*arguments, **named)

    return call


@contextmanager
def _symmetric_keys_have_no_private_key(_: Repairs) -> Iterator[None]:
    """Spare symmetric KMS keys the RSA key that moto makes for each and never uses: 50 ms of work."""
    models: Any = importlib.import_module("moto.kms.models")

    def generate(key_spec: str) -> Any:
        return None if key_spec == "SYMMETRIC_DEFAULT" else asymmetric(key_spec)

    asymmetric = models.generate_private_key
    with patch.object(models, "generate_private_key", generate):
        yield


@contextmanager
def _secrets_rotate_as_on_aws(_: Repairs) -> Iterator[None]:
    """Rotate a secret as Secrets Manager does (API_RotateSecret; "Rotation by Lambda function").

    moto forgets the function when its ARN is not repeated, and makes an empty version current then; goes on after a
    step that failed, so that finishSecret promotes what was never set; refuses every rotation after the first, because
    both labels are on one version; and keeps the version with which it tried a new configuration.
    """
    from moto.secretsmanager.models import SecretsManagerBackend

    with patch.object(SecretsManagerBackend, "rotate_secret", _rotate_secret):
        yield


def _rotate_secret(
    backend: Any,
    *,
    secret_id: str,
    client_request_token: str | None = None,
    rotation_lambda_arn: str | None = None,
    rotation_rules: Mapping[str, Any] | None = None,
    rotate_immediately: bool = True,
) -> str:
    from moto.secretsmanager import exceptions

    secret = backend.secrets.get(secret_id)
    if secret is None:
        raise exceptions.SecretNotFoundException
    secret.rotation_lambda_arn = rotation_lambda_arn or secret.rotation_lambda_arn
    if secret.is_deleted() or not secret.rotation_lambda_arn:
        message = "The secret is scheduled for deletion, or has no Lambda function ARN configured for its rotation."
        raise exceptions.InvalidRequestException(message)
    if rotation_rules:
        secret.auto_rotate_after_days = rotation_rules["AutomaticallyAfterDays"]
        secret.next_rotation_date = _rotation_after(secret)
    secret.rotation_requested = secret.rotation_enabled = True
    if unfinished := _pending(secret):
        _rotate(backend, secret, unfinished)
        message = "A previous rotation isn't complete. That rotation will be reattempted."
        raise exceptions.InvalidRequestException(message)
    token = client_request_token or str(uuid.uuid4())
    secret.remove_version_stages_from_old_versions(["AWSPENDING"])
    secret.versions[token] = {"createdate": int(time.time()), "version_id": token, "version_stages": ["AWSPENDING"]}
    if rotate_immediately:
        _rotate(backend, secret, token)
    else:
        secret.versions[token]["secret_string"] = secret.versions[secret.default_version_id].get("secret_string")
        _rotation_step(backend, secret, token, "testSecret")
        del secret.versions[token]
    answer: str = secret.to_short_dict(version_id=token)
    return answer


def _rotate(backend: Any, secret: Any, token: str) -> None:
    """Take the four steps until one fails; Secrets Manager would try again a while later."""
    steps = ("createSecret", "setSecret", "testSecret", "finishSecret")
    if all(_rotation_step(backend, secret, token, step) for step in steps):
        secret.last_rotation_date = int(time.time())
        secret.next_rotation_date = _rotation_after(secret)
    current = [name for name, version in secret.versions.items() if "AWSCURRENT" in version["version_stages"]]
    secret.set_default_version_id(*current)  # moto's own does not follow the label


def _rotation_step(backend: Any, secret: Any, token: str, step: str) -> bool:
    from moto.awslambda.utils import get_backend

    event = json.dumps({"Step": step, "SecretId": secret.arn, "ClientRequestToken": token})
    headers: dict[str, Any] = {}
    get_backend(backend.account_id, backend.region_name).invoke(
        secret.rotation_lambda_arn, qualifier=None, body=event, headers={}, response_headers=headers
    )
    return "x-amz-function-error" not in headers


def _rotation_after(secret: Any) -> int:
    return int(time.time()) + int(secret.auto_rotate_after_days) * 86_400


def _pending(secret: Any) -> str:
    """The version of a rotation that has not ended; "" when there is none."""
    for name, version in secret.versions.items():
        if "AWSPENDING" in version["version_stages"] and "AWSCURRENT" not in version["version_stages"]:
            return str(name)
    return ""


@contextmanager
def _acm_is_strict(repairs: Repairs) -> Iterator[None]:
    """Let ACM refuse what the real one refuses and describe certificates as it does (see `strict_acm`)."""
    with repairs.acm.installed():
        yield


def _module(name: str) -> Any:
    return importlib.import_module(_ASL + name)


_REPAIRS: tuple[Callable[[Repairs], Any], ...] = (
    _state_machines_execute,
    _functions_run,
    _one_client_for_each_service,
    _definitions_are_parsed_once,
    _execution_context_is_json,
    _executions_can_be_asked_at_once,
    _choice_without_match_has_its_name,
    _reserved_errors_are_passed_on,
    _wildcards_do_not_match_fatal_errors,
    _waits_are_scaled,
    _maps_have_aws_ceiling,
    _iterations_are_a_loop,
    _distributed_maps_start_executions,
    _input_that_is_no_json_has_its_error,
    _result_writer_writes_results,
    _bucket_policies_have_conditions,
    _storage_takes_turns,
    _symmetric_keys_have_no_private_key,
    _secrets_rotate_as_on_aws,
    _acm_is_strict,
)


# ---- Worked out once -------------------------------------------------------------------------------------------------


@contextmanager
def answers_kept() -> Iterator[None]:
    """Keep what moto and botocore work out anew at every call though it is always the same, or read by nobody.

    Only settings that nothing here uses would make it another answer (AWS_DATA_PATH, MOTO_S3_CUSTOM_ENDPOINTS,
    INITIAL_NO_AUTH_ACTION_COUNT). Raises WrongMoto.
    """
    if moto.__version__ != PINNED:
        message = f"the repairs of moto are for {PINNED}, this is {moto.__version__}: install moto=={PINNED}"
        raise WrongMoto(message)
    with ExitStack() as stack:
        # The descriptions of the services: each session of boto3 reads its own, and moto's import of EC2 makes four.
        stack.enter_context(patch.object(botocore.session, "create_loader", lambda _data_path: DESCRIPTIONS))
        for target, name, value in _seams():
            stack.enter_context(patch.object(target, name, value))
        yield


def _seams() -> tuple[tuple[Any, str, Any], ...]:
    from moto.moto_api._internal.moto_random import MotoRandom
    from moto.s3 import urls as s3_urls
    from moto.s3.models import S3Backend

    from local.moto_repairs import dynamodb_values

    requests: Any = importlib.import_module("moto.core.request")
    responses: Any = importlib.import_module("moto.core.responses")
    stubber: Any = importlib.import_module("moto.core.botocore_stubber")
    json_path: Any = importlib.import_module(_ASL + "utils.json_path")
    result_path: Any = importlib.import_module(_ASL + "component.common.path.result_path")
    return (
        # JSONPaths: the tables of the grammar are built again for each path.
        (json_path, "parse", _kept(json_path.parse)),
        (result_path, "parse", _kept(result_path.parse)),
        # The operations of a service: a class is looked through at each call.
        (responses, "method_names_from_class", _kept(responses.method_names_from_class)),
        # Whose address it is: the patterns of all services are tried in turn.
        (stubber.backend_index, "backend_url_patterns", _ours_first(stubber.backend_index.backend_url_patterns)),
        # S3's addresses, which are loaded anew because a setting could have changed.
        (S3Backend, "_url_module", property(lambda _: s3_urls)),
        (MotoRandom, "get_random_string", _random_string),
        # The user agent, which each call puts together from more than eighty parts.
        (UserAgentString, "to_string", _kept(UserAgentString.to_string)),
        # The names of botocore's own events, which each client learns anew.
        (EventAliaser, "__init__", _remembering(EventAliaser.__init__)),
        # Signatures, and werkzeug's client for tests.
        (SigV4Auth, "add_auth", _named(SigV4Auth.add_auth)),
        (requests.Request, "from_primitives", _posted(requests.Request.from_primitives)),
        *dynamodb_values.seams(),
    )


_kept = functools.lru_cache(maxsize=1024)


def _ours_first(patterns: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Put the services that a run calls before the other hundred and seventy."""
    ours = {"acm", "awslambda", "dynamodb", "events", "kms", "s3", "secretsmanager", "stepfunctions"}
    return sorted(patterns, key=lambda pattern: pattern[0] not in ours)


def _remembering(original: Any) -> Any:
    known: dict[str, str] = {}

    def made(aliaser: Any, *arguments: Any, **named: Any) -> None:
        original(aliaser, *arguments, **named)
        if aliaser._event_aliases == EVENT_ALIASES:
            aliaser._alias_name_cache = known

    return made


def _named(original: Any) -> Any:
    """Say in a header who calls and where, without the signature, which moto checks only when it is to enforce IAM."""

    def add_auth(auth: Any, request: Any) -> None:
        if auth.credentials is None or type(auth) not in (SigV4Auth, S3SigV4Auth):
            original(auth, request)
            return
        request.context["timestamp"] = _SIGNED_AT
        auth._modify_request_before_signing(request)
        request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}"

    return add_auth


_SIGNED_AT = "20260101T000000Z"


def _posted(original: Any) -> Any:
    """Make what werkzeug reads of a POST to `/`, all that the JSON services get, without its client for tests."""
    request: Any = importlib.import_module("moto.core.request").Request

    def from_primitives(method: str, url: str, headers: Mapping[str, Any], body: Any = None) -> Any:
        host = url.removeprefix("https://").removesuffix("/")
        if method != "POST" or "/" in host or not host.endswith(".amazonaws.com") or not isinstance(body, bytes):
            return original(method, url, headers, body)
        given = {name.upper().replace("-", "_"): _text(value) for name, value in headers.items()}
        return request(
            {
                **{f"HTTP_{name}": value for name, value in given.items()},
                "REQUEST_METHOD": method,
                "SCRIPT_NAME": "",
                "PATH_INFO": "/",
                "QUERY_STRING": "",
                "SERVER_NAME": host,
                "SERVER_PORT": "443",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "HTTP_HOST": host,
                "CONTENT_TYPE": given.get("CONTENT_TYPE", ""),
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.url_scheme": "https",
                "wsgi.input": io.BytesIO(body),
            }
        )

    return from_primitives


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _random_string(random: Any, length: int = 20, include_digits: bool = True, lower_case: bool = False) -> str:  # noqa: FBT001, FBT002
    """Draw all letters at once: every answer has 52 of them."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + ("0123456789" if include_digits else "")
    text = "".join(random.choices(letters, k=length))
    return text.lower() if lower_case else text
