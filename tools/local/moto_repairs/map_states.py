"""Step Functions' Map states: iterations, child executions and results, as on AWS."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from local.moto_repairs.repairs import Repairs, Replacements, interpreter


def iterations_are_a_loop(_: Repairs) -> Replacements:
    """Take a Map's items in a loop.

    Input: a Map of some hundreds of items.
    moto: RecursionError: its workers call themselves.
    AWS: processes each item (Step Functions, "Using Map state in Inline mode").
    """
    worker = interpreter("component.state.exec.state_map.iteration.iteration_worker").IterationWorker
    yield patch.object(worker, "eval", _take_items)


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


def distributed_maps_start_executions(_: Repairs) -> Replacements:
    """Give each item of a Distributed Map its own execution, and apply its tolerance (`distributed_map`).

    Input: a Map with `Mode: DISTRIBUTED` and a tolerated failure threshold.
    moto: runs the items in the parent, without executions, and ignores the threshold.
    AWS: a child execution for each item (Step Functions, "Using Map state in Distributed mode").
    """
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend as Backend
    from moto.stepfunctions.responses import StepFunctionResponse as Response

    from local.moto_repairs import distributed_map

    worker = interpreter(
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
        document = result.result
        child = distributed_map.find_child(response.stepfunction_backend, document["executionArn"])
        if child:
            document["mapRunArn"] = child.map_run_arn
        return result

    def list_executions(response: Any) -> Any:
        map_run = response._get_param("mapRunArn")
        return _children_of(response, map_run) if map_run else listed(response)

    yield patch.object(worker, "eval", distributed_map.run_items)
    yield patch.object(Backend, "describe_execution", describe)
    yield patch.object(Response, "describe_execution", answer)
    yield patch.object(Response, "list_executions", list_executions)


def _children_of(response: Any, map_run_arn: str) -> Any:
    """Answer ListExecutions for a Map Run; moto lists the executions of a state machine only."""
    from moto.core.responses import ActionResult

    from local.moto_repairs import distributed_map

    records = distributed_map.map_runs(response.stepfunction_backend)
    record = next((record for record in records if record.map_run_arn == map_run_arn), None)
    members = distributed_map.children(record).values() if record else ()
    return ActionResult(
        {"executions": [{**child.to_execution_list_item(), "mapRunArn": map_run_arn} for child in members]}
    )


def result_writer_writes_results(_: Repairs) -> Replacements:
    """Write the result files of a Distributed Map.

    Input: a ResultWriter whose Parameters read the state's input.
    moto: a manifest without files; Parameters read the children's outputs.
    AWS: SUCCEEDED and FAILED files; Parameters read the state's input (Step Functions, "ResultWriter").
    """
    from local.moto_repairs import distributed_map

    base = "component.state.exec.state_map.result_writer."
    target = interpreter(base + "resource_eval.resource_eval_s3").ResourceEvalS3

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

    yield patch.object(interpreter(base + "result_writer_decl").ResultWriter, "_eval_body", evaluate)
    yield patch.object(target, "_handle_put_object", staticmethod(put_object))


MAP_STATES = (iterations_are_a_loop, distributed_maps_start_executions, result_writer_writes_results)
