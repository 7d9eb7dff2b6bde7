"""One exchange with SCM."""

from __future__ import annotations

import json

import httpx

from renewal.adapters.scm.authentication import Login
from renewal.adapters.scm.error_mapping import error_for, no_answer
from renewal.adapters.scm.request import ACCESS_TOKEN, Request
from renewal.adapters.scm.responses import error_response_from
from renewal.deadline import Deadline
from renewal.domain.errors import RenewalError


def exchange(
    http: httpx.Client, login: Login, request: Request, deadline: Deadline, *, was_answered: bool = False
) -> httpx.Response:
    """Send *request* with *login* and return SCM's 2xx response, before *deadline* and in the request's own time.

    *was_answered*: SCM has answered an earlier request of this login.

    Raises the error for any other response, AnswerLost when an order may have reached SCM, ScmUnavailable for any
    other failure.
    """
    prepared = http.build_request(
        request.method,
        login.base_url.rstrip("/") + request.path,
        params=request.params or None,
        headers=None if request.body is None else {"Content-Type": "application/json;charset=utf-8"},
        content=None if request.body is None else json.dumps(request.body),
        extensions={"deadline": deadline.at_most(request.seconds), "most_bytes": request.most_bytes},
    )
    result: httpx.Response | RenewalError
    try:
        result = http.send(prepared, auth=login)
    except httpx.RequestError as failure:
        result = no_answer(request if failure.request is prepared else ACCESS_TOKEN, failure)
    if isinstance(result, RenewalError):
        # An exception keeps its cause unless the cause holds a secret. httpx's holds the request with the password, so
        # ours is raised outside of the `except`: the cause is not even its context.
        raise result
    if not result.is_success:
        answer = error_response_from(result, (*login.secrets(), request.secret))
        raise error_for(request, answer, was_answered=was_answered)
    return result
