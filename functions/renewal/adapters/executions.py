"""The executions of the state machine that are in progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from renewal.adapters.aws import translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class RunningExecutions:
    """Lists executions by the state machine's ARN, which Step Functions passes to check_expiry.

    The list is eventually consistent (AWS: step-functions/latest/apireference/API_ListExecutions.html): two executions
    that start within seconds may both be missing from it. Then they work at the same time, and the conditions of the
    order book's writes keep them apart.
    """

    def __init__(self, client: SFNClient) -> None:
        self._client = client

    @translated("states:ListExecutions")
    def older(self, state_machine: str, run_id: str) -> tuple[str, ...]:
        """Of the newest thousand: the operator starts runs one by one, and the schedule once an hour."""
        page = self._client.list_executions(stateMachineArn=state_machine, statusFilter="RUNNING", maxResults=1000)
        started = {found["name"]: (found["startDate"], found["name"]) for found in page["executions"]}
        own = started.pop(run_id, None)
        return tuple(sorted(name for name, start in started.items() if own is None or start < own))
